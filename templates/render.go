package templates

import (
	"bytes"
	"embed"
	"regexp"
	"strings"
	"sync"
	"text/template"
)

//go:embed text/*.tmpl
var texts embed.FS

// Render returns the full set, in the order in which nginx reads it: the
// runnable configuration, the parts for http{} and server{}, and the files
// that they include. Errors: outcome.Invalid, naming the field.
func Render(in Input) ([]File, error) {
	m, err := newModel(in, false)
	if err != nil {
		return nil, err
	}
	names := []string{"nginx.conf", "registryd.http.conf", "registryd.server.conf",
		"registryd.types.conf", "registryd.headers.conf", "registryd.proxy.conf"}
	if m.Bearer != "" {
		names = append(names, tokensFile)
	}
	files := make([]File, 0, len(names))
	for _, name := range names {
		data, err := m.execute(templateOf(name))
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: name, Data: data, Secret: name == tokensFile})
	}
	return files, nil
}

// Include returns the server-only form as one file. Errors: outcome.Invalid,
// naming the field.
func Include(in Input) ([]byte, error) {
	m, err := newModel(in, true)
	if err != nil {
		return nil, err
	}
	return m.execute("include.tmpl")
}

// templateOf names the template of a file: that of registryd.http.conf is
// http.tmpl.
func templateOf(file string) string {
	return strings.TrimPrefix(strings.TrimSuffix(file, ".conf"), "registryd.") + ".tmpl"
}

// parsed returns the templates, which are read once; executing them does not
// change them.
var parsed = sync.OnceValues(func() (*template.Template, error) {
	return template.New("").Funcs(functions()).ParseFS(texts, "text/*.tmpl")
})

// execute runs one template and indents its lines.
func (m *model) execute(name string) ([]byte, error) {
	t, err := parsed()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, m); err != nil {
		return nil, err
	}
	return indent(b.String()), nil
}

// functions are what the templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"q":          quote,
		"re":         quoteRegex,
		"rx":         regexp.QuoteMeta,
		"file":       (*model).file,
		"under":      (*model).under,
		"ages":       ages,
		"with_class": withClass,
		"with_scope": withScope,
		"private":    private,
		"meta_of":    metaOf,
		"kind_of":    kindOf,
	}
}

// withClass returns the model for a block of one class.
func withClass(m *model, c class) *model {
	copied := *m
	copied.Class = c
	return &copied
}

// indent lays lines out by the braces at their ends, four blanks a level, and
// leaves at most one empty line between two others.
func indent(text string) []byte {
	var b bytes.Buffer
	depth, empty := 0, true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			if !empty {
				b.WriteByte('\n')
			}
			empty = true
			continue
		}
		if strings.HasPrefix(line, "}") {
			depth--
		}
		empty = strings.HasSuffix(line, "{") // no empty line after an opening one
		b.WriteString(strings.Repeat("    ", max(depth, 0)) + line + "\n")
		if strings.HasSuffix(line, "{") && !strings.HasPrefix(line, "#") {
			depth++
		}
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}
