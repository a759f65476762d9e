package urltemplate_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/urltemplate"
)

func values(name string) string {
	return map[string]string{"name": "@acme/a b", "version": "1.0.0+b", "path": "x/ü&?#%.js"}[name]
}

func TestExpand_PG5(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ url, host string }{
		"https://h.test/{name}/{version}/{path}":  {"https://h.test/@acme/a%20b/1.0.0%2Bb/x/%C3%BC%26%3F%23%25.js", "h.test:443"},
		"http://H.test:81/f?n={name}&v={version}": {"http://H.test:81/f?n=@acme/a%20b&v=1.0.0%2Bb", "h.test:81"},
		"http://[::1]/{version}{version}":         {"http://[::1]/1.0.0%2Bb1.0.0%2Bb", "[::1]:80"},
		"https://h.test/%7Bx/list.json":           {"https://h.test/%7Bx/list.json", "h.test:443"},
		"https://h.test":                          {"https://h.test", "h.test:443"},
		"https://h.test?{path}":                   {"https://h.test?x/%C3%BC%26%3F%23%25.js", "h.test:443"},
	} {
		tpl, err := urltemplate.Parse(text, "name", "version", "path")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := tpl.Expand(values); got != want.url || tpl.Host() != want.host || tpl.String() != text {
			t.Errorf("%s: got %s at %s", text, got, tpl.Host())
		}
		if tpl.Has("version") != strings.Contains(text, "{version}") || tpl.Has("other") {
			t.Errorf("%s: Has is wrong", text)
		}
	}
}

func TestParseRefuses_PG5(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "http://",
		"{name}":                         "http://",
		"ftp://h.test/{name}":            "http://",
		"//h.test/{name}":                "http://",
		"https:h.test/{name}":            "host",
		"https:///{name}":                "host",
		"https://{name}/":                "after the host",
		"https://h.test:{version}/":      "such as",
		"https://h.test{name}/":          "after the host",
		"https://{name}@h.test/":         "user",
		"https://u:p@h.test/{name}":      "user",
		"https://h.test/{name}#f":        "fragment",
		"https://h.test/{name":           "without its }",
		"https://h.test/name}":           "without its {",
		"https://h.test/{other}":         "{other}",
		"https://h.test/{}":              "{}",
		"https://h.test/{{name}}":        "{{name}",
		"https://h.test/ {name}":         "such as",
		"https://h.test/ü/{name}":        "such as",
		"https://h.test/%zz/{name}":      "such as",
		"https://h.test/\n{name}":        "such as",
		`https://h.test\@evil/{name}`:    "such as",
		"{name}://h.test/":               "http://",
		"https://h.test/" + "{name}{":    "without its }",
		"https://h.test:99999999/{name}": "port",
	} {
		if tpl, err := urltemplate.Parse(text, "name", "version", "path"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v; want %q", text, tpl, err, want)
		}
	}
}

// Whatever the values are, the URL goes to the template's host, and what is
// around a placeholder stays what it is.
func FuzzExpand(f *testing.F) {
	f.Add("https://h.test/{name}/{version}/{path}?q={path}", "@a/b", "1.0.0", "x y")
	f.Add("https://h.test/{name}?x", "..", "/", "?#&=")
	f.Fuzz(func(t *testing.T, text, name, version, path string) {
		tpl, err := urltemplate.Parse(text, "name", "version", "path")
		if err != nil {
			return
		}
		of := map[string]string{"name": name, "version": version, "path": path}
		u, err := url.Parse(tpl.Expand(func(key string) string { return of[key] }))
		if err != nil {
			t.Fatalf("%q with %q: %v", text, of, err)
		}
		same, err := url.Parse(tpl.Expand(func(string) string { return "x" }))
		if err != nil || u.Host != same.Host || u.Scheme != same.Scheme || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q with %q leads to %q, %v", text, of, u, err)
		}
		if strings.Count(u.RawQuery, "&") != strings.Count(same.RawQuery, "&") || strings.Contains(u.RawQuery, "?") != strings.Contains(same.RawQuery, "?") {
			t.Fatalf("%q with %q has the query %q", text, of, u.RawQuery)
		}
	})
}
