package command_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/command"
)

// compiler is the version of TypeScript that the declarations are checked with.
const compiler = "typescript@5.9.3"

// The declarations of the host API, the samples and what "plugin new" writes are good TypeScript. REGISTRYD_OFFLINE=1
// leaves it out.
func TestDeclarations_TypeScript(t *testing.T) {
	t.Parallel()
	if os.Getenv("REGISTRYD_OFFLINE") != "" {
		t.Skip("REGISTRYD_OFFLINE is set: the declarations were not compiled")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", compiler)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("npm cannot install %s, and CI must: %v\n%s", compiler, err, out)
		}
		t.Skipf("npm cannot install %s: the declarations were not compiled: %v", compiler, err)
	}
	uses := filepath.Join(dir, "imports")
	for kind, project := range map[string]string{"ts": uses, "js": filepath.Join(dir, "script")} {
		var trouble bytes.Buffer
		if code := command.Run([]string{"plugin", "new", project, "--type", kind}, cli.Streams{Out: &trouble, Err: &trouble}, command.Own{}); code != cli.Done {
			t.Fatalf("plugin new: %d %s", code, trouble.String())
		}
	}
	const imports = `import registry, { provider, deny, log, semver, URL as Address } from 'registryd'
log.info(new Address('https://packages.example.org').href, semver.valid('1.2.3'))
const old = new registry({ check: ({ name }: { name: string }) => (name ? undefined : deny(403)) }).chain(provider.npm)
export default old
`
	if err := os.WriteFile(filepath.Join(uses, "imports.ts"), []byte(imports), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, project := range []string{"../../sample/plugins", "../../sample/plugins/gitlab", uses, filepath.Join(dir, "script", "jsconfig.json")} {
		tsc := exec.CommandContext(ctx, filepath.Join(dir, "node_modules", ".bin", "tsc"), "-p", project)
		if out, err := tsc.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", project, err, out)
		}
	}
	// A compiler that reads nothing would accept everything.
	if err := os.WriteFile(filepath.Join(uses, "wrong.ts"), []byte("log.shout('no')\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, filepath.Join(dir, "node_modules", ".bin", "tsc"), "-p", uses).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("wrong.ts")) {
		t.Errorf("nonsense was accepted: %s", out)
	}
}
