package accel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/status"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

// AdminConfig of the admin routes.
type AdminConfig struct {
	Registry *registry.Registry // what the actions act on; not nil
	Prefix   string             // "/staff/registry/"
	Tokens   []AdminToken       // those that are empty count for nothing
	// Failures bounds wrong credentials; it outlives a reload.
	Failures *FailureLimit
	// Reload reads the configuration anew and returns what to report.
	Reload func(context.Context, ReloadRequest) (any, error)
	// Modules lists the modules and plugins and how they do.
	Modules func() any
	// Switch turns the operations of a module off and on. Errors: outcome.NotFound.
	Switch func(module string, enabled bool) error
	// Status tells how the daemon does.
	Status func(context.Context) (*status.Report, error)
	// Period is how long nginx keeps redirects, and Absent how long it keeps a
	// 404: until then a change may not show everywhere.
	Period, Absent time.Duration
	// Audit keeps one record of every action; nil: nobody does.
	Audit func(record any) error
}

// ReloadRequest says what to load anew.
type ReloadRequest struct {
	Filter string // of the names of plugins; "": everything, the configuration too
	Atomic bool   // nothing where one plugin fails
	Force  bool   // plugins that did not change, too
}

// AdminToken is one credential.
type AdminToken struct {
	ID    string // for the audit log
	Token string // secret
}

// Admin serves the admin routes. Safe for concurrent use; make one with NewAdmin.
type Admin struct {
	AdminConfig
	tokens []tokenHash
}

// NewAdmin returns the admin routes.
func NewAdmin(c AdminConfig) *Admin {
	if c.Audit == nil {
		c.Audit = func(any) error { return nil }
	}
	if c.Failures == nil {
		c.Failures = NewFailureLimit(nil)
	}
	return &Admin{c, hashTokens(c.Tokens)}
}

// action does one thing for somebody, and returns what to answer. what says
// what it was done to, for the audit log.
type action func(r *http.Request, by string) (answer any, what string, err error)

// Routes registers the routes. wrap turns a handler with errors into one for
// the router.
func (a *Admin) Routes(router *httprouter.Router, wrap func(route string, h httpx.HandlerFunc) http.Handler) {
	add := func(method, path, name string, do action) {
		router.Handler(method, a.Prefix+path, wrap("admin", a.guarded(name, do)))
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		add(method, "flush/*ref", "flush", a.flush)
		add(method, "designate/*ref", "designate", a.designate)
	}
	add(http.MethodGet, "packages", "", a.list)
	add(http.MethodGet, "packages/*ref", "", a.list)
	add(http.MethodDelete, "packages/*ref", "evict", a.evict)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		router.Handler(method, a.Prefix, wrap("admin", a.status))
	}
	add(http.MethodPost, "reload", "reload", a.reload)
	add(http.MethodGet, "modules", "", a.modules)
	add(http.MethodPost, "modules", "switch", a.switchModule)
	add(http.MethodGet, "resolve/*ref", "", a.resolve)
	add(http.MethodGet, "explain/*ref", "", a.explain)
	add(http.MethodPost, "gc", "gc", a.gc)
	add(http.MethodGet, "verify", "", a.verifyNames)
	add(http.MethodPost, "verify", "verify", a.verify)
	add(http.MethodPost, "verify/*ref", "verify", a.verify)
	add(http.MethodPost, "warm/*ref", "warm", a.warm)
}

// guarded checks credentials before anything else, and writes the audit log.
// Looking (an empty name) is not an action.
func (a *Admin) guarded(name string, do action) httpx.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		by, err := a.authenticate(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="registryd"`)
			return err
		}
		answer, what, err := do(r, by)
		if name != "" {
			a.audit(r, record{Action: name, By: by, What: httpx.Clip(what), Result: httpx.Label(err)})
		}
		if err != nil {
			return err
		}
		data, err := json.Marshal(answer)
		if err != nil {
			return fmt.Errorf("encode answer: %w", err)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		send(w, r, append(data, '\n'))
		return nil
	}
}

// record is one line of the audit log.
type record struct {
	Time    time.Time `json:"time"`
	Action  string    `json:"action"`
	By      string    `json:"by"`
	What    string    `json:"what,omitempty"`
	Result  string    `json:"result"`
	Request string    `json:"request_id,omitempty"`
}

// audit keeps a record. The action is done already, so failing to note it does
// not undo it, but is loud.
func (a *Admin) audit(r *http.Request, rec record) {
	rec.Time, rec.Request = time.Now().UTC(), httpx.RequestID(r)
	_ = a.Audit(rec) // whoever keeps the log says why it cannot
}

// parse reads the package reference behind a route. A pasted asset URL works:
// its path is ignored.
func (a *Admin) parse(r *http.Request, route string) (pkgref.Ref, error) {
	return pkgref.ParsePath(rawPath(r), a.Prefix+route+"/")
}

func (a *Admin) flush(r *http.Request, by string) (any, string, error) {
	q, err := a.parse(r, "flush")
	if err != nil {
		return nil, rawPath(r), err
	}
	what := string(q.Name) + "@" + q.Spec.Text
	v, err := a.Registry.Flush(r.Context(), q.Name, q.Spec, by)
	if err != nil {
		return nil, what, err
	}
	within := a.Period
	if q.Spec.Kind == pkgref.KindExact || q.Spec.Kind == pkgref.KindPin {
		within = openFiles
	}
	return map[string]string{"name": string(q.Name), "spec": q.Spec.Text, "version": v.String(), "visible_within": a.visible(within)}, what, nil
}

// openFiles is how long nginx may serve a file that it holds open after another
// one took its place.
const openFiles = time.Second

// visible is until when nginx keeps an answer of before: also that there was
// nothing, for who asked too early.
func (a *Admin) visible(changed time.Duration) string { return max(changed, a.Absent).String() }

func (a *Admin) designate(r *http.Request, by string) (any, string, error) {
	q, err := a.parse(r, "designate")
	if err != nil {
		return nil, rawPath(r), err
	}
	what := string(q.Name) + "@" + q.Spec.Text
	if q.Spec.Kind != pkgref.KindExact {
		return nil, what, outcome.New(outcome.Invalid, "%s is no exact version", q.Spec.Text)
	}
	if err := a.Registry.Designate(r.Context(), q.Name, q.Spec.Version, by); err != nil {
		return nil, what, err
	}
	return map[string]string{"name": string(q.Name), "version": q.Spec.Version.String(), "visible_within": a.visible(openFiles)}, what, nil
}

// evict removes a version, or a whole package where none is named.
func (a *Admin) evict(r *http.Request, _ string) (any, string, error) {
	q, err := a.parse(r, "packages")
	if err != nil {
		return nil, rawPath(r), err
	}
	what := string(q.Name)
	var v pkgref.Version
	switch {
	case q.Spec.Kind == pkgref.KindExact:
		v = q.Spec.Version
		what += "@" + v.String()
	case q.Spec.Kind != pkgref.KindTag || q.Spec.Text != pkgref.Latest || !bareName(rawPath(r), a.Prefix+"packages/", q.Name):
		return nil, what, outcome.New(outcome.Invalid, "%s is no exact version", q.Spec.Text)
	}
	removed, err := a.Registry.Evict(q.Name, v)
	if err != nil {
		return nil, what, err
	}
	return map[string]any{"name": string(q.Name), "evicted": removed}, what, nil
}

// bareName reports whether a raw path names a package and nothing else, so that
// evicting "latest" is not taken for evicting everything.
func bareName(raw, prefix string, name pkgref.Name) bool {
	decoded, err := url.PathUnescape(strings.TrimPrefix(raw, prefix))
	return err == nil && strings.TrimSuffix(decoded, "/") == string(name)
}

func (a *Admin) list(r *http.Request, _ string) (any, string, error) {
	if raw := rawPath(r); raw == a.Prefix+"packages" || raw == a.Prefix+"packages/" {
		packages := []*registry.HeldPackage{}
		for _, name := range a.Registry.HeldNames() {
			if h, err := a.Registry.Held(name); err == nil {
				packages = append(packages, h)
			}
		}
		return map[string]any{"packages": packages}, "", nil
	}
	q, err := a.parse(r, "packages")
	if err != nil {
		return nil, "", err
	}
	h, err := a.Registry.Held(q.Name)
	return h, "", err
}

func (a *Admin) reload(r *http.Request, _ string) (any, string, error) {
	if a.Reload == nil {
		return nil, "", outcome.New(outcome.NotFound, "there is nothing to reload")
	}
	q := r.URL.Query()
	want := ReloadRequest{Filter: q.Get("filter")}
	for key, at := range map[string]*bool{"atomic": &want.Atomic, "force": &want.Force} {
		var err error
		if *at, err = strconv.ParseBool(cmp.Or(q.Get(key), "false")); err != nil {
			return nil, want.Filter, outcome.New(outcome.Invalid, "%s must be 1 or 0", key)
		}
	}
	report, err := a.Reload(r.Context(), want)
	return report, want.Filter, err
}

// modules lists what is loaded at run time.
func (a *Admin) modules(*http.Request, string) (any, string, error) {
	return map[string]any{"modules": a.Modules()}, "", nil
}

// switchModule turns one module off or on, and answers as modules does.
func (a *Admin) switchModule(r *http.Request, _ string) (any, string, error) {
	q := r.URL.Query()
	name := q.Get("name")
	enabled, err := strconv.ParseBool(q.Get("enabled"))
	if err != nil {
		return nil, name, outcome.New(outcome.Invalid, "enabled must be 1 or 0")
	}
	what := name + " off"
	if enabled {
		what = name + " on"
	}
	if err := a.Switch(name, enabled); err != nil {
		return nil, what, err
	}
	list, _, err := a.modules(r, "")
	return list, what, err
}

func (a *Admin) resolve(r *http.Request, _ string) (any, string, error) {
	q, err := a.parse(r, "resolve")
	if err != nil {
		return nil, "", err
	}
	found, err := a.Registry.Locate(r.Context(), q.Name, q.Spec)
	return found, "", err
}

func (a *Admin) warm(r *http.Request, _ string) (any, string, error) {
	q, err := a.parse(r, "warm")
	if err != nil {
		return nil, rawPath(r), err
	}
	what := string(q.Name) + "@" + q.Spec.Text
	warmed, err := a.Registry.Warm(r.Context(), q.Name, q.Spec, r.URL.RawQuery == "files")
	return warmed, what, err
}
