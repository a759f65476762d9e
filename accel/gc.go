package accel

import (
	"net/http"
	"net/url"

	"github.com/registryd/registryd/internal/outcome"
)

// gc evicts what the budget does not allow; with ?dry-run it only tells.
func (a *Admin) gc(r *http.Request, _ string) (any, string, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, "", outcome.New(outcome.Invalid, "the query is malformed")
	}
	t, err := a.Registry.Trim(r.Context(), q.Has("dry-run"))
	return t, "", err
}
