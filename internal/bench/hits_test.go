package bench_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

const (
	hitRounds  = 7
	hitSeconds = 2
	hitRelease = "/lib/hit/1.0.0/"
)

// server is an nginx under test.
type server struct {
	url    string
	master int

	cpu, rate []float64 // ticks per request, requests per second; by round
}

// measure sends requests for a while; header goes with them.
func (s *server) measure(b *testing.B, path, header string) {
	b.Helper()
	pids := workers(b, s.master)
	before := ticks(pids)
	l := wrk(b, hitSeconds, s.url+path, "-H", header)
	s.cpu = append(s.cpu, (ticks(pids)-before)/l.requests)
	s.rate = append(s.rate, l.rate)
}

// hit is one comparison.
type hit struct {
	what, file string
	gzip       bool    // the client takes gzip
	cpu, rate  float64 // budgets, full set against the bare location; 0: none
}

var hitRows = []hit{
	{"1 KB", "dist/1k.js", false, 1, 0},
	{"30 KB", "dist/30k.js", false, 0.9, 0},
	{"300 KB", "dist/300k.js", false, 0, 0},
	{"300 KB as gzip", "dist/300k.js", true, 0, 4},
}

// hits compares files of the view with a bare location.
func hits(b *testing.B, t *table) {
	text := []byte("export const value = 'some text of a module';\n")
	files := map[string][]byte{"package.json": []byte("{}")}
	for _, kb := range []int{1, 30, 300} {
		body := bytes.Repeat(text, 1+kb*1000/len(text))[:kb*1000]
		files[fmt.Sprintf("dist/%dk.js", kb)] = body
	}
	packages := []providertest.Package{{Name: "hit", Version: "1.0.0", Files: files}}
	// One worker each: the client has a processor of its own, and disturbs none.
	full := e2e.Start(b, e2e.Options{Packages: packages, LogLevel: "info", Workers: 1})
	include := e2e.Start(b, e2e.Options{Front: e2e.Include, Workers: 1, Registry: full.Upstream.URL(), LogLevel: "info"})
	logging, loggingPid := bareNginx(b, full.Data+"/www", "1", logDefault)
	silent, silentPid := bareNginx(b, full.Data+"/www", "1", logNone)
	for _, h := range hitRows {
		for _, s := range []*e2e.Stack{full, include} {
			if a := s.Get(hitRelease + h.file); a.Status != http.StatusOK {
				b.Fatalf("%s: %d", h.file, a.Status)
			}
			awaitSiblings(b, filepath.Join(s.Data, "www", hitRelease, h.file))
		}
		header := "Accept: */*"
		if h.gzip {
			header = "Accept-Encoding: gzip"
		}
		servers := []*server{
			{url: logging, master: loggingPid}, {url: silent, master: silentPid},
			{url: full.URL, master: full.NginxPid()}, {url: include.URL, master: include.NginxPid()},
		}
		for i := range hitRounds {
			for j := range servers { // another one begins each round
				servers[(i+j)%len(servers)].measure(b, hitRelease+h.file, header)
			}
		}
		compare(t, h, servers[0], servers[1], servers[2], servers[3])
	}
}

// awaitSiblings waits for the compressed copies that the daemon makes of a file
// after its first request, as they are there for all but the first hits.
func awaitSiblings(b *testing.B, path string) {
	b.Helper()
	for _, suffix := range []string{".gz", ".br"} {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(path + suffix); err == nil {
				break
			}
			if time.Now().After(deadline) {
				b.Fatalf("%s%s is never made", path, suffix)
			}
		}
	}
}

// compare writes the lines of one row. The full set writes an access log, as a
// bare nginx does of itself; the server around the include writes none.
func compare(t *table, h hit, logging, silent, full, include *server) {
	what := fmt.Sprintf("hit of %s, full set / bare, CPU", h.what)
	if cpu := median(ratios(full.cpu, logging.cpu)); h.cpu > 0 {
		t.atMost(what, cpu, h.cpu, "×")
	} else {
		t.info(what, cpu, "×")
	}
	if rate := median(ratios(full.rate, logging.rate)); h.rate > 0 {
		t.atLeast("  req/s", rate, h.rate, "×")
	} else {
		t.info("  req/s", rate, "×")
	}
	t.info("  CPU against one that writes no log", median(ratios(full.cpu, silent.cpu)), "×")
	t.info(fmt.Sprintf("hit of %s, include / bare, both without a log, CPU", h.what), median(ratios(include.cpu, silent.cpu)), "×")
	t.info("  req/s", median(ratios(include.rate, silent.rate)), "×")
}
