package docs_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestShellParses lets the shell read, without running it, what people are to
// paste and what the unit runs.
func TestShellParses(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{}
	for _, name := range documents() {
		for _, b := range blocks(read(t, name), "sh") {
			scripts[fmt.Sprintf("%s:%d", name, b.line)] = b.text
		}
	}
	inUnit := regexp.MustCompile(`(?m)^Exec\w+=-?/bin/sh -c '(.*)'$`).FindAllStringSubmatch(read(t, unitFile), -1)
	for i, m := range inUnit {
		scripts[fmt.Sprintf("%s:%d", unitFile, i)] = strings.ReplaceAll(m[1], "$$", "$") // as systemd does
	}
	if len(scripts) < 10 || len(inUnit) != 1 {
		t.Fatalf("found %d scripts, %d of them in the unit", len(scripts), len(inUnit))
	}
	for where, text := range scripts {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", where, err, out)
		}
	}
}
