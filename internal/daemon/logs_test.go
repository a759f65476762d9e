package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/registryd/registryd/provider/providertest"
)

// record is one line of the log.
type record map[string]any

// records returns the lines with that message, and fails for a line that is no
// JSON or holds one of the secrets.
func (f *fixture) records(msg string) (list []record) {
	f.t.Helper()
	for line := range strings.Lines(f.screen.String()) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			f.t.Errorf("no JSON: %s", line)
		}
		if r["msg"] == msg {
			list = append(list, r)
		}
	}
	return list
}

// has fails unless the record has all of these keys.
func (r record) has(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, ok := r[key]; !ok {
			t.Errorf("no %s in %v", key, r)
		}
	}
}

// Each answer is one line, each fetch from upstream is one, and neither they nor
// metrics nor answers hold what only one of the two sides may know.
func TestLogs_OneLineEach_NoSecrets(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"), named("moved", "1.0.0"), named("torn", "1.0.0"))
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: nginx\nlog: {level: debug, format: json}\n"+
		"providers: [{type: npm, registry: %q, token: %s-npm}]\nadmin: {tokens: [{id: ops, token: %s-admin}]}\n",
		f.upstream.URL(), secret, secret))
	signed := strings.Replace(f.upstream.URL(), "://", "://u:"+secret+"-location@", 1) + "/x?sig=" + secret + "-sig"
	f.upstream.Fault(providertest.Tarball, "/moved/-/moved-1.0.0.tgz", providertest.Redirect(signed))
	f.upstream.Fault(providertest.Tarball, "/torn/-/torn-1.0.0.tgz", providertest.Truncated())
	s := f.server()
	requests := 0
	get := func(path string, want int, header ...string) {
		t.Helper()
		requests++
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, http.NoBody)
		r.RemoteAddr = "127.0.0.1:1" // as nginx, which names the request
		r.Header.Set("X-Request-Id", fmt.Sprintf("%032d", requests))
		r.Header.Set("Cookie", "id="+secret+"-cookie")
		if len(header) > 0 {
			r.Header.Set("Authorization", "Bearer "+header[0])
		}
		s.ServeHTTP(w, r)
		status(t, w, want)
		if text := fmt.Sprint(w.Header(), w.Body); strings.Contains(text, secret) {
			t.Errorf("%s tells %s", path, text)
		}
	}
	get(widgetURL+"a.js?token="+secret+"-query", 200)
	get(widgetURL+"a.js", 200)
	get(widgetURL+"none.js", 404)
	get("/lib/widget/^1/a.js", 302)
	get("/lib/moved/1.0.0/a.js", 502)
	get("/lib/torn/1.0.0/a.js", 502)
	get("/lib/none/1.0.0/a.js", 404)
	get("/lib/widget/1.0.0/a%2fb", 400)
	get("/unknown?token="+secret, 404)
	get("/staff/registry/packages", 403, secret+"-wrong")
	get("/staff/registry/packages?token="+secret, 401)
	get("/staff/registry/packages", 200, secret+"-admin")
	get("/-/readyz", 200)
	get("/-/metrics", 200)

	answers := f.records("answer")
	if len(answers) != requests {
		t.Errorf("%d lines for %d answers", len(answers), requests)
	}
	for i, r := range answers {
		r.has(t, "time", "level", "route", "method", "path", "status", "outcome", "bytes", "dur_ms", "request_id")
		if r["request_id"] != fmt.Sprintf("%032d", i+1) {
			t.Errorf("answer %d has the id %v", i+1, r["request_id"])
		}
	}
	sent, torn := 0.0, 0
	for _, r := range f.records("upstream") {
		r.has(t, "time", "provider", "method", "url", "host", "status", "outcome", "requests", "bytes", "dur_ms")
		sent += r["requests"].(float64)
		if r["provider"] != "npm" || r["level"] != "INFO" {
			t.Errorf("got %v", r)
		}
		if strings.Contains(r["url"].(string), "torn") && r["outcome"] == "unavailable" && r["error"] != "" && r["bytes"].(float64) > 0 {
			torn++
		}
	}
	if all := f.upstream.Count(providertest.Any, ""); int(sent) != all || all == 0 {
		t.Errorf("the log tells of %v requests, upstream of %d", sent, all)
	}
	if torn == 0 {
		t.Error("no line tells of the tarball that broke off")
	}
	f.reloadBroken(s)
	if text := f.screen.String(); strings.Contains(text, secret) {
		_, after, _ := strings.Cut(text, secret)
		t.Errorf("the log holds a secret: …%s%.60s…", secret, after)
	}
}

// reloadBroken reloads configurations that are wrong around their secrets.
func (f *fixture) reloadBroken(s http.Handler) {
	f.t.Helper()
	for _, broken := range []string{
		"admin: {tokens: %[1]s}\n", "admin: {tokens: [%[1]s]}\n", "admin: {tokens: [{id: ops, token: [%[1]s]}]}\n",
		"providers: [{type: npm, token: {a: %[1]s}}]\n", "providers: [{type: npm, tokn: %[1]s}]\n", "admin: {tokens: [{id: ops, token: %[1]s}\n",
		"providers: [{type: npm, registry: 'ftp://u:%[1]s@x.test/'}]\n", "providers: [{type: github, api: 'http://u:%[1]s@[x/'}]\n",
		"proxy: 'http://u:%[1]s@[x'\n", "components: {token: [%[1]s]}\n",
	} {
		f.raw("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: nginx\n" + fmt.Sprintf(broken, secret+"-broken"))
		w := ask(s, http.MethodPost, "/staff/registry/reload", "Authorization", "Bearer "+secret+"-admin")
		status(f.t, w, 400)
		if strings.Contains(w.Body.String(), secret) {
			f.t.Errorf("%s: the answer tells %s", broken, w.Body)
		}
	}
}
