package docs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDist builds what make dist gives away twice, in clones at different
// places, and looks into it.
func TestDist(t *testing.T) {
	t.Parallel()
	if _, err := exec.Command("git", "-C", root, "rev-parse", "HEAD").Output(); err != nil {
		t.Skip("this is no git clone: there is no commit to build")
	}
	sums := [2]string{}
	var archive string
	for i, dir := range []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "another", "place")} {
		out := filepath.Join(filepath.Dir(dir), "out")
		inDir(t, root, nil, "git", "clone", "--quiet", "--no-hardlinks", ".", dir)
		inDir(t, dir, []string{"DIST=" + out, "PLATFORMS=linux/amd64", "EFFORT=1"}, "sh", "scripts/dist.sh")
		data, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(data)
		archive = filepath.Join(out, strings.Fields(sums[i])[1])
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds of one commit differ:\n%s%s", sums[0], sums[1])
	}
	dir := t.TempDir()
	inDir(t, dir, nil, "tar", "-xzf", archive, "--strip-components=1")
	for _, name := range []string{"README.md", "LICENSE", "deploy/systemd/registryd.service", "sample/registryd.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	version := strings.TrimSpace(inDir(t, dir, nil, "./registryd", "version"))
	if name := filepath.Base(archive); !strings.Contains(name, strings.TrimPrefix(version, "registryd ")+"_linux_amd64") {
		t.Errorf("%s holds %q", name, version)
	}
	for _, name := range []string{"registryd", "registry-nginx"} {
		if file, err := os.ReadFile(filepath.Join(dir, name)); err != nil || bytes.Contains(file, []byte("ld-linux")) {
			t.Errorf("%s is not static (%v)", name, err)
		}
	}
}

// inDir runs a command that must succeed and returns what it printed.
func inDir(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out.Bytes(), problems.Bytes())
	}
	return out.String()
}
