package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/registryd/registryd/config"
)

// FuzzLoad wants no input to make Load panic, or to make a message tell what a
// variable holds.
func FuzzLoad(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/bad.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(archive.Files); i += 2 {
		f.Add(archive.Files[i].Data, i%4 == 0)
	}
	sample, err := os.ReadFile("../sample/registryd.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample, false)
	f.Add([]byte("pub: /lib/\nroot: ${SECRET}\nupstream: ${SECRET}:1\n"), true)
	f.Add([]byte("providers: [{type: dir, path: \"${SECRET}\", name: \"${SECRET}\"}]\nroot: {fs: \"${SECRET}\"}"), false)
	f.Add([]byte("admin: {prefix: \"${SECRET}\"}\ncomponents: {prefix: \"${SECRET}\"}"), false)
	f.Fuzz(func(t *testing.T, data []byte, generator bool) {
		if strings.Contains(string(data), secret) {
			return // a message may repeat what the file says
		}
		o := config.Options{File: "fuzz.yaml", Env: func(name string) (string, bool) {
			return secret, !strings.HasPrefix(name, "REGISTRYD_") && len(name)%2 == 0
		}}
		cfg, err := config.LoadData(data, o, "/work", generator)
		switch {
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("a message tells the secret:\n%v", err)
		case err == nil && cfg == nil:
			t.Error("neither a configuration nor an error")
		case err == nil:
			usable(t, cfg)
		}
	})
}

// usable checks what every other package takes for granted.
func usable(t *testing.T, cfg *config.Config) {
	t.Helper()
	if len(cfg.Listen) == 0 || cfg.Root.FS == "" || cfg.Root.FS[0] != '/' {
		t.Errorf("no address or no absolute root: %v %q", cfg.Listen, cfg.Root.FS)
	}
	reaches := []string{
		cfg.Root.Pub, cfg.Root.Internal, cfg.Nginx.Listen, cfg.Nginx.ServerName, cfg.Nginx.Upstream, cfg.Nginx.User,
		cfg.Nginx.Version, cfg.Nginx.CacheName, cfg.Nginx.CachePath, cfg.Nginx.BrotliStatic, cfg.Nginx.LimitReq.Rate,
		cfg.Root.FS, strings.Join(cfg.Nginx.Modules, ""),
	}
	for _, a := range cfg.Listen {
		reaches = append(reaches, a.Address)
	}
	if cfg.Admin != nil {
		reaches = append(reaches, cfg.Admin.Prefix)
	}
	for _, s := range reaches {
		if strings.ContainsAny(s, ";{}\"'\\$`# \t\r\n\x00") {
			t.Errorf("%q would reach nginx", s)
		}
	}
}
