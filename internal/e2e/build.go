package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binaries builds both commands once a process.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "registryd-e2e-")
	if err != nil {
		return "", err
	}
	// As scripts/dist.sh builds: what is tested is what is given away, and other
	// tests that build find it compiled.
	build := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "github.com/registryd/registryd/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

// binary returns the path of a built command.
func binary(t testing.TB, name string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// Main runs the tests of a package that uses stacks, and removes what was built
// for them.
func Main(m *testing.M) int {
	code := m.Run()
	if dir, _ := binaries(); dir != "" {
		os.RemoveAll(dir)
	}
	return code
}
