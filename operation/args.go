package operation

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// maxParams is how many parameters an operation may declare.
const maxParams = 64

// param is a parameter that was compiled.
type param struct {
	Param
	schema *schema
	key    string // of a header, in canonical form
	date   bool
	inPath bool // the path has a placeholder of that name
}

func compileParam(p Param) (param, error) {
	c := param{Param: p, key: p.Name}
	if p.In == "" {
		c.In = InAny
	}
	if c.In == InHeader {
		c.key = http.CanonicalHeaderKey(p.Name)
	}
	var doc any
	var err error
	doc, c.date = p.document()
	c.schema, err = compileSchema(doc)
	return c, err
}

// document is the schema as it was declared, or what the shorthand stands for.
func (p *Param) document() (doc any, date bool) {
	if p.Schema == nil && p.Type != "" {
		return typeSchema(p.Type)
	}
	return p.Schema, false
}

// typeSchema is what a shorthand stands for.
func typeSchema(name string) (doc any, date bool) {
	switch strings.ToLower(name) {
	case "date":
		return "string", true
	case "json", "any":
		return nil, false
	}
	return typeName(name), false
}

// arguments looks all of them up. Errors: a *httpx.Reply that names the parameter; that of Implementation.Deserialize.
func (c *Call) arguments(ctx context.Context) error {
	params := c.op.params
	var lost []string
	for i := range params {
		v, there, err := c.argument(ctx, &params[i])
		if err != nil {
			return err
		}
		switch {
		case there:
			c.args[i] = v
			c.given |= 1 << i
		case params[i].Optional:
		case !c.Descriptor.Protocol:
			return c.lost(params[i].Name)
		default:
			lost = append(lost, params[i].Name)
		}
	}
	if len(lost) > 0 {
		return c.lost(lost...)
	}
	return nil
}

// lost says which parameters are missing.
func (c *Call) lost(names ...string) error {
	r := &httpx.Reply{Status: c.Descriptor.missing(), Type: "invalid", Param: names[0]}
	if c.Descriptor.Protocol {
		r.Type = "malformedRequest"
		r.Text = "Request does not contain the required parameters for this endpoint: " + strings.Join(names, ", ")
	} else {
		r.Text = "parameter " + names[0] + " is missing"
	}
	if c.parse.ignored != "" {
		r.Text += "; a body of type " + httpx.Clip(c.parse.ignored) + " is not read"
	}
	return r
}

// wrong says that an argument is not what it must be.
func (c *Call) wrong(p *param, what string) error {
	r := &httpx.Reply{Status: http.StatusBadRequest, Type: "invalid", Param: p.Name, Text: "parameter " + p.Name + ": " + what}
	if c.Descriptor.Protocol {
		r.Status, r.Type = c.Descriptor.missing(), "malformedRequest"
	}
	return r
}

// argument looks one up, deserialises and checks it; false when it is missing.
func (c *Call) argument(ctx context.Context, p *param) (any, bool, error) {
	f := c.find(p)
	if c.badQuery != nil { // what cannot be read might be this one
		return nil, false, c.wrong(p, "the query is not encoded as it should be")
	}
	if f.from == nowhere {
		if !p.HasDefault {
			return nil, false, nil
		}
		f = ofJSON(p.Default)
	}
	v, err := c.deserialize(ctx, p, f)
	if err != nil {
		return nil, false, err
	}
	if p.date && !isDate(v) {
		return nil, false, c.wrong(p, "must be a date")
	}
	if bad := p.schema.check(v); bad != "" {
		return nil, false, c.wrong(p, bad)
	}
	return v, true, nil
}

// deserialize makes a value of a text, or of each of a list of texts.
func (c *Call) deserialize(ctx context.Context, p *param, f found) (any, error) {
	switch f.from {
	case textJSON, fromText:
		return c.read(ctx, p, f.text, f.from)
	case fromTexts:
		list := make([]any, len(f.texts))
		for i, text := range f.texts {
			one, err := c.read(ctx, p, text, fromText)
			if err != nil {
				return nil, err
			}
			list[i] = one
		}
		return list, nil
	}
	return f.value, nil
}

// read deserialises one text.
func (c *Call) read(ctx context.Context, p *param, text string, from origin) (any, error) {
	switch {
	case p.Deserialize != "":
		v, err := c.op.impl.Deserialize[p.Deserialize](ctx, c, text)
		if err != nil && !outcome.Known(err) {
			return nil, c.wrong(p, "cannot be read")
		}
		return v, err
	case p.JSON:
		v, err := DecodeJSON([]byte(text))
		switch {
		case p.schema.allows("string") && (err != nil || !p.schema.fits(v)):
			return text, nil
		case err != nil:
			return nil, c.wrong(p, "is no JSON")
		}
		return v, nil
	case from == fromText || c.Descriptor.Protocol:
		return coerce(p.schema, text), nil
	}
	return text, nil
}

// fits reports whether a value has one of the types of the schema.
func (s *schema) fits(v any) bool {
	n, isNumber := number(v)
	return slices.ContainsFunc(s.types, func(t string) bool { return isType(v, n, isNumber, t) })
}

// coerce makes a text a value of the primitive type that the schema asks for; what is none stays the text.
func coerce(s *schema, text string) any {
	if s == nil || s.types == nil {
		return text
	}
	if s.allows("integer") || s.allows("number") {
		if n, ok := parseNumber(text); ok {
			return n
		}
	}
	switch {
	case s.allows("boolean") && text == "true":
		return true
	case s.allows("boolean") && text == "false":
		return false
	case s.allows("null") && (text == "null" || text == "" && !s.allows("string")):
		return nil
	}
	return text
}

// exactDigits is how many digits a float64 holds whatever they are.
const exactDigits = 15

// parseNumber reads what JSON takes for a number.
func parseNumber(text string) (any, bool) {
	if !isNumber(text) {
		return nil, false
	}
	if len(text) > exactDigits {
		n, err := exact(json.Number(text))
		return n, err == nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// maxNumber bounds the text of a number.
const maxNumber = 64

// isNumber reports whether text is a number as JSON writes it.
func isNumber(text string) bool {
	rest := strings.TrimPrefix(text, "-")
	digits := leading(rest)
	if digits == 0 || digits > 1 && rest[0] == '0' || len(text) > maxNumber {
		return false
	}
	rest = rest[digits:]
	if strings.HasPrefix(rest, ".") {
		if digits = leading(rest[1:]); digits == 0 {
			return false
		}
		rest = rest[1+digits:]
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	return rest != "" && leading(rest) == len(rest)
}

// leading counts the digits that text begins with.
func leading(text string) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

func isDate(v any) bool {
	text, ok := v.(string)
	if !ok {
		return false
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, time.DateTime, time.RFC1123, time.RFC1123Z} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}
