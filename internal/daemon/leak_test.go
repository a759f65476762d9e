package daemon_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/registryd/registryd/provider/providertest"
)

// secret begins all tokens of sources; of whoever asks us it begins everything
// that is nobody else's business.
const (
	secret = "hunter2"
	ofUser = "visitor7"
)

// estate is a daemon whose names belong to different sources.
type estate struct {
	*fixture
	public, corp, scoped *providertest.Registry
	hub                  *providertest.GitHub
	cdn                  *providertest.JSDelivr
	files                *providertest.FileServer
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	next := named("@corp/app", "1.1.0")
	next.Tags = []string{"next"}
	e := &estate{
		fixture: newFixture(t),
		public:  providertest.NewRegistry(t, named("open", "1.0.0")),
		corp:    providertest.NewRegistry(t, named("@corp/app", "1.0.0"), next),
		scoped:  providertest.NewRegistry(t, named("@priv/app", "1.0.0")),
		hub:     providertest.NewGitHub(t, named("@hidden/app", "1.0.0"), named("@hidden/kit", "1.0.0")),
		cdn:     providertest.NewJSDelivr(t, "npm", named("wide", "1.0.0")),
		files:   providertest.NewFileServer(t, providertest.Tagged, named("@files/app", "1.0.0")),
	}
	e.hub.Private("@hidden/app", secret+"-repo")
	e.hub.Private("@hidden/kit", secret+"-scope")
	e.raw(fmt.Sprintf(`root: {fs: data}
listen: 127.0.0.1:0
accel: 'off'
log: {level: debug}
cachetime: 0s
negative_cachetime: 0s
admin: {tokens: [{id: ops, token: %s}]}
providers:
  - {type: npm, name: corp, registry: %q, token: %s-corp, names: ['@corp/*']}
  - {type: github, api: %q, names: ['@hidden/*'], scope: {hidden: %s-scope}, repo: {'@hidden/app': %s-repo}}
  - {type: url, url: %q, versions_url: %q, names: ['@files/*']}
  - {type: jsdelivr, api: %q, cdn: %q}
  - {type: npm, name: public, registry: %q, scopes: {'@priv': %q}}
`, token, e.corp.URL(), secret, e.hub.URL(), secret, secret, e.files.Files(), e.files.Lists(),
		e.cdn.API(), e.cdn.CDN(), e.public.URL(), e.scoped.URL()))
	return e
}

// everyRoute asks every route of the daemon for a package.
func everyRoute(name string, ask func(method, path string)) {
	for _, rest := range []string{
		"", "/", "/1.0.0", "/1.0.0/", "/1.0.0/index.js", "/v1.0.0/a.js", "/^1/b.js", "/1.x/", "/latest/c.js", "/latest/", "/next/d.js",
		"/main/index.js", "/main/", "/1.0.0/none.js", "/9.9.9/index.js", "/^9/index.js", "/nosuchtag/index.js", "@1.0.0/a.js",
	} {
		ask(http.MethodGet, "/lib/"+name+rest)
		ask(http.MethodHead, "/lib/"+name+rest)
		ask(http.MethodGet, "/lib/"+name+rest+"?meta")
	}
	for _, route := range []struct{ method, path string }{
		{http.MethodGet, "packages"}, {http.MethodGet, "packages/%s"}, {http.MethodGet, "resolve/%s/^1"}, {http.MethodGet, "resolve/%s/latest"},
		{http.MethodGet, "explain/%s/^1"}, {http.MethodGet, "explain/%s/1.0.0/index.js"}, {http.MethodPost, "warm/%s/1.0.0"},
		{http.MethodPost, "warm/%s/^1?files"}, {http.MethodPost, "designate/%s/1.0.0"}, {http.MethodGet, "designate/%s/1.0.0/a.js"},
		{http.MethodGet, "verify"}, {http.MethodPost, "verify"}, {http.MethodPost, "verify/%s"}, {http.MethodPost, "flush/%s"},
		{http.MethodGet, "flush/%s/1.0.0"}, {http.MethodPost, "reload"}, {http.MethodGet, "modules"},
		{http.MethodDelete, "packages/%s/1.0.0"}, {http.MethodDelete, "packages/%s"},
	} {
		path := route.path
		if strings.Contains(path, "%s") {
			path = fmt.Sprintf(path, name)
		}
		ask(route.method, "/staff/registry/"+path)
	}
	for _, path := range []string{"/-/livez", "/-/readyz", "/-/metrics", "/" + name, "/lib/../" + name, "/unknown/" + name} {
		ask(http.MethodGet, path)
	}
}

// round asks everything for every name; nothing that comes back may hold a secret.
func (e *estate) round(h http.Handler, names []string) {
	for _, name := range names {
		everyRoute(name, func(method, path string) {
			header := []string{"Cookie", "id=" + ofUser, "Authorization", "Bearer " + ofUser, "X-Visitor", ofUser, "Referer", "https://" + ofUser + ".test/"}
			if strings.HasPrefix(path, "/staff/") {
				header[3] = "Bearer " + token
			}
			w := ask(h, method, path, header...)
			if text := fmt.Sprint(w.Header(), w.Body); strings.Contains(text, secret) || strings.Contains(text, token) {
				e.t.Errorf("%s %s tells %.500s", method, path, text)
			}
		})
	}
}

// asked are the requests of one source: who it is, and what it may get to see.
type asked struct {
	source   string
	requests []providertest.Request
	names    []string // scopes, or names, that it may be asked for; "" leaves it open
	tokens   []string
}

func (e *estate) asked() []asked {
	return []asked{
		{"corp", e.corp.Requests(), []string{"corp"}, []string{"-corp"}},
		{"scoped", e.scoped.Requests(), []string{"priv"}, nil},
		{"hub", e.hub.Requests(), []string{"hidden"}, []string{"-repo", "-scope"}},
		{"files", e.files.Requests(), []string{"files"}, nil},
		{"cdn", e.cdn.Requests(), []string{"", "priv"}, nil}, // nobody owns @priv, of which check-config warns
		{"public", e.public.Requests(), []string{""}, nil},
	}
}

// judge looks at all that went upstream.
func (e *estate) judge() {
	e.t.Helper()
	for _, a := range e.asked() {
		if len(a.requests) == 0 {
			e.t.Errorf("%s was never asked: this shows nothing", a.source)
		}
		for _, r := range a.requests {
			e.judgeRequest(a, r)
		}
	}
	if log := e.screen.String(); strings.Contains(log, secret) || strings.Contains(log, token) || strings.Contains(log, ofUser) {
		e.t.Error("the log holds a secret")
	}
}

func (e *estate) judgeRequest(a asked, r providertest.Request) {
	path, err := url.PathUnescape(r.Path)
	if err != nil {
		path = r.Path
	}
	for _, scope := range []string{"corp", "priv", "hidden", "files"} {
		if strings.Contains(strings.ToLower(path), scope) && !slices.Contains(a.names, scope) {
			e.t.Errorf("%s was asked for %s", a.source, r.Path)
		}
	}
	if !slices.Contains(a.names, "") && !strings.Contains(path, a.names[0]) {
		e.t.Errorf("%s was asked for %s", a.source, r.Path)
	}
	text := fmt.Sprint(r.Path, r.Header)
	for _, token := range []string{"-corp", "-repo", "-scope"} {
		if strings.Contains(text, secret+token) && !slices.Contains(a.tokens, token) {
			e.t.Errorf("%s got the token %s: %s", a.source, token, text)
		}
	}
	if strings.Contains(text, ofUser) || strings.Contains(text, "staff") || r.Header.Get("Cookie") != "" {
		e.t.Errorf("%s got something of the visitor: %s", a.source, text)
	}
}

// TestNothingLeaks_PG1_PG2_Fault18 asks every route for packages of several
// owners, while all is well and while the owners are in trouble. Tokens go to
// the host that they are for, owned names to their owner, and what visitors send
// to nobody.
func TestNothingLeaks_PG1_PG2_Fault18(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	s := e.server()
	names := []string{"@corp/app", "@corp/none", "@hidden/app", "@hidden/kit", "@hidden/none", "@priv/app", "@priv/none", "@files/app", "open", "wide", "none"}
	e.round(s, names)
	for name, trouble := range map[string]providertest.Fault{
		"redirects to another host": providertest.Redirect(e.public.URL() + "/elsewhere"),
		"fails":                     providertest.Status(http.StatusInternalServerError),
		"throttles":                 providertest.RateLimited(http.StatusTooManyRequests, 0),
		"denies":                    providertest.Status(http.StatusUnauthorized, "WWW-Authenticate", "Basic"),
		"is a web page":             providertest.HTML(),
	} {
		t.Log("the owner " + name)
		removes := []func(){
			e.corp.Fault(providertest.Any, "", trouble), e.hub.Fault(providertest.Any, "", trouble),
			e.scoped.Fault(providertest.Any, "", trouble), e.files.Fault(providertest.Any, "", trouble),
		}
		e.round(s, []string{"@corp/app", "@hidden/app", "@priv/app", "@files/app"})
		for _, remove := range removes {
			remove()
		}
	}
	e.judge()
	for source, want := range map[string]bool{"-corp": holds(e.corp.Requests(), "-corp"), "-repo": holds(e.hub.Requests(), "-repo"), "-scope": holds(e.hub.Requests(), "-scope")} {
		if !want {
			t.Errorf("the token %s never reached its host: this shows nothing", source)
		}
	}
}

func holds(requests []providertest.Request, token string) bool {
	return slices.ContainsFunc(requests, func(r providertest.Request) bool {
		return strings.HasSuffix(r.Header.Get("Authorization"), secret+token)
	})
}
