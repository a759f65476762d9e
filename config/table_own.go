package config

// withTypes adds provider types that a main of one's own brings along. What
// their settings mean is theirs to say, so all of them count as secrets.
func withTypes(rows []row, types []string) []row {
	for i := range rows {
		if rows[i].Path == "providers[].type" {
			rows[i].Enum = append(rows[i].Enum, types...)
		}
	}
	for _, t := range types {
		rows = append(rows, row{
			Key: Key{Path: "providers[].settings", Of: t, Type: TypeTokens, Otherwise: "none", Reload: ByReload, Secret: true,
				Doc: "What a provider of this type takes.", Example: "{base: https://packages.example.org}"},
			field: func(t target) any { return &t.provider.Settings }, name: func(string) complaint { return "" },
		})
	}
	return rows
}
