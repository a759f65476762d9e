package module

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"

	"github.com/registryd/registryd/operation"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"method": anyMethod,
	"placed": func(p operation.Param) operation.Source { return cmp.Or(p.In, operation.InAny) },
	"kind": func(p operation.Param) string {
		t, _ := schemaOf(&p)["type"].(string)
		return cmp.Or(t, p.Type, "any")
	},
}).Parse(pageText))

// page answers the page of all operations, which can be tried there.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, object{"Prefix": s.Prefix, "Units": s.API.Table().units}); err != nil {
		return fmt.Errorf("write the page of operations: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes()) // the client may have left
	return nil
}
