package e2e_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// A restart with a socket that outlives the daemon drops nothing: each request
// of many clients, those that reach the daemon through nginx as well as those
// that connect anew to it, is answered as if nothing had happened.
func TestRestartDropsNothing(t *testing.T) {
	t.Parallel()
	const rounds, clients = 5, 8
	s := e2e.Start(t, e2e.Options{Activated: true, Packages: []providertest.Package{providertest.Generate("kept", "1.2.3", 5, 1000)}})
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: s.Client.CheckRedirect}
	if a := s.Get("/lib/kept/1.2.3/package.json"); a.Status != http.StatusOK {
		t.Fatalf("before: %d %s", a.Status, a.Body)
	}
	var stop atomic.Bool
	var answered atomic.Int64
	var asking sync.WaitGroup
	for i := range clients {
		asking.Go(func() {
			for n := 0; !stop.Load(); n++ {
				client, url, want := s.Client, fmt.Sprintf("%s/lib/kept/1.2.3/absent-%d-%d", s.URL, i, n), http.StatusNotFound
				if i%2 == 0 {
					client, url, want = fresh, s.Daemon+"/lib/kept/^1.0.0/package.json", http.StatusFound
				}
				resp, err := client.Get(url)
				if err != nil {
					t.Errorf("%s: %v", url, err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("%s: %d", url, resp.StatusCode)
					return
				}
				answered.Add(1)
			}
		})
	}
	for range rounds {
		before := answered.Load()
		for answered.Load() < before+20 && !t.Failed() {
			s.Get("/lib/kept/1.2.3/package.json")
		}
		if code := s.StopDaemon(); code != 0 {
			t.Errorf("the daemon ended with %d", code)
		}
		s.StartDaemon()
	}
	stop.Store(true)
	asking.Wait()
	if n := s.Upstream.Count(providertest.Tarball, ""); n != 1 {
		t.Errorf("%d tarballs fetched", n)
	}
}
