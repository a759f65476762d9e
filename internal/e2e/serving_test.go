package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// TestSecondRequestStaysInNginx_PH2 shows by counters who answers: the first
// request of a file asks the daemon, the second does not.
func TestSecondRequestStaysInNginx_PH2(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Include} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s := e2e.Start(t, e2e.Options{Front: front, Packages: packages()})
			const path = "/lib/widget/1.0.0/lib/widget.js"
			first := s.Get(path)
			before := s.PackageRequests()
			again := s.Get(path)
			body(t, again, string(first.Body))
			if n := s.PackageRequests() - before; n != 0 {
				t.Errorf("%d requests reached the daemon for a file on disk", n)
			}
			if before != 1 || first.Header.Get("ETag") == "" || first.Header.Get("ETag") != again.Header.Get("ETag") {
				t.Errorf("%d requests before; ETag %q, then %q", before, first.Header.Get("ETag"), again.Header.Get("ETag"))
			}
			status(t, s.Get(path, "If-None-Match", again.Header.Get("ETag")), http.StatusNotModified)
			status(t, s.Get(path, "Range", "bytes=0-5"), http.StatusPartialContent)
		})
	}
}

// TestMainMoved_PM3 moves main between two versions whose files have one size:
// a browser that revalidates must get the new bytes.
func TestMainMoved_PM3(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{Packages: packages()})
	const path = "/lib/widget/main/lib/widget.js"
	first := s.Get(path)
	body(t, first, "module.exports = 'widget 2.0.0'\n")
	status(t, s.Admin(http.MethodPost, "designate/widget/1.2.0"), http.StatusOK)
	var moved e2e.Answer
	eventually(t, func() bool { // nginx holds the old file open for a second at most
		moved = s.Get(path, "If-None-Match", first.Header.Get("ETag"), "If-Modified-Since", first.Header.Get("Last-Modified"))
		return moved.Status != http.StatusNotModified
	})
	body(t, moved, "module.exports = 'widget 1.2.0'\n")
	// A file that is the same in both versions stays "not modified".
	same := s.Get("/lib/widget/main/docs/index.html")
	status(t, s.Admin(http.MethodPost, "designate/widget/1.0.0"), http.StatusOK)
	eventually(t, func() bool { return string(s.Get(path).Body) == "module.exports = 'widget 1.0.0'\n" })
	status(t, s.Get("/lib/widget/main/docs/index.html", "If-None-Match", same.Header.Get("ETag")), http.StatusNotModified)
}

// eventually waits for something that takes another process a moment.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("does not come true")
		}
	}
}

// TestHerd_PC7 sends 300 cold requests at once for different files of one package.
func TestHerd_PC7(t *testing.T) {
	t.Parallel()
	herd := providertest.Generate("herd", "1.0.0", 300, 2000)
	s := e2e.Start(t, e2e.Options{Packages: []providertest.Package{herd}})
	var wg sync.WaitGroup
	start := make(chan struct{})
	for path, want := range herd.Files {
		wg.Go(func() {
			<-start
			a, err := s.Try(http.MethodGet, s.URL+"/lib/herd/1.0.0/"+path)
			if err != nil || a.Status != http.StatusOK || sum(a.Body) != sum(want) {
				t.Errorf("%s: %d %v, %d bytes", path, a.Status, err, len(a.Body))
			}
		})
	}
	close(start)
	wg.Wait()
	if v, d, b := s.Upstream.Count(providertest.Version, ""), s.Upstream.Count(providertest.Document, ""), s.Upstream.Count(providertest.Tarball, ""); v != 1 || d != 0 || b != 1 {
		t.Errorf("upstream saw %d version documents, %d package documents, %d tarballs; want 1, 0, 1", v, d, b)
	}
}

// TestManyFiles_N3 asks for more distinct files than an nginx worker may have
// descriptors to start with.
func TestManyFiles_N3(t *testing.T) {
	t.Parallel()
	many := providertest.Generate("many", "1.0.0", 3000, 64)
	s := e2e.Start(t, e2e.Options{Packages: []providertest.Package{many}, Descriptors: 1024})
	paths := make(chan string)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for path := range paths {
				if a, err := s.Try(http.MethodGet, s.URL+path); err != nil || a.Status != http.StatusOK {
					t.Errorf("%s: %d %v", path, a.Status, err)
				}
			}
		})
	}
	for range 2 { // the second time they are on disk
		for path := range many.Files {
			paths <- "/lib/many/1.0.0/" + path
		}
	}
	close(paths)
	wg.Wait()
}

// TestUnknownCostsNothing_PF2_PH7 asks for 10,000 random names and for denied
// ones: the data directory stays as it was, and nobody is asked about the denied.
func TestUnknownCostsNothing_PF2_PH7(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{
		Packages: packages(),
		Config:   "policy: {rules: [{allow: [widget, 'rnd-*']}, {deny: ['*'], reason: closed}]}\n",
	})
	status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusOK)
	before := files(t, s.Data+"/www")
	state := files(t, s.Data+"/state")
	asked := len(s.Upstream.Requests())
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 625 {
				for _, path := range []string{
					fmt.Sprintf("/lib/rnd-%d-%d/1.0.0/index.js", w, i), fmt.Sprintf("/lib/denied-%d-%d/1.0.0/index.js", w, i),
				} {
					want := http.StatusNotFound
					if strings.Contains(path, "denied") {
						want = http.StatusForbidden
					}
					if a, err := s.Try(http.MethodGet, s.URL+path); err != nil || a.Status != want {
						t.Errorf("%s: %d %v", path, a.Status, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for dir, want := range map[string]map[string]int64{s.Data + "/www": before, s.Data + "/state": state} {
		if got := files(t, dir); len(got) != len(want) {
			t.Errorf("%s has %d entries, had %d", dir, len(got), len(want))
		}
	}
	for _, r := range s.Upstream.Requests()[asked:] {
		if strings.Contains(r.Path, "denied") {
			t.Fatalf("upstream was asked for %s", r.Path)
		}
	}
}

// TestUpstreamDown_PF1_PC7 lets upstream fail: hits go on, known ranges lead on,
// the rest is 502, or 503 once upstream is left alone, and not remembered.
func TestUpstreamDown_PF1_PC7(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{Packages: packages(), Config: "cachetime: 1s\n", Nginx: "  cache: {period: 1s}\n"})
	status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusOK)
	status(t, s.Get("/lib/widget/^1/index.js"), http.StatusFound)
	down := s.Upstream.Fault(providertest.Any, "", providertest.Status(http.StatusInternalServerError))
	time.Sleep(2500 * time.Millisecond) // nginx's period and the list's freshness pass
	status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusOK)
	status(t, s.Get("/lib/widget/1.0.0/lib/widget.js"), http.StatusOK)
	status(t, s.Get("/lib/widget/^1/index.js"), http.StatusFound)
	for _, path := range []string{"/lib/widget/1.2.0/index.js", "/lib/@acme/tool/1.0.0/index.js", "/lib/@acme/tool/^1/index.js"} {
		a := s.Get(path)
		// The host is left alone after a few failures, which is said with 503.
		if a.Status != http.StatusServiceUnavailable {
			status(t, a, http.StatusBadGateway)
		}
		if strings.Contains(string(a.Body), s.Upstream.Host()) {
			t.Errorf("the answer tells about upstream: %s", a.Body)
		}
	}
	down()
	for _, path := range []string{"/lib/widget/1.2.0/index.js", "/lib/@acme/tool/1.0.0/index.js"} {
		eventually(t, func() bool { return s.Get(path).Status == http.StatusOK })
	}
}
