package config

// componentRows are the keys of the component registry.
func componentRows() []row {
	return append([]row{
		{Key: Key{Path: "components.prefix", Type: TypePrefix, Default: "/api/components/", Reload: ByReload,
			Doc: "URL prefix of the component registry. Without the section there is none.", Example: "/components/"},
			field: func(t target) any { return &t.cfg.Components.Prefix }, nginx: true},
		{Key: Key{Path: "components.read_only", Type: TypeBool, Default: "false", Reload: ByReload,
			Doc: "Nobody publishes; hosts still register.", Example: "true"},
			field: func(t target) any { return &t.cfg.Components.ReadOnly }},
		{Key: Key{Path: "components.token", Type: TypeText, Otherwise: "publishing from this machine alone", Reload: ByReload, Secret: true,
			Doc: "What who publishes sends after `Authorization: Bearer`. Without one, only requests from this machine that came through no front and from no browser may publish.", Example: "0123456789abcdef"},
			field: func(t target) any { return &t.cfg.Components.Token }, check: bearer},
		{Key: Key{Path: "components.max_hosts", Type: TypeInt, Min: 1, Max: 1_000_000, Default: "20000", Reload: ByReload,
			Doc: "Most hosts that are registered; anybody may register one, and it is kept for ever. Those that are there already are answered beyond it, too.", Example: "1000"},
			field: func(t target) any { return &t.cfg.Components.MaxHosts }},
	}, append(componentRuleRows(), storeRows()...)...)
}

// componentRuleRows are those of any rules, with words of their own.
func componentRuleRows() []row {
	rows := ruleRows("components.rules[]")
	rows[0].Doc = "Components that are allowed, as in `policy.rules`, whatever the case of their letters. The first rule that matches wins, and what none matches is allowed."
	rows[1].Doc = "Components that nobody publishes or gets. A range covers the prereleases inside it."
	rows[1].Example = `["legacy-*", "@acme/button@2.0.1"]`
	rows[2].Example = "withdrawn"
	return rows
}

func storeRows() []row {
	return []row{
		{Key: Key{Path: "components.store.type", Type: TypeEnum, Enum: []string{"file", "s3"}, Default: "file", Reload: ByReload,
			Doc: "Where components are kept: a directory of this machine, or a bucket of any service that speaks S3's protocol, which several daemons may share.", Example: "s3"},
			field: func(t target) any { return &t.cfg.Components.Store.Type }},
		{Key: Key{Path: "components.store.path", Type: TypePath, Otherwise: "`state/components` in `root.fs`", Reload: ByReload,
			Doc: "Directory of a store of type `file`. One that a dynamico server filled can be used as it is.", Example: "/srv/components"},
			field: func(t target) any { return &t.cfg.Components.Store.Path }},
		{Key: Key{Path: "components.store.bucket", Type: TypeText, Otherwise: "none", Reload: ByReload,
			Doc: "Bucket of a store of type `s3`, which needs one.", Example: "dynamico"},
			field: func(t target) any { return &t.cfg.Components.Store.Bucket }},
		{Key: Key{Path: "components.store.endpoint", Type: TypeURL, Otherwise: "Amazon's", Reload: ByReload,
			Doc: "URL of the service.", Example: "http://127.0.0.1:7070"},
			field: func(t target) any { return &t.cfg.Components.Store.Endpoint }, check: httpURL},
		{Key: Key{Path: "components.store.region", Type: TypeText, Default: "us-east-1", Reload: ByReload,
			Doc: "Region of the bucket.", Example: "eu-central-1"},
			field: func(t target) any { return &t.cfg.Components.Store.Region }},
		{Key: Key{Path: "components.store.path_style", Type: TypeBool, Default: "false", Reload: ByReload,
			Doc: "Whether the bucket stands in the path of URLs rather than in the host, as most services other than Amazon want it.", Example: "true"},
			field: func(t target) any { return &t.cfg.Components.Store.PathStyle }},
		{Key: Key{Path: "components.store.access_key", Type: TypeText, Otherwise: "`AWS_ACCESS_KEY_ID`", Reload: ByReload, Secret: true,
			Doc: "Who we are to the service.", Example: "AKEXAMPLE"},
			field: func(t target) any { return &t.cfg.Components.Store.AccessKey }},
		{Key: Key{Path: "components.store.secret_key", Type: TypeText, Otherwise: "`AWS_SECRET_ACCESS_KEY`", Reload: ByReload, Secret: true,
			Doc: "What proves it.", Example: "hunter2"},
			field: func(t target) any { return &t.cfg.Components.Store.SecretKey }},
	}
}
