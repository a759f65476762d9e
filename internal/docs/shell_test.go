package docs_test

import (
	"fmt"
	"os/exec"
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
