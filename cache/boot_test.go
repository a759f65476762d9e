package cache_test

import (
	"os"
	"strings"
	"testing"

	"github.com/registryd/registryd/cache"
)

// stopped is a data directory with a release, a pin and hand-made mains in its
// view, whose daemon has stopped.
func stopped(t *testing.T) env {
	t.Helper()
	e := open(t)
	for _, name := range []string{"lodash", "@acme/x"} {
		m := e.put(t, name, "1.0.0", lodash)
		e.show(t, m, "index.js")
		if err := e.Designate(m.Name, m.Version, cache.FirstTouch, false); err != nil {
			t.Fatal(err)
		}
	}
	write(t, e.view("made/main/x.js"), "by hand")
	symlink(t, "../made/main", e.view("linked/main"))
	symlink(t, "1.0.0", e.view("lodash/1.0.1"))
	write(t, e.view("lodash/README"), "by hand")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestBoot(t *testing.T) {
	t.Parallel()
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal("this system does not name its boot:", err)
	}
	this := strings.TrimSpace(string(id))
	tests := map[string]struct {
		boot  string
		aside bool
		logs  string
	}{
		"power loss":              {`{"boot":"another","clean":false}`, true, ""},
		"clean stop, then reboot": {`{"boot":"another","clean":true}`, false, ""},
		"killed, same boot":       {`{"boot":"` + this + `","clean":false}`, false, ""},
		"damaged":                 {"\x00\x00\x00", true, "file=state/boot"},
		"empty":                   {"", true, "file=state/boot"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := stopped(t)
			write(t, e.path("state/boot"), tt.boot)
			log, logged := logger()
			e = openWith(t, cache.Config{Dir: e.dir, Logger: log})
			if e.Recovered() != tt.aside {
				t.Errorf("set aside: %v", e.Recovered())
			}
			for _, name := range []string{"lodash", "@acme/x"} {
				if tt.aside {
					wantGone(t, e.view(name, "1.0.0"))
				} else {
					wantFile(t, e.view(name, "1.0.0/index.js"), "module.exports = 1\n")
				}
				if to, err := os.Readlink(e.view(name, "main")); to != "1.0.0" {
					t.Errorf("the pin leads to %q, %v", to, err)
				}
			}
			wantFile(t, e.view("made/main/x.js"), "by hand")
			wantFile(t, e.view("linked/main/x.js"), "by hand")
			wantFile(t, e.view("lodash/README"), "by hand")
			if to, err := os.Readlink(e.view("lodash/1.0.1")); to != "1.0.0" {
				t.Errorf("a link made by hand leads to %q, %v", to, err)
			}
			if !strings.Contains(logged.String(), tt.logs) || (tt.logs == "") != (logged.Len() == 0) {
				t.Errorf("logged %q, want %q in it", logged, tt.logs)
			}
			wantFile(t, e.path("state/boot"), `{"boot":"`+this+`","clean":false}`+"\n")
			refills(t, e)
			e.WaitForDeletions()
			e.Close()
			wantNothingStaged(t, e)
			wantFile(t, e.path("state/boot"), `{"boot":"`+this+`","clean":true}`+"\n")
		})
	}
}

// refills checks that what was held before is still served.
func refills(t *testing.T, e env) {
	t.Helper()
	m, err := e.Manifest(parseName(t, "lodash"), parseVersion(t, "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	e.show(t, m, "index.js")
	wantFile(t, e.view("lodash/main/index.js"), "module.exports = 1\n")
}

func TestPolicyFingerprint(t *testing.T) {
	t.Parallel()
	e := open(t)
	if got := e.PolicyFingerprint(); got != "" {
		t.Errorf("at first: %q", got)
	}
	if err := e.SetPolicyFingerprint("abc"); err != nil {
		t.Fatal(err)
	}
	e.Close()
	if got := openWith(t, cache.Config{Dir: e.dir}).PolicyFingerprint(); got != "abc" {
		t.Errorf("after reopening: %q", got)
	}
}
