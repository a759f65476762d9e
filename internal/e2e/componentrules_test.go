package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
)

// TestComponents_CN7_WithdrawnBehindNginx withdraws a version that nginx serves
// by itself: after the reload nobody gets it by any route, hosts get the next
// best, and without the rule all is as before.
func TestComponents_CN7_WithdrawnBehindNginx(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Include} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			config := "components: {token: " + componentToken + "%s}\n"
			s := e2e.Start(t, e2e.Options{Front: front, Config: fmt.Sprintf(config, "")})
			id := registerHost(t, s, `{"react":"^16.8.0"}`)
			for _, v := range []string{"1.0.0", "1.1.0"} {
				publishComponent(t, s, "/@acme/button/"+v, "code "+v, `{"react":"16"}`)
			}
			direct := []string{"/@acme/button/1.1.0/main.js", "/@acme/button/1.1.0/package.json"}
			exact := []string{"/@acme/button?componentVersion=1.1.0", "/@Acme%2FButton?componentVersion=v1.1.0&hostId=" + id}
			for _, path := range direct {
				for range 2 { // the second is nginx's alone
					if code, _, body := send(t, s, "GET", path, nil); code != http.StatusOK {
						t.Fatalf("%s: %d %s", path, code, body)
					}
				}
			}
			s.WriteConfig(fmt.Sprintf(config, ", rules: [{deny: ['@acme/button@1.1.0'], reason: withdrawn}]"))
			s.Reload()
			began := time.Now()
			eventually(t, func() bool { code, _, _ := send(t, s, "GET", direct[0], nil); return code == http.StatusForbidden })
			t.Logf("refused %d ms after the reload", time.Since(began).Milliseconds())
			for _, path := range append(direct, exact...) {
				eventually(t, func() bool { // nginx looks at each file it has open once a second
					code, h, body := send(t, s, "GET", path, nil)
					return code == http.StatusForbidden && strings.Contains(body, "withdrawn") && h.Get("Access-Control-Allow-Origin") == "*"
				})
			}
			form, kind := componentForm(t, "again", `{}`)
			if code, _, body := send(t, s, "POST", "/@acme/button/1.1.0", form, "Content-Type", kind, "Authorization", "Bearer "+componentToken); code != http.StatusForbidden {
				t.Errorf("publish: %d %s", code, body)
			}
			if _, _, body := send(t, s, "GET", "/", nil); strings.Contains(body, "1.1.0") || !strings.Contains(body, "1.0.0") {
				t.Errorf("list: %s", body)
			}
			if _, _, body := send(t, s, "POST", "/host/register", []byte(`{"react":"^16.8.0"}`)); !strings.Contains(body, `"@acme/button":"1.0.0"`) {
				t.Errorf("register: %s", body)
			}
			checkVersion(t, s, "/@acme/button?hostId="+id, "1.0.0")
			s.WriteConfig(fmt.Sprintf(config, ""))
			s.Reload()
			eventually(t, func() bool {
				code, _, body := send(t, s, "GET", direct[0], nil)
				return code == http.StatusOK && body == "code 1.1.0"
			})
			checkVersion(t, s, "/@acme/button?hostId="+id, "1.1.0")
		})
	}
}

// checkVersion wants the code of a version.
func checkVersion(t *testing.T, s *e2e.Stack, path, version string) {
	t.Helper()
	code, h, body := send(t, s, "GET", path, nil)
	if code != http.StatusOK || h.Get("Dynamico-Component-Version") != version || body != "code "+version {
		t.Errorf("%s: %d %q %v, want %s", path, code, body, h, version)
	}
}
