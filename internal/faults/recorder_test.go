package faults_test

import (
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/crowd"
	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

// quick are timeouts that a test can wait for.
const quick = "connect: 1s, header: 1s, stall: 1s, total: 4s, drain: 2s"

// recorder is a stack whose answers are checked.
type recorder struct {
	*e2e.Stack
	t    *testing.T
	want map[string][sha256.Size]byte // what each path holds

	failures atomic.Int64 // of clients: answers that can be tried again

	mu   sync.Mutex
	seen map[string]bool // paths that were answered with 200
}

// start starts a stack with packages and records what it answers.
func start(t *testing.T, o e2e.Options) *recorder {
	t.Helper()
	r := &recorder{t: t, want: map[string][sha256.Size]byte{}, seen: map[string]bool{}}
	for _, p := range o.Packages {
		r.expect(p)
	}
	r.Stack = e2e.Start(t, o)
	return r
}

func (r *recorder) expect(p providertest.Package) {
	for path, data := range p.Files {
		r.want["/lib/"+p.Name+"/"+p.Version+"/"+path] = sha256.Sum256(data)
	}
}

// ask asks the front for a path and judges the answer: the status, 0 where the
// connection broke. Anything but the whole file, a redirect, or a failure that
// can be tried again is an error of the test.
func (r *recorder) ask(path string) int {
	a, err := r.Try(http.MethodGet, r.URL+path)
	if err != nil {
		return 0
	}
	want, known := r.want[path]
	switch {
	case a.Status == http.StatusOK && known:
		if sha256.Sum256(a.Body) != want {
			r.t.Errorf("%s: %d bytes that are not its own", path, len(a.Body))
		}
		r.mu.Lock()
		r.seen[path] = true
		r.mu.Unlock()
	case known && a.Status < http.StatusInternalServerError:
		r.t.Errorf("%s exists, and the answer is %d %.200s", path, a.Status, a.Body)
	case a.Status == http.StatusInternalServerError:
		r.t.Errorf("%s: %d %.200s", path, a.Status, a.Body)
	case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "":
		r.t.Errorf("%s: 503 without Retry-After", path)
	}
	return a.Status
}

// must asks until the status is the wanted one.
func (r *recorder) must(path string, want int) {
	r.t.Helper()
	if got := r.ask(path); got != want {
		r.t.Fatalf("%s: status %d, want %d\n%s", path, got, want, tail(r.Log()))
	}
}

// heals asks until the file is there, as a client does that tries again.
func (r *recorder) heals(path string) {
	r.t.Helper()
	eventually(r.t, path+" does not heal", func() bool { return r.ask(path) == http.StatusOK })
}

// nothingLost asks again for everything that was ever answered.
func (r *recorder) nothingLost() {
	r.t.Helper()
	r.mu.Lock()
	paths := make([]string, 0, len(r.seen))
	for path := range r.seen {
		paths = append(paths, path)
	}
	r.mu.Unlock()
	if len(paths) == 0 {
		r.t.Fatal("nothing was ever served: this test shows nothing")
	}
	for _, path := range paths {
		if got := r.ask(path); got != http.StatusOK {
			r.t.Errorf("%s was served once, and now the answer is %d", path, got)
		}
	}
}

// nothingStaged waits until nothing is being written or removed.
func (r *recorder) nothingStaged() {
	r.t.Helper()
	var left []os.DirEntry
	eventually(r.t, "something is left in tmp/", func() bool {
		left, _ = os.ReadDir(filepath.Join(r.Data, "tmp")) // not there: nothing is left
		return len(left) == 0
	})
}

// clients runs n clients, each of which asks for what next names, until stop is
// called.
func (r *recorder) clients(n int, next func(client, i int) string) (stop func()) {
	return crowd.Start(n, func(client, turn int) {
		if status := r.ask(next(client, turn)); status == 0 || status >= http.StatusInternalServerError {
			r.failures.Add(1)
			time.Sleep(20 * time.Millisecond) // nobody is there, or not now; who comes needs the processor
		}
	})
}

func eventually(t *testing.T, otherwise string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}

// tail are the last lines of a log.
func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// noise is a package of one file of n bytes that do not compress.
func noise(name, version string, n int) providertest.Package {
	data := make([]byte, n)
	state := uint64(len(name)) + 1
	for i := range data {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		data[i] = byte(state)
	}
	return providertest.Package{Name: name, Version: version, Files: map[string][]byte{
		"package.json": []byte(`{"name":"` + name + `","version":"` + version + `"}`), "big.bin": data,
	}}
}

// some is a package of a few files.
func some(name string) providertest.Package { return providertest.Generate(name, "1.0.0", 20, 3000) }

// paths lists the URL paths of a package's files.
func paths(p providertest.Package) []string {
	list := make([]string, 0, len(p.Files))
	for path := range p.Files {
		list = append(list, "/lib/"+p.Name+"/"+p.Version+"/"+path)
	}
	slices.Sort(list) // the n-th is the same one each time
	return list
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
