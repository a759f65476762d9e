package component_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/registryd/registryd/component"
)

// fullStore is a directory with as many hosts and components, as an earlier run
// left it.
func fullStore(b *testing.B) (dir string) {
	b.Helper()
	dir = b.TempDir()
	hosts := map[string]any{}
	for i := range benchHosts {
		d := provided(i)
		hosts[fmt.Sprint(component.HostID(d))] = map[string]any{"dependencies": d, "components": map[string]string{}}
	}
	data, err := json.Marshal(hosts)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "index.json"), data, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchComponents {
		at := filepath.Join(dir, fmt.Sprint("component-", i), "1.0.0")
		manifest := fmt.Sprintf(`{"main":"main.js","peerDependencies":{"react":"^%d.2.0","moment":">=2"}}`, 14+i%4)
		if err := errors.Join(os.MkdirAll(at, 0o755), os.WriteFile(filepath.Join(at, "package.json"), []byte(manifest), 0o644),
			os.WriteFile(filepath.Join(at, "main.js"), []byte("code"), 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// BenchmarkHTTP_CN4 starts on such a directory, and publishes and looks up over
// HTTP.
func BenchmarkHTTP_CN4(b *testing.B) {
	dir := fullStore(b)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	s := newSite(b, options{store: openFile(b, dir)})
	start := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	median := func(n int, ask func(i int) answer) time.Duration {
		took := make([]time.Duration, n)
		for i := range took {
			began := time.Now()
			a := ask(i)
			if took[i] = time.Since(began); a.status != http.StatusOK {
				b.Fatalf("%d %s", a.status, a.body)
			}
		}
		slices.Sort(took)
		return took[n/2]
	}
	code := func(i int) answer {
		n := i % 20
		return s.get(fmt.Sprintf("/component-%d?hostId=%d", n, someHost(n%4+16)))
	}
	median(20, code) // puts the files into the view
	lookup := median(2000, code)
	versions := 0
	for b.Loop() {
		versions++
		if a := s.publish("component-1", fmt.Sprintf("2.%d.0", versions), `{"react":"^15.2.0","moment":">=2"}`); a.status != http.StatusOK {
			b.Fatalf("%d %s", a.status, a.body)
		}
	}
	b.ReportMetric(float64(start.Milliseconds()), "ms-start")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-held")
	b.ReportMetric(float64(lookup.Microseconds()), "µs-lookup-median")
}
