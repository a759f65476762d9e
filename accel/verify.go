package accel

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/registry"
)

// verifyNames answers which packages can be verified, so that a client can ask
// for one after the other and show how far it is.
func (a *Admin) verifyNames(*http.Request, string) (any, string, error) {
	names := []string{}
	for _, name := range a.Registry.VerifyNames() {
		names = append(names, string(name))
	}
	return map[string]any{"names": names}, "", nil
}

// verify looks at one package; without a name at all of them and at what lies
// beside them, or with ?beside at that alone.
func (a *Admin) verify(r *http.Request, _ string) (any, string, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, rawPath(r), outcome.New(outcome.Invalid, "the query is malformed")
	}
	o := registry.VerifyOptions{DryRun: q.Has("dry-run"), NoHeal: q.Has("no-heal")}
	if raw := rawPath(r); raw == a.Prefix+"verify" || raw == a.Prefix+"verify/" {
		v, err := a.verifyAll(r, o, !q.Has("beside"))
		return v, "", err
	}
	ref, err := a.parse(r, "verify")
	if err != nil {
		return nil, rawPath(r), err
	}
	if !bareName(rawPath(r), a.Prefix+"verify/", ref.Name) {
		return nil, string(ref.Name), outcome.New(outcome.Invalid, "a package is verified whole: name no version")
	}
	v, err := a.Registry.Verify(r.Context(), ref.Name, o)
	return v, string(ref.Name), err
}

func (a *Admin) verifyAll(r *http.Request, o registry.VerifyOptions, packages bool) (*registry.Verified, error) {
	all, err := a.Registry.VerifyBeside(r.Context(), o)
	if err != nil || !packages {
		return all, err
	}
	for _, name := range a.Registry.VerifyNames() {
		v, err := a.Registry.Verify(r.Context(), name, o)
		if errors.Is(err, outcome.NotFound) {
			continue // evicted meanwhile
		}
		if err != nil {
			return nil, err
		}
		all.Add(v)
	}
	return all, nil
}
