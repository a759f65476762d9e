package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
)

// TestMovingOver_PVT4 asks for packages as users of other CDNs do, once host and
// prefix are changed: each URL must lead to the file, at most by one redirect
// after the other.
func TestMovingOver_PVT4(t *testing.T) {
	t.Parallel()
	spellings := []string{
		"widget@2.0.0/index.js", "widget@^2/index.js", "widget@2/index.js", "widget@2.0/index.js", "widget@2.x/index.js",
		"widget@latest/index.js", "widget@%5E2.0.0/index.js", "widget@>=1%20<3/index.js",
		"@acme/tool@1.0.0/index.js", "@acme/tool@1/index.js", "%40acme/tool@1.0.0/index.js", "@acme/tool@latest/index.js",
		"widget", "widget/", "widget@2", "widget@2.0.0", "widget@2.0.0/", "@acme/tool", "@acme/tool@1.0.0",
		"widget@2.0.0/docs/", "widget@2.0.0/index.js?x=1", "widget@2.0.0/?meta", "widget@2/index.js?meta",
	}
	for name, c := range map[string]struct {
		pub       string
		spellings []string
	}{
		"unpkg":           {"/", spellings},
		"jsDelivr":        {"/npm/", spellings},
		"the predecessor": {"/assets/lib/", []string{"widget/2.0.0/index.js", "widget/latest/index.js", "widget/main/index.js", "widget/%5E2/index.js", "widget/~2.0/index.js", "@acme/tool/1.0.0/index.js", "@acme/tool/main/index.js"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := e2e.Start(t, e2e.Options{Pub: c.pub, Packages: packages()})
			for _, spelling := range c.spellings {
				follow(t, s, c.pub+spelling)
			}
		})
	}
}

// follow asks for a path and goes where it leads, as a browser does.
func follow(t *testing.T, s *e2e.Stack, path string) {
	t.Helper()
	at := path
	for range 4 {
		a := rawGet(t, s, at)
		if a.Status != http.StatusFound {
			if a.Status != http.StatusOK || len(a.Body) == 0 {
				t.Errorf("%s leads to %s: %d", path, at, a.Status)
			}
			return
		}
		if at = a.Header.Get("Location"); !strings.HasPrefix(at, "/") {
			t.Errorf("%s leads to %q", path, at)
			return
		}
	}
	t.Errorf("%s never ends", path)
}

// TestWhoAnswered_N11_N15 reads who answered, and finds nginx's request id and
// the host that the client asked for in what the daemon saw.
func TestWhoAnswered_N11_N15(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{Packages: packages()})
	for _, want := range []string{"daemon", "view"} {
		if got := s.Get("/lib/widget/1.0.0/index.js").Header.Get("X-Registryd-Cache"); got != want {
			t.Errorf("a file: %q, want %q", got, want)
		}
	}
	for _, want := range []string{"daemon", "cache"} {
		if got := s.Get("/lib/widget/^1/index.js").Header.Get("X-Registryd-Cache"); got != want {
			t.Errorf("a redirect: %q, want %q", got, want)
		}
	}
	if page := s.Get("/lib/widget/1.0.0/types/"); !strings.Contains(string(page.Body), s.URL+"/lib/widget/1.0.0/types/index.d.ts") {
		t.Errorf("absolute URLs do not follow the client's host: %s", page.Body)
	}
	eventually(t, func() bool { return strings.Contains(s.Log(), `"request_id":"`) })
	if i := strings.Index(s.Log(), `"path":"/lib/widget/1.0.0/index.js"`); i < 0 || strings.Contains(s.Log()[i:i+400], `"request_id":""`) {
		t.Error("the log of a request has no id from nginx")
	}
}
