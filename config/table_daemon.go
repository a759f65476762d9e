package config

// daemonRows are the keys at the top of the file.
func daemonRows() []row {
	return append(addressRows(), behaviourRows()...)
}

func addressRows() []row {
	return []row{
		{Key: Key{Path: "listen", Type: TypeAddresses, Default: "127.0.0.1:9900", Reload: ByRestart,
			Doc:     "Where the daemon listens: `host:port`, `[v6]:port`, `unix:/path`, or a list of them. Keep it to loopback or a socket where nginx runs on the same machine.",
			Example: "unix:/run/registryd/registryd.sock"},
			field: func(t target) any { return &t.cfg.Listen }, nginx: true},
		{Key: Key{Path: "public_url", Type: TypeURL, Otherwise: "derived from the request", Reload: ByReload,
			Doc:     "What absolute links begin with. Without it they follow `X-Forwarded-Proto` and `X-Forwarded-Host` of a trusted front, else the request.",
			Example: "https://cdn.example.org"},
			field: func(t target) any { return &t.cfg.PublicURL }, check: httpURL},
		{Key: Key{Path: "root.pub", Type: TypePrefix, Default: "/lib/", Reload: ByRestart,
			Doc: "URL prefix that users see. `/` is allowed.", Example: "/"},
			field: func(t target) any { return &t.cfg.Root.Pub }, nginx: true, root: true},
		{Key: Key{Path: "root.fs", Type: TypePath, Default: "./registryd-data", Reload: ByRestart,
			Doc: "Directory that holds everything: the view that nginx serves, tarballs, state.", Example: "/var/lib/registryd"},
			field: func(t target) any { return &t.cfg.Root.FS }, check: nginxPath, nginx: true},
		{Key: Key{Path: "root.internal", Type: TypePrefix, Default: "/ilib/", Reload: ByRestart,
			Doc: "Prefix of `X-Accel-Redirect`, which only nginx itself can reach.", Example: "/_registryd/"},
			field: func(t target) any { return &t.cfg.Root.Internal }, nginx: true},
		{Key: Key{Path: "accel", Type: TypeEnum, Enum: []string{"nginx", "off"}, Otherwise: "`nginx` with a file, `off` without", Reload: ByReload,
			Doc: "Who sends the file: nginx, told by `X-Accel-Redirect`, or the daemon itself.", Example: "off"},
			field: func(t target) any { return &t.cfg.Accel }},
		{Key: Key{Path: "log.level", Type: TypeEnum, Enum: []string{"debug", "info", "warn", "error"}, Default: "info", Reload: ByReload,
			Doc: "The least severe lines that are logged.", Example: "debug"},
			field: func(t target) any { return &t.cfg.Log.Level }},
		{Key: Key{Path: "log.format", Type: TypeEnum, Enum: []string{"text", "json"}, Otherwise: "`text` on a terminal, else `json`", Reload: ByReload,
			Doc: "How a line is written.", Example: "json"},
			field: func(t target) any { return &t.cfg.Log.Format }},
	}
}

func behaviourRows() []row {
	return []row{
		{Key: Key{Path: "cachetime", Type: TypeDuration, Max: maxDuration, Default: "1h", Reload: ByReload,
			Doc: "How long a version list is taken as fresh. 0 asks upstream each time.", Example: "10m"},
			field: func(t target) any { return &t.cfg.CacheTime }},
		{Key: Key{Path: "negative_cachetime", Type: TypeDuration, Max: maxDuration, Default: "1m", Reload: ByReload,
			Doc: "How long it is remembered that a package, version or file does not exist, or that its archive was refused.", Example: "5m"},
			field: func(t target) any { return &t.cfg.NegativeCacheTime }},
		{Key: Key{Path: "stale_while_revalidate", Type: TypeDuration, Max: maxDuration, Default: "1m", Reload: ByReload,
			Doc: "How long past `cachetime` a list is still used while it is asked for anew.", Example: "10m"},
			field: func(t target) any { return &t.cfg.StaleWhileRevalidate }},
		{Key: Key{Path: "stale_if_error", Type: TypeDuration, Max: maxDuration, Default: "24h", Reload: ByReload,
			Doc: "How long past `cachetime` a list is still used while upstream fails.", Example: "7d"},
			field: func(t target) any { return &t.cfg.StaleIfError }},
		{Key: Key{Path: "offline", Type: TypeBool, Default: "false", Reload: ByReload,
			Doc: "No outgoing request at all: only what is held is served.", Example: "true"},
			field: func(t target) any { return &t.cfg.Offline }},
		{Key: Key{Path: "resolve", Type: TypeEnum, Enum: []string{"first", "newest"}, Default: "first", Reload: ByReload,
			Doc: "Which versions a range sees: those of the first provider that has a match, or those of all.", Example: "newest"},
			field: func(t target) any { return &t.cfg.Resolve }},
		{Key: Key{Path: "proxy", Type: TypeURL, Otherwise: "from the environment", Reload: ByReload, Secret: true,
			Doc: "Proxy for all requests upstream: `http`, `https`, `socks5` or `socks5h`.", Example: "http://proxy.example.org:3128"},
			field: func(t target) any { return &t.cfg.Proxy }, check: proxyURL},
		{Key: Key{Path: "ca_file", Type: TypePath, Otherwise: "the system's", Reload: ByReload,
			Doc: "PEM file of further certificate authorities to trust upstream.", Example: "/etc/ssl/example-ca.pem"},
			field: func(t target) any { return &t.cfg.CAFile }},
	}
}
