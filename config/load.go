package config

import (
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/outcome"
)

// Options say where a configuration comes from.
type Options struct {
	// File is the path of the YAML or JSON file; "" for none. A path that is
	// not absolute is taken from Dir, as all paths inside the file are.
	File string
	// Env looks up an environment variable (os.LookupEnv); nil: there are
	// none. A variable of ours that is set but empty counts as not set.
	Env func(string) (string, bool)
	// Flags holds what the command line sets, by dotted key: "root.fs". An
	// empty value takes back what file or environment say, where that is
	// possible.
	Flags map[string]string
	// Dir is where relative paths begin; "" is the working directory.
	Dir string
	// ProviderTypes are further types that providers[].type may name. Their
	// entries take a mapping of names to texts, settings, beside what all take.
	ProviderTypes []string
}

// Load reads the configuration of the daemon: defaults, then the file, then
// the environment (REGISTRYD_ROOT_FS for root.fs, and so on), then flags, each
// overriding those before. Without a file packages come from npm's registry,
// everything is allowed and the daemon serves files itself.
//
// Errors: *Errors with all problems at once; another error that wraps
// outcome.Invalid when the file cannot be read. Safe for concurrent use, as
// far as Options.Env is.
func Load(o Options) (*Config, error) { return load(o, false) }

// LoadGenerator reads the configuration of nginx's generator. It differs from
// Load in three ways: the predecessor's flat generator file is understood too,
// secrets may be missing from the environment, and what nginx could not be
// told is a problem even with accel: off. Errors: as Load.
func LoadGenerator(o Options) (*Config, error) { return load(o, true) }

func load(o Options, generator bool) (*Config, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "find the working directory")
	}
	var data []byte
	if o.File != "" {
		if data, err = readFile(absolute(o.File, dir)); err != nil {
			return nil, err
		}
	}
	return loadData(data, o, dir, generator)
}

// loadData is load after all reading is done.
func loadData(data []byte, o Options, dir string, generator bool) (*Config, error) {
	l := newLoader(o, dir, generator)
	if o.File != "" {
		l.file(data)
	}
	l.overlay()
	l.finish()
	if len(l.problems) > 0 {
		return nil, newErrors(l.problems, o.File)
	}
	return l.cfg, nil
}

// loader fills one Config and collects problems.
type loader struct {
	cfg       *Config
	opts      Options
	dir       string // absolute
	generator bool
	rows      []row
	problems  []Problem
	given     map[string]text // what was set last, by concrete path ("providers[0].name")
	on        map[string]bool // optional sections that exist
	nodes     int             // values of the file that may still be looked at
}

// text is one value before it is parsed.
type text struct {
	value string
	// shown is what messages may quote: never a secret, never what a variable
	// was replaced by. "" quotes nothing.
	shown    string
	expanded bool
	path     string // as messages call it
	source   string // file, variable or flag
	line     int
	bad      bool // a problem of it is listed already
}

func newLoader(o Options, dir string, generator bool) *loader {
	l := &loader{
		cfg: &Config{File: o.File}, opts: o, dir: dir, generator: generator,
		rows: withTypes(table(), o.ProviderTypes), given: map[string]text{}, on: map[string]bool{}, nodes: maxNodes,
	}
	l.defaults(func(r *row) bool {
		return !strings.Contains(r.Path, "[]") && !optional(r.section())
	}, target{cfg: l.cfg})
	return l
}

// defaults sets the defaults of the rows that want says yes to.
func (l *loader) defaults(want func(*row) bool, t target) {
	for i := range l.rows {
		r := &l.rows[i]
		if r.Default == "" || !want(r) {
			continue
		}
		// A default that does not parse is a mistake in the table, which a
		// test of the table finds.
		if v, c := r.parse(r.Default, l.dir); c == "" {
			assign(r.field(t), []any{v}, r.list())
		}
	}
}

// turnOn makes an optional section exist, with its defaults.
func (l *loader) turnOn(section string) {
	if l.on[section] || !optional(section) {
		return
	}
	l.on[section] = true
	switch section {
	case "admin":
		l.cfg.Admin = &Admin{}
	case "components":
		l.cfg.Components = &Components{}
	case "modules":
		l.cfg.Modules = &Modules{}
	case "plugins":
		l.cfg.Plugins = &Plugins{}
	}
	l.defaults(func(r *row) bool {
		return r.section() == section && !strings.Contains(r.Path, "[]")
	}, target{cfg: l.cfg})
}

func (l *loader) env(name string) (string, bool) {
	if l.opts.Env == nil {
		return "", false
	}
	return l.opts.Env(name)
}

// file takes over the file's content.
func (l *loader) file(data []byte) {
	top, problem := parseYAML(data)
	switch {
	case problem != nil:
		problem.File = l.opts.File
		l.problems = append(l.problems, *problem)
	case top == nil || isNull(top):
	case isFlat(top) && l.generator:
		l.flat(top)
	case isFlat(top):
		l.problem(text{source: l.opts.File, line: flatLine(top)},
			`is the predecessor's generator file: give it to registry-nginx, or write "root: {pub: /lib/, fs: /dir, internal: /ilib/}" for registryd`)
	default:
		l.mapping(top, place{target: target{cfg: l.cfg}})
	}
}

// overlay takes over environment and flags.
func (l *loader) overlay() {
	byPath := map[string]*row{}
	for i := range l.rows {
		r := &l.rows[i]
		name := r.Env()
		if name == "" {
			continue
		}
		byPath[r.Path] = r
		if v, ok := l.env(name); ok && v != "" {
			l.outside(r, v, name)
		}
	}
	for _, path := range sortedKeys(l.opts.Flags) {
		if r, ok := byPath[path]; ok {
			l.outside(r, l.opts.Flags[path], "--"+path)
		} else {
			l.problem(text{source: "--" + path, path: path}, "is not a key that a flag can set")
		}
	}
}

// outside sets a row from a variable or flag. A list is separated by commas.
func (l *loader) outside(r *row, value, source string) {
	l.turnOn(r.section())
	values := []string{value}
	if r.list() {
		values = strings.Split(value, ",")
	}
	texts := make([]text, len(values))
	for i, v := range values {
		v = strings.TrimSpace(v)
		texts[i] = text{value: v, shown: v, path: r.Path, source: source}
	}
	l.set(r, r.Path, texts, target{cfg: l.cfg})
}

func (l *loader) problem(t text, what complaint) {
	s := string(what)
	if t.shown != "" {
		s += " (got " + quote(t.shown) + ")"
	}
	l.problems = append(l.problems, Problem{File: t.source, Line: t.line, Key: t.path, Text: s})
}

// here is a text without a value at a node of the file.
func (l *loader) here(n *yaml.Node, path string) text {
	return text{path: path, source: l.opts.File, line: n.Line}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
