package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
	main "github.com/registryd/registryd/internal/gen/configdoc"
)

const (
	begin = "<!-- config reference: begin -->"
	end   = "<!-- config reference: end -->"
)

func TestRun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		readme string // "" for none
		want   string
		code   int
	}{
		"no README":     {"", "", 0},
		"first time":    {"# a\n\n" + begin + "\n" + end + "\n\nb\n", "# a\n\n" + begin + "\n\n" + config.Reference() + "\n" + end + "\n\nb\n", 0},
		"renewed":       {begin + "\nold\n" + end, begin + "\n\n" + config.Reference() + "\n" + end, 0},
		"no lines":      {"# a\n", "# a\n", 1},
		"wrong order":   {end + "\n" + begin + "\n", end + "\n" + begin + "\n", 1},
		"end alone":     {end + "\n", end + "\n", 1},
		"given twice":   {begin + end + begin + end, begin + end + begin + end, 1},
		"never closed":  {begin + "\nrest", begin + "\nrest", 1},
		"already there": {begin + "\n\n" + config.Reference() + "\n" + end, begin + "\n\n" + config.Reference() + "\n" + end, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := os.Mkdir(filepath.Join(root, "sample"), 0o755); err != nil {
				t.Fatal(err)
			}
			readme := filepath.Join(root, "README.md")
			if c.readme != "" {
				if err := os.WriteFile(readme, []byte(c.readme), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var stderr strings.Builder
			if code := main.Run([]string{"-root", root}, &stderr); code != c.code || (code == 0) != (stderr.Len() == 0) {
				t.Errorf("exit code %d, stderr %q", code, stderr.String())
			}
			got, err := os.ReadFile(readme)
			if os.IsNotExist(err) != (c.readme == "") {
				t.Errorf("the README was made: %v", err)
			}
			if d := cmp.Diff(c.want, string(got)); d != "" {
				t.Errorf("README (-want +got):\n%s", d)
			}
			schema, err := os.ReadFile(filepath.Join(root, "sample", "registryd.schema.json"))
			if err != nil || string(schema) != string(config.Schema()) {
				t.Errorf("the schema was not written: %v", err)
			}
		})
	}
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	if code := main.Run([]string{"-root", t.TempDir()}, &stderr); code != 1 || !strings.HasPrefix(stderr.String(), "configdoc: write the schema: ") {
		t.Errorf("without a sample directory: exit code %d, stderr %q", code, stderr.String())
	}
	if code := main.Run([]string{"-nonsense"}, &stderr); code != 2 {
		t.Errorf("with a flag of its own making: exit code %d", code)
	}
}
