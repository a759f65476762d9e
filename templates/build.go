package templates

import (
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// oldest is the first nginx with every directive that is written: the flag of
// open redirects aside, raw control bytes are refused since 1.21.1, which the
// guard relies on for requests outside its locations.
const oldest = "1.18.0"

// modules returns the modules to count on: those named by the configuration,
// else those found, else what every distribution builds in.
func modules(in Input) []Module {
	if names := in.Config.Nginx.Modules; len(names) > 0 {
		return byName(names, in.Build.Modules)
	}
	if in.Build.Modules != nil {
		return in.Build.Modules
	}
	return []Module{{Name: "gzip_static"}}
}

// byName looks names up among the modules found, for their paths.
func byName(names []string, found []Module) []Module {
	var out []Module
	for _, name := range names {
		m := Module{Name: ModuleName(name)}
		for _, f := range found {
			if f.Name == m.Name {
				m.Path = f.Path
			}
		}
		out = append(out, m)
	}
	return out
}

// ModuleName reduces the spellings of one module ("ngx_http_x_module",
// "http_x_module", "x") to the one that Module.Name has.
func ModuleName(s string) string {
	s = strings.TrimPrefix(s, "ngx_")
	s = strings.TrimPrefix(s, "http_")
	return strings.TrimSuffix(s, "_module")
}

// named returns a predicate for slices of modules.
func named(name string) func(Module) bool {
	return func(m Module) bool { return m.Name == name }
}

// has reports whether a module is among those given.
func has(all []Module, name string) bool {
	for _, m := range all {
		if m.Name == name {
			return true
		}
	}
	return false
}

// checkModules checks names and paths of modules and the version.
func checkModules(in Input) error {
	for _, name := range in.Config.Nginx.Modules {
		if err := match("nginx.modules", name, moduleChars); err != nil {
			return err
		}
	}
	for _, m := range in.Build.Modules {
		if m.Path == "" {
			continue
		}
		if err := checkPath("path of module "+m.Name, m.Path); err != nil {
			return err
		}
	}
	return checkVersion(in.Config, in.Build)
}

// checkVersion refuses an nginx that lacks a directive of the output.
func checkVersion(c *config.Config, b Build) error {
	version := c.Nginx.Version
	if version == "" {
		version = b.Version
	}
	if version == "" || !older(version, oldest) {
		return nil
	}
	return outcome.New(outcome.Invalid, "nginx.version: %s is too old, %s is needed", version, oldest)
}

// older compares two versions of three numbers.
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return len(as[i]) < len(bs[i]) || len(as[i]) == len(bs[i]) && as[i] < bs[i]
		}
	}
	return false
}
