package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// TestPrivateScope_N8: nobody reads a private package without a credential,
// neither before nor after somebody with one made nginx hold it.
func TestPrivateScope_N8(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Include} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s := e2e.Start(t, e2e.Options{Front: front, Packages: packages(), Nginx: "  private: {scopes: ['@acme'], tokens: ['${READERS}']}\n",
				Env: []string{"READERS=only-nginx-knows"}})
			const path, token = "/lib/@acme/tool/1.0.0/index.js", "Bearer only-nginx-knows"
			for range 2 {
				for _, p := range []string{path, path + "?meta", "/lib/@acme/tool/^1/index.js", "/lib/%40acme/tool/main/index.js", "/lib/@acme/tool@1.0.0/index.js", "/lib/@acme/tool/1.0.0/"} {
					a := s.Get(p)
					status(t, a, http.StatusUnauthorized)
					if a.Header.Get("Www-Authenticate") == "" || len(a.Header.Values("Access-Control-Allow-Origin")) != 1 {
						t.Errorf("%s: headers %v", p, a.Header)
					}
				}
				a := s.Get(path, "Authorization", token)
				body(t, a, "1\n")
				if cc := a.Header.Get("Cache-Control"); !strings.HasPrefix(cc, "private") {
					t.Errorf("Cache-Control is %q", cc)
				}
				status(t, s.Get(path+"?meta", "Authorization", token), http.StatusOK)
				status(t, s.Get("/lib/@acme/tool/^1/index.js", "Authorization", token), http.StatusFound)
			}
			if front == e2e.Full {
				info, err := os.Stat(filepath.Join(s.Dir, "nginx", "registryd.tokens.conf"))
				if err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("the file of tokens: %v %v", info.Mode(), err)
				}
			}
			if strings.Contains(s.Log(), "only-nginx-knows") {
				t.Error("the daemon's log has the token")
			}
			status(t, s.Get("/lib/widget/1.0.0/index.js"), http.StatusOK)
		})
	}
}

// nodes starts three daemons with one nginx in front and one registry behind.
// The first stack has nginx.
func nodes(t *testing.T, registry *providertest.Registry) []*e2e.Stack {
	t.Helper()
	options := e2e.Options{Front: e2e.Direct, Registry: registry.URL(), Timeouts: "header: 2m, stall: 2m"}
	second, third := e2e.Start(t, options), e2e.Start(t, options)
	options.Front, options.Relayed = e2e.Full, true
	options.Nginx = fmt.Sprintf("  nodes: [DAEMON, %q, %q]\n", strings.TrimPrefix(second.Daemon, "http://"), strings.TrimPrefix(third.Daemon, "http://"))
	return []*e2e.Stack{e2e.Start(t, options), second, third}
}

// TestNodes_N8 shows three daemons that share the packages: each is fetched
// once in all, and a daemon that is killed, while it fetches and after that,
// costs no client an error.
func TestNodes_N8(t *testing.T) {
	t.Parallel()
	const each = 12
	var list []providertest.Package
	for i := range 2 * each {
		list = append(list, providertest.Generate(fmt.Sprintf("pack-%d", i), "1.0.0", 4, 1000))
	}
	registry := providertest.NewRegistry(t, list...)
	all := nodes(t, registry)
	front := all[0]
	ask := func(packages []providertest.Package) (wait func()) {
		var wg sync.WaitGroup
		for _, p := range packages {
			for path, want := range p.Files {
				wg.Go(func() {
					a, err := front.Try(http.MethodGet, front.URL+"/lib/"+p.Name+"/1.0.0/"+path)
					if err != nil || a.Status != http.StatusOK || sum(a.Body) != sum(want) {
						t.Errorf("%s of %s: %d %v", path, p.Name, a.Status, err)
					}
				})
			}
		}
		return wg.Wait
	}
	ask(list[:each])()
	if n := registry.Count(providertest.Tarball, ""); n != each {
		t.Errorf("upstream sent %d tarballs for %d packages", n, each)
	}
	asked, busiest := 0, all[0]
	for _, s := range all {
		if s.PackageRequests() > 0 {
			asked++
		}
		if s.PackageRequests() > busiest.PackageRequests() {
			busiest = s
		}
	}
	if asked < 2 {
		t.Errorf("%d of 3 nodes were asked", asked)
	}
	release := make(chan struct{})
	remove := registry.Fault(providertest.Tarball, "", providertest.Hang(release))
	defer remove()
	wait := ask(list[each:])
	registry.Await(providertest.Tarball, "", 2*each) // all of them are being fetched
	busiest.KillDaemon()
	close(release)
	wait()
	ask(list)()
}
