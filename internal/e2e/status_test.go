package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/provider/providertest"
)

// TestStatusInChromium_PA5 opens the page through nginx with a password, as
// people do, and measures a copy of it on a phone and on a desk.
func TestStatusInChromium_PA5(t *testing.T) {
	t.Parallel()
	testenv.Chromium(t)
	s := e2e.Start(t, e2e.Options{
		Packages: packages(), Nginx: "  admin: true\n",
		Config: "cache: {max_bytes: 1GiB, max_files: 100000}\npolicy: {rules: [{deny: ['left-pad', '@very-long-scope-name-of-somebody/*'], reason: 'compromised <i>release</i>'}]}\n",
	})
	status(t, s.Get("/lib/widget/main/index.js"), http.StatusOK)
	status(t, s.Get("/lib/widget/^1/index.js"), http.StatusFound)
	status(t, s.Get("/lib/widget/~1.2/index.js"), http.StatusFound)
	for range 3 {
		status(t, s.Get("/lib/left-pad/1.0.0/%E2%80%AEindex.js?token=in-the-query"), http.StatusForbidden)
	}
	status(t, s.Get("/lib/@very-long-scope-name-of-somebody/"+strings.Repeat("and-a-long-name-", 9)+"/1.0.0/index.js"), http.StatusForbidden)
	status(t, s.Admin(http.MethodPost, "designate/JSONStream/1.3.5"), http.StatusOK)
	s.Upstream.Fault(providertest.Any, "", providertest.Status(http.StatusInternalServerError))
	s.Get("/lib/nobody/1.0.0/index.js")

	const place = "/staff/registry/"
	if a := s.Get(place); a.Status != http.StatusUnauthorized || strings.Contains(string(a.Body), "widget") {
		t.Errorf("without a password: %d", a.Status)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+e2e.AdminToken))
	page := s.Get(place, "Authorization", basic)
	status(t, page, http.StatusOK)
	if strings.Contains(string(page.Body), e2e.AdminToken) || strings.Contains(string(page.Body), "in-the-query") {
		t.Error("the page tells a secret")
	}
	pictures := os.Getenv("REGISTRYD_SCREENSHOTS")
	if pictures == "" {
		pictures = t.TempDir()
	}
	frame := framed(t, string(page.Body))
	for scheme, dark := range map[string]bool{"light": false, "dark": true} {
		checkMeasures(t, e2e.Browse(t, frame, e2e.Look{Width: 390 + 20 + 1280, Height: 2600, Dark: dark, Screenshot: filepath.Join(pictures, "status-"+scheme+".png")}), dark)
	}
	url := strings.Replace(s.URL, "://", "://anybody:"+e2e.AdminToken+"@", 1) + place
	dom := e2e.Browse(t, url, e2e.Look{Width: 1280, Height: 1400, Screenshot: filepath.Join(pictures, "status.png")})
	for _, part := range []string{
		"What is held", "of a budget of 1.0 GiB", "<svg", "left-pad", `compromised &lt;i&gt;release&lt;/i&gt;`, "JSONStream", "1.3.5", "ops", "the first request", "widget",
		s.Upstream.Host(), ">3</td>",
	} {
		if !strings.Contains(dom, part) {
			t.Errorf("the document lacks %q", part)
		}
	}
	for _, part := range []string{"<script", "<form", "<img", "<iframe", "\u202e", "<i>release"} {
		if strings.Contains(dom, part) {
			t.Errorf("the document holds %q", part)
		}
	}
	var report struct {
		Held      struct{ Packages int }
		Refusals  []struct{ What, Outcome, Reason string }
		Upstreams []struct{ Host string }
		Pins      []struct{ Name, By string }
	}
	if err := json.Unmarshal(s.Get(place+"?format=json", "Authorization", basic).Body, &report); err != nil {
		t.Fatal(err)
	}
	if report.Held.Packages != 2 || len(report.Refusals) != 3 || len(report.Pins) != 2 || report.Pins[0].By != "ops" || len(report.Upstreams) != 1 {
		t.Errorf("the report is %+v", report)
	}
}
