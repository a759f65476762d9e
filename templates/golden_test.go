package templates_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/templates"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Places that a golden file shows, and that a test run replaces by its own.
const (
	goldenDir   = "/etc/registryd/nginx"
	goldenFS    = "/srv/registryd"
	goldenOwner = "registryd"
	goldenCert  = "/etc/ssl/cdn.pem"
	goldenKey   = "/etc/ssl/cdn.key"
	goldenBr    = "/usr/lib/nginx/modules/ngx_http_brotli_static_module.so"
)

// TestGolden_N1 compares outputs byte for byte and lets nginx read each. A case
// is a configuration and those of its outputs that it is about, or the error.
func TestGolden_N1(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/golden/*.txtar")
	must(t, err)
	if len(cases) == 0 {
		t.Fatal("no golden files")
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			must(t, err)
			outputs, err := generate(t, archive)
			for i, f := range archive.Files {
				if f.Name != "config.yaml" {
					archive.Files[i].Data = compareOutput(t, f, outputs, err)
				}
			}
			if *update {
				must(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
			if err == nil {
				acceptedByNginx(t, outputs)
			}
		})
	}
}

// compareOutput holds one output, or the error, against the golden text and
// returns what it is now.
func compareOutput(t *testing.T, want txtar.File, outputs []templates.File, err error) []byte {
	t.Helper()
	if want.Name == "error" {
		if err == nil {
			t.Fatal("no error")
		}
		got := []byte(err.Error() + "\n")
		diff(t, want, got)
		return got
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range outputs {
		if f.Name == want.Name {
			diff(t, want, f.Data)
			return f.Data
		}
	}
	t.Fatalf("there is no output %s", want.Name)
	return nil
}

func diff(t *testing.T, want txtar.File, got []byte) {
	t.Helper()
	if d := cmp.Diff(string(want.Data), string(got)); d != "" && !*update {
		t.Errorf("%s differs (-want +got); -update takes it over\n%s", want.Name, d)
	}
}

// generate loads the case's configuration and renders both forms.
func generate(t *testing.T, archive *txtar.Archive) ([]templates.File, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(file, archive.Files[0].Data, 0o644))
	c, err := config.LoadGenerator(config.Options{File: file})
	must(t, err)
	in := templates.Input{Config: c, Dir: goldenDir, Owner: goldenOwner, Build: templates.Build{
		Version: "1.22.1",
		Modules: append(usual(), templates.Module{Name: "brotli_static", Path: goldenBr}),
	}}
	files, err := templates.Render(in)
	if err != nil {
		return nil, err
	}
	text, err := templates.Include(in)
	if err != nil {
		return nil, err
	}
	return append(files, templates.File{Name: "include.conf", Data: text}), nil
}

// acceptedByNginx writes both forms to a directory and has nginx test them,
// with this machine's places in them.
func acceptedByNginx(t *testing.T, outputs []templates.File) {
	t.Helper()
	binary := testenv.Nginx(t)
	dir, fs := t.TempDir(), t.TempDir()
	cert, key := certificate(t)
	replace := []string{goldenCert, cert, goldenKey, key, "http2 on;", "", goldenDir, dir, goldenFS, fs, "user " + goldenOwner + ";", "user " + currentUser() + ";"}
	if _, err := os.Stat(goldenBr); err != nil {
		replace = append(replace, `load_module "`+goldenBr+`";`, "", "brotli_static on;", "")
	}
	replacer := strings.NewReplacer(replace...)
	for _, f := range outputs {
		must(t, os.WriteFile(filepath.Join(dir, f.Name), []byte(replacer.Replace(string(f.Data))), 0o644))
	}
	testByNginx(t, binary, dir, "nginx.conf")
	main, err := os.ReadFile(filepath.Join(dir, "nginx.conf"))
	must(t, err)
	main = bytes.Replace(main, []byte("registryd.server.conf"), []byte("include.conf"), 1)
	must(t, os.WriteFile(filepath.Join(dir, "include-nginx.conf"), main, 0o644))
	testByNginx(t, binary, dir, "include-nginx.conf")
}

// testByNginx runs nginx -t and fails on any complaint, a warning included
// unless it is about the user.
func testByNginx(t *testing.T, binary, dir, name string) {
	t.Helper()
	out, err := exec.Command(binary, "-t", "-q", "-p", dir, "-c", filepath.Join(dir, name)).CombinedOutput()
	if err != nil {
		t.Errorf("nginx -t of %s: %v\n%s", name, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "[warn]") && !strings.Contains(line, `"user" directive`) {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// currentUser names a user that exists.
func currentUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return "nobody"
}

// Without compiled patterns the guard takes a fifth of a small request. It is a
// directive of the main context, so the include can only ask for it.
func TestPcreJit_N14(t *testing.T) {
	t.Parallel()
	archive := &txtar.Archive{Files: []txtar.File{{Name: "config.yaml", Data: []byte("root: {pub: /lib/, fs: /srv/registryd}\naccel: nginx\n")}}}
	outputs, err := generate(t, archive)
	must(t, err)
	seen := map[string]bool{}
	for _, f := range outputs {
		for line := range strings.Lines(string(f.Data)) {
			switch line = strings.TrimSpace(line); {
			case line == "pcre_jit on;":
				seen["on"] = true
			case strings.HasPrefix(line, "#") && strings.Contains(line, "pcre_jit on;"):
				seen["comment"] = true
			}
		}
	}
	if !seen["on"] || !seen["comment"] {
		t.Errorf("told in the runnable file: %v, in a comment of the include: %v", seen["on"], seen["comment"])
	}
}
