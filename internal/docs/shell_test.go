package docs_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestShellParses lets the shell read, without running it, what people are to
// paste.
func TestShellParses(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{}
	for _, name := range documents() {
		for _, b := range blocks(read(t, name), "sh") {
			scripts[fmt.Sprintf("%s:%d", name, b.line)] = b.text
		}
	}
	if len(scripts) < 10 {
		t.Fatalf("found %d scripts", len(scripts))
	}
	for where, text := range scripts {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", where, err, out)
		}
	}
}

// TestSkippedTests_CI runs what judges a run of the tests: people may leave some
// out, CI may not.
func TestSkippedTests_CI(t *testing.T) {
	t.Parallel()
	if !strings.Contains(read(t, ".ci/run"), "export CI=true") {
		t.Error(".ci/run does not set CI")
	}
	for _, c := range []struct {
		skipped, ci string
		passes      bool
	}{{"0", "true", true}, {"1", "true", false}, {"12", "true", false}, {"0", "", true}, {"3", "", true}} {
		cmd := exec.Command("sh", filepath.Join(root, "scripts/skipped.sh"))
		cmd.Env = []string{"TESTS_SKIPPED=" + c.skipped, "CI=" + c.ci}
		out, err := cmd.CombinedOutput()
		if (err == nil) != c.passes || strings.Contains(string(out), "skipped") == (c.skipped == "0") {
			t.Errorf("%+v: %v\n%s", c, err, out)
		}
	}
}
