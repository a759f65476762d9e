package config

import "github.com/registryd/registryd/internal/urltemplate"

// jsdelivrRows are the keys of a provider of type jsdelivr.
func jsdelivrRows() []row {
	return []row{
		{Key: Key{Path: "providers[].api", Of: "jsdelivr", Type: TypeURL, Otherwise: "that of jsdelivr.com", Reload: ByReload,
			Doc: "Base of the data API, which lists versions and files.", Example: "https://data.example.org"},
			field: func(t target) any { return &t.provider.JSDelivr.API }, check: httpURL},
		{Key: Key{Path: "providers[].cdn", Of: "jsdelivr", Type: TypeURL, Otherwise: "that of jsdelivr.com", Reload: ByReload,
			Doc: "Base of the CDN, which has the files.", Example: "https://cdn.example.org"},
			field: func(t target) any { return &t.provider.JSDelivr.CDN }, check: httpURL},
		{Key: Key{Path: "providers[].source", Of: "jsdelivr", Type: TypeEnum, Enum: []string{"npm", "gh"}, Default: "npm", Reload: ByReload,
			Doc: "Whether packages are those of npm, or GitHub's repositories as `@owner/repo`.", Example: "gh"},
			field: func(t target) any { return &t.provider.JSDelivr.Source }},
	}
}

// urlRows are the keys of a provider of type url.
func urlRows() []row {
	return []row{
		{Key: Key{Path: "providers[].url", Of: "url", Type: TypeTemplate, Required: true, Reload: ByReload,
			Doc: "Template of the URL of a file, with `{version}` and `{path}`, and `{name}` or `{scope}` and `{base}`.", Example: `"https://files.example.org/{name}/{version}/{path}"`},
			field: func(t target) any { return &t.provider.URL.Files }, check: fileTemplate},
		{Key: Key{Path: "providers[].versions_url", Of: "url", Type: TypeTemplate, Otherwise: "none: exact versions only", Reload: ByReload,
			Doc: "Template of the URL of a list of a package's versions, as JSON.", Example: `"https://files.example.org/{name}/versions.json"`},
			field: func(t target) any { return &t.provider.URL.Versions }, check: listTemplate},
	}
}

func fileTemplate(text string) complaint {
	_, err := urltemplate.ParseFile(text)
	return complain(err)
}

func listTemplate(text string) complaint {
	_, err := urltemplate.ParseList(text)
	return complain(err)
}

// complain makes a complaint of an error that was written as one.
func complain(err error) complaint {
	if err == nil {
		return ""
	}
	return complaint(err.Error())
}
