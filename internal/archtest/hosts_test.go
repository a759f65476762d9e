package archtest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// registryHosts match the host names of package registries. A registry is
// named by a configuration alone; that holds for examples and tests too. The
// names are put together here, since this file is searched as well.
var registryHosts = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\bregistry\.` + `npm` + `(js|mirror)\.(org|com)`,
	`\bregistry\.` + `yarn` + `pkg\.com`,
	`\bnpm\.` + `pkg\.` + `github\.com`,
	`\b(proxy|sum)\.` + `golang\.` + `org`,
	`\bgo` + `proxy\.(io|cn)`,
	`\b(deb|security|ftp)\.` + `debian\.` + `org`,
	`\barchive\.` + `ubuntu\.` + `com`,
	`\b(files\.)?` + `pypi\.` + `org`,
	`\bpython` + `hosted\.org`,
	`\bruby` + `gems\.org`,
	`\b(static\.)?` + `crates\.` + `io`,
}, "|"))

// namesRegistry reports whether a line names one of them. Their top-level domains
// are few, and far cheaper to look for than the names.
func namesRegistry(line []byte) bool {
	lower := bytes.ToLower(line)
	for _, domain := range []string{".org", ".com", ".io", ".cn"} {
		if bytes.Contains(lower, []byte(domain)) {
			return registryHosts.Match(lower)
		}
	}
	return false
}

func TestNoRegistryHosts(t *testing.T) {
	t.Parallel()
	base := root(t)
	out, err := exec.Command("git", "-C", base, "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if len(names) < 10 {
		t.Fatalf("git knows only %d files", len(names))
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(base, name))
		if os.IsNotExist(err) {
			continue // removed, not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(data, []byte("\n")) {
			if namesRegistry(line) {
				t.Errorf("%s:%d names a package registry's host", name, i+1)
			}
		}
	}
}

func TestRegistryHosts_Match(t *testing.T) {
	t.Parallel()
	join := func(parts ...string) string { return strings.Join(parts, ".") }
	for _, host := range []string{
		join("https://registry", "npm"+"js", "org") + "/left-pad", join("Registry", "NPM"+"js", "ORG"),
		join("proxy", "golang", "org"), join("http://deb", "debian", "org"), join("a registry", "yarn"+"pkg", "com b"),
	} {
		if !namesRegistry([]byte(host)) {
			t.Errorf("%q is not found", host)
		}
	}
	for _, text := range []string{"registry.example.org", "https://npm.example.com", "golang.org/x/mod", "proxygolangorg"} {
		if namesRegistry([]byte(text)) {
			t.Errorf("%q is taken for a registry", text)
		}
	}
}
