package templates_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/templates"
)

// field sets one value of an input past all checks of package config.
type field struct {
	name string // as the error must name it
	good string // a value that is taken
	set  func(*templates.Input, string)
}

// on adapts a setter of the configuration.
func on(set func(*config.Config, string)) func(*templates.Input, string) {
	return func(in *templates.Input, v string) { set(in.Config, v) }
}

// fields lists every text that reaches a template.
func fields() []field {
	return []field{
		{"root.fs", "/var/lib/registryd", on(func(c *config.Config, v string) { c.Root.FS = v })},
		{"root.pub", "/lib/", on(func(c *config.Config, v string) { c.Root.Pub = v })},
		{"root.internal", "/ilib/", on(func(c *config.Config, v string) { c.Root.Internal = v })},
		{"admin.prefix", "/admin/", on(func(c *config.Config, v string) { c.Admin = &config.Admin{Prefix: v} })},
		{"components.prefix", "/c/", on(func(c *config.Config, v string) { c.Components = &config.Components{Prefix: v} })},
		{"modules.prefix", "/m/", on(func(c *config.Config, v string) { c.Modules = &config.Modules{Prefix: v} })},
		{"listen", "localhost:9900", on(func(c *config.Config, v string) { c.Listen = []config.Address{{Network: "tcp", Address: v}} })},
		{"listen", "/run/r.sock", on(func(c *config.Config, v string) { c.Listen = []config.Address{{Network: "unix", Address: v}} })},
		{"nginx.listen", "[::]:80", on(func(c *config.Config, v string) { c.Nginx.Listen = v })},
		{"nginx.server_name", "*.example.org", on(func(c *config.Config, v string) { c.Nginx.ServerName = v })},
		{"nginx.upstream", "back.end", on(func(c *config.Config, v string) { c.Nginx.Upstream = v })},
		{"nginx.user", "www-data", on(func(c *config.Config, v string) { c.Nginx.User = v })},
		{"nginx.version", "1.26.0", on(func(c *config.Config, v string) { c.Nginx.Version = v })},
		{"nginx.modules", "ngx_http_brotli_static_module", on(func(c *config.Config, v string) { c.Nginx.Modules = []string{v} })},
		{"nginx.cache.name", "cdn", on(func(c *config.Config, v string) { c.Nginx.CacheName = v })},
		{"nginx.cache.path", "/var/cache/nginx/cdn", on(func(c *config.Config, v string) { c.Nginx.CachePath = v })},
		{"nginx.brotli_static", "auto", on(func(c *config.Config, v string) { c.Nginx.BrotliStatic = v })},
		{"nginx.limit_req.rate", "5r/s", on(func(c *config.Config, v string) { c.Nginx.LimitReq.Rate = v })},
		{"nginx.private.scopes", "@acme", on(func(c *config.Config, v string) {
			c.Nginx.Private = config.Private{Scopes: []string{v}, HTPasswd: "/x"}
		})},
		{"nginx.private.htpasswd", "/etc/nginx/pw", on(func(c *config.Config, v string) {
			c.Nginx.Private = config.Private{Scopes: []string{"@a"}, HTPasswd: v}
		})},
		{"nginx.private.tokens", "abcdefgh12", on(func(c *config.Config, v string) {
			c.Nginx.Private = config.Private{Scopes: []string{"@a"}, Tokens: []string{v}}
		})},
		{"nginx.tls.cert", "/etc/ssl/a.pem", on(func(c *config.Config, v string) { c.Nginx.TLS = config.TLS{Cert: v, Key: "/k"} })},
		{"nginx.tls.key", "/etc/ssl/a.key", on(func(c *config.Config, v string) { c.Nginx.TLS = config.TLS{Cert: "/c", Key: v} })},
		{"nginx.nodes", "10.0.0.1:9900", on(func(c *config.Config, v string) { c.Accel, c.Nginx.Nodes = "off", []string{v} })},
		{"owner of root.fs", "registryd", func(in *templates.Input, v string) { in.Owner = v }},
		{"group of nginx's workers", "users", func(in *templates.Input, v string) { in.Group = v }},
		{"output directory", "/etc/nginx/r", func(in *templates.Input, v string) { in.Dir = v }},
		{"front directory", "/srv/www", func(in *templates.Input, v string) { in.Front = v }},
		{"nginx version", "1.22.1", func(in *templates.Input, v string) { in.Build.Version = v }},
		{"path of module x", "/m/x.so", func(in *templates.Input, v string) { in.Build.Modules = []templates.Module{{Name: "x", Path: v}} }},
	}
}

// input is one that both forms take.
func input() templates.Input {
	c := settings("/srv/registryd")
	return templates.Input{Config: c, Dir: "/etc/nginx/registryd", Front: "/srv/front", Owner: "registryd"}
}

// renderBoth renders both forms and returns everything, or the first error.
func renderBoth(in templates.Input) (string, error) {
	files, err := templates.Render(in)
	if err != nil {
		return "", err
	}
	text, err := templates.Include(in)
	for _, f := range files {
		text = append(text, f.Data...)
	}
	return string(text), err
}

func TestInjectionIsRefused_N1(t *testing.T) {
	t.Parallel()
	hostile := []string{
		";", "{", "}", `"`, "'", `\`, "$", "\n", "\r", "\t", " ", "\x00", "\x7f", "#", "\u2028", "\xff", "*", "<", "`",
		" { return 200 x; } #", "/x\"; return 200; #", "${request_uri}", "/lib/\";}", "//", "/../", "/./",
	}
	for _, f := range fields() {
		t.Run(f.name+" "+f.good, func(t *testing.T) {
			t.Parallel()
			in := input()
			f.set(&in, f.good)
			if _, err := renderBoth(in); err != nil {
				t.Fatalf("%q is refused: %v", f.good, err)
			}
			for _, h := range hostile {
				if f.name == "nginx.private.tokens" && strings.Trim(h, "/.") == "" {
					continue // base64 has slashes, and a token names no place
				}
				for _, value := range []string{f.good + h, h + f.good, f.good[:1] + h + f.good[1:]} {
					refused(t, f, value)
				}
			}
		})
	}
}

// refused checks that both forms refuse the value and name the field.
func refused(t *testing.T, f field, value string) {
	t.Helper()
	in := input()
	f.set(&in, value)
	for _, render := range []func(templates.Input) error{
		func(in templates.Input) error { _, err := templates.Render(in); return err },
		func(in templates.Input) error { _, err := templates.Include(in); return err },
	} {
		err := render(in)
		if !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), f.name) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestEmptyIsRefused_N1(t *testing.T) {
	t.Parallel()
	for _, f := range fields() {
		switch f.name {
		case "nginx.user", "nginx.version", "nginx.cache.path", "nginx.brotli_static", "nginx.limit_req.rate", "owner of root.fs",
			"group of nginx's workers", "output directory", "front directory", "nginx version", "path of module x":
			continue // optional
		}
		in := input()
		f.set(&in, "")
		if _, err := renderBoth(in); !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), f.name) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func TestPrefixesMayNotHoldEachOther_N1(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.Config){
		"internal is pub":        func(c *config.Config) { c.Root.Internal = c.Root.Pub },
		"internal in pub":        func(c *config.Config) { c.Root.Internal = "/lib/x/" },
		"pub in internal":        func(c *config.Config) { c.Root.Pub = "/ilib/x/" },
		"admin in components":    func(c *config.Config) { c.Admin.Prefix = "/api/components/a/" },
		"modules in admin":       func(c *config.Config) { c.Modules.Prefix = "/staff/registry/m/" },
		"pub in status":          func(c *config.Config) { c.Root.Pub = "/-/lib/" },
		"internal is everything": func(c *config.Config) { c.Root.Internal = "/" },
		"modules is everything":  func(c *config.Config) { c.Modules.Prefix = "/" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input()
			change(in.Config)
			if _, err := renderBoth(in); !errors.Is(err, outcome.Invalid) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestNumbersAreBounded_N1(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.Config){
		"nginx.open_files":      func(c *config.Config) { c.Nginx.OpenFiles = 0 },
		"nginx.cache.period":    func(c *config.Config) { c.Nginx.CachePeriod = time.Millisecond },
		"timeouts.total":        func(c *config.Config) { c.Timeouts.Total = -1 },
		"limits.body":           func(c *config.Config) { c.Limits.Body = -1 },
		"nginx.limit_req.burst": func(c *config.Config) { c.Nginx.LimitReq.Burst = -1 },
	} {
		in := input()
		change(in.Config)
		if _, err := renderBoth(in); !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// skeleton is an output without its quoted texts and comments.
func skeleton(text string) string {
	text = regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAllString(text, "")
	return regexp.MustCompile(`"(?:[^"\\]|\\.)*"`).ReplaceAllString(text, `""`)
}

// FuzzQuoted_N1 checks that a path or prefix can change nothing but quoted text.
func FuzzQuoted_N1(f *testing.F) {
	for _, seed := range []string{"/srv/registryd", "/lib/", "/a\";}", "/x\\", "/é/ü", "/$a/", "/a b/", "/~user/", "/a%2f", "/a.b/", "/x{}/"} {
		f.Add(seed)
	}
	plain, err := renderBoth(input())
	if err != nil {
		f.Fatal(err)
	}
	want := skeleton(plain)
	f.Fuzz(func(t *testing.T, value string) {
		for _, field := range fields() {
			switch field.name {
			case "root.fs", "root.pub", "root.internal", "components.prefix", "modules.prefix", "nginx.cache.path", "output directory", "front directory":
			default:
				continue
			}
			in := input()
			field.set(&in, value)
			text, err := renderBoth(in)
			if err != nil || value == "/" || value == "" {
				continue
			}
			if d := cmp.Diff(want, skeleton(text)); d != "" {
				t.Errorf("%s %q changes the structure:\n%s", field.name, value, d)
			}
		}
	})
}

func TestDescriptorBudget_N3(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		openFiles, maxFiles int
		limit, open         string
	}{
		"unbounded": {20000, 0, "worker_rlimit_nofile 48192;", "open_file_cache max=20000 "},
		"enough":    {20000, 524288, "worker_rlimit_nofile 48192;", "open_file_cache max=20000 "},
		"bounded":   {20000, 4096, "worker_rlimit_nofile 4096;", "open_file_cache max=1024 "},
		"tight":     {20000, 1024, "worker_rlimit_nofile 1024;", "open_file_cache max=256 "},
		"few":       {100, 0, "worker_rlimit_nofile 8392;", "open_file_cache max=100 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input()
			in.Config.Nginx.OpenFiles, in.MaxFiles = c.openFiles, c.maxFiles
			text, err := renderBoth(in)
			must(t, err)
			for _, want := range []string{c.limit, c.open} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing", want)
				}
			}
		})
	}
}
