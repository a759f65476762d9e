package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// TestBadFiles_N1 holds one file per case in testdata/bad.txtar, each followed
// by all its messages. Files whose name begins with "generator" are read by the
// generator. With -update the messages are written anew.
func TestBadFiles_N1(t *testing.T) {
	t.Parallel()
	const table = "testdata/bad.txtar"
	archive, err := txtar.ParseFile(table)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		in, want := archive.Files[i], &archive.Files[i+1]
		t.Run(in.Name, func(t *testing.T) {
			got := messages(t, in.Name, string(in.Data))
			if *update {
				want.Data = []byte(got)
			} else if d := cmp.Diff(string(want.Data), got); d != "" {
				t.Errorf("messages (-want +got):\n%s", d)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is told:\n%s", got)
			}
		})
	}
	if *update {
		if err := os.WriteFile(table, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// messages loads a bad file and returns its messages, one per line.
func messages(t *testing.T, name, content string) string {
	t.Helper()
	o := writeFile(t, name, content)
	o.Env = environment(map[string]string{
		"SECRET": secret, "WORD": "perhaps", "EMPTY": "",
		"INJECT": "127.0.0.1:9900\noffline: true",
	})
	load := config.Load
	if strings.HasPrefix(name, "generator-") {
		load = config.LoadGenerator
	}
	cfg, err := load(o)
	if err == nil {
		t.Fatalf("Load accepts it:\n%v", cfg)
	}
	if list, ok := errors.AsType[*config.Errors](err); !ok || len(list.Problems) == 0 {
		t.Fatalf("Load's error is a %T without problems: %v", err, err)
	}
	if !errors.Is(err, outcome.Invalid) {
		t.Errorf("Load's error is not invalid: %v", err)
	}
	return strings.ReplaceAll(err.Error(), filepath.Dir(filepath.Join(o.Dir, name)), "DIR") + "\n"
}
