package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	main "github.com/registryd/registryd/cmd/registry-nginx"
	"github.com/registryd/registryd/templates"
)

func TestParseBuild_N5(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		exists bool
		want   templates.Build
	}{
		"distribution": {
			"nginx version: nginx/1.22.1\nconfigure arguments: --with-cc-opt='-g -O2' --modules-path=/usr/lib/nginx/modules " +
				"--with-http_gzip_static_module --with-http_geoip_module=dynamic --with-http_v2_module",
			true,
			templates.Build{Version: "1.22.1", Modules: []templates.Module{{Name: "gzip_static"}, {Name: "v2"},
				{Name: "brotli_static", Path: "/usr/lib/nginx/modules/ngx_http_brotli_static_module.so"}}},
		},
		"without brotli": {
			"nginx version: nginx/1.26.0\nconfigure arguments: --modules-path=/m --with-http_gzip_static_module", false,
			templates.Build{Version: "1.26.0", Modules: []templates.Module{{Name: "gzip_static"}}},
		},
		"built by hand": {
			"nginx version: nginx/1.27.3 (x)\nconfigure arguments: --add-module=/src/ngx_brotli --without-http_fastcgi_module --without-http_scgi_module", true,
			templates.Build{Version: "1.27.3", Modules: []templates.Module{{Name: "brotli_static"}}, Without: []string{"fastcgi", "scgi"}},
		},
		"derived server": {"version: other/1.0", false, templates.Build{Modules: []templates.Module{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := main.ParseBuild(c.text, func(string) bool { return c.exists })
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// Who is not root has no /usr/sbin in PATH on Debian.
func TestUsualNginx_N5(t *testing.T) {
	empty, dir := t.TempDir(), t.TempDir()
	binary := filepath.Join(dir, "nginx")
	must(t, os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755))
	for name, c := range map[string]struct{ path, dir, want string }{
		"in PATH":   {dir, empty, "nginx"},
		"elsewhere": {empty, dir, binary},
		"nowhere":   {empty, empty, "nginx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			if got := main.UsualNginx(c.dir); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
