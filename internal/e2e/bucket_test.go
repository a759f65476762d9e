package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/store/storetest"
)

// onBucket is a configuration with a bucket, and with the keys to it if withKeys.
func onBucket(g *storetest.Gateway, withKeys bool) string {
	keys := ""
	if withKeys {
		keys = fmt.Sprintf(", access_key: %s, secret_key: %s", g.Access, g.Secret)
	}
	return fmt.Sprintf("components:\n  token: %s\n  store: {type: s3, bucket: %s, endpoint: %q, path_style: true%s}\n", componentToken, g.Bucket, g.Endpoint, keys)
}

// acknowledged is what daemons have confirmed.
type acknowledged struct {
	mu    sync.Mutex
	hosts map[string]string // id by dependencies
	code  map[string]string // by path
}

// try sends one request; it returns the body of a 200, "" for anything else.
func try(s *e2e.Stack, path string, body []byte, header ...string) string {
	a, err := s.Send("POST", s.Daemon+componentPrefix+path, body, header...)
	if err != nil || a.Status != 200 {
		return ""
	}
	return string(a.Body)
}

// TestComponents_CN3_TwoDaemonsOneBucket lets two daemons register and publish
// at once, and kills one in the middle.
func TestComponents_CN3_TwoDaemonsOneBucket(t *testing.T) {
	t.Parallel()
	g := storetest.NewGateway(t)
	daemons := []*e2e.Stack{
		e2e.Start(t, e2e.Options{Front: e2e.Direct, Config: onBucket(g, true)}),
		e2e.Start(t, e2e.Options{Front: e2e.Direct, Config: onBucket(g, false), Env: []string{"AWS_ACCESS_KEY_ID=" + g.Access, "AWS_SECRET_ACCESS_KEY=" + g.Secret}}),
	}
	for _, s := range daemons {
		eventually(t, func() bool { return try(s, "/host/register", []byte(`{}`)) != "" })
	}
	done := acknowledged{hosts: map[string]string{}, code: map[string]string{}}
	var wg sync.WaitGroup
	var once sync.Once
	for i := range 25 {
		for j, s := range daemons {
			wg.Go(func() {
				deps := fmt.Sprintf(`{"react":"^16.%d.%d"}`, i, j)
				var out struct{ ID json.Number }
				if json.Unmarshal([]byte(try(s, "/host/register", []byte(deps))), &out) == nil {
					done.mu.Lock()
					done.hosts[deps] = out.ID.String()
					done.mu.Unlock()
				}
			})
			wg.Go(func() {
				// Both daemons publish the same versions: one of the two wins each.
				path, code := fmt.Sprintf("/widget/1.%d.0", i), fmt.Sprintf("code %d of %d", i, j)
				form, kind := componentForm(t, code, `{"react":"*"}`)
				if try(s, path, form, "Content-Type", kind, "Authorization", "Bearer "+componentToken) == "" {
					return
				}
				done.mu.Lock()
				if was, twice := done.code[path]; twice {
					t.Errorf("%s was published twice: %q, %q", path, was, code)
				}
				done.code[path] = code
				n := len(done.code)
				done.mu.Unlock()
				if n >= 5 {
					once.Do(daemons[1].KillDaemon)
				}
			})
		}
	}
	wg.Wait()
	once.Do(daemons[1].KillDaemon)
	if len(done.code) < 5 || len(done.hosts) < 5 {
		t.Fatalf("only %d versions and %d hosts", len(done.code), len(done.hosts))
	}
	daemons[1].StartDaemon()
	for _, s := range daemons {
		eventually(t, func() bool { return try(s, "/host/register", []byte(`{}`)) != "" })
		for path, want := range done.code {
			name, version, _ := strings.Cut(path[1:], "/")
			if code, _, body := send(t, s, "GET", "/"+name+"?componentVersion="+version, nil); code != 200 || body != want {
				t.Errorf("%s: %d %q, want %q", path, code, body, want)
			}
		}
		for deps, id := range done.hosts {
			if out := try(s, "/host/register", []byte(deps)); !strings.Contains(out, `"id":`+id) || !strings.Contains(out, `"issues":{}`) {
				t.Errorf("the host %s is lost: %s", deps, out)
			}
		}
	}
	done.agree(t, g, daemons)
}

// agree compares what the file of hosts says, what both daemons say, and what
// there is.
func (a *acknowledged) agree(t *testing.T, g *storetest.Gateway, daemons []*e2e.Stack) {
	t.Helper()
	for deps, id := range a.hosts {
		eventually(t, func() bool { // a daemon may not have looked for the last version yet
			var got [2]string
			for i, s := range daemons {
				_, h, _ := send(t, s, "GET", "/widget?hostId="+id, nil)
				got[i] = h.Get("Dynamico-Component-Version")
			}
			return got[0] != "" && got[0] == got[1]
		})
		_, h, body := send(t, daemons[0], "GET", "/widget?hostId="+id, nil)
		chosen := h.Get("Dynamico-Component-Version")
		if _, _, exact := send(t, daemons[1], "GET", "/widget?componentVersion="+chosen, nil); exact != body {
			t.Errorf("%s is %q for the host %s, and %q", chosen, body, deps, exact)
		}
		for path := range a.code {
			_, v, _ := strings.Cut(path[1:], "/")
			if compareMinor(v, chosen) > 0 {
				t.Errorf("the host %s gets %s, and %s was acknowledged", deps, chosen, v)
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(g.Dir, "index.json"))
	var index map[string]struct{ Components map[string]string }
	if err == nil {
		err = json.Unmarshal(data, &index)
	}
	if err != nil {
		t.Fatal(err)
	}
	for id, h := range index {
		for name, v := range h.Components {
			if _, err := os.Stat(filepath.Join(g.Dir, name, v, "package.json")); err != nil {
				t.Errorf("the file of hosts gives %s %s %s: %v", id, name, v, err)
			}
		}
	}
	for deps, id := range a.hosts {
		if _, ok := index[id]; !ok {
			t.Errorf("the file of hosts lacks %s", deps)
		}
	}
}

// compareMinor compares versions 1.N.0.
func compareMinor(a, b string) int {
	var x, y int
	_, _ = fmt.Sscanf(a+" "+b, "1.%d.0 1.%d.0", &x, &y) // else both are 0, and equal
	return x - y
}
