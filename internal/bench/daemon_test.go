package bench_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider/providertest"
)

const (
	daemonRounds  = 3
	daemonSeconds = 3
	daemonBudget  = 0.5
	// listed are the versions of the package whose ranges are resolved.
	listed = 400
)

// daemon compares what the daemon answers itself with nginx's 1 KB from disk.
func daemon(b *testing.B, t *table) {
	packages := make([]providertest.Package, listed)
	for i := range packages {
		version := fmt.Sprintf("%d.%d.0", 1+2*i/listed, i)
		packages[i] = providertest.Package{Name: "many", Version: version, Files: map[string][]byte{"index.js": []byte(version)}}
	}
	packages[listed-1].Tags = []string{"next"}
	one := e2e.Start(b, e2e.Options{Packages: packages, LogLevel: "info", Env: []string{"GOMAXPROCS=1"}})
	all := e2e.Start(b, e2e.Options{Registry: one.Upstream.URL(), LogLevel: "info"})
	root := b.TempDir()
	if err := os.WriteFile(filepath.Join(root, "1k.js"), make([]byte, 1000), 0o644); err != nil {
		b.Fatal(err)
	}
	bare, _ := bareNginx(b, root, "1", logNone)
	one.Get("/lib/many/1.0.0/index.js")
	all.Get("/lib/many/1.0.0/index.js")
	for _, q := range []struct {
		what, path string
		status     int
	}{
		{"302 of a range", "/lib/many/^1/index.js", http.StatusFound},
		{"302 of a tag", "/lib/many/next/index.js", http.StatusFound},
		{"404 of a file", "/lib/many/1.0.0/absent.js", http.StatusNotFound},
		{"404 of a version", "/lib/many/9.0.0/index.js", http.StatusNotFound},
	} {
		for _, s := range []*e2e.Stack{one, all} {
			if a, err := s.Try(http.MethodGet, s.Daemon+q.path); err != nil || a.Status != q.status {
				b.Fatalf("%s: status %d %v, want %d", q.path, a.Status, err, q.status)
			}
		}
		var static, single, both []float64
		for range daemonRounds {
			static = append(static, wrk(b, daemonSeconds, bare+"/1k.js").rate)
			single = append(single, wrk(b, daemonSeconds, one.Daemon+q.path).rate)
			both = append(both, wrk(b, daemonSeconds, all.Daemon+q.path).rate)
		}
		t.atLeast(q.what+" from the daemon, req/s / nginx 1 KB", median(ratios(single, static)), daemonBudget, "×")
		t.info("  the same on all processors", median(ratios(both, static)), "×")
	}
}

const herdSize = 1000

// herd lets many clients meet a package that is not held.
func herd(b *testing.B, t *table) {
	tarball := shapes[0].load(b)
	if len(tarball.paths) < herdSize {
		b.Fatalf("the package has only %d files", len(tarball.paths))
	}
	s := e2e.Start(b, e2e.Options{Packages: tarball.versions("herd", 1), LogLevel: "info"})
	var wg sync.WaitGroup
	failed := make(chan string, herdSize)
	begin := time.Now()
	for _, path := range tarball.paths[:herdSize] {
		wg.Go(func() {
			if a, err := s.Try(http.MethodGet, s.URL+"/lib/herd/1.0.0/"+path); err != nil || a.Status != http.StatusOK {
				failed <- fmt.Sprintf("%s: %d %v", path, a.Status, err)
			}
		})
	}
	wg.Wait()
	took := ms(time.Since(begin))
	metadata := s.Upstream.Count(providertest.Version, "") + s.Upstream.Count(providertest.Document, "")
	archives := s.Upstream.Count(providertest.Tarball, "")
	t.add("herd of 1,000 on one cold package", fmt.Sprintf("%d + %d upstream, %d × 200", metadata, archives, herdSize-len(failed)),
		"1 + 1, 1000 × 200", metadata == 1 && archives == 1 && len(failed) == 0)
	t.info("  until the last of them has its file", took, "ms")
	if len(failed) > 0 {
		b.Log("of the herd: ", <-failed)
	}
}

const (
	heldNames, heldVersions = 10_000, 10
	startRounds             = 5
	startBudget             = 300 // ms
)

// start measures how long a daemon with a large data directory takes to be ready.
func start(b *testing.B, t *table) {
	s := e2e.Start(b, e2e.Options{Front: e2e.Direct, LogLevel: "info"})
	s.StopDaemon()
	fill(b, s.Data)
	s.StartDaemon()
	var stopped, killed []float64
	for range startRounds {
		s.StopDaemon()
		stopped = append(stopped, startTime(s))
		s.KillDaemon()
		killed = append(killed, startTime(s))
	}
	if a := s.Admin(http.MethodGet, "packages/held-77"); a.Status != http.StatusOK {
		b.Fatalf("what was held is not: %d", a.Status)
	}
	t.atMost("start with 100,000 held releases until ready", median(stopped), startBudget, "ms")
	t.info("  the same after kill -9", median(killed), "ms")
}

func startTime(s *e2e.Stack) float64 {
	begin := time.Now()
	s.StartDaemon()
	return ms(time.Since(begin))
}

// fill puts the manifests of heldNames × heldVersions releases into a data directory.
func fill(b *testing.B, dir string) {
	b.Helper()
	c, err := cache.Open(cache.Config{Dir: dir, Pub: "/lib/"})
	if err != nil {
		b.Fatal(err)
	}
	for i := range heldNames {
		for j := range heldVersions {
			if err := c.PutManifest(heldManifest(b, i, j)); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}

func heldManifest(b *testing.B, i, j int) *cache.Manifest {
	b.Helper()
	name, err := pkgref.ParseName(fmt.Sprintf("held-%d", i))
	if err != nil {
		b.Fatal(err)
	}
	version, err := pkgref.ParseVersion(fmt.Sprintf("1.%d.0", j))
	if err != nil {
		b.Fatal(err)
	}
	m := &cache.Manifest{Name: name, Version: version, Provider: "npm", Blob: fmt.Sprintf("%0128x", i*heldVersions+j)}
	return m.WithFiles([]cache.File{{Path: "index.js", Size: 3, SHA256: cache.Digest{1}}, {Path: "package.json", Size: 2, SHA256: cache.Digest{2}}})
}
