package config

import "strings"

// Type names what a key takes, in the words of the reference.
type Type string

// The types of keys.
const (
	TypeText      Type = "text"
	TypeEnum      Type = "one of"
	TypeBool      Type = "true or false"
	TypeInt       Type = "number"
	TypeSize      Type = "size"     // bytes: 64MiB, 1GB, 4096
	TypeDuration  Type = "duration" // 500ms, 1m30s, 7d
	TypePrefix    Type = "URL prefix"
	TypePath      Type = "path" // made absolute
	TypeURL       Type = "URL"
	TypeTemplate  Type = "URL template"
	TypeAddresses Type = "address or list of them"
	TypeTexts     Type = "text or list of them"
	TypePatterns  Type = "pattern or list of them"
	TypeScopes    Type = "mapping of @scope to URL"
	TypeTokens    Type = "mapping of name to token"
)

// Reload says how a changed value comes into force.
type Reload string

// The ways in which a changed value comes into force.
const (
	ByReload  Reload = "reload"  // SIGHUP or POST <admin prefix>reload
	ByRestart Reload = "restart" // a reload that changes it is refused
	NginxOnly Reload = "nginx"   // by writing nginx's configuration again
)

// Key describes one key of the configuration. The table of them is the only
// place that knows the names: decoding, environment, flags, defaults,
// reference and schema are all made from it.
type Key struct {
	// Path is dotted; "[]" stands for the elements of a list:
	// "providers[].type".
	Path string
	// Of is the provider type that the key belongs to; "" for any.
	Of   string
	Type Type // how its values are written
	// Enum lists what a TypeEnum takes.
	Enum []string
	// Min and Max bound a TypeInt, a TypeSize (bytes) and a TypeDuration
	// (nanoseconds), both inclusive.
	Min, Max int64
	// Default is written as in the file; "" where there is none.
	Default string
	// Otherwise says what holds without a value where Default is "".
	Otherwise string
	Required  bool   // there is no default
	Reload    Reload // what a reload does with a change
	// Secret values appear in no message, log or dump.
	Secret bool
	Doc    string // one or two sentences
	// Example is a valid value, as it stands in the file.
	Example string
}

// Env returns the environment variable of the key, "" for keys inside lists
// and for mappings, which have none. Lists are separated by commas there.
func (k Key) Env() string {
	if strings.Contains(k.Path, "[]") || k.mapping() {
		return ""
	}
	return "REGISTRYD_" + strings.ToUpper(strings.ReplaceAll(k.Path, ".", "_"))
}

// list reports whether the key takes several values.
func (k Key) list() bool {
	return k.Type == TypeAddresses || k.Type == TypeTexts || k.Type == TypePatterns
}

// mapping reports whether the key takes a mapping of names that the table does
// not know.
func (k Key) mapping() bool { return k.Type == TypeScopes || k.Type == TypeTokens }

// section returns the first part of the path: "nginx", "providers".
func (k Key) section() string {
	name, _, _ := strings.Cut(k.Path, ".")
	return strings.TrimSuffix(name, "[]")
}

// Keys returns the whole table in the order of the reference.
func Keys() []Key {
	rows := table()
	keys := make([]Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	return keys
}

// row is a key together with the field that it fills.
type row struct {
	Key
	// field returns the pointer to the field inside t.
	field func(t target) any
	// check looks at a text that passed the type's own grammar; nil: no more to say.
	check func(text string) complaint
	// name looks at the names of a mapping.
	name func(text string) complaint
	// yes is the word of a TypeEnum that makes a boolean field true.
	yes string
	// deny makes the patterns of a TypePatterns cover prereleases.
	deny bool
	// versions allows a TypePatterns to speak of some versions only.
	versions bool
	// nginx marks a value that nginx's configuration is made of.
	nginx bool
	// root allows a TypePrefix to be "/".
	root bool
}

// target is where a row's field lies: in the configuration, or in one element
// of one of its lists.
type target struct {
	cfg      *Config
	provider *Provider
	rule     *Rule
	token    *Token
}

// table returns all rows. It is built anew, so nobody can change it for others.
func table() []row {
	var rows []row
	rows = append(rows, daemonRows()...)
	rows = append(rows, providerRows()...)
	rows = append(rows, gateRows()...)
	rows = append(rows, limitRows()...)
	return append(rows, nginxRows()...)
}

// complaint says what is wrong with a value and what to do; "" is nothing.
type complaint string

// optional reports sections that are off unless the configuration has them.
func optional(section string) bool {
	return section == "admin" || section == "components" || section == "modules" || section == "plugins"
}

// provided is one provider type. A further type is one more element, rows with
// its name in Of, and the field that they fill.
type provided struct{ name, doc string }

// providerTypes lists the types that providers[].type may name.
func providerTypes() []provided {
	return []provided{
		{"npm", "a registry that speaks npm's protocol"},
		{"dir", "a directory of packages, unpacked or as tarballs"},
		{"github", "releases and tags of repositories on GitHub"},
		{"jsdelivr", "packages as the CDN jsDelivr has them, file by file"},
		{"url", "files on any web server"},
		{"plugin", "a plugin of kind provider, named by `name`"},
	}
}

// ProviderTypes returns the types of providers that are built in.
func ProviderTypes() []string {
	var names []string
	for _, t := range providerTypes() {
		names = append(names, t.name)
	}
	return names
}
