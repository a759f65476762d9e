package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
)

func TestReferenceNamesEveryKey(t *testing.T) {
	t.Parallel()
	ref := config.Reference()
	for _, k := range config.Keys() {
		row := "| `" + k.Path + "`"
		if k.Of != "" {
			row += " (" + k.Of + ")"
		}
		if !strings.Contains(ref, row+" |") {
			t.Errorf("no row for %s %s", k.Path, k.Of)
		}
	}
	for line := range strings.Lines(ref) {
		if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); strings.HasPrefix(line, "|") && cells != 6 {
			t.Errorf("%d bars in %q", cells, line)
		}
	}
}

// TestReadmeHasReference fails of anything but the generated reference: run
// go generate ./config.
func TestReadmeHasReference(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(readme), "<!-- config reference: begin -->\n")
	got, _, ends := strings.Cut(rest, "<!-- config reference: end -->")
	if !begins || !ends {
		t.Fatal("README.md lacks the lines between which the reference stands")
	}
	if d := cmp.Diff(config.Reference(), strings.Trim(got, "\n")+"\n"); d != "" {
		t.Errorf("README.md, to be renewed by go generate ./config (-want +got):\n%s", d)
	}
}

func TestSchemaFileIsCurrent(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("../sample/registryd.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(config.Schema()), string(got)); d != "" {
		t.Errorf("sample/registryd.schema.json, to be renewed by go generate ./config (-want +got):\n%s", d)
	}
}
