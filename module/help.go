package module

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// help lists all operations: as a page for browsers, as text for everybody else.
func (s *Server) help(w http.ResponseWriter, r *http.Request) error {
	if err := readOnly(w, r); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		return s.page(w, r)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(s.Help())) // the client may have left
	return nil
}

// readOnly refuses methods that would change something. Errors: outcome.MethodNotAllowed.
func readOnly(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	w.Header().Set("Allow", "GET, HEAD")
	return outcome.New(outcome.MethodNotAllowed, "this is read only")
}

// Help is the text that lists all operations: URL, names of parameters, description.
func (s *Server) Help() string {
	var b strings.Builder
	for _, u := range s.API.Table().units {
		off := ""
		if !s.API.Enabled(u.Name) {
			off = " (off)"
		}
		fmt.Fprintf(&b, "%s%s\n", u.Name, off)
		if u.Description != "" {
			fmt.Fprintf(&b, "  %s\n", u.Description)
		}
		for _, op := range u.Operations {
			d := op.Descriptor()
			fmt.Fprintf(&b, "  %-6s %s\n", anyMethod(d), s.url(d))
			if names := paramNames(d); len(names) > 0 {
				fmt.Fprintf(&b, "         parameters: %s\n", strings.Join(names, ", "))
			}
			if d.Description != "" {
				fmt.Fprintf(&b, "         %s\n", d.Description)
			}
		}
	}
	if b.Len() == 0 {
		return "no module is loaded\n"
	}
	return b.String()
}

// url is the path of an operation with its prefix.
func (s *Server) url(d *operation.Descriptor) string {
	return s.Prefix + strings.TrimPrefix(d.Path, "/")
}

func anyMethod(d *operation.Descriptor) string { return cmp.Or(d.Method, "any") }

// paramNames lists the parameters; those that may be missing have a question mark.
func paramNames(d *operation.Descriptor) []string {
	names := []string{}
	for _, p := range d.Params {
		name := p.Name
		if !p.Required() {
			name += "?"
		}
		names = append(names, name)
	}
	return names
}
