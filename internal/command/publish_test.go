package command_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/command"
)

// publication is what a registry got.
type publication struct {
	Request string   // method, path
	Token   string   // header
	Parts   []string // names, in the order in which they came
	Peers   string   // the field
	Files   []string // of the archive, with what is in them
}

// readPublication reads a form as it comes. Errors: plain ones.
func readPublication(r *http.Request) (p publication, err error) {
	p.Request, p.Token = r.Method+" "+r.URL.EscapedPath(), r.Header.Get("Authorization")
	parts, err := r.MultipartReader()
	if err != nil {
		return p, err
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		p.Parts = append(p.Parts, part.FormName())
		if part.FileName() == "" {
			text, err := io.ReadAll(part)
			if err != nil {
				return p, err
			}
			p.Peers = string(text)
			continue
		}
		if p.Files, err = readArchive(part); err != nil {
			return p, err
		}
	}
}

func readArchive(r io.Reader) (files []string, err error) {
	gz, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	for in := tar.NewReader(gz); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		files = append(files, h.Name+": "+string(data))
	}
}

// The command sends what the original one does: the field before the file, the
// name in lower case, and of the directory package.json and the main file alone.
func TestPublish_CK3_CN6_SendsWhatTheOriginalDoes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got publication
	var failed error
	status := http.StatusOK
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got, failed = readPublication(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"17":{"mismatches":{"react":{"host":"^16.8.0","component":"^16.9.0"}}}}`)
	}))
	t.Cleanup(registry.Close)
	const manifest = `{"name": "@Acme/Button", "version": "v1.2.0", "main": "dist/b.js", "peerDependencies": {"react": "^16.9.0"}}`
	dir := t.TempDir()
	for name, text := range map[string]string{"package.json": manifest, "dist/b.js": "code", "dist/other.js": "x", "secret.env": "x"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	run := func() (code int, out, problems string) {
		var o, e bytes.Buffer
		code = command.Run([]string{"publish", dir, "--server", registry.URL + "/c", "--token", "sesame"}, cli.Streams{Out: &o, Err: &e}, command.Own{})
		return code, o.String(), e.String()
	}
	code, out, problems := run()
	mu.Lock()
	if code != 0 || failed != nil {
		t.Fatalf("exit code %d, %v: %s", code, failed, problems)
	}
	want := publication{
		Request: "POST /c/@acme/button/1.2.0", Token: "Bearer sesame", Parts: []string{"peerDependencies", "package"},
		Peers: `{"react":"^16.9.0"}`, Files: []string{"dist/b.js: code", "package.json: " + manifest},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it sends (-want +got):\n%s", diff)
	}
	if !strings.Contains(out, "1 host gets it") || !strings.Contains(out, "host 17: react may be lower than ^16.9.0") {
		t.Errorf("it says %q", out)
	}
	status = http.StatusBadRequest
	mu.Unlock()
	if code, _, _ := run(); code != 1 {
		t.Errorf("refused: exit code %d", code)
	}
}
