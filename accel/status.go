package accel

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/status"
)

// status shows how the daemon does, as a page or with ?format=json as data. A
// browser may open it: a token is taken as the password of anybody, too. That
// is so here alone, where nothing can be changed: a browser sends a password
// again whoever makes it ask.
func (a *Admin) status(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	if err := a.look(r); err != nil {
		h["Www-Authenticate"] = []string{`Basic realm="registryd", charset="UTF-8"`, `Bearer realm="registryd"`}
		return err
	}
	report, err := a.Status(r.Context())
	if err != nil {
		return err
	}
	data, kind, err := encode(report, r.URL.Query().Get("format"))
	if err != nil {
		return err
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", status.Policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	send(w, r, data)
	return nil
}

// look checks the credentials of whoever only looks. A wrong password is
// answered like none, or the browser would keep it and never ask again. Errors:
// those of authenticate.
func (a *Admin) look(r *http.Request) error {
	_, password, basic := r.BasicAuth()
	if !basic || password == "" {
		_, err := a.authenticate(r)
		return err
	}
	_, err := a.known(r, password)
	if errors.Is(err, outcome.WrongCredentials) {
		return outcome.New(outcome.Unauthorized, "this password is no admin token")
	}
	return err
}

// encode writes a report in a format; "" is the page. Errors: outcome.Invalid
// for any other than json.
func encode(report *status.Report, format string) (data []byte, kind string, err error) {
	switch format {
	case "":
		data, err = report.HTML()
		return data, "text/html; charset=utf-8", err
	case "json":
		if data, err = json.Marshal(report); err != nil {
			return nil, "", fmt.Errorf("encode status: %w", err)
		}
		return append(data, '\n'), "application/json; charset=utf-8", nil
	}
	return nil, "", outcome.New(outcome.Invalid, "format must be json, or nothing for a page")
}
