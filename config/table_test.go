package config_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/config"
)

// file writes the smallest file that gives a key the value.
func file(k config.Key, value string) string {
	list, name, inList := strings.Cut(k.Path, "[].")
	if !inList {
		return nest(k.Path, value)
	}
	entry := map[string]string{}
	switch {
	case list == "providers" && k.Of == "dir":
		entry["type"], entry["path"] = "dir", "/srv/other"
	case list == "providers" && k.Of == "url":
		entry["type"], entry["url"] = "url", `"https://other.example.org/{version}/{path}"`
	case list == "providers" && k.Of != "":
		entry["type"] = k.Of
	case list == "providers":
		entry["type"] = "npm"
	case strings.HasSuffix(list, ".rules") && name == "reason":
		entry["allow"] = "x"
	case list == "admin.tokens":
		entry["id"], entry["token"] = "x", "y"
	}
	entry[name] = value
	var pairs []string
	for n, v := range entry {
		pairs = append(pairs, n+": "+v)
	}
	return nest(list, "[{"+strings.Join(pairs, ", ")+"}]")
}

// nest writes "a: {b: value}" for "a.b".
func nest(path, value string) string {
	name, rest, nested := strings.Cut(path, ".")
	if nested {
		value = "{" + nest(rest, value) + "}"
	}
	return name + ": " + value
}

// loadKey loads the value of a key from a file, "" for none, or from env.
func loadKey(t *testing.T, k config.Key, value string, env map[string]string) *config.Config {
	t.Helper()
	o := writeFile(t, "registryd.yaml", "")
	if value != "" {
		o = writeFile(t, "registryd.yaml", file(k, value))
	}
	o.Dir, o.File = "/srv", o.Dir+"/"+o.File
	o.Flags = alongside(k.Path)
	if k.Path == "components.store.type" && (value == "s3" || env[k.Env()] == "s3") {
		o.Flags = map[string]string{"components.store.bucket": "b"}
	}
	o.Env = environment(env)
	cfg, err := config.Load(o)
	if err != nil {
		t.Fatalf("Load of %q with %v: %v", value, env, err)
	}
	cfg.File = ""
	return cfg
}

// alongside is what a key means nothing without.
func alongside(key string) map[string]string {
	return map[string]map[string]string{
		"nginx.limit_req.burst":  {"nginx.limit_req.rate": "1r/s"},
		"nginx.private.scopes":   {"nginx.private.htpasswd": "/x"},
		"nginx.private.htpasswd": {"nginx.private.scopes": "@x"},
		"nginx.private.tokens":   {"nginx.private.scopes": "@x", "nginx.private.htpasswd": "/x"},
		"nginx.tls.cert":         {"nginx.tls.key": "/x"},
		"nginx.tls.key":          {"nginx.tls.cert": "/x"},
		"nginx.http2":            {"nginx.tls.cert": "/x", "nginx.tls.key": "/y"},
		"nginx.nodes":            {"accel": "off"},
	}[key]
}

// TestKeyDefaults writes each default into a file: nothing may change by it.
func TestKeyDefaults(t *testing.T) {
	t.Parallel()
	for _, k := range config.Keys() {
		if k.Default == "" {
			continue
		}
		t.Run(k.Path, func(t *testing.T) {
			t.Parallel()
			base := k
			value := ""
			switch list, _, inList := strings.Cut(k.Path, "[]."); {
			case inList: // the element must exist, without the key
				base = config.Key{Path: list + "[].names", Of: k.Of, Type: config.TypePatterns}
				value = "x"
			case strings.HasSuffix(k.Path, ".prefix"): // and so must the section
				base, value = config.Key{Path: strings.TrimSuffix(k.Path, ".prefix")}, "{}"
			case strings.HasPrefix(k.Path, "plugins."), strings.HasPrefix(k.Path, "components."), strings.HasPrefix(k.Path, "modules."):
				base, value = config.Key{Path: strings.Split(k.Path, ".")[0]}, "{}"
			}
			want, got := loadKey(t, base, value, nil), loadKey(t, k, k.Default, nil)
			if value == "x" {
				want.Providers[0].Names = nil
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("the default %s written out (-without +with):\n%s", k.Default, d)
			}
		})
	}
}

// TestKeyExamples loads each example from a file, and where the key has a
// variable from there too; both must say the same, and something other than
// nothing.
func TestKeyExamples(t *testing.T) {
	t.Parallel()
	for _, k := range config.Keys() {
		t.Run(k.Path+" "+k.Of, func(t *testing.T) {
			t.Parallel()
			fromFile := loadKey(t, k, k.Example, map[string]string{"NPM_TOKEN": "x", "REGISTRYD_ADMIN_TOKEN": "y"})
			if k.Env() == "" {
				return
			}
			fromEnv := loadKey(t, k, "", map[string]string{k.Env(): plain(t, k.Example)})
			if d := cmp.Diff(fromFile, fromEnv); d != "" {
				t.Errorf("%s=%s (-file +environment):\n%s", k.Env(), k.Example, d)
			}
			without := loadKey(t, config.Key{}, "", nil)
			if cmp.Equal(without, fromEnv) {
				t.Errorf("%s=%s changes nothing", k.Env(), k.Example)
			}
		})
	}
}

// plain turns a value of the file into one of the environment.
func plain(t *testing.T, example string) string {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(example), &v); err != nil {
		t.Fatal(err)
	}
	list, ok := v.([]any)
	if !ok {
		return strings.Trim(example, `"`)
	}
	var parts []string
	for _, e := range list {
		parts = append(parts, fmt.Sprint(e))
	}
	return strings.Join(parts, ",")
}

func TestKeysAreDocumented(t *testing.T) {
	t.Parallel()
	seen, vars := map[string]bool{}, map[string]bool{}
	for _, k := range config.Keys() {
		id := k.Path + " " + k.Of
		switch {
		case seen[id]:
			t.Errorf("%s is in the table twice", id)
		case !regexp.MustCompile(`^[A-Z0-9].*\.$`).MatchString(k.Doc):
			t.Errorf("%s: %q is no sentence", id, k.Doc)
		case k.Example == "" || k.Reload == "" || k.Type == "":
			t.Errorf("%s lacks an example, a reload class or a type", id)
		case k.Default == "" && k.Otherwise == "" && !k.Required:
			t.Errorf("%s says nothing of what holds without it", id)
		case (k.Type == config.TypeEnum) != (len(k.Enum) > 0):
			t.Errorf("%s: choices and type do not agree", id)
		case k.Env() != "" && vars[k.Env()]:
			t.Errorf("%s shares its variable with another key", id)
		}
		seen[id], vars[k.Env()] = true, true
	}
}

func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	for _, k := range config.Keys() {
		name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
		if (name == "token" || name == "tokens" || name == "api_key" || name == "proxy" || name == "access_key" || name == "secret_key" || k.Type == config.TypeTokens) != k.Secret {
			t.Errorf("%s: secret is %v", k.Path, k.Secret)
		}
	}
}
