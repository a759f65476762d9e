package config

// moduleRows are the keys of the section that turns modules on.
func moduleRows() []row {
	return []row{
		{Key: Key{Path: "modules.prefix", Type: TypePrefix, Default: "/api/modules/", Reload: ByReload,
			Doc: "URL prefix of the operations of all modules. Without the section there are none.", Example: "/modules/"},
			field: func(t target) any { return &t.cfg.Modules.Prefix }, nginx: true},
		{Key: Key{Path: "modules.dir", Type: TypePath, Otherwise: "none", Reload: ByReload,
			Doc: "Directory of modules: one directory or file each, which need no manifest.", Example: "/etc/registryd/modules"},
			field: func(t target) any { return &t.cfg.Modules.Dir }},
		{Key: Key{Path: "modules.listen", Type: TypeAddresses, Otherwise: "nowhere", Reload: ByRestart,
			Doc: "Where modules are served at `/` too, for clients that know only host and port.", Example: "127.0.0.1:8082"},
			field: func(t target) any { return &t.cfg.Modules.Listen }},
		{Key: Key{Path: "modules.api_key", Type: TypeText, Otherwise: "`BINDER_API_KEY` of the environment, else made at each start", Reload: ByReload, Secret: true,
			Doc: "The key that operations ask for in the header `Authorization`.", Example: "key-of-the-modules"},
			field: func(t target) any { return &t.cfg.Modules.APIKey }, check: bearer},
		{Key: Key{Path: "modules.strict", Type: TypeBool, Default: "false", Reload: ByReload,
			Doc: "Whether a module that does not load is an error of the whole configuration.", Example: "true"},
			field: func(t target) any { return &t.cfg.Modules.Strict }},
		{Key: Key{Path: "modules.watch", Type: TypeBool, Default: "false", Reload: ByReload,
			Doc: "Whether modules and plugins are reloaded when their files change.", Example: "true"},
			field: func(t target) any { return &t.cfg.Modules.Watch }},
	}
}
