package config

import "slices"

// providerRows are the keys of one element of providers.
func providerRows() []row {
	rows := []row{
		{Key: Key{Path: "providers[].type", Type: TypeEnum, Enum: ProviderTypes(), Required: true, Reload: ByReload,
			Doc: "What kind of source it is. Providers are asked in order, and only \"not found\" moves on to the next. Without `providers` there is one of type npm, and without any file jsdelivr and github are asked after it.", Example: "npm"},
			field: func(t target) any { return &t.provider.Type }},
		{Key: Key{Path: "providers[].name", Type: TypeText, Otherwise: "the type", Reload: ByReload,
			Doc: "What logs and metrics call it. Two of one type need names.", Example: "internal"},
			field: func(t target) any { return &t.provider.Name }, check: identifier},
		{Key: Key{Path: "providers[].names", Type: TypePatterns, Otherwise: "none", Reload: ByReload,
			Doc: "Names that it owns: they are asked for nowhere else, and it is asked for nothing else.", Example: `["@acme/*"]`},
			field: func(t target) any { return &t.provider.Names }},
		{Key: Key{Path: "providers[].on_error", Type: TypeEnum, Enum: []string{"stop", "next"}, Default: "stop", Reload: ByReload,
			Doc: "Whether the walk ends or goes on when the provider cannot answer.", Example: "next"},
			field: func(t target) any { return &t.provider.SkipOnError }, yes: "next"},
	}
	rows = append(append(rows, npmRows()...), dirRows()...)
	rows = append(append(rows, githubRows()...), jsdelivrRows()...)
	return append(rows, urlRows()...)
}

func npmRows() []row {
	return []row{
		{Key: Key{Path: "providers[].registry", Of: "npm", Type: TypeURL, Otherwise: "npm's own configuration", Reload: ByReload,
			Doc: "Base of the registry.", Example: "https://registry.example.org/"},
			field: func(t target) any { return &t.provider.NPM.Registry }, check: httpURL},
		{Key: Key{Path: "providers[].token", Of: "npm", Type: TypeText, Otherwise: "npm's own configuration", Reload: ByReload, Secret: true,
			Doc: "Bearer token, sent to the registry's own host alone. An empty one counts as none.", Example: `"${NPM_TOKEN:-}"`},
			field: func(t target) any { return &t.provider.NPM.Token }, check: bearer},
		{Key: Key{Path: "providers[].integrity", Of: "npm", Type: TypeEnum, Enum: []string{"required", "optional"}, Default: "required", Reload: ByReload,
			Doc: "Whether a version without a published digest is refused.", Example: "optional"},
			field: func(t target) any { return &t.provider.NPM.Integrity }},
		{Key: Key{Path: "providers[].scopes", Of: "npm", Type: TypeScopes, Otherwise: "npm's own configuration", Reload: ByReload,
			Doc: "Registries of single scopes.", Example: `{"@acme": "https://npm.example.org/"}`},
			field: func(t target) any { return &t.provider.NPM.Scopes }, check: httpURL, name: scopeName},
	}
}

func dirRows() []row {
	return []row{
		{Key: Key{Path: "providers[].path", Of: "dir", Type: TypePath, Required: true, Reload: ByReload,
			Doc: "Directory with `<name>/<version>/` or `<name>/<version>.tgz`.", Example: "/srv/packages"},
			field: func(t target) any { return &t.provider.Dir.Path }},
		{Key: Key{Path: "providers[].rescan", Of: "dir", Type: TypeDuration, Min: 1e6, Max: maxDuration, Default: "2s", Reload: ByReload,
			Doc: "How often what is in the view is compared with the directory.", Example: "1m"},
			field: func(t target) any { return &t.provider.Dir.Rescan }},
	}
}

// gateRows are the keys that say who may do what, and under which prefix.
func gateRows() []row {
	rows := []row{
		{Key: Key{Path: "policy.default", Type: TypeEnum, Enum: []string{"allow", "deny"}, Default: "allow", Reload: ByReload,
			Doc: "What becomes of a package that no rule matches.", Example: "deny"},
			field: func(t target) any { return &t.cfg.Policy.Default }},
		{Key: Key{Path: "policy.conceal", Type: TypeBool, Default: "false", Reload: ByReload,
			Doc: "Answer 404 in place of 403 for what is denied.", Example: "true"},
			field: func(t target) any { return &t.cfg.Policy.Conceal }},
	}
	return slices.Concat(rows, ruleRows("policy.rules[]"), routeRows())
}

// ruleRows are the keys of one list of rules.
func ruleRows(list string) []row {
	return []row{
		{Key: Key{Path: list + ".allow", Type: TypePatterns, Otherwise: "none", Reload: ByReload,
			Doc: "Patterns that are allowed: names in which `*` stands for any characters, with `@` and a version or range where only some versions are meant. The first rule that matches wins; a rule has either `allow` or `deny`.", Example: `["@acme/*", "d3-*"]`},
			field: func(t target) any { return &t.rule.Allow }, versions: true},
		{Key: Key{Path: list + ".deny", Type: TypePatterns, Otherwise: "none", Reload: ByReload,
			Doc: "Patterns that are denied. A range covers the prereleases inside it.", Example: `["left-pad", "event-stream@3.3.6"]`},
			field: func(t target) any { return &t.rule.Deny }, versions: true, deny: true},
		{Key: Key{Path: list + ".reason", Type: TypeText, Otherwise: "none", Reload: ByReload,
			Doc: "What whoever is denied gets to read.", Example: "compromised release"},
			field: func(t target) any { return &t.rule.Reason }},
	}
}

func routeRows() []row {
	rows := append(adminRows(), componentRows()...)
	rows = append(rows, moduleRows()...)
	return append(rows, pluginRows()...)
}

func adminRows() []row {
	return []row{
		{Key: Key{Path: "admin.prefix", Type: TypePrefix, Default: "/staff/registry/", Reload: ByReload,
			Doc: "URL prefix of the admin routes. Without the section, or without a token, there are none.", Example: "/admin/"},
			field: func(t target) any { return &t.cfg.Admin.Prefix }, nginx: true},
		{Key: Key{Path: "admin.tokens[].id", Type: TypeText, Required: true, Reload: ByReload,
			Doc: "What the audit log calls who holds the token.", Example: "ops"},
			field: func(t target) any { return &t.token.ID }, check: identifier},
		{Key: Key{Path: "admin.tokens[].token", Type: TypeText, Otherwise: "not configured", Reload: ByReload, Secret: true,
			Doc: "The token, as it is sent after `Authorization: Bearer`. An empty one counts as none.", Example: `"${REGISTRYD_ADMIN_TOKEN:-}"`},
			field: func(t target) any { return &t.token.Token }, check: bearer},
	}
}

// pluginRows are the keys of the section that turns plugins on.
func pluginRows() []row {
	return []row{
		{Key: Key{Path: "plugins.dir", Type: TypePath, Otherwise: "none", Reload: ByReload,
			Doc: "Directory of plugins: one directory or file each. Without the section there are none.", Example: "/etc/registryd/plugins"},
			field: func(t target) any { return &t.cfg.Plugins.Dir }},
		{Key: Key{Path: "plugins.budget", Type: TypeSize, Min: 1 << 20, Default: "2GiB", Reload: ByReload,
			Doc: "How much memory the instances of all plugins may come to, twice counted because two generations overlap in a reload. A plugin beyond it is not loaded.", Example: "4GiB"},
			field: func(t target) any { return &t.cfg.Plugins.Budget }},
		{Key: Key{Path: "plugins.strict", Type: TypeBool, Default: "false", Reload: ByReload,
			Doc: "Whether a plugin that does not load, or that no provider names, is an error of the whole configuration.", Example: "true"},
			field: func(t target) any { return &t.cfg.Plugins.Strict }},
	}
}
