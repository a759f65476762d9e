package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
)

func TestLoadGeneratorFlat_N1(t *testing.T) {
	t.Parallel()
	type result struct {
		Pub, Internal, FS, Upstream, Listen, CacheName, CachePath, Period, Accel string
	}
	cases := map[string]struct {
		content string
		want    result
	}{
		"nested cache": {
			"internal: /ilib\npub: /assets/lib\nroot: /srv/lib\nupstream: backend\ncache: {name: reg, period: 60s}\n",
			result{"/assets/lib/", "/ilib/", "/srv/lib", "backend", "127.0.0.1:9900", "reg", "/srv/lib/nginx-cache", "1m0s", "nginx"},
		},
		"dotted cache": {
			"fs: /srv/lib\nupstream: 127.0.0.1:8081\ncache.name: reg\ncache.period: 90\n",
			result{"/lib/", "/ilib/", "/srv/lib", "127.0.0.1:8081", "127.0.0.1:8081", "reg", "/srv/lib/nginx-cache", "1m30s", "nginx"},
		},
		"JSON": {
			`{"pub": "/lib/", "internal": "/i/", "root": "/srv/${NAME}", "cache": {"name": "c", "period": "1h"}}`,
			result{"/lib/", "/i/", "/srv/from-env", "registryd", "127.0.0.1:9900", "c", "/srv/from-env/nginx-cache", "1h0m0s", "nginx"},
		},
		"prefix alone": {
			"pub: /cdn/\n",
			result{"/cdn/", "/ilib/", "DIR/registryd-data", "registryd", "127.0.0.1:9900", "registryd", "DIR/registryd-data/nginx-cache", "1m0s", "nginx"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := writeFile(t, "lib.yaml", c.content)
			o.Env = environment(map[string]string{"NAME": "from-env"})
			cfg, err := config.LoadGenerator(o)
			if err != nil {
				t.Fatal(err)
			}
			got := result{
				cfg.Root.Pub, cfg.Root.Internal, cfg.Root.FS, cfg.Nginx.Upstream, cfg.Listen[0].String(),
				cfg.Nginx.CacheName, cfg.Nginx.CachePath, cfg.Nginx.CachePeriod.String(), cfg.Accel,
			}
			if got.FS == o.Dir+"/registryd-data" {
				got.FS = "DIR/registryd-data"
				got.CachePath = "DIR" + strings.TrimPrefix(got.CachePath, o.Dir)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("LoadGenerator (-want +got):\n%s", d)
			}
		})
	}
}

// The machine of nginx has no business with tokens.
func TestLoadGeneratorWithoutSecrets(t *testing.T) {
	t.Parallel()
	const content = "providers: [{type: npm, token: \"${NPM_TOKEN}\"}]\nadmin: {tokens: [{id: ops, token: \"${ADMIN}\"}]}\n"
	cfg, err := config.LoadGenerator(writeFile(t, "registryd.yaml", content))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Admin == nil || len(cfg.Admin.Tokens) != 0 || cfg.Admin.Prefix != "/staff/registry/" {
		t.Errorf("the admin section is %+v", cfg.Admin)
	}
	if _, err := config.Load(writeFile(t, "registryd.yaml", content)); err == nil {
		t.Error("the daemon does without its secrets")
	}
	const open = "public_url: https://${HOST_NAME}/\n"
	if _, err := config.LoadGenerator(writeFile(t, "registryd.yaml", open)); err == nil {
		t.Error("the generator does without what is no secret")
	}
}

// The daemon has no business with the tokens that nginx knows.
func TestLoadWithoutNginxTokens_N8(t *testing.T) {
	t.Parallel()
	const content = "nginx: {private: {scopes: ['@acme'], tokens: ['${READERS}']}}\n"
	cfg, err := config.Load(writeFile(t, "registryd.yaml", content))
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Nginx.Private.Tokens) != 0 {
		t.Errorf("tokens: %q", cfg.Nginx.Private.Tokens)
	}
	if _, err := config.LoadGenerator(writeFile(t, "registryd.yaml", content)); err == nil {
		t.Error("the generator does without the tokens")
	}
	o := writeFile(t, "registryd.yaml", content)
	o.Env = environment(map[string]string{"READERS": "one-of-many"})
	cfg, err = config.LoadGenerator(o)
	if err != nil || len(cfg.Nginx.Private.Tokens) != 1 || strings.Contains(cfg.String(), "one-of-many") {
		t.Errorf("%v, shown as\n%s", err, cfg)
	}
}

func TestLoadGeneratorWithoutFile(t *testing.T) {
	t.Parallel()
	cfg, err := config.LoadGenerator(config.Options{Dir: "/srv"})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults("/srv")
	want.Accel = "nginx"
	if d := cmp.Diff(want, cfg); d != "" {
		t.Errorf("LoadGenerator (-want +got):\n%s", d)
	}
}
