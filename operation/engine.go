package operation

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/julienschmidt/httprouter"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// Middleware wraps what answers an operation. What it returns is called once per request, and may end the request by
// an error or an answer of its own.
type Middleware func(d *Descriptor, next httpx.HandlerFunc) httpx.HandlerFunc

// Options of New, shared by many operations. The zero value of each field means what is stated.
type Options struct {
	// Key returns the API key; nil or "": nobody has one, and what needs it is refused.
	Key func() string
	// Middleware makes middleware, by the names that descriptors use. What follows a colon there is its argument.
	Middleware map[string]func(argument string) (Middleware, error)
	// MaxBody bounds a body, in bytes; 0: 1 MiB.
	MaxBody int64
	// NoContracts leaves pre- and postconditions out.
	NoContracts bool
	// Tasks keeps what runs longer than its request; nil: such operations are refused by New.
	Tasks *Tasks
	// TaskURL makes the URL of a task from its id; nil: "/tasks/<id>".
	TaskURL func(r *http.Request, id string) string
	// Logger; nil: discard.
	Logger *slog.Logger
}

// Operation is a descriptor with what runs it, compiled. Safe for concurrent use.
type Operation struct {
	descriptor   Descriptor
	impl         Implementation
	options      Options
	params       []param
	placeholders map[string]bool
	segments     []segment
	needsBody    bool
	around       httpx.HandlerFunc // the middleware, or a handler that answers by itself; nil: run alone
	encoders     sync.Pool         // of *encoder
}

// New compiles an operation. Errors: outcome.Invalid, which names the operation.
func New(d Descriptor, impl Implementation, o Options) (*Operation, error) {
	op := &Operation{descriptor: d, impl: impl, options: o, placeholders: map[string]bool{}}
	if err := op.compile(); err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "operation %s", d.name())
	}
	return op, nil
}

// Descriptor returns what the operation was made of. The caller changes nothing of it.
func (o *Operation) Descriptor() *Descriptor { return &o.descriptor }

// Name is what commands, logs and metrics call it.
func (o *Operation) Name() string { return o.descriptor.name() }

func (o *Operation) compile() error {
	if o.options.MaxBody == 0 {
		o.options.MaxBody = 1 << 20
	}
	if o.options.Logger == nil {
		o.options.Logger = slog.New(slog.DiscardHandler)
	}
	d := &o.descriptor
	d.Method = strings.ToUpper(d.Method)
	if d.Method != "" && !slices.Contains(methods, d.Method) {
		return fmt.Errorf("method %q is none of %s", d.Method, strings.Join(methods, ", "))
	}
	if (o.impl.Handle == nil) == (o.impl.Raw == nil) {
		return errors.New("has no handler")
	}
	if d.LongRunning != nil && o.options.Tasks == nil {
		return errors.New("longRunning: tasks are not kept here")
	}
	var err error
	if o.segments, err = parsePath(d.Path); err != nil {
		return err
	}
	if !strings.HasPrefix(d.Path, "/") {
		d.Path = "/" + d.Path
	}
	for _, s := range o.segments {
		if s.kind == placeholder {
			o.placeholders[s.text] = true
		}
	}
	if err := o.compileParams(); err != nil {
		return err
	}
	return o.wrap()
}

func (o *Operation) compileParams() error {
	d := &o.descriptor
	if len(d.Params) > maxParams {
		return fmt.Errorf("%d parameters, at most %d", len(d.Params), maxParams)
	}
	for _, p := range d.Params {
		c, err := compileParam(p)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		if p.In == InPath && !o.placeholders[p.Name] {
			return fmt.Errorf("parameter %s: is no placeholder of the path", p.Name)
		}
		if p.Deserialize != "" && o.impl.Deserialize[p.Deserialize] == nil {
			return fmt.Errorf("parameter %s: no function %q deserialises", p.Name, p.Deserialize)
		}
		if o.param(p.Name) >= 0 {
			return fmt.Errorf("parameter %s: is declared twice", p.Name)
		}
		o.needsBody = o.needsBody || c.In == InAny || c.In == InBody
		c.inPath = o.placeholders[p.Name]
		o.params = append(o.params, c)
	}
	o.needsBody = !d.NoBody && (o.needsBody || o.impl.Prepare != nil || len(d.Params) == 0)
	return nil
}

// param is the place of a parameter by its name, -1 where there is none.
func (o *Operation) param(name string) int {
	for i := range o.params {
		if o.params[i].Name == name {
			return i
		}
	}
	return -1
}

// wrap puts the middleware around the operation, the first one outermost.
func (o *Operation) wrap() error {
	o.around = o.impl.Raw
	if o.around == nil && len(o.descriptor.Middleware) > 0 {
		o.around = o.wrapped
	}
	for _, name := range slices.Backward(o.descriptor.Middleware) {
		bare, argument, _ := strings.Cut(name, ":")
		build := o.options.Middleware[bare]
		if build == nil {
			return fmt.Errorf("middleware %q is not known", name)
		}
		m, err := build(strings.TrimSpace(argument))
		if err != nil {
			return fmt.Errorf("middleware %q: %w", name, err)
		}
		o.around = m(&o.descriptor, o.around)
	}
	return nil
}

// Serve answers a request. path holds the placeholders, and lease is what a task keeps beyond its request; nil: nothing.
// Errors: for httpx.Adapter.
func (o *Operation) Serve(w http.ResponseWriter, r *http.Request, path httprouter.Params, lease Leased) error {
	if o.descriptor.Key {
		if err := authorise(r, o.options.Key, o.descriptor.Protocol); err != nil {
			return err
		}
	}
	if o.around != nil {
		return o.around(w, r.WithContext(&matched{r.Context(), path, lease}))
	}
	v := &visit{matched: matched{r.Context(), path, lease}}
	return o.run(&v.matched, v, w, r)
}

// visit is what the engine needs for one request. It is one value, since each costs every request.
type visit struct {
	matched
	call Call
	args [4]any // of operations with as few parameters
}

// wrapped runs the operation behind its middleware, which may have changed the context.
func (o *Operation) wrapped(w http.ResponseWriter, r *http.Request) error {
	return o.run(r.Context(), &visit{}, w, r)
}

// authorise compares the key that the request has. Errors: a *httpx.Reply, outcome.Unauthorized,
// outcome.WrongCredentials.
func authorise(r *http.Request, key func() string, protocol bool) error {
	given := r.Header.Get("Authorization")
	if bare, ok := strings.CutPrefix(given, "Bearer "); ok && bare != "" {
		given = bare
	}
	if key != nil {
		if k := key(); k != "" && sameKey(given, k) {
			return nil
		}
	}
	switch {
	case protocol:
		return &httpx.Reply{Status: http.StatusForbidden, Type: "wrong-credentials", Text: "Forbidden", Plain: true}
	case given == "":
		return outcome.New(outcome.Unauthorized, "the API key is missing")
	}
	return outcome.New(outcome.WrongCredentials, "the API key is wrong")
}

// sameKey compares in constant time, whatever the lengths.
func sameKey(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// run is everything behind the middleware.
func (o *Operation) run(ctx context.Context, v *visit, w http.ResponseWriter, r *http.Request) error {
	c := &v.call
	c.Request, c.Descriptor, c.op, c.ctx, c.path = r, &o.descriptor, o, ctx, v.path
	if c.path == nil {
		c.path = pathOf(ctx)
	}
	if n := len(o.params); n <= len(v.args) {
		c.args = v.args[:n:n]
	} else {
		c.args = make([]any, n)
	}
	if o.needsBody && r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := c.readBody(); err != nil {
			return err
		}
	}
	if o.impl.Prepare != nil {
		answer, err := o.impl.Prepare(ctx, c)
		if err != nil {
			return err
		}
		setHeaders(w.Header(), c.header)
		if answer != nil {
			return c.write(w, *answer, false)
		}
	}
	if err := c.arguments(ctx); err != nil {
		return err
	}
	if err := c.required(ctx); err != nil {
		return err
	}
	if o.descriptor.LongRunning != nil {
		return c.task(w)
	}
	a, err := c.handle(ctx)
	if err != nil {
		return err
	}
	return c.write(w, a, true)
}

// required asks the precondition. Errors: outcome.PreconditionFailed; those of internal/outcome.
func (c *Call) required(ctx context.Context) error {
	o := c.op
	if o.impl.Requires == nil || o.options.NoContracts {
		return nil
	}
	err := o.impl.Requires(ctx, c)
	if err == nil || outcome.Known(err) {
		return err
	}
	return outcome.Plain(outcome.PreconditionFailed, err.Error())
}

// handle runs the handler and what is promised of its answer.
func (c *Call) handle(ctx context.Context) (Answer, error) {
	o := c.op
	a, err := o.impl.Handle(ctx, c)
	if err != nil || o.impl.Ensures == nil || o.options.NoContracts {
		return a, err
	}
	if err := o.impl.Ensures(ctx, c, a); err != nil {
		if !outcome.Known(err) {
			err = outcome.Plain(outcome.Invalid, err.Error())
		}
		return a, err
	}
	return a, nil
}

// methods are those that descriptors may name.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}
