package config_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// defaults is what holds without a file, written out once more by hand.
func defaults(dir string) *config.Config {
	return &config.Config{
		Listen: []config.Address{{Network: "tcp", Address: "127.0.0.1:9900"}},
		Root:   config.Root{Pub: "/lib/", FS: filepath.Join(dir, "registryd-data"), Internal: "/ilib/"},
		Accel:  "off",
		Log:    config.Log{Level: "info"},

		CacheTime: time.Hour, NegativeCacheTime: time.Minute,
		StaleWhileRevalidate: time.Minute, StaleIfError: 24 * time.Hour,

		Providers: []config.Provider{{Type: "npm", Name: "npm", NPM: config.NPM{Integrity: "required"}}},
		Resolve:   "first",
		Policy:    config.Policy{Default: "allow"},
		Limits: config.Limits{
			Tarball: 256 << 20, Unpacked: 1 << 30, Entries: 100000, Path: 1024, Depth: 128,
			Document: 256 << 20, Body: 64 << 20, UpstreamConcurrency: 32,
		},
		Timeouts: config.Timeouts{
			Connect: 5 * time.Second, Header: 10 * time.Second, Stall: 30 * time.Second,
			Total: 5 * time.Minute, Drain: 30 * time.Second,
		},
		Cache:       config.Cache{Packs: 1 << 30},
		Precompress: config.Precompress{Min: 256, Max: 16 << 20},
		Nginx: config.Nginx{
			Listen: "8080", ServerName: "localhost", Upstream: "registryd", OpenFiles: 20000,
			CacheName: "registryd", CachePeriod: time.Minute, CachePath: dir + "/registryd-data/nginx-cache",
			GzipStatic: true, BrotliStatic: "auto",
		},
	}
}

func TestLoadWithoutFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, err := config.Load(config.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults(dir)
	want.Providers = append(want.Providers,
		config.Provider{Type: "jsdelivr", Name: "jsdelivr", JSDelivr: config.JSDelivr{Source: "npm"}},
		config.Provider{Type: "github", Name: "github", GitHub: config.GitHub{Source: "releases", Pages: 10}})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Load (-want +got):\n%s", d)
	}
}

func TestLoadEmptyFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"nothing": "", "comments": "# all of it\n# commented out\n", "empty mapping": "{}", "null": "~",
		"empty sections": "policy:\nlimits:\nproviders:\nnginx: {cache: }\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := writeFile(t, "registryd.yaml", content)
			got, err := config.Load(o)
			if err != nil {
				t.Fatal(err)
			}
			want := defaults(o.Dir)
			want.File, want.Accel = o.File, "nginx"
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("Load (-want +got):\n%s", d)
			}
		})
	}
}

func TestLoadWholeFile(t *testing.T) {
	t.Parallel()
	o := writeFile(t, "registryd.yaml", `
listen: ["[::1]:9900", "unix:run/r.sock", ":9901"]
public_url: https://cdn.example.org/base/
root: {pub: /, fs: data, internal: _i}
stale_if_error: 7d
cachetime: 1d12h
providers:
  - {type: dir, name: own, path: packages, names: "@acme/*", on_error: next, rescan: 1m}
  - type: npm
    registry: https://npm.example.org/
    token: ${TOKEN}
    scopes: {"@b": "https://b.example.org/npm/"}
  - type: github
    token: "${NONE:-}"
    scope: {acme: "${TOKEN}", "@none": "${NONE:-}"}
    repo: {"@acme/widget": "${TOKEN}"}
    pages: 3
  - {type: jsdelivr, cdn: "https://cdn.example.org/", source: gh}
  - {type: url, url: "https://files.example.org/{name}/{version}/{path}", names: "@files/*"}
policy:
  rules:
    - {allow: ["d3-*", "x@>=2"]}
    - {deny: "y@1.0.0", reason: old}
admin: {tokens: [{id: a, token: "${TOKEN}"}, {id: b, token: "${NONE:-}"}]}
components:
modules: {prefix: m}
limits: {tarball: 1GB, entries: "${ENTRIES:-7}"}
cache: {max_bytes: 10 MiB}
nginx: {limit_req: {rate: 50r/s, burst: 200}, modules: [a, b], version: 1.25.1, upstream: "127.0.0.1:9900"}
`)
	o.Env = environment(map[string]string{"TOKEN": secret})
	got, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults(o.Dir)
	want.File, want.Accel = o.File, "nginx"
	want.Listen = []config.Address{{Network: "tcp", Address: "[::1]:9900"}, {Network: "unix", Address: o.Dir + "/run/r.sock"}, {Network: "tcp", Address: ":9901"}}
	want.PublicURL = "https://cdn.example.org/base"
	want.Root = config.Root{Pub: "/", FS: o.Dir + "/data", Internal: "/_i/"}
	want.Nginx.CachePath = o.Dir + "/data/nginx-cache"
	want.StaleIfError, want.CacheTime = 7*24*time.Hour, 36*time.Hour
	want.Providers = []config.Provider{
		{Type: "dir", Name: "own", Names: []string{"@acme/*"}, SkipOnError: true, Dir: config.Dir{Path: o.Dir + "/packages", Rescan: time.Minute}, Line: 8},
		{Type: "npm", Name: "npm", NPM: config.NPM{Registry: "https://npm.example.org", Token: secret, Integrity: "required",
			Scopes: map[string]string{"@b": "https://b.example.org/npm"}}, Line: 9},
		{Type: "github", Name: "github", GitHub: config.GitHub{Scope: map[string]string{"acme": secret},
			Repo: map[string]string{"@acme/widget": secret}, Source: "releases", Pages: 3}, Line: 13},
		{Type: "jsdelivr", Name: "jsdelivr", JSDelivr: config.JSDelivr{CDN: "https://cdn.example.org", Source: "gh"}, Line: 18},
		{Type: "url", Name: "url", Names: []string{"@files/*"}, URL: config.URL{Files: "https://files.example.org/{name}/{version}/{path}"}, Line: 19},
	}
	want.Policy.Rules = []config.Rule{{Allow: []string{"d3-*", "x@>=2"}, Line: 22}, {Deny: []string{"y@1.0.0"}, Reason: "old", Line: 23}}
	want.Admin = &config.Admin{Prefix: "/staff/registry/", Tokens: []config.Token{{ID: "a", Token: secret}}}
	want.Components, want.Modules = &config.Components{Store: config.ComponentStore{Type: "file", Path: o.Dir + "/data/state/components", Region: "us-east-1"}, Prefix: "/api/components/", MaxHosts: 20000}, &config.Modules{Prefix: "/m/"}
	want.Limits.Tarball, want.Limits.Entries = 1e9, 7
	want.Cache.MaxBytes = 10 << 20
	want.Nginx.LimitReq = config.LimitReq{Rate: "50r/s", Burst: 200}
	want.Nginx.Modules, want.Nginx.Version, want.Nginx.Upstream = []string{"a", "b"}, "1.25.1", "127.0.0.1:9900"
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Load (-want +got):\n%s", d)
	}
}

func TestLoadOrder(t *testing.T) {
	t.Parallel()
	o := writeFile(t, "registryd.yaml", "root: {pub: /file/}\ncachetime: 2h\nproxy: http://file.example.org\nlog: {level: warn}\n")
	o.Env = environment(map[string]string{
		"REGISTRYD_ROOT_PUB": "/env/", "REGISTRYD_CACHETIME": "3h", "REGISTRYD_LOG_LEVEL": "",
		"REGISTRYD_LISTEN": "127.0.0.1:1, 127.0.0.1:2", "REGISTRYD_MODULES_PREFIX": "/mods/",
	})
	o.Flags = map[string]string{"root.pub": "/flag/", "proxy": ""}
	cfg, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.Root.Pub, cfg.CacheTime, cfg.Log.Level, cfg.Proxy, len(cfg.Listen), cfg.Modules.Prefix}
	want := []any{"/flag/", 3 * time.Hour, "warn", "", 2, "/mods/"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("flag, environment, file for an empty variable, taken back by a flag, list, section (-want +got):\n%s", d)
	}
}

func TestLoadProblemsOutsideTheFile(t *testing.T) {
	t.Parallel()
	o := writeFile(t, "registryd.yaml", "offline: 1\n")
	o.Env = environment(map[string]string{"REGISTRYD_LIMITS_BODY": "much", "REGISTRYD_PROXY": "ftp://" + secret})
	o.Flags = map[string]string{"root.fs": "/a b", "nonsense": "1", "providers[].type": "npm", "root.internal": "/lib/x/"}
	_, err := config.Load(o)
	want := `registryd.yaml:1: offline: must be true or false (got "1")
REGISTRYD_PROXY: proxy: must begin with http://, https://, socks5:// or socks5h://
REGISTRYD_LIMITS_BODY: limits.body: must be a size such as 256MiB, 1GB or a whole number of bytes (got "much")
--nonsense: is not a key that a flag can set
--providers[].type: is not a key that a flag can set
--root.fs: must not hold a blank: nginx would read two values (got "/a b")
--root.internal: lies inside the prefix of root.pub; choose another`
	if d := cmp.Diff(want, err.Error()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
}

func TestLoadUnreadableFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Options{File: "absent.yaml", Dir: t.TempDir()})
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, outcome.Invalid) {
		t.Errorf("Load of a file that is not there: %v", err)
	}
}

func TestLoadHugeFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(writeFile(t, "huge.yaml", strings.Repeat("#", 1<<20+1)))
	if err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("Load of a huge file: %v", err)
	}
}

func TestLoadAliasBomb(t *testing.T) {
	t.Parallel()
	for name, bomb := range map[string]string{
		"list":       "providers:\n  - &p {type: npm, names: &n [" + strings.Repeat("a,", 40_000) + "a]}\n" + strings.Repeat("  - *p\n", 40_000),
		"long value": "providers:\n  - {type: npm, name: &n " + strings.Repeat("a", 1<<19) + "}\n" + strings.Repeat("  - {type: npm, name: *n}\n", 20_000),
		"itself":     "providers: &p\n" + strings.Repeat("  - *p\n", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(writeFile(t, "bomb.yaml", bomb))
			list, ok := errors.AsType[*config.Errors](err)
			if !ok || len(list.Problems) > 101 {
				t.Fatalf("Load of an alias bomb: %.300v", err)
			}
			if name != "itself" && !strings.Contains(err.Error(), "more values than a configuration can need") {
				t.Errorf("Load of an alias bomb: %.300v", err)
			}
		})
	}
}

func TestLoadManyProblems(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 20_000 {
		b.WriteString("key" + strings.Repeat("x", i%30) + "_" + strings.Repeat("y", i/30) + ": 1\n")
		if b.Len() > 1<<19 {
			break
		}
	}
	_, err := config.Load(writeFile(t, "many.yaml", b.String()))
	list, ok := errors.AsType[*config.Errors](err)
	if !ok || len(list.Problems) != 101 || !strings.HasSuffix(list.Problems[100].Text, "more problems are not listed") {
		t.Errorf("Load of a file of nonsense: %.300v", err)
	}
}

// A directory with a blank is nobody's fault who does not use nginx.
func TestLoadDirectoryWithBlank_N1(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "my projects")
	if _, err := config.Load(config.Options{Dir: dir}); err != nil {
		t.Errorf("without nginx: %v", err)
	}
	_, err := config.Load(config.Options{Dir: dir, Flags: map[string]string{"accel": "nginx"}})
	if err == nil || !strings.Contains(err.Error(), "when made absolute, which nginx cannot be told") {
		t.Errorf("with nginx: %v", err)
	}
}
