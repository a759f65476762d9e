package bench_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

const (
	hitRounds  = 5
	hitSeconds = 2
)

// server is an nginx under test.
type server struct {
	url     string
	workers []int

	cpu, rate []float64 // ticks per request, requests per second; by round
}

func (s *server) measure(b *testing.B, path string) {
	b.Helper()
	before := ticks(s.workers)
	l := wrk(b, hitSeconds, s.url+path)
	s.cpu = append(s.cpu, (ticks(s.workers)-before)/l.requests)
	s.rate = append(s.rate, l.rate)
}

// hits compares files of the view with a bare location.
func hits(b *testing.B, t *table) {
	text := []byte("export const value = 'some text of a module';\n")
	files := map[string][]byte{"package.json": []byte("{}")}
	for _, kb := range []int{1, 30, 300} {
		files[fmt.Sprintf("%dk.js", kb)] = bytes.Repeat(text, 1+kb*1000/len(text))[:kb*1000]
	}
	packages := []providertest.Package{{Name: "hit", Version: "1.0.0", Files: files}}
	full := e2e.Start(b, e2e.Options{Packages: packages, LogLevel: "info"})
	include := e2e.Start(b, e2e.Options{Front: e2e.Include, Registry: full.Upstream.URL(), LogLevel: "info"})
	url, pid := bareNginx(b, full.Data+"/www", "auto")
	for _, size := range []struct {
		name   string
		budget float64
	}{{"1", 1}, {"30", 0.9}, {"300", 0}} {
		path := "/lib/hit/1.0.0/" + size.name + "k.js"
		for _, s := range []*e2e.Stack{full, include} {
			if a := s.Get(path); a.Status != http.StatusOK {
				b.Fatalf("%s: %d", path, a.Status)
			}
		}
		servers := []*server{
			{url: url, workers: workers(b, pid)},
			{url: full.URL, workers: workers(b, full.NginxPid())},
			{url: include.URL, workers: workers(b, include.NginxPid())},
		}
		for i := range hitRounds {
			for j := range servers { // another one begins each round
				servers[(i+j)%len(servers)].measure(b, path)
			}
		}
		compare(t, size.name, size.budget, servers)
	}
	t.word("hit, 300 KB with gzip", "not measured: there are no precompressed siblings")
}

// compare writes the lines of one size; the first of servers is the bare one.
func compare(t *table, size string, budget float64, servers []*server) {
	bare := servers[0]
	for i, name := range []string{"full set", "include"} {
		s := servers[i+1]
		what := fmt.Sprintf("hit of %s KB, %s / bare, CPU", size, name)
		if cpu := median(ratios(s.cpu, bare.cpu)); budget > 0 && i == 0 {
			t.atMost(what, cpu, budget, "×")
		} else {
			t.info(what, cpu, "×")
		}
		t.info("  req/s", median(ratios(s.rate, bare.rate)), "×")
	}
}
