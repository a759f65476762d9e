package config_test

import (
	"strings"
	"testing"

	"github.com/registryd/registryd/config"
)

const ownFile = "providers:\n  - {type: shelf, name: mine, names: ['@acme/*'], settings: {url: 'https://x.example.org', token: hunter2}}\n"

func own(t *testing.T, content string, types ...string) config.Options {
	t.Helper()
	o := writeFile(t, "registryd.yaml", content)
	o.ProviderTypes = types
	return o
}

func TestOwnTypes_PG6(t *testing.T) {
	t.Parallel()
	c, err := config.Load(own(t, ownFile, "shelf", "other"))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Providers[0]
	if p.Type != "shelf" || p.Name != "mine" || p.Settings["url"] != "https://x.example.org" || p.Settings["token"] != "hunter2" {
		t.Errorf("got %+v", p)
	}
	if text := c.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "shelf") {
		t.Errorf("printed as\n%s", text)
	}
}

func TestOwnTypesProblems_PG6(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, says string }{
		"unknown type":     {strings.Replace(ownFile, "shelf", "shelv", 1), "shelf"},
		"key of another":   {strings.Replace(ownFile, "name: mine", "registry: 'https://x.example.org'", 1), "registry"},
		"no mapping":       {"providers: [{type: shelf, settings: [hunter2]}]\n", "settings"},
		"built in with it": {strings.Replace(ownFile, "shelf", "npm", 1), "settings"},
	} {
		_, err := config.Load(own(t, c.file, "shelf"))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := config.Load(own(t, ownFile)); err == nil {
		t.Error("a type that nobody brought along was accepted")
	}
}

// The generator need not know the daemon's types, but sees slips of the pen.
func TestOwnTypesGenerator_PG6(t *testing.T) {
	t.Parallel()
	if _, err := config.LoadGenerator(own(t, ownFile)); err != nil {
		t.Error(err)
	}
	if _, err := config.LoadGenerator(own(t, "providers: [{type: nmp}]\n")); err == nil {
		t.Error("a slip of the pen was accepted")
	}
}
