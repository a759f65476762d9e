package config_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
)

func TestSampleLoads(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(config.Options) (*config.Config, error){
		"daemon": config.Load, "generator": config.LoadGenerator,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(config.Options{File: sampleFile(t), Dir: "/srv"})
			if err != nil {
				t.Fatal(err)
			}
			if len(cfg.Providers) != 6 || len(cfg.Policy.Rules) != 2 || cfg.Admin == nil || len(cfg.Admin.Tokens) != 0 {
				t.Errorf("the sample means\n%v", cfg)
			}
		})
	}
}

// TestSampleCommentsAreDefaults uncomments what the sample comments out: apart
// from the lines that are there as examples nothing may change by it.
func TestSampleCommentsAreDefaults(t *testing.T) {
	t.Parallel()
	before, err := config.Load(config.Options{File: sampleFile(t), Dir: "/srv"})
	if err != nil {
		t.Fatal(err)
	}
	o := writeFile(t, "registryd.yaml", uncommented(t))
	o.File, o.Dir = o.Dir+"/"+o.File, "/srv"
	after, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []*config.Config{before, after} {
		cfg.File = ""
		for i := range cfg.Providers {
			cfg.Providers[i].Line = 0
		}
		for i := range cfg.Policy.Rules {
			cfg.Policy.Rules[i].Line = 0
		}
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("commented-out lines are no defaults (-sample +uncommented):\n%s", d)
	}
}

// uncommented returns the sample with its commented-out keys in force, except
// those that are examples.
func uncommented(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../sample/registryd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	examples := []string{"public_url", "registry", "format", "limit_req", "rate", "burst",
		"private", "scopes", "htpasswd", "tokens", "tls", "http2", "yaml-language-server"}
	var out []string
	for line := range strings.Lines(string(data)) {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		rest, commented := strings.CutPrefix(line[len(indent):], "# ")
		name, _, isKey := strings.Cut(rest, ":")
		name = strings.TrimSpace(name)
		example := strings.Contains(name, " ") || slices.Contains(examples, name)
		switch {
		case !commented:
			out = append(out, line)
		case isKey && !example:
			out = append(out, indent+rest)
		}
	}
	if all := strings.Join(out, ""); strings.Contains(all, "\nlimits:\n  tarball: 256MiB\n") {
		return all
	}
	t.Fatal("nothing was uncommented")
	return ""
}

// sampleFile returns the sample's absolute path.
func sampleFile(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir + "/../sample/registryd.yaml"
}
