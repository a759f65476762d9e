package bench_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

const (
	hitRounds  = 5
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
	budget     float64 // of CPU, with the full set; 0: none
}

// Precompressed siblings are put there by hand: what generates them is measured
// with its own part.
var hitRows = []hit{
	{"1 KB", "1k.js", false, 1},
	{"30 KB", "30k.js", false, 0.9},
	{"300 KB", "300k.js", false, 0},
	{"1 KB with siblings", "1k-packed.js", false, 0},
	{"30 KB with siblings", "30k-packed.js", false, 0},
	{"300 KB as gzip", "300k-packed.js", true, 0},
}

// hits compares files of the view with a bare location.
func hits(b *testing.B, t *table) {
	text := []byte("export const value = 'some text of a module';\n")
	files := map[string][]byte{"package.json": []byte("{}")}
	for _, kb := range []int{1, 30, 300} {
		body := bytes.Repeat(text, 1+kb*1000/len(text))[:kb*1000]
		files[fmt.Sprintf("%dk.js", kb)], files[fmt.Sprintf("%dk-packed.js", kb)] = body, body
	}
	packages := []providertest.Package{{Name: "hit", Version: "1.0.0", Files: files}}
	full := e2e.Start(b, e2e.Options{Packages: packages, LogLevel: "info"})
	include := e2e.Start(b, e2e.Options{Front: e2e.Include, Registry: full.Upstream.URL(), LogLevel: "info"})
	url, pid := bareNginx(b, full.Data+"/www", "auto")
	for _, h := range hitRows {
		for _, s := range []*e2e.Stack{full, include} {
			if a := s.Get(hitRelease + h.file); a.Status != http.StatusOK {
				b.Fatalf("%s: %d", h.file, a.Status)
			}
			if strings.HasSuffix(h.file, "-packed.js") {
				pack(b, filepath.Join(s.Data, "www", hitRelease, h.file), files[h.file])
			}
		}
		header := "Accept: */*"
		if h.gzip {
			header = "Accept-Encoding: gzip"
		}
		servers := []*server{{url: url, master: pid}, {url: full.URL, master: full.NginxPid()}, {url: include.URL, master: include.NginxPid()}}
		for i := range hitRounds {
			for j := range servers { // another one begins each round
				servers[(i+j)%len(servers)].measure(b, hitRelease+h.file, header)
			}
		}
		compare(t, h, servers)
	}
}

// pack puts siblings beside a file. What is in the other one nobody reads.
func pack(b *testing.B, path string, body []byte) {
	b.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	if _, err := zw.Write(body); err != nil {
		b.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		b.Fatal(err)
	}
	for _, suffix := range []string{".gz", ".br"} {
		if err := os.WriteFile(path+suffix, out.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// compare writes the lines of one row; the first of servers is the bare one.
func compare(t *table, h hit, servers []*server) {
	bare := servers[0]
	for i, name := range []string{"full set", "include"} {
		s := servers[i+1]
		what := fmt.Sprintf("hit of %s, %s / bare, CPU", h.what, name)
		if cpu := median(ratios(s.cpu, bare.cpu)); h.budget > 0 && i == 0 {
			t.atMost(what, cpu, h.budget, "×")
		} else {
			t.info(what, cpu, "×")
		}
		t.info("  req/s", median(ratios(s.rate, bare.rate)), "×")
	}
}
