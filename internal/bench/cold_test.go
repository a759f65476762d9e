package bench_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
)

const (
	coldRounds = 7
	// coldFile exists in every package.
	coldFile = "package.json"
	// slowTar is how long tar must need for the strictest budget to apply, in ms.
	slowTar = 2000
)

// cold compares the first byte of a package that is not held with unpacking it.
func cold(b *testing.B, t *table) {
	for _, s := range shapes {
		b.Run(s.spec, func(b *testing.B) { coldShape(b, t, s) })
	}
}

func coldShape(b *testing.B, t *table, s shape) {
	tarball := s.load(b)
	full := e2e.Start(b, e2e.Options{Packages: tarball.versions("cold", coldRounds), LogLevel: "info"})
	direct := e2e.Start(b, e2e.Options{Front: e2e.Direct, Registry: full.Upstream.URL(), LogLevel: "info"})
	var first, alone, tar []float64
	for i := range coldRounds {
		steps := []func(){
			func() { first = append(first, firstByte(b, full, i)) },
			func() { alone = append(alone, firstByte(b, direct, i)) },
			func() { tar = append(tar, curlTar(b, full.Upstream.URL(), i)) },
		}
		for j := range steps { // another one begins each round
			steps[(i+j)%len(steps)]()
		}
	}
	what := "cold first byte / curl|tar, " + tarball.String()
	ratio := median(ratios(first, tar))
	if s.budget < 0.1 && median(tar) < slowTar {
		t.info(what+" (tar < 2 s)", ratio, "×")
	} else {
		t.atMost(what, ratio, s.budget, "×")
	}
	t.info("  the same without nginx", median(ratios(alone, tar)), "×")
	t.word("  first byte, without nginx, curl|tar", fmt.Sprintf("%.0f, %.0f, %.0f ms", median(first), median(alone), median(tar)))
}

// firstByte evicts everything and returns how long the first byte takes, in ms.
func firstByte(b *testing.B, s *e2e.Stack, round int) float64 {
	s.Admin(http.MethodDelete, "packages/cold") // nothing held: nothing to do
	settle(b, s)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	begin := time.Now()
	resp, err := client.Get(fmt.Sprintf("%s/lib/cold/1.0.%d/%s", s.URL, round, coldFile))
	took := ms(time.Since(begin))
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("status %d", resp.StatusCode)
	}
	return took
}

// settle waits until what was evicted is deleted.
func settle(b *testing.B, s *e2e.Stack) {
	for range 1000 {
		entries, err := os.ReadDir(filepath.Join(s.Data, "tmp"))
		if err != nil {
			b.Fatal(err)
		}
		if len(entries) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("what was evicted is still being deleted")
}

// curlTar returns how long curl and tar take, in ms.
func curlTar(b *testing.B, registry string, round int) float64 {
	dir, err := os.MkdirTemp(b.TempDir(), "tree-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	url := fmt.Sprintf("%s/cold/-/cold-1.0.%d.tgz", registry, round)
	begin := time.Now()
	out, err := exec.Command("sh", "-c", `curl -s "$1" | tar xz -C "$2"`, "sh", url, dir).CombinedOutput()
	took := ms(time.Since(begin))
	if err != nil {
		b.Fatalf("curl | tar: %v\n%s", err, out)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		b.Fatalf("curl | tar unpacked nothing: %v", err)
	}
	return took
}

const (
	touchFiles  = 300
	touchBudget = 5 // ms
)

// touch asks for files of a large package that is held.
func touch(b *testing.B, t *table) {
	tarball := shapes[1].load(b)
	for _, f := range []struct {
		front e2e.Front
		what  string
	}{{e2e.Full, "through nginx"}, {e2e.Direct, "daemon alone"}} {
		s := e2e.Start(b, e2e.Options{Front: f.front, Packages: tarball.versions("held", 1), LogLevel: "info"})
		ask := func(path string) float64 {
			begin := time.Now()
			if a := s.Get("/lib/held/1.0.0/" + (&url.URL{Path: path}).EscapedPath()); a.Status != http.StatusOK {
				b.Fatalf("%s: status %d", path, a.Status)
			}
			return ms(time.Since(begin))
		}
		ask(tarball.paths[0])
		var took []float64
		for i := 1; i <= touchFiles; i++ {
			took = append(took, ask(tarball.paths[i*(len(tarball.paths)-1)/touchFiles]))
		}
		t.atMost(fmt.Sprintf("first touch of another of %s, %s", tarball, f.what), median(took), touchBudget, "ms")
	}
}
