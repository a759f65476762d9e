package daemon_test

import (
	"net/http"
	"testing"

	"github.com/registryd/registryd/provider/providertest"
)

// An upstream that asked to be left alone is left alone by a reload, too. One
// that is asked in another way, as with another token, is asked at once.
func TestReload_LeavesUpstreamAlone_Fault14(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.upstream.Fault(providertest.Any, "", providertest.Status(http.StatusTooManyRequests, "Retry-After", "3600"))
	s := f.server()
	reload := func() {
		t.Helper()
		if _, err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	status(t, ask(s, http.MethodGet, widgetURL+"index.js"), http.StatusServiceUnavailable)
	asked := len(f.upstream.Requests())
	for _, more := range []string{"", denyOther, "# one line more\n" + denyOther} {
		f.write(more)
		reload()
		w := ask(s, http.MethodGet, widgetURL+"index.js")
		status(t, w, http.StatusServiceUnavailable)
		if w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if n := len(f.upstream.Requests()); n != asked || asked == 0 {
		t.Errorf("it was asked %d times, then %d", asked, n)
	}
	f.edit("type: npm,", "type: npm, token: another,")
	reload()
	ask(s, http.MethodGet, "/lib/gadget/1.0.0/index.js")
	if n := len(f.upstream.Requests()); n == asked {
		t.Error("it is not asked in the new way")
	}
}

const denyOther = "policy: {rules: [{deny: [other@1.0.0]}]}\n"
