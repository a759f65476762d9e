package plugin

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
	core "github.com/registryd/registryd/plugin"
)

// script runs an operation that code declares.
type script struct {
	key       string
	names     []string
	contracts bool
}

// request is what code gets of a request.
type request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Path    string            `json:"path"`
	Params  map[string]any    `json:"params"`
	Query   map[string]any    `json:"query"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body"`
	IP      string            `json:"ip"`
	Extra   json.RawMessage   `json:"extra,omitempty"`
}

func requestOf(c *operation.Call) *request {
	r := c.Request
	q := &request{
		Method: r.Method, URL: r.URL.RequestURI(), Path: r.URL.Path, Params: map[string]any{}, Query: map[string]any{},
		Headers: map[string]string{}, Body: c.Body(),
	}
	for k, values := range r.URL.Query() {
		q.Query[k] = values[0]
		if len(values) > 1 {
			q.Query[k] = values
		}
	}
	for k, values := range r.Header {
		q.Headers[strings.ToLower(k)] = strings.Join(values, ", ")
	}
	for _, name := range c.Placeholders() {
		q.Params[name] = c.PathValue(name)
	}
	q.Headers["host"] = r.Host
	q.IP = httpx.ClientAddress(r)
	if extra, ok := c.Extra.(json.RawMessage); ok {
		q.Extra = extra
	}
	return q
}

// reply is what the runtime answers.
type reply struct {
	Status        int
	Headers       map[string][]string
	JSON          *string
	Text          *string
	Base64        *string
	Final         bool
	Fault         string
	Cause         string
	Precondition  *string
	Postcondition *string
	Extra         json.RawMessage // of middleware that went on
	Body          json.RawMessage // as middleware left it
}

// ask calls the code of the request's generation.
func ask(ctx context.Context, c *operation.Call, fn string, args ...any) (*reply, error) {
	data, err := call(ctx, c, fn, args...)
	if err != nil {
		return nil, err
	}
	var r reply
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s answers %.100q: %w", fn, data, err)
	}
	return &r, nil
}

func call(ctx context.Context, c *operation.Call, fn string, args ...any) (json.RawMessage, error) {
	data, err := invoke(ctx, fn, args...)
	if err != nil {
		return nil, failure(ctx, c, err)
	}
	return data, nil
}

// invoke calls the code of the request's generation with arguments that JSON can say. Errors: those of run.
func invoke(ctx context.Context, fn string, args ...any) (json.RawMessage, error) {
	list := make([]json.RawMessage, len(args))
	for i, a := range args {
		var err error
		if list[i], err = json.Marshal(a); err != nil {
			return nil, fmt.Errorf("arguments of %s: %w", fn, err)
		}
	}
	return run(ctx, fn, list...)
}

// run calls the code that the context has a lease of. Errors: those of plugin.Lease.Call; outcome.Unavailable where
// there is no lease.
func run(ctx context.Context, fn string, args ...json.RawMessage) (json.RawMessage, error) {
	l, ok := operation.LeaseOf(ctx).(*core.Lease)
	if !ok {
		return nil, outcome.New(outcome.Unavailable, "the call has no lease")
	}
	r, err := l.Call(ctx, fn, args...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.JSON, nil
}

// failure makes an answer of what code threw: a declared error by its name, the status of deny, or a 500 that names
// nothing, with the trace for the log.
func failure(ctx context.Context, c *operation.Call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r, ok := errors.AsType[*core.Rejection](err)
	if !ok {
		return err
	}
	for _, f := range c.Descriptor.Faults {
		if f.Name == r.Name {
			return c.Fault(r.Name, r)
		}
	}
	if r.Public && r.ID >= 400 && r.ID <= 599 {
		return &httpx.Reply{Status: r.ID, Type: typeOf(r.ID), Text: cmp.Or(r.Message, http.StatusText(r.ID)), Err: r}
	}
	return fmt.Errorf("%w\n%s", r, r.Stack)
}

// typeOf names the type of an error that has a status alone, as the table of errors would.
func typeOf(status int) string {
	for _, kind := range []error{outcome.Invalid, outcome.Unauthorized, outcome.Forbidden, outcome.NotFound, outcome.Conflict, outcome.PreconditionFailed, outcome.TooManyRequests} {
		if httpx.Status(kind) == status {
			return httpx.Label(kind)
		}
	}
	return "refused"
}

// handle is operation.Implementation.Handle.
func (s *script) handle(ctx context.Context, c *operation.Call) (operation.Answer, error) {
	r, err := ask(noticing(ctx, c), c, "@operate", s.key, requestOf(c), c.Args(), s.options(c))
	if err != nil {
		return operation.Answer{}, err
	}
	return r.answer(c)
}

// options tell the runtime how to run the handler.
func (s *script) options(c *operation.Call) map[string]any {
	o := map[string]any{"contracts": s.contracts, "names": s.names}
	if id := c.TaskID(); id != "" {
		o["taskId"] = id
	}
	return o
}

// noticing lets the code of a task tell how that goes.
func noticing(ctx context.Context, c *operation.Call) context.Context {
	if c.TaskID() == "" {
		return ctx
	}
	return core.WithNotice(ctx, func(kind string, d time.Duration) {
		switch kind {
		case core.NoticeDetach:
			c.Detach(d)
		case core.NoticeProgress:
			c.Progress(d)
		}
	})
}

// appraise is operation.Implementation.Appraise.
func (s *script) appraise(ctx context.Context, c *operation.Call) (time.Duration, error) {
	data, err := call(ctx, c, "@appraise", s.key, requestOf(c), c.Args(), s.options(c))
	if err != nil {
		return 0, err
	}
	var ms int64
	err = json.Unmarshal(data, &ms)
	return time.Duration(ms) * time.Millisecond, err
}

// prepare is operation.Implementation.Prepare.
func (s *script) prepare(ctx context.Context, c *operation.Call) (*operation.Answer, error) {
	r, err := ask(ctx, c, "@prepare", s.key, requestOf(c))
	if err != nil {
		return nil, err
	}
	if r.Extra != nil {
		c.Extra = r.Extra
		var body any
		if r.Body != nil {
			if body, err = operation.DecodeJSON(r.Body); err != nil {
				return nil, fmt.Errorf("the body that middleware leaves: %w", err)
			}
			if body == nil {
				body = map[string]any{} // it took the body away
			}
		}
		c.Enrich(r.Headers, body)
		return nil, nil
	}
	a, err := r.answer(c)
	return &a, err
}

func (s *script) deserialize(ctx context.Context, name, text string) (any, error) {
	data, err := invoke(ctx, "@deserialize", s.key, name, text)
	if _, thrown := errors.AsType[*core.Rejection](err); thrown {
		return nil, errors.New("the text cannot be read") // which is the client's fault
	}
	if err != nil || data == nil {
		return nil, err
	}
	return operation.DecodeJSON(data)
}

// answer makes an answer of a reply.
func (r *reply) answer(c *operation.Call) (operation.Answer, error) {
	a := operation.Answer{Status: r.Status, Header: r.Headers, Final: r.Final}
	switch {
	case r.Fault != "":
		return a, c.Fault(r.Fault, cause(r.Cause))
	case r.Precondition != nil:
		return a, outcome.Plain(outcome.PreconditionFailed, *r.Precondition)
	case r.Postcondition != nil:
		return a, outcome.Plain(outcome.Invalid, *r.Postcondition)
	case r.Base64 != nil:
		data, err := base64.StdEncoding.DecodeString(*r.Base64)
		a.Value = data
		return a, err
	case r.Text != nil:
		if *r.Text != "" {
			a.Value = *r.Text
		}
	case r.JSON != nil:
		a.Value = json.RawMessage(*r.JSON)
	}
	return a, nil
}

func cause(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

// endpoint runs one of a protocol.
type endpoint struct {
	name   string
	faults []string
}

// handle is operation.Implementation.Handle.
func (e *endpoint) handle(ctx context.Context, c *operation.Call) (operation.Answer, error) {
	params := given(c)
	maps.Copy(params, c.More)
	r, err := ask(ctx, c, "@protocol", e.name, params, e.faults)
	if err != nil {
		return operation.Answer{}, err
	}
	return r.answer(c)
}

// given are the parameters that have a value, by name.
func given(c *operation.Call) map[string]any {
	params := map[string]any{}
	for i, p := range c.Descriptor.Params {
		if c.Given(i) {
			params[p.Name] = c.Args()[i]
		}
	}
	return params
}

// direct runs a named function: its argument is {params, request}, its result the answer, or an object with $status,
// $headers and $body.
func direct(name string) operation.Implementation {
	return operation.Implementation{Handle: func(ctx context.Context, c *operation.Call) (operation.Answer, error) {
		data, err := call(noticing(ctx, c), c, name, map[string]any{"params": given(c), "request": requestOf(c)})
		if err != nil {
			return operation.Answer{}, err
		}
		return wrapped(data)
	}}
}

// wrapped is an answer of a named function.
func wrapped(data json.RawMessage) (operation.Answer, error) {
	var w struct {
		Status  *int            `json:"$status"`
		Headers map[string]any  `json:"$headers"`
		Body    json.RawMessage `json:"$body"`
	}
	if len(data) == 0 {
		return operation.Answer{}, nil
	}
	a := operation.Answer{Header: http.Header{}}
	if data[0] != '{' {
		a.Value = data
		return a, nil
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return a, fmt.Errorf("$status must be a whole number, and $headers an object: %w", err)
	}
	if w.Status == nil && w.Headers == nil && w.Body == nil {
		a.Value = data
		return a, nil
	}
	if w.Status != nil {
		a.Status = *w.Status
	}
	for k, v := range w.Headers {
		values, isList := v.([]any)
		if !isList {
			values = []any{v}
		}
		for _, one := range values {
			a.Header.Add(k, fmt.Sprint(one))
		}
	}
	if w.Body != nil {
		a.Value = w.Body
	}
	return a, nil
}
