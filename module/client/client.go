// Package client calls the operations of a running daemon's modules. It knows them from the OpenAPI document that the
// daemon serves, so it never falls behind what is loaded.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/registryd/registryd/internal/outcome"
)

// Config of a Client.
type Config struct {
	// Base is the URL of the modules, with a slash at its end. Required.
	Base string
	// Key is sent to operations that ask for the API key; "": none.
	Key string
	// HTTP sends requests; nil: http.DefaultClient.
	HTTP *http.Client
}

// Client calls operations. Safe for concurrent use; make one with New.
type Client struct {
	config     Config
	operations []Operation
}

// Operation is what a client knows of one.
type Operation struct {
	Module      string   // that has it
	Name        string   // of the operation
	Method      string   // GET, POST and so on
	Path        string   // below the base, placeholders as {name}
	Description string   // for people; "": none
	Key         bool     // it asks for the API key
	Params      []Param  // in the order of their declaration
	Begin       string   // what to say when it is called; {name} stands for a parameter
	Done        string   // what to say when it succeeded; {results} stands for the answer
	Suggestions Suggests // by the name of an error
}

// Suggests says what may help, by the name of an error.
type Suggests map[string][]string

// Param is a parameter of an Operation.
type Param struct {
	Name        string // on the wire
	In          string // path, query, header, body
	Required    bool   // it has no default and cannot be left out
	Text        bool   // it takes texts and nothing else
	Description string // for people; "": none
}

// Failure is an error that an operation declares, or another answer that is none of success.
type Failure struct {
	Status      int      // of the answer
	Type        string   // name of the error; "": the answer names none
	Text        string   // that the daemon gives
	Suggestions []string // what may help; nil: nothing is known
}

// Error is part of error.
func (f *Failure) Error() string {
	if f.Text == "" {
		return fmt.Sprintf("status %d", f.Status)
	}
	return f.Text
}

// New asks the daemon what there is. Errors: outcome.Unavailable where it cannot be reached, or is none.
func New(ctx context.Context, c Config) (*Client, error) {
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	cl := &Client{config: c}
	status, data, err := cl.send(ctx, http.MethodGet, "openapi.json", nil, http.Header{})
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, outcome.New(outcome.Unavailable, "%sopenapi.json: status %d: are modules on?", c.Base, status)
	}
	cl.operations, err = parse(data)
	return cl, err
}

// Operations lists what there is, by module and path.
func (c *Client) Operations() []Operation { return slices.Clone(c.operations) }

// Find returns an operation by its name, which may be written in kebab-case. Errors: outcome.NotFound.
func (c *Client) Find(module, name string) (*Operation, error) {
	for i := range c.operations {
		o := &c.operations[i]
		if o.Module == module && (o.Name == name || strings.Trim(o.Name, "/") == strings.Trim(name, "/") || kebab(o.Name) == name) {
			return o, nil
		}
	}
	return nil, outcome.New(outcome.NotFound, "module %s has no operation %s", module, name)
}

// kebab writes startTime as start-time.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Check looks whether everything is there that an operation needs; Call does so, too. Errors: outcome.Invalid for a
// parameter that is missing.
func (o *Operation) Check(values map[string]any) error {
	for _, p := range o.Params {
		if _, there := values[p.Name]; p.Required && !there {
			return outcome.New(outcome.Invalid, "parameter %s is missing", p.Name)
		}
	}
	return nil
}

// Call calls an operation and returns the body of its answer. values are texts, or what JSON can say.
// Errors: outcome.Invalid for a parameter that is missing, before anything is sent; a *Failure; outcome.Unavailable,
// outcome.TooSlow, outcome.TooLarge; ctx.Err.
func (c *Client) Call(ctx context.Context, o *Operation, values map[string]any) ([]byte, error) {
	if err := o.Check(values); err != nil {
		return nil, err
	}
	path, body, header := o.Path, map[string]any{}, http.Header{}
	query := url.Values{}
	for _, p := range o.Params {
		v, ok := values[p.Name]
		switch {
		case !ok:
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(text(v)))
		case p.In == "query":
			query.Set(p.Name, text(v))
		case p.In == "header":
			header.Set(p.Name, text(v))
		default:
			body[p.Name] = v
		}
	}
	path = strings.TrimPrefix(withoutPlaceholders(path), "/")
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if o.Key && c.config.Key != "" {
		header.Set("Authorization", c.config.Key)
	}
	var data []byte
	if slices.ContainsFunc(o.Params, func(p Param) bool { return p.In == "body" }) {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, outcome.Wrap(outcome.Invalid, err, "parameters")
		}
		header.Set("Content-Type", "application/json")
	}
	status, answer, err := c.send(ctx, o.Method, path, data, header)
	if err != nil {
		return nil, err
	}
	if status >= 300 {
		return nil, failure(status, answer, o)
	}
	return answer, nil
}

// withoutPlaceholders drops the segments of optional parameters that were not given.
func withoutPlaceholders(path string) string {
	parts := strings.Split(path, "/")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return strings.HasPrefix(p, "{") }), "/")
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

func failure(status int, answer []byte, o *Operation) error {
	f := &Failure{Status: status}
	var body struct {
		Type, Error string
		Suggestions []string
	}
	if err := json.Unmarshal(answer, &body); err != nil {
		f.Text = strings.TrimSpace(string(answer))
	} else {
		f.Type, f.Text, f.Suggestions = body.Type, body.Error, body.Suggestions
	}
	if f.Suggestions == nil {
		f.Suggestions = o.Suggestions[f.Type]
	}
	if status == http.StatusForbidden && f.Type == "" {
		f.Type, f.Suggestions = "unauthorized", []string{"give the API key"}
	}
	return f
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

func (c *Client) send(ctx context.Context, method, path string, body []byte, header http.Header) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.config.Base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, outcome.Wrap(outcome.Invalid, err, "address")
	}
	r.Header = header
	resp, err := c.config.HTTP.Do(r)
	if err != nil {
		return 0, nil, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, c.unreachable(ctx, err)
	}
	if len(data) > maxAnswer {
		return 0, nil, outcome.New(outcome.TooLarge, "the answer has more than %d bytes", maxAnswer)
	}
	return resp.StatusCode, data, nil
}

// unreachable names why there is no answer.
func (c *Client) unreachable(ctx context.Context, err error) error {
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return outcome.New(outcome.Unavailable, "nobody listens at %s", c.config.Base)
	case ok && timeout.Timeout():
		return outcome.New(outcome.TooSlow, "%s does not answer in time", c.config.Base)
	}
	return outcome.Wrap(outcome.Unavailable, err, "ask %s", c.config.Base)
}
