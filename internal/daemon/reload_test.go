package daemon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/internal/outcome"
)

const (
	denyWidget = "policy: {rules: [{deny: [widget@1.0.0], reason: gone bad}]}\n"
	widgetURL  = "/lib/widget/1.0.0/"
)

// Reload is whole or not at all: what is wrong or needs a restart is named in
// one line, and everything stays as it was.
func TestReload_Refused_Fault31(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*fixture)
		want   string // a part of the line
	}{
		"unknown key":      {func(f *fixture) { f.write(denyWidget + "nonsense: 1\n") }, "registryd.yaml:8: nonsense"},
		"several problems": {func(f *fixture) { f.write(denyWidget + "nonsense: 1\ncachetime: soon\n") }, "; registryd.yaml:9: cachetime"},
		"half written":     {func(f *fixture) { f.write("policy: {rules: [{deny: [wid") }, "registryd.yaml:"},
		"missing":          {func(f *fixture) { os.Remove(filepath.Join(f.dir, "registryd.yaml")) }, "registryd.yaml"},
		"provider without registry": {func(f *fixture) {
			f.raw("root: {fs: data}\nlisten: 127.0.0.1:0\nproviders: [{type: npm}]\n" + denyWidget)
		},
			"registryd.yaml:3: provider npm: no npm registry"},
		"CA file":    {func(f *fixture) { f.write(denyWidget + "ca_file: absent.pem\n") }, "absent.pem"},
		"listen":     {func(f *fixture) { f.edit("listen: 127.0.0.1:0", "listen: 127.0.0.1:1") }, "a restart is needed to change listen"},
		"root.fs":    {func(f *fixture) { f.edit("{fs: data}", "{fs: other}") }, "a restart is needed to change root.fs"},
		"everything": {func(f *fixture) { f.edit("{fs: data}", "{fs: x, pub: /y/, internal: /z/}") }, "a restart is needed to change root.pub, root.fs, root.internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, widget("1.0.0"))
			s := f.server()
			c.change(f)
			_, err := s.Reload(t.Context())
			if !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Reload: %q, want %q in it", err, c.want)
			}
			w := admin(s, "POST", "reload")
			status(t, w, 400)
			var body struct{ Error string }
			if json.Unmarshal(w.Body.Bytes(), &body) != nil || body.Error != err.Error() {
				t.Errorf("told over HTTP: %s, want %q", w.Body, err)
			}
			f.screen.await(t, "reload failed, the configuration of before stays in force")
			status(t, ask(s, "GET", widgetURL+"index.js"), 200)
		})
	}
}

// edit changes the configuration that write makes, and denies a package too.
func (f *fixture) edit(from, to string) {
	f.t.Helper()
	f.write(denyWidget)
	data, err := os.ReadFile(filepath.Join(f.dir, "registryd.yaml"))
	if err != nil || !strings.Contains(string(data), from) {
		f.t.Fatalf("%q is not in the configuration: %v", from, err)
	}
	f.raw(strings.Replace(string(data), from, to, 1))
}

func TestReload_TakesOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"), widget("1.1.0"))
	s := f.server()
	status(t, ask(s, "GET", widgetURL+"index.js"), 200)
	status(t, ask(s, "GET", "/lib/widget/1.1.0/index.js"), 200)
	f.edit("accel: nginx", "negative_cachetime: 90s\nnginx: {cache: {period: 30s}}\naccel: off")
	report, err := s.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &daemon.Report{Reloaded: true, Removed: []string{"widget@1.0.0"}, VisibleWithin: "1m30s", DurationMS: report.DurationMS}
	if d := cmp.Diff(want, report); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
	w := ask(s, "GET", widgetURL+"index.js")
	status(t, w, 403)
	if !strings.Contains(w.Body.String(), "gone bad") {
		t.Errorf("reason is not told: %s", w.Body)
	}
	w = ask(s, "GET", "/lib/widget/1.1.0/index.js")
	if w.Code != 200 || w.Body.String() != "export default '1.1.0'\n" {
		t.Errorf("accel: off was not taken over: %d %q", w.Code, w.Body)
	}
	f.write("")
	if report, err = s.Reload(t.Context()); err != nil || report.Removed == nil || len(report.Removed) > 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	status(t, ask(s, "GET", widgetURL+"index.js"), 200)
}

func TestReload_Log(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.edit("level: debug, format: text", "level: warn, format: json")
	s := f.server()
	ask(s, "GET", "/-/livez")
	if got := f.screen.String(); got != "" {
		t.Fatalf("at level warn a hit is logged: %s", got)
	}
	f.write("")
	if _, err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask(s, "GET", "/-/livez")
	if got := f.screen.await(t, "level=DEBUG msg=answer "); !strings.Contains(got, "route=livez") {
		t.Errorf("logged %q", got)
	}
	f.edit("format: text", "format: json")
	if _, err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.screen.await(t, `"level":"INFO",`); !strings.HasPrefix(got, `"msg":"reload",`) {
		t.Errorf("logged %q", got)
	}
	ask(s, "GET", "/-/livez")
	f.screen.await(t, `"level":"DEBUG","msg":"answer",`)
}

// A version that is denied is gone from the view when Reload returns, and the
// misses that race with it do not bring it back.
func TestReload_DeniedIsGone_PH7(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.level = "error"
	f.write("")
	s := f.server()
	view := filepath.Join(f.dir, "data", "www", "lib", "widget", "1.0.0")
	load := startLoad(s, 50, widgetURL+"a.js", widgetURL+"b.js", widgetURL+"c.js", widgetURL+"d.js")
	defer load.stop()
	for range 5 {
		load.await(50)
		if _, err := os.Stat(view); err != nil {
			t.Fatalf("not in the view while allowed: %v", err)
		}
		f.write(denyWidget)
		if _, err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := os.Stat(view); err == nil {
				t.Fatal("a denied version is in the view")
			}
			status(t, ask(s, "GET", widgetURL+"a.js"), 403)
			load.await(20)
		}
		f.write("")
		if _, err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		status(t, ask(s, "GET", widgetURL+"a.js"), 200)
	}
	if got := load.stop(); got[200] == 0 || got[403] == 0 || len(got) != 2 {
		t.Errorf("answers by status: %v, want 200 and 403 only", got)
	}
}

// Fault 31: reloads under load lose no request.
func TestReload_UnderLoad_Fault31(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"), named("gadget", "2.0.0"))
	f.level = "error"
	f.write("")
	s := f.server()
	load := startLoad(s, 4, widgetURL+"a.js", widgetURL+"index.js", "/lib/gadget/2.0.0/b.js", "/lib/widget/1.0.0/c.js")
	defer load.stop()
	for i := range 200 {
		// Every third file is broken, the others differ from what is in force.
		f.write([]string{"cachetime: 5m\n", "resolve: newest\n", "nonsense\n"}[i%3])
		if _, err := s.Reload(t.Context()); (err != nil) != (i%3 == 2) {
			t.Fatalf("reload %d: %v", i, err)
		}
	}
	load.await(100)
	if got := load.stop(); got[200] < 100 || len(got) != 1 {
		t.Errorf("answers by status: %v, want 200 only", got)
	}
}

// load asks without a pause.
type load struct {
	ended  atomic.Bool
	wg     sync.WaitGroup
	mu     sync.Mutex
	more   *sync.Cond
	counts map[int]int
	total  int
}

func startLoad(s *daemon.Server, n int, paths ...string) *load {
	l := &load{counts: map[int]int{}}
	l.more = sync.NewCond(&l.mu)
	for i := range n {
		l.wg.Go(func() {
			for j := i; !l.ended.Load(); j++ {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, httptest.NewRequest("GET", paths[j%len(paths)], nil))
				l.mu.Lock()
				l.counts[w.Code]++
				l.total++
				l.more.Broadcast()
				l.mu.Unlock()
			}
		})
	}
	return l
}

// await returns after n more answers.
func (l *load) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for until := l.total + n; l.total < until; {
		l.more.Wait()
	}
}

// stop ends the load and returns the number of answers by status.
func (l *load) stop() map[int]int {
	l.ended.Store(true)
	l.wg.Wait()
	return l.counts
}

// What cannot be swept is not called a reload that did nothing: the rules are
// in force, and the next reload tries again.
func TestReload_Unswept(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	s := f.server()
	status(t, ask(s, "GET", widgetURL+"index.js"), 200)
	tmp := filepath.Join(f.dir, "data", "tmp")
	if err := os.Rename(tmp, tmp+".away"); err != nil {
		t.Fatal(err)
	}
	write(t, tmp, "in the way")
	f.write(denyWidget)
	_, err := s.Reload(t.Context())
	if !errors.Is(err, outcome.Busy) || strings.Contains(err.Error(), "\n") {
		t.Errorf("Reload: %v, want outcome.Busy in one line", err)
	}
	f.screen.await(t, "reload put the rules in force, but what they deny is still on disk")
	status(t, ask(s, "GET", widgetURL+"index.js"), 403)
	status(t, admin(s, "POST", "reload"), 503)
	if err := errors.Join(os.Remove(tmp), os.Rename(tmp+".away", tmp)); err != nil {
		t.Fatal(err)
	}
	if report, err := s.Reload(t.Context()); err != nil || len(report.Removed) != 1 {
		t.Errorf("once it can be: %+v, %v", report, err)
	}
}

// Many reloads at once run one after the other, and the last file wins.
func TestReload_AtOnce_Fault31(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	s := f.server()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if w := admin(s, "POST", "reload"); w.Code != 200 {
				t.Error(fmt.Errorf("status %d: %s", w.Code, w.Body))
			}
		})
	}
	f.write(denyWidget)
	wg.Go(func() { _, _ = s.Reload(t.Context()) }) // begins after the file was changed
	wg.Wait()
	status(t, ask(s, "GET", widgetURL+"index.js"), 403)
}
