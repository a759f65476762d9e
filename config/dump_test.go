package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigString(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, `
listen: unix:/run/r.sock
root: {fs: /srv/r}
proxy: http://user:hunter2@proxy.example.org
providers:
  - {type: dir, path: /srv/p, names: ["@acme/*"], on_error: next}
  - {type: npm, token: hunter2, scopes: {"@b": "https://b.example.org"}}
  - {type: github, token: hunter2, scope: {acme: hunter2}, repo: {"@acme/widget": hunter2}}
policy: {rules: [{deny: [left-pad], reason: "a: b"}]}
admin: {tokens: [{id: ops, token: hunter2hunter2}]}
modules: {}
`).String()
	if strings.Contains(got, "hunter2") {
		t.Errorf("a secret is told:\n%s", got)
	}
	for _, line := range []string{
		"listen: [unix:/run/r.sock]", "root.fs: /srv/r", "accel: nginx", "cachetime: 1h", "proxy: (set)",
		`providers[0].names: ["@acme/*"]`, "providers[0].on_error: next", "providers[0].rescan: 2s",
		"providers[1].token: (set)", `providers[1].scopes: {"@b": https://b.example.org}`, "providers[1].on_error: stop",
		"providers[2].token: (set)", "providers[2].scope: (set)", "providers[2].repo: (set)", "providers[2].source: releases",
		`policy.rules[0].reason: "a: b"`, "admin.tokens[0].id: ops", "admin.tokens[0].token: (set)",
		"modules.prefix: /api/modules/", "limits.tarball: 256MiB", "cache.max_bytes: 0", "nginx.cache.period: 1m",
	} {
		if !strings.Contains(got, "\n"+line+"\n") && !strings.HasPrefix(got, line+"\n") {
			t.Errorf("lacks the line %q", line)
		}
	}
	for _, part := range []string{"components", "public_url", "providers[0].integrity", "providers[1].path"} {
		if strings.Contains(got, part) {
			t.Errorf("has %q, which is not configured", part)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestRestartKeys(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":     {"root: {fs: /a}", "root: {fs: /a}", nil},
		"reloadable":  {"root: {fs: /a}\ncachetime: 1h", "root: {fs: /a}\ncachetime: 2h\nadmin: {}\noffline: true", nil},
		"same values": {"{root: {fs: /a}, listen: '127.0.0.1:9900'}", "{root: {fs: /a/../a/}, listen: ['127.0.0.1:9900']}", nil},
		"section on":  {"root: {fs: /a}", "{root: {fs: /a}, modules: {}}", nil},
		"section off": {"{root: {fs: /a}, modules: {dir: /m}}", "root: {fs: /a}", nil},
		"it listens":  {"root: {fs: /a}", "{root: {fs: /a}, modules: {listen: ':2'}}", []string{"modules.listen"}},
		"no more":     {"{root: {fs: /a}, modules: {listen: ':2'}}", "{root: {fs: /b}}", []string{"root.fs", "modules.listen"}},
		"all":         {"root: {fs: /a}", "{listen: ':1', root: {fs: /b, pub: /c/, internal: /d/}}", []string{"listen", "root.pub", "root.fs", "root.internal"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := mustLoad(t, c.after).RestartKeys(mustLoad(t, c.before))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("RestartKeys (-want +got):\n%s", d)
			}
		})
	}
}
