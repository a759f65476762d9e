package e2e_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andybalholm/brotli"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider/providertest"
)

const (
	corpusClients = 8 // that ask at once for one release
	// maxGrowth is how many KiB of memory refusals may cost the daemon.
	maxGrowth = 128 << 10
)

// TestCorpus_PF4 publishes every archive of the corpus. Refused ones are 502
// with a reason and leave nothing, odd ones serve exactly their bytes, whoever
// asks for what at once, and again after the daemon was killed.
func TestCorpus_PF4(t *testing.T) {
	t.Parallel()
	limits := unpacktest.Limits()
	s := e2e.Start(t, e2e.Options{LogLevel: "info", Config: fmt.Sprintf(
		"negative_cachetime: 10m\nprecompress: {max: 0}\nlimits: {unpacked: %d, entries: %d, path: %d, depth: %d}\n", limits.Unpacked, limits.Entries, limits.Path, limits.Depth)})
	placeVictims(t, s.Dir)
	cases := slices.Concat(unpacktest.Aimed(s.Dir), unpacktest.Cases())
	for _, c := range cases {
		s.Upstream.Add(t, providertest.Package{Name: c.Package(), Version: "1.0.0", Tarball: c.Archive})
	}
	before := bystanders(t, s)
	for round := 1; round <= 2; round++ {
		askForAll(t, s, cases)
		checkFetches(t, s, cases, round)
		checkDisk(t, s, cases)
		if diff := cmp.Diff(before, bystanders(t, s)); diff != "" {
			t.Errorf("something outside the data directory changed: %s", diff)
		}
		if strings.ContainsAny(s.Log(), "\x00\x1b\x7f") {
			t.Error("the log has control bytes")
		}
		if t.Failed() {
			return // the next round would say the same
		}
		s.KillDaemon()
		s.StartDaemon()
	}
}

// askForAll asks for everything, first for what is refused, and looks at the
// memory that refusals cost.
func askForAll(t *testing.T, s *e2e.Stack, cases []unpacktest.Case) {
	t.Helper()
	idle := e2e.Memory(t, s.Pid(), "VmHWM")
	for _, refused := range []bool{true, false} {
		for _, c := range cases {
			if (c.Reason != "") == refused {
				askAtOnce(t, s, c)
			}
		}
		grown := e2e.Memory(t, s.Pid(), "VmHWM") - idle
		t.Logf("refused %t: the daemon has %d MiB, %d more than idle", refused, (idle+grown)>>10, grown>>10)
		if refused && grown > maxGrowth {
			t.Errorf("refusals cost %d MiB of memory", grown>>10)
		}
	}
	eventually(t, func() bool { return len(files(t, s.Data+"/tmp")) == 1 })
}

// question is one request and what its answer must be.
type question struct {
	target string   // raw
	header []string // of the request
	check  func(a e2e.Answer) error
}

// askAtOnce lets several clients ask at once for different things of a release.
func askAtOnce(t *testing.T, s *e2e.Stack, c unpacktest.Case) {
	t.Helper()
	questions := questionsAbout(c)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range corpusClients {
		wg.Go(func() {
			<-start
			for j := i; j < len(questions); j += corpusClients {
				q := questions[j]
				a, err := s.Raw(http.MethodGet, q.target, q.header...)
				if err == nil {
					err = q.check(a)
				}
				if err != nil {
					t.Errorf("%s: %.200s %q: %v", c.Name, q.target, q.header, err)
				}
			}
		})
	}
	close(start)
	wg.Wait()
}

var (
	// markers are paths that mean something to caches, servers or clients. Only
	// an archive that has them as files may have them.
	markers = []string{".reg.version", ".reg.404", "a.js", "x", "package.json", "package/a.js", "index.js", "main", "etc/passwd", "state/format"}
	// escaping are paths that no release can have, as somebody would ask for them.
	escaping = []string{"../x", "..%2fx", "%2e%2e/x", "a/../../x", "..%5cx", "a%00", "a%0ab", "/x", "/etc/passwd"}
)

// questionsAbout asks for all files of a case, for what must not be there, and
// for the release as a whole.
func questionsAbout(c unpacktest.Case) []question {
	base := "/lib/" + c.Package() + "/1.0.0/"
	answer := func(accepted func(e2e.Answer) error) func(e2e.Answer) error {
		if c.Reason != "" {
			return func(a e2e.Answer) error { return checkRefused(c, a) }
		}
		return accepted
	}
	invalid := func(a e2e.Answer) error { return checkStatus(a, http.StatusBadRequest) }
	questions := []question{
		{base, nil, answer(func(a e2e.Answer) error { return checkRoot(c, base, a) })},
		{base + "?meta", nil, answer(func(a e2e.Answer) error { return checkMeta(c, a) })},
	}
	for path := range unique(slices.Collect(maps.Keys(c.Files)), c.Never, markers) {
		target := base + pkgref.Escape(path)
		check := answer(func(a e2e.Answer) error { return checkPath(c, path, target, a) })
		if !askable(path, target) {
			check = invalid
		}
		questions = append(questions, question{target, nil, check})
		if _, ok := c.Files[path]; ok {
			questions = append(questions, question{target, []string{"Accept-Encoding", "gzip"}, check})
		}
	}
	for _, raw := range escaping {
		questions = append(questions, question{base + raw, nil, invalid})
	}
	return questions
}

func unique(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, s := range slices.Concat(lists...) {
		set[s] = true
	}
	return set
}

// askable tells whether a URL can name a path.
func askable(path, target string) bool {
	for s := range strings.SplitSeq(path, "/") {
		if s == "" || s == "." || s == ".." {
			return false
		}
	}
	return len(target) <= 1024 && !strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' })
}

func checkStatus(a e2e.Answer, want int) error {
	if a.Status != want {
		return fmt.Errorf("status %d, want %d: %.300q", a.Status, want, a.Body)
	}
	return nil
}

// checkRefused wants an answer that says why.
func checkRefused(c unpacktest.Case, a e2e.Answer) error {
	var body struct{ Type, Error string }
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return fmt.Errorf("status %d with %.300q: %w", a.Status, a.Body, err)
	}
	if body.Type != "refused" || !strings.Contains(body.Error, "archive refused: "+c.Reason+": ") {
		return fmt.Errorf("status %d with %.300q, want the reason %q", a.Status, a.Body, c.Reason)
	}
	if cc := a.Header.Get("Cache-Control"); cc != "no-store" {
		return fmt.Errorf("Cache-Control is %q", cc)
	}
	return checkStatus(a, http.StatusBadGateway)
}

// checkPath wants a file's exact bytes, a redirect for a directory, and nothing
// for anything else.
func checkPath(c unpacktest.Case, path, target string, a e2e.Answer) error {
	want, ok := c.Files[path]
	switch {
	case !ok && isDirectory(c, path):
		if loc := a.Header.Get("Location"); loc != target+"/" {
			return fmt.Errorf("status %d, Location %q", a.Status, loc)
		}
		return checkStatus(a, http.StatusFound)
	case !ok:
		return checkStatus(a, http.StatusNotFound)
	}
	if err := checkStatus(a, http.StatusOK); err != nil {
		return err
	}
	got, err := decoded(a)
	if err == nil && string(got) != want {
		err = fmt.Errorf("%d bytes %.60q, want %d bytes %.60q", len(got), got, len(want), want)
	}
	return err
}

func isDirectory(c unpacktest.Case, path string) bool {
	for file := range c.Files {
		if strings.HasPrefix(file, path+"/") {
			return true
		}
	}
	return false
}

// decoded undoes what nginx may do on the way.
func decoded(a e2e.Answer) ([]byte, error) {
	switch coding := a.Header.Get("Content-Encoding"); coding {
	case "":
		return a.Body, nil
	case "gzip":
		r, err := gzip.NewReader(bytes.NewReader(a.Body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case "br":
		return io.ReadAll(brotli.NewReader(bytes.NewReader(a.Body)))
	default:
		return nil, fmt.Errorf("Content-Encoding is %q", coding)
	}
}

// checkRoot wants a listing without foreign markup, or a redirect to a file of
// this release.
func checkRoot(c unpacktest.Case, base string, a e2e.Answer) error {
	if a.Status == http.StatusOK {
		if bytes.Contains(a.Body, []byte("<img")) || bytes.Contains(a.Body, []byte("<script")) {
			return fmt.Errorf("a name is markup: %.3000s", a.Body)
		}
		return nil
	}
	loc := a.Header.Get("Location")
	for path := range c.Files {
		if loc == base+pkgref.Escape(path) {
			return checkStatus(a, http.StatusFound)
		}
	}
	return fmt.Errorf("status %d, Location %q: %.300q", a.Status, loc, a.Body)
}

// checkMeta wants exactly the files with their digests.
func checkMeta(c unpacktest.Case, a e2e.Answer) error {
	if err := checkStatus(a, http.StatusOK); err != nil {
		return err
	}
	var body struct {
		Files []struct{ Path, Integrity string }
	}
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return err
	}
	got, want := map[string]string{}, map[string]string{}
	for _, f := range body.Files {
		got[f.Path] = f.Integrity
	}
	for path, data := range c.Files {
		digest := sha256.Sum256([]byte(data))
		want["/"+path] = "sha256-" + base64.StdEncoding.EncodeToString(digest[:])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("listed otherwise: %s", diff)
	}
	return nil
}

// checkFetches wants one fetch of each tarball for all requests of a round; what
// was accepted is not fetched again, what was refused once after each start.
func checkFetches(t *testing.T, s *e2e.Stack, cases []unpacktest.Case, round int) {
	t.Helper()
	for _, c := range cases {
		want := 1
		if c.Reason != "" {
			want = round
		}
		if n := s.Upstream.Count(providertest.Tarball, "/"+c.Package()+"/-/"+c.Package()+"-1.0.0.tgz"); n != want {
			t.Errorf("%s: its tarball was fetched %d times, want %d", c.Name, n, want)
		}
	}
}

// checkDisk wants nothing of what was refused anywhere, and in the view only
// plain readable files with the right bytes.
func checkDisk(t *testing.T, s *e2e.Stack, cases []unpacktest.Case) {
	t.Helper()
	for _, c := range cases {
		view := filepath.Join(s.Data, "www/lib", c.Package())
		if c.Reason == "" {
			checkView(t, c, view)
			continue
		}
		digest := fmt.Sprintf("%x", sha512.Sum512(c.Archive))
		for _, path := range []string{
			view, filepath.Join(s.Data, "state/packages", c.Package(), "releases"),
			filepath.Join(s.Data, "blobs/sha512", digest[:2], digest[2:]+"*"), filepath.Join(s.Data, "packs", digest[:2], digest[2:]+"*"),
		} {
			if found, err := filepath.Glob(path); err != nil || len(found) > 0 {
				t.Errorf("%s: there is %s, %v", c.Name, found, err)
			}
		}
	}
	if _, err := os.Lstat("/tmp/registryd-corpus"); err == nil {
		t.Error("an archive wrote to /tmp")
	}
}

func checkView(t *testing.T, c unpacktest.Case, dir string) {
	t.Helper()
	n := 0
	walk(t, filepath.Join(dir, "1.0.0"), func(path string, info fs.FileInfo) {
		if info.IsDir() {
			return
		}
		n++
		want, ok := c.Files[path]
		if shipped(c, path) || !ok {
			t.Errorf("%s: the view has %q", c.Name, path)
		}
		data, err := os.ReadFile(filepath.Join(dir, "1.0.0", path))
		if err != nil || string(data) != want || info.Mode() != 0o644 {
			t.Errorf("%s: %q is %s and has other bytes than it should: %v", c.Name, path, info.Mode(), err)
		}
	})
	want := 0
	for path := range c.Files {
		if !shipped(c, path) && askable(path, "/lib/"+c.Package()+"/1.0.0/"+pkgref.Escape(path)) {
			want++
		}
	}
	if n != want {
		t.Errorf("%s: %d files are in the view, want %d", c.Name, n, want)
	}
}

// shipped tells whether nginx could take path for a precompressed sibling.
func shipped(c unpacktest.Case, path string) bool {
	for _, suffix := range []string{".gz", ".br"} {
		if plain, ok := strings.CutSuffix(path, suffix); ok {
			if _, ok := c.Files[plain]; ok {
				return true
			}
		}
	}
	return false
}

// placeVictims puts files beside the data directory for archives to aim at.
func placeVictims(t *testing.T, dir string) {
	t.Helper()
	for name, mode := range map[string]os.FileMode{"victim.txt": 0o644, "victim/keep.txt": 0o600, "victim/run.sh": 0o755} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("nobody may change "+name+"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// bystanders tells what is outside the data directory: paths with their modes
// and digests.
func bystanders(t *testing.T, s *e2e.Stack) map[string]string {
	t.Helper()
	found := map[string]string{}
	describe := func(name, path string, info fs.FileInfo) {
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text += " " + sum(data)
		}
		found[name] = text
	}
	walk(t, s.Dir, func(path string, info fs.FileInfo) {
		if top, _, _ := strings.Cut(path, "/"); top != filepath.Base(s.Data) && top != "nginx" {
			describe(path, filepath.Join(s.Dir, path), info)
		}
	})
	if info, err := os.Lstat("/etc/passwd"); err == nil {
		describe("/etc/passwd", "/etc/passwd", info)
	}
	return found
}

// walk visits a tree; paths are relative to it. A tree that is missing is empty.
func walk(t *testing.T, dir string, visit func(path string, info fs.FileInfo)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			visit(path, info)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}
