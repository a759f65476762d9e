package e2e_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// TestKilledAtAnyMoment kills the daemon with -9 again and again while clients
// ask for everything: no answer is ever wrong, and afterwards nothing is missing.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const rounds = 12
	var pkgs []providertest.Package
	want := map[string]string{}
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"} {
		p := providertest.Generate("kill", version, 120, 20_000)
		pkgs = append(pkgs, p)
		for path, data := range p.Files {
			want["/lib/kill/"+version+"/"+path] = sum(data)
		}
	}
	s := e2e.Start(t, e2e.Options{Packages: pkgs})
	var stop atomic.Bool
	var good atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for !stop.Load() {
				for path, digest := range want { // a map: another order for each client
					if stop.Load() {
						return
					}
					a, err := s.Try(http.MethodGet, s.URL+path)
					switch {
					case err != nil || a.Status >= 500: // nobody is there, or not now
						time.Sleep(time.Millisecond)
					case a.Status != http.StatusOK || sum(a.Body) != digest:
						t.Errorf("%s: %d with %d wrong bytes", path, a.Status, len(a.Body))
						return
					default:
						good.Add(1)
					}
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
		s.KillDaemon()
		s.StartDaemon()
	}
	stop.Store(true)
	clients.Wait()
	if good.Load() == 0 {
		t.Error("nothing was ever served")
	}
	for path, digest := range want {
		if a := s.Get(path); a.Status != http.StatusOK || sum(a.Body) != digest {
			t.Fatalf("%s: %d after the last start", path, a.Status)
		}
	}
	eventually(t, func() bool { return len(files(t, s.Data+"/tmp")) == 1 })
}
