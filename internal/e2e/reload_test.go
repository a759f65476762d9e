package e2e_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
)

// TestDeniedWhileServing_PM5 denies a version under load: a second after the
// reload nginx serves nothing of it any more, by no spelling, and other packages
// do not notice.
func TestDeniedWhileServing_PM5(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Include} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			denyWhileServing(t, front)
		})
	}
}

func denyWhileServing(t *testing.T, front e2e.Front) {
	s := e2e.Start(t, e2e.Options{Front: front, Packages: packages()})
	status(t, s.Admin(http.MethodPost, "designate/widget/1.0.0"), http.StatusOK)
	denied := []string{
		"/lib/widget/1.0.0/index.js", "/lib/widget/1.0.0/lib/widget.js", "/lib/widget/main/index.js", "/lib/widget@1.0.0/docs/index.html",
	}
	const allowed = "/lib/widget/1.2.0/index.js"
	for _, path := range append(denied, allowed) {
		status(t, s.Get(path), http.StatusOK)
	}
	var stop atomic.Bool
	var after atomic.Int64 // unix nanoseconds from which no denied file may be served
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for !stop.Load() {
				for _, path := range denied {
					asked := time.Now().UnixNano()
					a, err := s.Try(http.MethodGet, s.URL+path)
					limit := after.Load()
					if err != nil || a.Status != http.StatusOK && a.Status != http.StatusForbidden || limit != 0 && asked > limit && a.Status == http.StatusOK {
						t.Errorf("%s: %d %v", path, a.Status, err)
						return
					}
				}
				if a, err := s.Try(http.MethodGet, s.URL+allowed); err != nil || a.Status != http.StatusOK {
					t.Errorf("%s: %d %v", allowed, a.Status, err)
				}
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	s.WriteConfig("policy: {rules: [{deny: ['widget@1.0.0'], reason: bad}]}\n")
	status(t, s.Admin(http.MethodPost, "reload"), http.StatusOK)
	after.Store(time.Now().Add(time.Second).UnixNano())
	time.Sleep(2 * time.Second)
	stop.Store(true)
	clients.Wait()
	for _, path := range denied {
		a := s.Get(path)
		status(t, a, http.StatusForbidden)
	}
	// Ranges and tags lead elsewhere, and allowing it again brings it back.
	if a := s.Get("/lib/widget/1.0.x/index.js"); a.Status != http.StatusForbidden {
		t.Errorf("a range that only a denied version satisfies: %d", a.Status)
	}
	s.WriteConfig("")
	s.Reload()
	eventually(t, func() bool { return s.Get(denied[0]).Status == http.StatusOK })
	status(t, s.Get(denied[2]), http.StatusOK)
}

// TestBrokenReload keeps what was in force.
func TestBrokenReload(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{Front: e2e.Direct, Packages: packages()})
	s.WriteConfig("policy: {rules: [{deny: ['widget']}]}\nnonsense: true\n")
	a := s.Admin(http.MethodPost, "reload")
	status(t, a, http.StatusBadRequest)
	status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusOK)
	s.WriteConfig("policy: {rules: [{deny: ['widget']}]}\n")
	status(t, s.Admin(http.MethodPost, "reload"), http.StatusOK)
	status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusForbidden)
}

// TestStopped_Drain answers what is under way and leaves nothing half done.
func TestStopped_Drain(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{Packages: packages()})
	status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusOK)
	if code := s.StopDaemon(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusOK) // nginx needs nobody for it
	status(t, s.Get("/lib/widget/1.2.0/index.js"), http.StatusBadGateway)
	s.StartDaemon()
	status(t, s.Get("/lib/widget/1.2.0/index.js"), http.StatusOK)
}
