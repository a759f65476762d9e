package operation

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// origin tells what kind of value was found.
type origin uint8

const (
	nowhere   origin = iota // nothing was found
	fromJSON                // of a JSON body, typed
	textJSON                // of a JSON body, a text
	fromText                // a text that cannot be anything else
	fromTexts               // several of them
)

// found is what stands for a parameter. Texts are no interfaces before they are read: each of those costs an allocation.
type found struct {
	from  origin
	text  string   // textJSON, fromText
	texts []string // fromTexts; not to be changed
	value any      // fromJSON
}

// find looks for a parameter where it may be.
func (c *Call) find(p *param) found {
	switch p.In {
	case InHeader:
		if p.key == "Host" { // which is no header of the request any more
			return found{from: fromText, text: c.Request.Host}
		}
		if values := c.Request.Header[p.key]; len(values) > 0 {
			return found{from: fromText, text: strings.Join(values, ", ")}
		}
		return found{}
	case InPath:
		return c.inPath(p)
	case InBody:
		return c.inBody(p)
	case InQuery:
		return c.inQuery(p)
	}
	if f := c.inPath(p); f.from != nowhere {
		return f
	}
	if f := c.inBody(p); f.from != nowhere {
		return f
	}
	return c.inQuery(p)
}

func (c *Call) inPath(p *param) found {
	if !p.inPath {
		return found{}
	}
	if v := c.path.ByName(p.Name); v != "" {
		return found{from: fromText, text: v}
	}
	return found{}
}

func (c *Call) inBody(p *param) found {
	if c.form != nil {
		return ofTexts(c.form[p.Name])
	}
	v, ok := c.body[p.Name]
	if !ok {
		return found{}
	}
	return ofJSON(v)
}

// ofJSON is a value that has a type.
func ofJSON(v any) found {
	if text, ok := v.(string); ok {
		return found{from: textJSON, text: text}
	}
	return found{from: fromJSON, value: v}
}

// maxScanned is how long a query may be that is read anew for each parameter, in bytes. Up to there that costs less than
// a map.
const maxScanned = 512

func (c *Call) inQuery(p *param) found {
	raw := c.Request.URL.RawQuery
	if raw == "" {
		return found{}
	}
	if c.query == nil && len(raw) <= maxScanned && !strings.ContainsAny(raw, "%+;") {
		text, count := scan(raw, p.Name)
		if count == 0 {
			return found{}
		}
		if count == 1 {
			return found{from: fromText, text: text}
		}
	}
	if c.query == nil {
		c.query, c.badQuery = url.ParseQuery(raw)
	}
	return ofTexts(c.query[p.Name])
}

// scan looks for a key in a query in which nothing is escaped, and counts how often it is there.
func scan(query, key string) (value string, count int) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if k, v, _ := strings.Cut(pair, "="); k == key && pair != "" {
			value = v
			count++
		}
	}
	return value, count
}

// ofTexts is what repeated keys are: one text, or several.
func ofTexts(values []string) found {
	switch len(values) {
	case 0:
		return found{}
	case 1:
		return found{from: fromText, text: values[0]}
	}
	return found{from: fromTexts, texts: values}
}

func formValues(form url.Values) map[string]any {
	m := make(map[string]any, len(form))
	for k, v := range form {
		if len(v) == 1 {
			m[k] = v[0]
			continue
		}
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		m[k] = list
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
	kind, more, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	isForm := kind == "application/x-www-form-urlencoded"
	if !isJSON && !(isForm && !c.Descriptor.Protocol) {
		c.parse.ignored = kind
		return nil
	}
	if charset := more["charset"]; charset != "" && !slices.Contains(charsets, strings.ToLower(charset)) {
		return outcome.New(outcome.Invalid, "the body must be UTF-8, not %s", httpx.Clip(charset))
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, c.op.options.MaxBody))
	if err != nil {
		return bodyError(err)
	}
	if !utf8.Valid(data) {
		return outcome.New(outcome.Invalid, "the body is not UTF-8")
	}
	if isForm {
		return c.readForm(data)
	}
	v, err := DecodeJSON(data)
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

// charsets are names of what a body may be written in: all are read as UTF-8.
var charsets = []string{"utf-8", "utf8", "us-ascii"}

func (c *Call) readForm(data []byte) (err error) {
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
	switch {
	case errors.Is(err, errHuge):
		return outcome.New(outcome.Invalid, "the body has a number that is too large")
	case errors.Is(err, errDeep):
		return outcome.New(outcome.Invalid, "the body is nested too deep")
	}
	_, syntax := errors.AsType[*json.SyntaxError](err)
	if syntax || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, errTrailing) {
		return &httpx.Reply{Status: http.StatusBadRequest, Type: "invalid", Text: "the body is no JSON", Err: err}
	}
	return err
}

// errTrailing says that something follows a JSON value.
var errTrailing = errors.New("something follows the value")

// DecodeJSON reads one value as arguments have it: numbers are float64 where that loses nothing, else json.Number.
// Errors: those of json.Decoder; plain ones for a number that is larger than any float64, for what is nested too deep,
// and where something follows.
func DecodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return normal(v, 0)
}

// maxNesting bounds how deep lists and objects may stand in one another: no code that gets them runs out of its stack.
const maxNesting = 1000

// normal makes numbers float64 where that loses nothing. Errors: errHuge, errDeep.
func normal(v any, depth int) (_ any, err error) {
	if depth > maxNesting {
		return nil, errDeep
	}
	switch v := v.(type) {
	case json.Number:
		return exact(v)
	case []any:
		for i := range v {
			if v[i], err = normal(v[i], depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = normal(v[k], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// errHuge says that a number is larger than any float64. Who counted with all its digits would count for a long time.
var errHuge = errors.New("a number is too large")

// errDeep says that values are nested deeper than maxNesting.
var errDeep = errors.New("it is nested too deep")

// exact is a float64 for all numbers but the integers that it cannot hold. Errors: errHuge.
func exact(n json.Number) (any, error) {
	f, err := n.Float64()
	if err != nil {
		return nil, errHuge
	}
	const safe = 1 << 53
	if (f >= safe || f <= -safe) && !strings.ContainsAny(string(n), ".eE") {
		return n, nil
	}
	return f, nil
}
