package plugin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/plugin"
)

// counting is a module that says in the log when it is attached and detached, in one virtual machine or in several.
func counting(machines int, answer string) string {
	return fmt.Sprintf(`
exports.manifest = {limits: {cpu: '60s', wall: '90s', queue: '60s', instances: {min: %[1]d, max: %[1]d}}}
exports.attach = async function (ctx) { await null; this.ready = true; log.info('now attached ' + ctx.name) }
exports.detach = function (...args) { log.info('now detached with ' + args.length) }
exports['/say'] = {synchronous: true, handler: () => exports.ready + ' ' + %[2]q}`, machines, answer)
}

// limits is the manifest of a directory, as patient is that of a file.
func limits(machines int) string {
	return fmt.Sprintf("limits: {cpu: 60s, wall: 90s, queue: 60s, instances: {min: %[1]d, max: %[1]d}}\n", machines)
}

// await polls until the log has a text so many times; more are an error.
func (w *world) await(text string, want int) {
	w.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		n := strings.Count(w.log.String(), text)
		if n == want {
			return
		}
		if n > want || time.Now().After(deadline) {
			w.t.Fatalf("%q is in the log %d times, want %d:\n%s", text, n, want, w.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// G1, G2, G3, G10: what is there is loaded at once, what is broken is told at once and harms nobody else, and what has
// not changed is neither loaded nor attached again.
func TestLoading_G1_G2_G3_G10(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{"a/index.js": counting(1, "a") + "\nexports.part = require('./lib/part').part", "a/lib/part.js": "exports.part = 'p'", "a/module.yaml": limits(1), "bad.js": "exports['/x'] = {"})
	r := w.load()
	if fmt.Sprint(r.Reloaded) != "[a]" || len(r.Failed) != 1 || r.Failed[0].Name != "bad" || !strings.Contains(r.Failed[0].Error, "bad.js") {
		t.Fatalf("G1, G2: %+v", r)
	}
	w.expect("GET /say", 200, "true a") // G9: attach was awaited
	if got := string(w.api.Get("part")); got != `"p"` {
		t.Errorf("G1: a relative path leads to %s", got)
	}
	w.await("now attached a", 1)
	if r := w.load(); fmt.Sprint(r.Reloaded, r.Kept) != "[] [a]" {
		t.Errorf("G3, G10: %+v", r)
	}
	w.await("now attached a", 1)
	w.expect("GET /say", 200, "true a")
}

// G19: a filter that matches nothing is an error where that is strict, and changes nothing where it is not.
func TestNoMatch_G19(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module("exports.a = 1")
	settings := plugin.Settings{Modules: w.dir, Drain: time.Minute}
	r, err := w.manager.Reload(t.Context(), settings, plugin.Reload{Filter: "none*"})
	if err != nil || len(r.Reloaded)+len(r.Removed)+len(r.Failed) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	settings.StrictModules = true
	if r, err := w.manager.Reload(t.Context(), settings, plugin.Reload{Filter: "none*"}); err == nil {
		t.Errorf("strict: %+v", r)
	}
}

// G26, G27: a change of any file that a module was made of is taken over, and what data do not have any more is gone.
func TestAllFiles_G26_G27(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{
		"m/module.yaml": limits(1), "m/index.js": "exports.part = require('./part').part; exports.data = require('./data.json')",
		"m/part.js": "exports.part = require('./deep/er.js')", "m/deep/er.js": "module.exports = 1", "m/data.json": `{"a":1,"b":2}`,
	})
	w.load()
	w.write(map[string]string{"m/deep/er.js": "module.exports = 2 + 2"})
	if r := w.load(); fmt.Sprint(r.Reloaded) != "[m]" || string(w.api.Get("part")) != "4" {
		t.Errorf("G26: %+v, %s", r, w.api.Get("part"))
	}
	w.write(map[string]string{"m/data.json": `{"b":3, "c": []}`})
	if r := w.load(); fmt.Sprint(r.Reloaded) != "[m]" || string(w.api.Get("data")) != `{"b":3,"c":[]}` {
		t.Errorf("G27: %+v, %s", r, w.api.Get("data"))
	}
}

// G-N7, G21: each virtual machine is attached once and detached once, without arguments, after the new is known to be
// good; the generation is reported as drained once.
func TestMachines_GN7_G21(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{"m.js": counting(2, "old")})
	w.load()
	w.await("now attached m", 2)
	for range 4 {
		w.expect("GET /say", 200, "true old")
	}
	w.write(map[string]string{"m.js": "exports.attach = () => { throw new Error('no') }; exports['/say'] = {handler () {}}"})
	if r := w.load(); len(r.Failed) != 1 {
		t.Errorf("G22: %+v", r)
	}
	w.write(map[string]string{"m.js": counting(2, "newer")})
	w.load()
	w.expect("GET /say", 200, "true newer")
	w.await("now detached with 0", 2)
	w.await("now attached m", 4)
	for deadline := time.Now().Add(60 * time.Second); w.manager.Status()[0].Drained == 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond) // it is counted after the last hook
	}
	if s := w.manager.Status()[0]; s.Drained != 1 || s.Forced != 0 || s.Instances != 2 {
		t.Errorf("%+v", s)
	}
	w.manager.Revoke()
	w.await("now detached with 0", 4)
}

// G23: work that is under way ends on the code on which it began, while who comes later gets the new.
func TestWorkUnderWay_G23(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := func(answer string) map[string]string {
		return map[string]string{"m.js": fmt.Sprintf(patient+`
exports['/slow'] = {method: 'get', params: {until: {}}, handler: function (until, callback) {
  log.info('slow work begins')
  setTimeout(() => callback(%q), +until)
}}`, answer)}
	}
	w.write(code("old"))
	w.load()
	ended := make(chan string, 1)
	go func() {
		_, body := w.ask("GET /slow?until=500", "")
		ended <- body
	}()
	w.await("slow work begins", 1)
	w.write(code("newest"))
	w.load()
	w.expect("GET /slow?until=0", 200, "newest")
	if got := <-ended; got != "old" {
		t.Errorf("what was under way answers %q", got)
	}
}
