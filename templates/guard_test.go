package templates_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/pkgref"
)

// TestGuardAgreesWithParser_PH1 compares nginx's verdict with the daemon's own
// on targets put together from what parsers stumble over.
func TestGuardAgreesWithParser_PH1(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		for _, pub := range []string{"/lib/", "/"} {
			t.Run(string(f)+" "+pub, func(t *testing.T) {
				t.Parallel()
				s := start(t, f, siteOptions{change: func(c *config.Config) {
					c.Root.Pub, c.Components, c.Modules, c.Admin = pub, nil, nil, nil
				}})
				refused := 0
				for _, target := range targets(pub) {
					refused += compare(t, s, pub, target)
				}
				if refused < 100 {
					t.Errorf("only %d targets were refused", refused)
				}
			})
		}
	}
}

// compare holds nginx's answer to one target against CheckRaw; it returns 1
// where both refuse.
func compare(t *testing.T, s *site, pub, target string) int {
	t.Helper()
	before := len(s.daemon.asked(""))
	a := s.get(target)
	reached := len(s.daemon.asked("")) - before
	err := pkgref.CheckRaw(target, pub)
	switch {
	case err == nil && a.StatusCode == 400:
		t.Errorf("%q: nginx refuses what the parser takes", target)
	case err != nil && reached > 0:
		t.Errorf("%q: %v, and the daemon was asked for it", target, err)
	case err != nil && a.StatusCode != 400 && !leaves(target, pub, a.StatusCode):
		t.Errorf("%q: status %d, but: %v", target, a.StatusCode, err)
	case err != nil:
		return 1
	}
	return 0
}

// leaves tells a target that nginx routes elsewhere: its dot segments lead out
// of the public prefix, or it names the status prefix, which "/" would hold.
func leaves(target, pub string, status int) bool {
	lower := strings.ToLower(target)
	dots := strings.Contains(lower, "..") || strings.Contains(lower, "%2e")
	return status == 404 && (pub != "/" && dots || pub == "/" && strings.Contains(lower, "-"))
}

// targets returns hand-made targets and many put together by chance, the same
// ones in every run.
func targets(pub string) []string {
	parts := []string{
		"a", "lodash", "@sc", "%40sc", "@", "1.0.0", "main", "/", "/", "/", "//", "%2f", "%2F", "%5c", "\\", ".", "..", "%2e", "%2E",
		"%2e%2e", "...", "%", "%4", "%zz", "%25", "%252f", "%00", "%0a", "%0D", "%1f", "%20", "%7f", "%7e", "%ff", "%c0%af", "é", "#",
		"?", "?x=%2f/..", "@1.0.0", "^1", "*", ";", "~", "_", "-", "+b", "A", "%41", "%61", "'", "\"", "<", "|", "{", "}", "$", "(", ")",
	}
	r := rand.New(rand.NewPCG(1, 2))
	all := []string{
		pub + "@sc%2fname", pub + "@sc%2fname/1.0.0/a", pub + "@sc%2fname@1.0.0/a", pub + "@sc%2fname%401.0.0/a", pub + "%40sc%2fname",
		pub + "@sc%2f.name/1.0.0/a", pub + "@sc%2f/1.0.0/a", pub + "@%2fname/1.0.0/a", pub + "sc%2fname", pub + "@sc%2fname/%2f", pub + "@sc%2fname?%2f",
		pub + strings.Repeat("a", 1024-len(pub)), pub + strings.Repeat("a", 1025-len(pub)), pub + strings.Repeat("a", 999-len(pub)) + "?" + strings.Repeat("b", 99),
	}
	for range 600 {
		var b strings.Builder
		b.WriteString(pub)
		for range 1 + r.IntN(7) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		all = append(all, b.String())
	}
	return all
}
