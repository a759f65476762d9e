package daemon_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	page "github.com/registryd/registryd/internal/status"
	"github.com/registryd/registryd/provider/providertest"
)

// reported asks the daemon how it does.
func reported(t *testing.T, d *running) (r page.Report) {
	t.Helper()
	w := admin(d, "GET", "?format=json")
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStatus_PA5: what requests did is in the report, and what was concealed
// from a client is told to who runs the daemon.
func TestStatus_PA5(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"), named("broken", "1.0.0"))
	f.write("policy: {conceal: true, rules: [{deny: [secret-*], reason: not for you}]}\ncache: {max_files: 1000}\ncomponents: {max_hosts: 5}\n")
	d := f.run()
	if c := reported(t, d).Components; c == nil || *c != (page.Components{Store: "file", MaxHosts: 5}) {
		t.Errorf("components: %+v", c)
	}
	answers := func(path string, want int) {
		t.Helper()
		if w := ask(d, "GET", path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	answers("/lib/widget/main/index.js", 200)
	answers("/lib/widget/1.0.0/index.js?token=in-the-query", 200)
	answers("/lib/secret-a/1.0.0/index.js?token=in-the-query", 404)
	answers("/lib/absent/1.0.0/index.js", 404)
	f.upstream.Fault(providertest.Tarball, "", providertest.Corrupt())
	answers("/lib/broken/1.0.0/index.js", 502)
	r := reported(t, d)
	for deadline := time.Now().Add(patience); r.Held.Releases == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r = reported(t, d) // what was counted at the start stands for a moment
	}
	if r.Version != "1.2.3-test" || len(r.Providers) != 1 || r.Started.After(r.Now) {
		t.Errorf("%q %q %v %v", r.Version, r.Providers, r.Started, r.Now)
	}
	if r.Held.Packages < 1 || r.Held.Releases != 1 || r.Held.View.Files == 0 || r.Held.Budget.Files != 1000 || r.Held.DiskSize == 0 || r.Held.DiskFree > r.Held.DiskSize {
		t.Errorf("held: %+v", r.Held)
	}
	asked := uint64(0)
	for _, l := range r.Layers {
		asked += l.Hits + l.Misses
	}
	if len(r.Layers) != 3 || asked == 0 {
		t.Errorf("layers: %+v", r.Layers)
	}
	if len(r.Upstreams) != 1 || r.Upstreams[0].Host != f.upstream.Host() || r.Upstreams[0].Requests == 0 || r.Upstreams[0].Median <= 0 {
		t.Errorf("upstreams: %+v", r.Upstreams)
	}
	if len(r.Pins) != 1 || r.Pins[0].Name != "widget" || r.Pins[0].Version != "1.0.0" {
		t.Errorf("pins: %+v", r.Pins)
	}
	if len(r.Refusals) != 2 {
		t.Fatalf("refusals: %+v", r.Refusals)
	}
	if got := r.Refusals[0]; got.What != "/lib/broken/1.0.0/index.js" || got.Outcome != "refused" || strings.Contains(got.Reason, f.upstream.Host()) || got.Reason == "" {
		t.Errorf("refused: %+v", got)
	}
	if got := r.Refusals[1]; got.What != "/lib/secret-a/1.0.0/index.js" || got.Outcome != "forbidden" || !strings.Contains(got.Reason, "not for you") {
		t.Errorf("concealed: %+v", got)
	}
	d.stop()
	if err := d.wait(t); err != nil {
		t.Error(err)
	}
}
