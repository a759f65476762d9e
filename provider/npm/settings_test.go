package npm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/provider/npm"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}

func write(t testing.TB, file, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// settings reads a user's file with that text.
func settings(t testing.TB, text string, env map[string]string) npm.Settings {
	t.Helper()
	home := t.TempDir()
	write(t, filepath.Join(home, ".npmrc"), text)
	s, err := npm.ReadSettings(npm.SettingsOptions{Home: home, Env: lookup(env), Global: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSettingsPrecedence_PG1(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("project/.npmrc"), "registry=https://project.test\n@a:registry=https://a.project.test\n//h/:_authToken=project\n")
	write(t, at("home/.npmrc"), "registry=https://user.test\n@a:registry=https://a.user.test\n@b:registry=https://b.user.test\n//h/:_authToken=user\ncafile=/user.pem\n")
	write(t, at("other"), "registry=https://other.test\n")
	write(t, at("prefix/etc/npmrc"), "registry=https://global.test\nproxy=http://global.test:3128\ncafile=/global.pem\n")
	write(t, at("global"), "registry=https://named.test\n")
	for _, tt := range []struct {
		name      string
		dir, home string
		env       map[string]string
		global    []string
		registry  string
		files     []string
	}{
		{"nothing", "", "", nil, []string{}, "", nil},
		{"variable first", "project", "home", map[string]string{"npm_config_registry": "https://env.test"}, []string{}, "https://env.test",
			[]string{"project/.npmrc", "home/.npmrc"}},
		{"variable in upper case", "project", "home", map[string]string{"NPM_CONFIG_REGISTRY": "https://env.test"}, []string{}, "https://env.test",
			[]string{"project/.npmrc", "home/.npmrc"}},
		{"empty variable", "", "home", map[string]string{"npm_config_registry": ""}, []string{}, "https://user.test", []string{"home/.npmrc"}},
		{"project", "project", "home", nil, []string{}, "https://project.test", []string{"project/.npmrc", "home/.npmrc"}},
		{"user", "none", "home", nil, []string{}, "https://user.test", []string{"home/.npmrc"}},
		{"project is the home", "home", "home", nil, []string{}, "https://user.test", []string{"home/.npmrc"}},
		{"userconfig", "", "home", map[string]string{"npm_config_userconfig": at("other")}, []string{}, "https://other.test", []string{"other"}},
		{"first global that exists", "", "", nil, []string{at("none"), at("global"), at("prefix/etc/npmrc")}, "https://named.test", []string{"global"}},
		{"globalconfig", "", "", map[string]string{"npm_config_globalconfig": at("global")}, nil, "https://named.test", []string{"global"}},
		{"prefix", "", "", map[string]string{"NPM_CONFIG_PREFIX": at("prefix")}, nil, "https://global.test", []string{"prefix/etc/npmrc"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := npm.SettingsOptions{Env: lookup(tt.env), Global: tt.global}
			if tt.dir != "" {
				o.Dir = at(tt.dir)
			}
			if tt.home != "" {
				o.Home = at(tt.home)
			}
			s, err := npm.ReadSettings(o)
			if err != nil || s.Registry != tt.registry {
				t.Errorf("got %q, %v", s.Registry, err)
			}
			var want []string
			for _, f := range tt.files {
				want = append(want, at(f))
			}
			if diff := cmp.Diff(want, s.Files); diff != "" {
				t.Error(diff)
			}
		})
	}
	s, err := npm.ReadSettings(npm.SettingsOptions{Dir: at("project"), Home: at("home"), Env: lookup(nil), Global: []string{at("prefix/etc/npmrc")}})
	want := map[string]string{"@a": "https://a.project.test", "@b": "https://b.user.test"}
	if diff := cmp.Diff(want, s.Scopes); diff != "" || err != nil || s.CAFile != "/user.pem" || s.Proxy != "http://global.test:3128" {
		t.Errorf("got %+v, %v\n%s", s, err, diff)
	}
}

func TestUnreadableSettings(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".npmrc"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := npm.ReadSettings(npm.SettingsOptions{Home: home, Env: lookup(map[string]string{"npm_config_registry": "https://env.test"}), Global: []string{}})
	if err == nil || !strings.Contains(err.Error(), home) || s.Registry != "https://env.test" {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestParseNPMRC_PG1(t *testing.T) {
	t.Parallel()
	env := lookup(map[string]string{"TOKEN": "t0k", "EMPTY": ""})
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"a=b", []string{"a=b"}},
		{"  a  =  b c  ", []string{"a=b c"}},
		{"a=b=c==", []string{"a=b=c=="}},
		{"a = \"b ; c\"", []string{"a=b ; c"}},
		{"a='b'", []string{"a=b"}},
		{"a=b ; comment", []string{"a=b"}},
		{"a=b#c;d", []string{"a=b#c;d"}},
		{"; a=b", nil},
		{"# a=b", nil},
		{"flag", []string{"flag=true"}},
		{"a=", []string{"a="}},
		{"=b", nil},
		{"ca[]=x", nil},
		{"a=b\r\nc=d", []string{"a=b", "c=d"}},
		{"\uFEFFa=b", []string{"a=b"}},
		{"a=b\n[section]\nc=d", []string{"a=b"}},
		{"a=x${TOKEN}y${TOKEN}", []string{"a=xt0kyt0k"}},
		{"//${TOKEN}/:k=v", []string{"//t0k/:k=v"}},
		{"a=${NONE}", []string{"a=${NONE}"}},
		{"a=${NONE?}x", []string{"a=x"}},
		{"a=${EMPTY}x", []string{"a=x"}},
		{`a=\${TOKEN}`, []string{"a=${TOKEN}"}},
		{"a=${TOKEN", []string{"a=${TOKEN"}},
	} {
		if diff := cmp.Diff(tt.want, npm.ParseNPMRC(tt.line, env)); diff != "" {
			t.Errorf("%q: %s", tt.line, diff)
		}
	}
}

func TestSettingsShowNoSecrets(t *testing.T) {
	t.Parallel()
	s := settings(t, `
registry=https://user:hunter2@r.test/
@acme:registry=https://user:hunter2@a.test/
@bad:registry=hunter2://%zz
//r.test/:_authToken=hunter2
//r.test/x/:_auth=hunter2
proxy=http://user:hunter2@proxy.test/
`, nil)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("read", "settings", s)
	for how, text := range map[string]string{
		"String": s.String(), "%v": fmt.Sprintf("%v", s), "%+v": fmt.Sprintf("%+v", s), "%#v": fmt.Sprintf("%#v", s), "slog": log.String(),
	} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "r.test") {
			t.Errorf("%s: %s", how, text)
		}
	}
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	c := npm.Config{
		Registry: "http://Localhost:4873/npm",
		Scopes:   map[string]string{"@a": "https://a.test", "@b": "nonsense"},
		Settings: npm.Settings{Registry: "http://r.test", Scopes: map[string]string{"@c": "https://[::1]:99/"}},
	}
	want := []string{"[::1]:99", "a.test:443", "localhost:4873", "r.test:80"}
	if diff := cmp.Diff(want, c.Trusted()); diff != "" {
		t.Error(diff)
	}
}

func TestProxyFunc_PG1(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		s    npm.Settings
		want map[string]string // request → proxy
	}{
		{"one for both", npm.Settings{Proxy: "http://p.test:1"}, map[string]string{"http://x.test": "http://p.test:1", "https://x.test": "http://p.test:1"}},
		{"one each", npm.Settings{Proxy: "http://p.test:1", HTTPSProxy: "q.test:2"}, map[string]string{"http://x.test": "http://p.test:1", "https://x.test": "http://q.test:2"}},
		{"https alone", npm.Settings{HTTPSProxy: "http://q.test:2"}, map[string]string{"http://x.test": "", "https://x.test": "http://q.test:2"}},
		{"exceptions", npm.Settings{Proxy: "http://p.test:1", NoProxy: "a.test, .b.test,*.c.test"}, map[string]string{
			"http://a.test:8": "", "http://x.A.test": "", "http://xa.test": "http://p.test:1", "http://b.test": "", "http://x.c.test": "",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := tt.s.ProxyFunc()
			if err != nil {
				t.Fatal(err)
			}
			for target, want := range tt.want {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				u, err := f(r)
				got := ""
				if u != nil {
					got = u.String()
				}
				if got != want || err != nil {
					t.Errorf("%s: got %q, %v", target, got, err)
				}
			}
		})
	}
	if f, err := (npm.Settings{NoProxy: "x"}).ProxyFunc(); f != nil || err != nil {
		t.Error("a proxy without one")
	}
	if _, err := (npm.Settings{Proxy: "http://u:hunter2@%zz"}).ProxyFunc(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("malformed: %v", err)
	}
}

// The tests of AskNPM set PATH, so they do not run in parallel.
func TestAskNPM(t *testing.T) {
	for _, tt := range []struct {
		name, script, want string // want "" is ErrNoRegistry
	}{
		{"answers", "echo 'npm warn old' >&2; echo https://r.test/", "https://r.test/"},
		{"asked for the registry", `echo "https://$1.$2.$3/"`, "https://config.get.registry/"},
		{"chatty", "echo hello; echo https://r.test/", "https://r.test/"},
		{"undefined", "echo undefined", ""},
		{"silent", "true", ""},
		{"fails", "echo https://r.test/; exit 1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin)
			got, err := npm.AskNPM(t.Context())
			if got != tt.want || (tt.want == "") != errors.Is(err, npm.ErrNoRegistry) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := npm.AskNPM(t.Context()); !errors.Is(err, npm.ErrNoRegistry) {
		t.Errorf("no npm: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := npm.AskNPM(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzParseNPMRC(f *testing.F) {
	f.Add("registry=https://r.test\n//r.test/:_authToken=${TOKEN}\n@a:registry=b\n")
	f.Add("[x]\na=\\${b}${c?}\r\n\"=' ;#")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range npm.ParseNPMRC(text, lookup(map[string]string{"TOKEN": "t"})) {
			key, _, _ := strings.Cut(p, "=")
			if key == "" || strings.ContainsAny(p, "\r\n") {
				t.Fatalf("%q gives %q", text, p)
			}
		}
	})
}
