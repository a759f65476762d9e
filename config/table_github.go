package config

// githubRows are the keys of a provider of type github.
func githubRows() []row {
	return []row{
		{Key: Key{Path: "providers[].api", Of: "github", Type: TypeURL, Otherwise: "that of github.com", Reload: ByReload,
			Doc: "Base of the REST API, for an installation of one's own.", Example: "https://git.example.org/api/v3"},
			field: func(t target) any { return &t.provider.GitHub.API }, check: httpURL},
		{Key: Key{Path: "providers[].token", Of: "github", Type: TypeText, Otherwise: "not configured", Reload: ByReload, Secret: true,
			Doc: "Token, sent to the API's host alone. Without one GitHub grants 60 requests an hour. An empty one counts as none.", Example: `"${GITHUB_TOKEN:-}"`},
			field: func(t target) any { return &t.provider.GitHub.Token }, check: bearer},
		{Key: Key{Path: "providers[].scope", Of: "github", Type: TypeTokens, Otherwise: "none", Reload: ByReload, Secret: true,
			Doc: "Tokens for all repositories of an owner. They go before `token`.", Example: `{acme: "${ACME_TOKEN:-}"}`},
			field: func(t target) any { return &t.provider.GitHub.Scope }, check: bearer, name: ownerName},
		{Key: Key{Path: "providers[].repo", Of: "github", Type: TypeTokens, Otherwise: "none", Reload: ByReload, Secret: true,
			Doc: "Tokens for single repositories. They go before `scope`.", Example: `{"@acme/widget": "${WIDGET_TOKEN:-}"}`},
			field: func(t target) any { return &t.provider.GitHub.Repo }, check: bearer, name: repositoryName},
		{Key: Key{Path: "providers[].source", Of: "github", Type: TypeEnum, Enum: []string{"releases", "tags"}, Default: "releases", Reload: ByReload,
			Doc: "Whether versions are the releases, or the plain tags where there is no release; or always the plain tags.", Example: "tags"},
			field: func(t target) any { return &t.provider.GitHub.Source }},
		{Key: Key{Path: "providers[].pages", Of: "github", Type: TypeInt, Min: 1, Max: 100, Default: "10", Reload: ByReload,
			Doc: "How many pages of 100 are read of a list. Older versions are found when they are asked for exactly.", Example: "2"},
			field: func(t target) any { return &t.provider.GitHub.Pages }},
	}
}
