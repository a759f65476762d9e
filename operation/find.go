package operation

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// origin tells what kind of value was found.
type origin uint8

const (
	nowhere  origin = iota // nothing was found
	fromJSON               // of a JSON body, typed
	textJSON               // of a JSON body, a text
	fromText               // a text, or a list of them, that cannot be anything else
)

// find looks for a parameter where it may be.
func (c *Call) find(p *param) (any, origin) {
	switch p.In {
	case InHeader:
		if values := c.Request.Header[p.key]; len(values) > 0 {
			return strings.Join(values, ", "), fromText
		}
		return nil, nowhere
	case InPath:
		return c.inPath(p)
	case InBody:
		return c.inBody(p)
	case InQuery:
		return c.inQuery(p)
	}
	if v, from := c.inPath(p); from != nowhere {
		return v, from
	}
	if v, from := c.inBody(p); from != nowhere {
		return v, from
	}
	return c.inQuery(p)
}

func (c *Call) inPath(p *param) (any, origin) {
	if !p.inPath {
		return nil, nowhere
	}
	v := c.path.ByName(p.Name)
	if v == "" {
		return nil, nowhere
	}
	return v, fromText
}

func (c *Call) inBody(p *param) (any, origin) {
	if c.form != nil {
		return texts(c.form[p.Name])
	}
	v, ok := c.body[p.Name]
	if !ok {
		return nil, nowhere
	}
	if _, text := v.(string); text {
		return v, textJSON
	}
	return v, fromJSON
}

func (c *Call) inQuery(p *param) (any, origin) {
	if c.query == nil {
		c.query = c.Request.URL.Query()
	}
	return texts(c.query[p.Name])
}

// texts is what repeated keys are: one text, or a list of them.
func texts(values []string) (any, origin) {
	switch len(values) {
	case 0:
		return nil, nowhere
	case 1:
		return values[0], fromText
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list, fromText
}

func formValues(form url.Values) map[string]any {
	m := make(map[string]any, len(form))
	for k, v := range form {
		m[k], _ = texts(v)
	}
	return m
}

// readBody parses a JSON object or a form. Errors: outcome.Invalid for what is malformed, outcome.TooLarge; that of
// the connection.
func (c *Call) readBody() error {
	r := c.Request
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	isForm := kind == "application/x-www-form-urlencoded"
	if !isJSON && !(isForm && !c.Descriptor.Protocol) {
		c.parse.ignored = kind
		return nil
	}
	body := http.MaxBytesReader(nil, r.Body, c.op.options.MaxBody)
	if isForm {
		return c.readForm(body)
	}
	v, err := decodeJSON(body)
	if err != nil {
		return bodyError(err)
	}
	object, ok := v.(map[string]any)
	switch {
	case ok && c.Descriptor.Protocol:
		c.body, c.More = c.kebab(object)
	case ok:
		c.body = object
	default:
		c.parse.whole = v
	}
	return nil
}

func (c *Call) readForm(body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return bodyError(err)
	}
	if c.form, err = url.ParseQuery(string(data)); err != nil {
		return outcome.New(outcome.Invalid, "the body is no form")
	}
	return nil
}

// bodyError tells a body that is malformed from one that is too large, and from a connection that broke.
func bodyError(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return outcome.New(outcome.TooLarge, "the body is too large")
	}
	_, syntax := errors.AsType[*json.SyntaxError](err)
	if syntax || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, errTrailing) {
		return &httpx.Reply{Status: http.StatusBadRequest, Type: "invalid", Text: "the body is no JSON", Err: err}
	}
	return err
}

// errTrailing says that something follows a JSON value.
var errTrailing = errors.New("something follows the value")

// decodeJSON reads one value. Errors: those of json.Decoder; errTrailing.
func decodeJSON(r io.Reader) (any, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if err == nil || !tooLarge(err) {
			err = errTrailing
		}
		return nil, err
	}
	return normal(v), nil
}

func tooLarge(err error) bool {
	_, large := errors.AsType[*http.MaxBytesError](err)
	return large
}

// normal makes numbers float64 where that loses nothing.
func normal(v any) any {
	switch v := v.(type) {
	case json.Number:
		return exact(v)
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = normal(v[k])
		}
	}
	return v
}

// exact is a float64 for all numbers but the integers that it cannot hold.
func exact(n json.Number) any {
	f, err := n.Float64()
	if err != nil {
		return n
	}
	const safe = 1 << 53
	if (f >= safe || f <= -safe) && !strings.ContainsAny(string(n), ".eE") {
		return n
	}
	return f
}

// DecodeJSON reads one value as arguments have it: numbers are float64 where that loses nothing, else json.Number.
// Errors: those of json.Decoder.
func DecodeJSON(data []byte) (any, error) { return decodeJSON(bytes.NewReader(data)) }
