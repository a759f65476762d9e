package bench_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

const (
	idleBudget = 40  // MB
	peakBudget = 128 // MB above idle
	crowd      = 100 // concurrent requests
)

// memory looks at the daemon's resident memory.
func memory(b *testing.B, t *table) {
	big := providertest.Generate("big", "1.0.0", 350, 40_000)
	data, err := big.Archive()
	if err != nil {
		b.Fatal(err)
	}
	packages := []providertest.Package{{Name: "big", Version: "1.0.0", Tarball: data}}
	for i := range crowd {
		packages = append(packages, providertest.Package{Name: fmt.Sprintf("big-%d", i), Version: "1.0.0", Tarball: data})
	}
	for _, bomb := range bombs {
		packages = append(packages, providertest.Package{Name: bomb.name, Version: "1.0.0", Tarball: bomb.build(b)})
	}
	s := e2e.Start(b, e2e.Options{Packages: packages, LogLevel: "info"})
	time.Sleep(time.Second) // what starting left behind
	t.atMost("memory, idle", memoryOf(b, s.Pid(), "VmRSS"), idleBudget, "MB")

	title := fmt.Sprintf("%d cold requests, tarball of %.1f MB", crowd, float64(len(data))/1e6)
	t.atMost("memory above idle, "+title, peak(b, s, http.StatusOK, func(i int) string {
		return fmt.Sprintf("big/1.0.0/lib/d%02d/f%05d.js", i%50, i)
	}), peakBudget, "MB")
	for _, bomb := range bombs {
		t.atMost("memory above idle, refusing "+bomb.what, peak(b, s, http.StatusBadGateway, func(int) string {
			return bomb.name + "/1.0.0/index.js"
		}), peakBudget, "MB")
	}
	t.info("  "+title+", of as many packages", peak(b, s, http.StatusOK, func(i int) string {
		return fmt.Sprintf("big-%d/1.0.0/package.json", i)
	}), "MB")
}

// peak sends a crowd of requests to a fresh daemon and returns how far above
// idle its memory went, in MB.
func peak(b *testing.B, s *e2e.Stack, status int, path func(i int) string) float64 {
	b.Helper()
	s.StopDaemon()
	s.StartDaemon()
	time.Sleep(time.Second)
	idle := memoryOf(b, s.Pid(), "VmRSS")
	resetPeak(b, s.Pid())
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			if a, err := s.Try(http.MethodGet, s.URL+"/lib/"+path(i)); err != nil || a.Status != status {
				b.Errorf("%s: %d %v, want %d", path(i), a.Status, err, status)
			}
		})
	}
	wg.Wait()
	return memoryOf(b, s.Pid(), "VmHWM") - idle
}
