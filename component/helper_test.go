package component_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/store"
	"github.com/registryd/registryd/store/file"
)

// dirView is a view in a directory.
type dirView string

func (d dirView) at(path string) string { return filepath.Join(string(d), filepath.FromSlash(path)) }

func (d dirView) Holds(path string, size int64, sum [sha256.Size]byte) bool {
	data, err := os.ReadFile(d.at(path))
	return err == nil && int64(len(data)) == size && sha256.Sum256(data) == sum
}

func (d dirView) Show(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(d.at(path)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(d.at(path), data, 0o644)
}

func (d dirView) Open(path string) (io.ReadSeekCloser, error) {
	f, err := os.Open(d.at(path))
	if err != nil {
		return nil, outcome.Wrap(outcome.NotFound, err, "no such file")
	}
	return f, nil
}

func (d dirView) Versions() ([]string, error) {
	var found []string
	for _, pattern := range []string{"*/*", "@*/*/*"} {
		all, err := filepath.Glob(d.at(pattern))
		if err != nil {
			return nil, err
		}
		for _, dir := range all {
			found = append(found, strings.TrimPrefix(dir, string(d)+"/"))
		}
	}
	return found, nil
}

func (d dirView) Hide(dir string) error { return os.RemoveAll(d.at(dir)) }

// site is a registry over HTTP with everything behind it.
type site struct {
	t        testing.TB
	url      string
	registry *component.Registry
	store    store.Store
	dir      string // of the store, where it has one
	view     dirView
	audit    *auditLog
}

// auditLog collects records.
type auditLog struct {
	mu      sync.Mutex
	records []any
}

func (l *auditLog) add(record any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, record)
	return nil
}

// options of a site; the zero value is one without a token on an empty store.
type options struct {
	store  store.Store
	shared bool
	http   component.HandlerConfig
	view   dirView
	log    io.Writer // nil: discard
	memory component.Memory
}

func newSite(t testing.TB, o options) *site {
	t.Helper()
	s := &site{t: t, store: o.store, view: o.view, audit: new(auditLog)}
	if s.store == nil {
		s.dir = t.TempDir()
		s.store = openFile(t, s.dir)
	}
	if s.view == "" {
		s.view = dirView(t.TempDir())
	}
	s.registry = component.New(component.Config{Store: s.store, Shared: o.shared, View: s.view, Memory: o.memory, Logger: slog.New(slog.NewTextHandler(cmp.Or(o.log, io.Discard), nil))})
	s.registry.Start(t.Context())
	t.Cleanup(s.registry.Close)
	c := o.http
	c.Registry, c.Prefix, c.Internal = s.registry, "/api/components/", "/ilib/"
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	c.Archive = unpack.Limits{Unpacked: 1 << 20, Entries: 100, Path: 1024, Depth: 16}
	c.Audit = s.audit.add
	server := httptest.NewServer((&httpx.Adapter{}).Handle("components", component.NewHandler(c).Serve))
	t.Cleanup(server.Close)
	s.url = server.URL + "/api/components"
	return s
}

func openFile(t testing.TB, dir string) *file.Store {
	t.Helper()
	s, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// kind is the type of an error's body.
func (a answer) kind() string {
	var body struct{ Type, Error string }
	if json.Unmarshal([]byte(a.body), &body) != nil || body.Error == "" {
		return ""
	}
	return body.Type
}

func (s *site) do(method, path string, body io.Reader, header map[string]string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Error(err)
		return answer{}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

func (s *site) get(path string) answer { s.t.Helper(); return s.do("GET", path, nil, nil) }

func (s *site) register(deps string) answer {
	s.t.Helper()
	return s.do("POST", "/host/register", strings.NewReader(deps), map[string]string{"Content-Type": "application/json"})
}

// publish publishes a package with one file as the original client does.
func (s *site) publish(name, version, peers string) answer {
	s.t.Helper()
	pack := tgz(s.t, map[string]string{"package.json": `{"main":"main.js"}`, "main.js": codeOf(name, version)})
	return s.upload("/"+name+"/"+version, pack, &peers, nil)
}

func codeOf(name, version string) string { return "module.exports = '" + name + " " + version + "'\n" }

func (s *site) upload(path string, pack []byte, peers *string, header map[string]string) answer {
	s.t.Helper()
	body, kind := uploadForm(s.t, pack, peers)
	all := map[string]string{"Content-Type": kind}
	maps.Copy(all, header)
	return s.do("POST", path, bytes.NewReader(body), all)
}

func uploadForm(t testing.TB, pack []byte, peers *string) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	if peers != nil {
		if err := form.WriteField("peerDependencies", *peers); err != nil {
			t.Fatal(err)
		}
	}
	if pack != nil {
		part, err := form.CreateFormFile("package", "package.tgz")
		if err != nil {
			t.Fatal(err)
		}
		part.Write(pack)
	}
	form.Close()
	return out.Bytes(), form.FormDataContentType()
}

// tgz packs files at the root of a tarball.
func tgz(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	tw := tar.NewWriter(gz)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		tw.Write([]byte(files[name]))
	}
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sameJSON compares texts as JSON.
func sameJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Errorf("%s: %q is no JSON: %v", what, got, err)
		return
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(g)
	b, _ := json.Marshal(w)
	if !bytes.Equal(a, b) {
		t.Errorf("%s:\n got %s\nwant %s", what, a, b)
	}
}
