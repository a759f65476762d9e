package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// Many cold names at once, and a slow upstream: it is asked by no more at once
// than the configuration says, memory and descriptors stay bounded, and what is
// held is served meanwhile.
func TestManyColdNames_Fault22(t *testing.T) {
	t.Parallel()
	names := 300
	if soaking {
		names = 10_000
	}
	var pkgs []providertest.Package
	for i := range names {
		pkgs = append(pkgs, providertest.Generate(fmt.Sprintf("cold-%d", i), "1.0.0", 1, 100))
	}
	held := some("held")
	const atOnce = 16
	r := start(t, e2e.Options{
		Packages: append(pkgs, held), LogLevel: "info", Config: fmt.Sprintf("limits: {upstream_concurrency: %d}\n", atOnce),
	})
	r.must(paths(held)[0], http.StatusOK)
	under, most := &atomic.Int64{}, &atomic.Int64{}
	slow := &slowdown{under: under, most: most, by: 20 * time.Millisecond}
	r.Upstream.Before(slow.request)
	stop := r.clients(2, func(_, i int) string { return paths(held)[i%len(held.Files)] })
	var all sync.WaitGroup
	next := make(chan providertest.Package)
	for range 200 {
		all.Go(func() {
			for p := range next {
				for _, path := range paths(p) {
					r.heals(path)
				}
			}
		})
	}
	for _, p := range pkgs {
		next <- p
	}
	close(next)
	all.Wait()
	stop()
	if most.Load() > atOnce {
		t.Errorf("%d requests upstream at once, the limit is %d", most.Load(), atOnce)
	}
	if fds, err := os.ReadDir("/proc/" + itoa(r.Pid()) + "/fd"); err != nil || len(fds) > 1000 {
		t.Errorf("%d descriptors are open (%v)", len(fds), err)
	}
	if mb := r.peak() >> 10; mb > 256 {
		t.Errorf("%d MB at the peak", mb)
	}
	r.nothingLost()
}

// slowdown makes each request upstream take a while and counts those under way.
type slowdown struct {
	under, most *atomic.Int64
	by          time.Duration
}

func (s *slowdown) request(*http.Request) {
	n := s.under.Add(1)
	defer s.under.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	time.Sleep(s.by)
}

// peak is the largest resident size of the daemon so far, in KiB.
func (r *recorder) peak() int { return e2e.Memory(r.t, r.Pid(), "VmHWM") }

// A thousand ask for the same cold package, and the first of them leaves.
func TestHerdWhoseFirstLeaves_Fault23_Fault24(t *testing.T) {
	t.Parallel()
	const herd = 1000
	p := providertest.Generate("herd", "1.0.0", herd, 300)
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info"})
	release := make(chan struct{})
	r.Upstream.Fault(providertest.Tarball, "", providertest.Hang(release))
	files := paths(p)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+files[0], http.NoBody)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		left <- err
	}()
	r.Upstream.Await(providertest.Tarball, "", 1)
	var all sync.WaitGroup
	for _, path := range files[1:] {
		all.Go(func() {
			if got := r.ask(path); got != http.StatusOK {
				t.Errorf("%s: %d", path, got)
			}
		})
	}
	leave()
	if err := <-left; err == nil {
		t.Error("the first one got an answer after all")
	}
	close(release)
	all.Wait()
	if v, d, b := r.Upstream.Count(providertest.Version, ""), r.Upstream.Count(providertest.Document, ""), r.Upstream.Count(providertest.Tarball, ""); v+d != 1 || b != 1 {
		t.Errorf("upstream saw %d + %d documents and %d tarballs", v, d, b)
	}
}

// The only client leaves: the work is given up, and the next request is right.
func TestOnlyClientLeaves_Fault24(t *testing.T) {
	t.Parallel()
	p := some("lonely")
	// Directly: an nginx that may keep the answer waits for it in any case.
	r := start(t, e2e.Options{Front: e2e.Direct, Packages: []providertest.Package{p}, Timeouts: quick, LogLevel: "info"})
	never := make(chan struct{})
	defer close(never)
	remove := r.Upstream.Fault(providertest.Tarball, "", providertest.Fault{Stall: never})
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+paths(p)[0], http.NoBody)
		if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
	}()
	r.Upstream.Await(providertest.Tarball, "", 1)
	leave()
	<-gone
	r.nothingStaged()
	remove()
	r.heals(paths(p)[0]) // who comes before the daemon has noticed still shares the old work
}

// A waiter with little patience leaves alone; the others get their file.
func TestImpatientWaiter_Fault25(t *testing.T) {
	t.Parallel()
	p := some("patience")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info"})
	release := make(chan struct{})
	r.Upstream.Fault(providertest.Tarball, "", providertest.Hang(release))
	files := paths(p)
	statuses := make(chan int)
	for _, path := range files[1:] {
		go func() { statuses <- r.ask(path) }()
	}
	r.Upstream.Await(providertest.Tarball, "", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+files[0], http.NoBody)
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("the impatient one got an answer")
	}
	close(release)
	for range files[1:] {
		if got := <-statuses; got != http.StatusOK {
			t.Errorf("one of the others: %d", got)
		}
	}
	if n := r.Upstream.Count(providertest.Tarball, ""); n != 1 {
		t.Errorf("%d tarballs fetched", n)
	}
}

// A restart while many wait for one package: each gets it, or an answer that
// tells him to try again.
func TestRestartInHerd_Fault26(t *testing.T) {
	t.Parallel()
	const herd = 500
	p := providertest.Generate("herd", "1.0.0", herd, 300)
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, Timeouts: "drain: 300ms", LogLevel: "info"})
	never := make(chan struct{})
	defer close(never)
	remove := r.Upstream.Fault(providertest.Tarball, "", providertest.Hang(never))
	files := paths(p)
	statuses := make(chan int, herd)
	for _, path := range files[:herd] {
		go func() { statuses <- r.ask(path) }()
	}
	r.Upstream.Await(providertest.Tarball, "", 1)
	if code := r.StopDaemon(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	remove()
	r.StartDaemon()
	for range herd {
		switch got := <-statuses; got {
		case http.StatusOK, http.StatusBadGateway, http.StatusServiceUnavailable:
		default:
			t.Errorf("one of the herd got %d", got)
		}
	}
	for _, path := range files {
		r.heals(path)
	}
	r.nothingLost()
	r.nothingStaged()
}

// Signals to reload, hundreds of them under load, with configurations that are
// good, broken, half written and gone.
func TestReloadStorm_Fault31(t *testing.T) {
	t.Parallel()
	pkgs := []providertest.Package{some("one"), some("two"), some("three")}
	r := start(t, e2e.Options{Packages: pkgs, LogLevel: "info"})
	var files []string
	for _, p := range pkgs {
		files = append(files, paths(p)...)
	}
	stop := r.clients(6, func(client, i int) string {
		if client == 0 {
			return fmt.Sprintf("/lib/one/1.0.0/absent-%d.js", i) // always the daemon's to answer
		}
		return files[(client*31+i)%len(files)]
	})
	signals := 200
	if soaking {
		signals = 1000
	}
	for i := range signals {
		switch i % 4 {
		case 0:
			r.WriteConfig("")
		case 1:
			r.WriteConfig("policy: {rules: [{deny: [nobody-*]}]}\n")
		case 2:
			r.WriteConfig("polcy: broken\n")
		case 3:
			r.WriteConfig("policy: {rules: [{al") // half written
		}
		r.Reload()
		time.Sleep(3 * time.Millisecond)
	}
	stop()
	if n := r.failures.Load(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
	r.WriteConfig("")
	r.Reload()
	eventually(t, "goroutines stay", func() bool { return r.goroutines() < 200 })
	if !strings.Contains(r.Log(), "polcy") {
		t.Error("nobody was told what was wrong with the file")
	}
	r.nothingLost()
}

// Random names and versions leave nothing behind but bounded memory, and what is
// published later appears in time.
func TestRandomNames_Fault36(t *testing.T) {
	t.Parallel()
	names := 3000
	if soaking {
		names = 1_000_000
	}
	p := some("real")
	r := start(t, e2e.Options{
		Front: e2e.Direct, Packages: []providertest.Package{p}, LogLevel: "info",
		Config: "negative_cachetime: 1s\nprecompress: {max: 0}\npolicy: {rules: [{deny: ['denied-*']}]}\n",
	})
	r.must(paths(p)[0], http.StatusOK)
	entries := func() (n int) {
		for _, dir := range []string{"www", "state", "blobs", "packs"} {
			n += count(t, r.Data+"/"+dir)
		}
		return n
	}
	before := entries()
	var all sync.WaitGroup
	for c := range 8 {
		all.Go(func() {
			for i := range names / 8 {
				switch i % 3 {
				case 0:
					r.ask(fmt.Sprintf("/lib/random-%d-%d/1.0.0/x.js", c, i))
				case 1:
					r.ask(fmt.Sprintf("/lib/real/9.%d.%d/x.js", c, i))
				case 2:
					r.ask(fmt.Sprintf("/lib/denied-%d-%d/1.0.0/x.js", c, i))
				}
			}
		})
	}
	all.Wait()
	if after := entries(); after > before+1 { // the marks of one package, in one file
		t.Errorf("%d entries on the disk, there were %d", after, before)
	}
	if mb := r.peak() >> 10; mb > 128 {
		t.Errorf("%d MB at the peak", mb)
	}
	for _, q := range r.Upstream.Requests() {
		if strings.Contains(q.Path, "denied") {
			t.Fatalf("upstream was asked for %s", q.Path)
		}
	}
	if a := r.Get("/lib/later/1.0.0/package.json"); a.Status != http.StatusNotFound {
		t.Fatalf("before it is published: %d", a.Status)
	}
	later := some("later")
	r.Upstream.Add(t, later)
	eventually(t, "what was published later does not appear", func() bool {
		return r.Get("/lib/later/1.0.0/package.json").Status == http.StatusOK
	})
}

// count counts the entries of a tree.
func count(t *testing.T, dir string) (n int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		n++
		if e.IsDir() {
			n += count(t, dir+"/"+e.Name())
		}
	}
	return n
}

// Without a daemon nginx goes on with what it has, and keeps nothing of what it
// could not get.
func TestNginxWithoutDaemon_Fault37(t *testing.T) {
	t.Parallel()
	p := some("held")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info", Nginx: "  cache: {period: 1s}\n"})
	files := paths(p)
	r.must(files[0], http.StatusOK)
	if a := r.Get("/lib/held/^1/package.json"); a.Status != http.StatusFound {
		t.Fatalf("a range: %d", a.Status)
	}
	r.StopDaemon()
	time.Sleep(1200 * time.Millisecond) // nginx's period passes
	r.must(files[0], http.StatusOK)
	if a := r.Get("/lib/held/^1/package.json"); a.Status != http.StatusFound || a.Header.Get("Location") != "/lib/held/1.0.0/package.json" {
		t.Errorf("a range that nginx knows: %d to %q", a.Status, a.Header.Get("Location"))
	}
	for range 2 {
		if got := r.ask(files[1]); got != http.StatusBadGateway {
			t.Errorf("a miss: %d", got)
		}
		if a := r.Get("/lib/held/~1/package.json"); a.Status != http.StatusBadGateway {
			t.Errorf("a range that nobody asked for yet: %d", a.Status)
		}
	}
	r.StartDaemon()
	r.must(files[1], http.StatusOK)
	if a := r.Get("/lib/held/~1/package.json"); a.Status != http.StatusFound {
		t.Errorf("after the start: %d", a.Status)
	}
	r.nothingLost()
}

// A second signal does not wait for who is still waiting.
func TestSecondSignal_Fault30(t *testing.T) {
	t.Parallel()
	p := some("slow")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info"})
	never := make(chan struct{})
	defer close(never)
	remove := r.Upstream.Fault(providertest.Tarball, "", providertest.Hang(never))
	got := make(chan int)
	go func() { got <- r.ask(paths(p)[0]) }()
	r.Upstream.Await(providertest.Tarball, "", 1)
	process, err := os.FindProcess(r.Pid())
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		if err := process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if sig == syscall.SIGTERM {
			eventually(t, "it does not drain", func() bool { return strings.Contains(r.Log(), "draining") })
		}
	}
	<-r.Ended()
	if status := <-got; status != http.StatusBadGateway {
		t.Errorf("who waited: %d", status)
	}
	remove()
	r.StartDaemon()
	r.must(paths(p)[0], http.StatusOK)
	r.nothingStaged()
}
