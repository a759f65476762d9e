package config

import "math"

// nginxRows are the keys that only the generator reads.
func nginxRows() []row {
	rows := append(serverRows(), proxyCacheRows()...)
	rows = append(rows, optionRows()...)
	rows = append(rows, accessRows()...)
	for i := range rows {
		rows[i].Reload, rows[i].nginx = NginxOnly, true
	}
	return rows
}

func serverRows() []row {
	return []row{
		{Key: Key{Path: "nginx.listen", Type: TypeText, Default: "8080",
			Doc: "Where nginx listens: a port, `host:port` or `[v6]:port`.", Example: `"[::]:80"`},
			field: func(t target) any { return &t.cfg.Nginx.Listen }, check: nginxListen},
		{Key: Key{Path: "nginx.server_name", Type: TypeText, Default: "localhost",
			Doc: "The server's name.", Example: "cdn.example.org"},
			field: func(t target) any { return &t.cfg.Nginx.ServerName }, check: serverName},
		{Key: Key{Path: "nginx.upstream", Type: TypeText, Default: "registryd",
			Doc: "Name of the upstream block; `host:port` goes there without a block.", Example: "registry_backend"},
			field: func(t target) any { return &t.cfg.Nginx.Upstream }, check: upstream},
		{Key: Key{Path: "nginx.user", Type: TypeText, Otherwise: "the owner of `root.fs`",
			Doc: "User that nginx's workers run as.", Example: "www-data"},
			field: func(t target) any { return &t.cfg.Nginx.User }, check: userName},
		{Key: Key{Path: "nginx.version", Type: TypeText, Otherwise: "asked of the nginx found",
			Doc: "Version of nginx to write for.", Example: `"1.22.1"`},
			field: func(t target) any { return &t.cfg.Nginx.Version }, check: nginxVersion},
		{Key: Key{Path: "nginx.modules", Type: TypeTexts, Otherwise: "asked of the nginx found",
			Doc: "Names of nginx's modules to count on.", Example: `["http_brotli_static_module"]`},
			field: func(t target) any { return &t.cfg.Nginx.Modules }, check: moduleName},
		{Key: Key{Path: "nginx.open_files", Type: TypeInt, Min: 1, Max: 10_000_000, Default: "20000",
			Doc: "Entries of `open_file_cache`, each of which may hold a descriptor.", Example: "5000"},
			field: func(t target) any { return &t.cfg.Nginx.OpenFiles }},
	}
}

func proxyCacheRows() []row {
	return []row{
		{Key: Key{Path: "nginx.cache.name", Type: TypeText, Default: "registryd",
			Doc: "Name of the proxy cache, which holds redirects and 404s.", Example: "registry_cache"},
			field: func(t target) any { return &t.cfg.Nginx.CacheName }, check: zoneName},
		{Key: Key{Path: "nginx.cache.period", Type: TypeDuration, Min: 1e9, Max: maxDuration, Default: "1m",
			Doc: "How long nginx keeps a redirect; whole seconds.", Example: "30s"},
			field: func(t target) any { return &t.cfg.Nginx.CachePeriod }},
		{Key: Key{Path: "nginx.cache.path", Type: TypePath, Otherwise: "`nginx-cache` in `root.fs`",
			Doc: "Directory of the proxy cache.", Example: "/var/cache/nginx/cdn"},
			field: func(t target) any { return &t.cfg.Nginx.CachePath }, check: nginxPath},
	}
}

func optionRows() []row {
	return []row{
		{Key: Key{Path: "nginx.gzip_static", Type: TypeBool, Default: "true",
			Doc: "Serve a `.gz` beside a file in its place.", Example: "false"},
			field: func(t target) any { return &t.cfg.Nginx.GzipStatic }},
		{Key: Key{Path: "nginx.brotli_static", Type: TypeEnum, Enum: []string{"auto", "true", "false"}, Default: "auto",
			Doc: "Serve a `.br` beside a file in its place; `auto`: where nginx has the module.", Example: "true"},
			field: func(t target) any { return &t.cfg.Nginx.BrotliStatic }},
		{Key: Key{Path: "nginx.index_fallback", Type: TypeBool, Default: "false",
			Doc: "Look for `index.html` and `index.min.js` in directories, as the predecessor did.", Example: "true"},
			field: func(t target) any { return &t.cfg.Nginx.IndexFallback }},
		{Key: Key{Path: "nginx.limit_req.rate", Type: TypeText, Otherwise: "no limit",
			Doc: "Misses that one client may cause, per second (`r/s`) or minute (`r/m`). A page that loads many new files has many.", Example: "50r/s"},
			field: func(t target) any { return &t.cfg.Nginx.LimitReq.Rate }, check: requestRate},
		{Key: Key{Path: "nginx.limit_req.burst", Type: TypeInt, Max: math.MaxInt32, Default: "0",
			Doc: "Misses above the rate that are let through.", Example: "200"},
			field: func(t target) any { return &t.cfg.Nginx.LimitReq.Burst }},
		{Key: Key{Path: "nginx.admin", Type: TypeBool, Default: "false",
			Doc: "Route `admin.prefix` through nginx.", Example: "true"},
			field: func(t target) any { return &t.cfg.Nginx.Admin }},
	}
}

// accessRows say who may read, over what, and from which daemons.
func accessRows() []row {
	return []row{
		{Key: Key{Path: "nginx.private.scopes", Type: TypeTexts, Otherwise: "none",
			Doc: "Scopes that nginx serves only with a password or token of the two keys below, also what is on disk already.", Example: `["@acme"]`},
			field: func(t target) any { return &t.cfg.Nginx.Private.Scopes }, check: scopeName},
		{Key: Key{Path: "nginx.private.htpasswd", Type: TypePath, Otherwise: "no passwords",
			Doc: "File of users and passwords, as `htpasswd` writes it, for HTTP Basic.", Example: "/etc/nginx/registryd.htpasswd"},
			field: func(t target) any { return &t.cfg.Nginx.Private.HTPasswd }, check: nginxPath},
		{Key: Key{Path: "nginx.private.tokens", Type: TypeTexts, Otherwise: "no tokens", Secret: true,
			Doc: "Texts that are taken as `Authorization: Bearer` tokens; they stand in nginx's configuration.", Example: `["0f9c1b7e52a84d6f"]`},
			field: func(t target) any { return &t.cfg.Nginx.Private.Tokens }, check: bearerToken},
		{Key: Key{Path: "nginx.tls.cert", Type: TypePath, Otherwise: "plain HTTP",
			Doc: "Certificate of the runnable file's server, with its chain, in PEM.", Example: "/etc/ssl/cdn.pem"},
			field: func(t target) any { return &t.cfg.Nginx.TLS.Cert }, check: nginxPath},
		{Key: Key{Path: "nginx.tls.key", Type: TypePath, Otherwise: "plain HTTP",
			Doc: "Key of that certificate, in PEM.", Example: "/etc/ssl/cdn.key"},
			field: func(t target) any { return &t.cfg.Nginx.TLS.Key }, check: nginxPath},
		{Key: Key{Path: "nginx.http2", Type: TypeBool, Default: "false",
			Doc: "Speak HTTP/2 beside HTTP/1.1; needs `nginx.tls`.", Example: "true"},
			field: func(t target) any { return &t.cfg.Nginx.HTTP2 }},
		{Key: Key{Path: "nginx.nodes", Type: TypeTexts, Otherwise: "the daemon at `listen`",
			Doc: "Several daemons, each with a data directory of its own, that share the packages by name; needs `accel: off`.", Example: `["10.0.0.1:9900", "10.0.0.2:9900"]`},
			field: func(t target) any { return &t.cfg.Nginx.Nodes }, check: nodeAddress},
	}
}
