package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/registryd/registryd/internal/httpx"
)

// Implementation runs an operation. Its functions are safe for concurrent use.
type Implementation struct {
	// Handle gets the checked arguments and answers. Exactly one of Handle and Raw is set.
	// Errors: what Call.Fault returns; any of internal/outcome; everything else is a 500 that names nothing.
	Handle func(ctx context.Context, c *Call) (Answer, error)
	// Raw answers by itself; no parameter is looked at.
	Raw httpx.HandlerFunc
	// Prepare runs before anything is looked up and may hand over arguments for Deserialize and Handle, or answer in
	// their place; nil: nothing is to be prepared.
	Prepare func(ctx context.Context, c *Call) (*Answer, error)
	// Requires says why the operation cannot be run, by status 412; nil error: it can. nil: it always can.
	Requires func(ctx context.Context, c *Call) error
	// Ensures says what is wrong with an answer, by status 400; nil: nothing ever is.
	Ensures func(ctx context.Context, c *Call, a Answer) error
	// Appraise says how long a task takes, 0: unknown; nil: LongRunning.Estimate. Errors: those of Handle.
	Appraise func(ctx context.Context, c *Call) (time.Duration, error)
	// Deserialize makes values of texts, by the name in Param.Deserialize. Errors are answered with 400.
	Deserialize map[string]func(ctx context.Context, c *Call, text string) (any, error)
}

// Answer is what a handler returns. The zero value is an empty body.
type Answer struct {
	Status int         // 0: what is declared
	Header http.Header // nil: none
	// Value becomes the body by Response.Serialize; []byte and io.Reader pass through. A Reader that is an io.Closer
	// is closed.
	Value any
	// Final takes Value, bytes, as the body as it is, whatever is declared.
	Final bool
}

// Call is one request with its arguments. It belongs to the handler until that returns.
type Call struct {
	// Request as it came; its body was read.
	Request *http.Request
	// Descriptor of the operation. Nobody changes it.
	Descriptor *Descriptor
	// Extra holds what Implementation.Prepare kept for the handler.
	Extra any
	// More are members of the body that are not declared, of a protocol's operation; nil: none.
	More map[string]any

	op       *Operation
	ctx      context.Context // of the request, with what Operation.Serve was given
	path     httprouter.Params
	args     []any
	given    uint64 // bit i: args[i] is there
	query    url.Values
	badQuery error // of a query that is not encoded as it should be
	body     map[string]any
	form     url.Values
	parse    struct { // what became of the body
		ignored string // its media type, which nobody reads here
		whole   any    // a JSON body that is no object
	}
	header http.Header // for the answer, of Implementation.Prepare
	detach func(time.Duration)
	job    *task // that the call is; nil: none, or none yet
	taskID string
}

// Enrich is for Implementation.Prepare: header goes with the answer, also with that of an error, and body, where it is not
// nil, stands in the place of the one that was parsed: a map[string]any, or what else JSON says.
func (c *Call) Enrich(header http.Header, body any) {
	c.header = header
	if body == nil {
		return
	}
	c.form, c.parse.ignored = nil, ""
	c.body, _ = body.(map[string]any)
	if c.parse.whole = nil; c.body == nil {
		c.parse.whole = body
	}
}

// TaskID is the id of a task of LongRunning, also before it is one; "" for other operations.
func (c *Call) TaskID() string { return c.taskID }

// Progress says that so much of the estimate of a task is done, which counts where the clock says less.
func (c *Call) Progress(done time.Duration) {
	if k := c.job; k != nil {
		k.progress.Store(max(k.progress.Load(), int64(done)))
	}
}

// Args are the values in the order of the declaration; nil for one that is missing.
func (c *Call) Args() []any { return c.args }

// Given reports whether parameter i has a value, its default included.
func (c *Call) Given(i int) bool { return c.given&(1<<i) != 0 }

// Value returns a parameter by name, nil if it is missing or not declared.
func (c *Call) Value(name string) any {
	if i := c.op.param(name); i >= 0 {
		return c.args[i]
	}
	return nil
}

// Text returns a parameter that is a text, "" otherwise.
func (c *Call) Text(name string) string {
	s, _ := c.Value(name).(string)
	return s
}

// Number returns a parameter that is a number, 0 otherwise.
func (c *Call) Number(name string) float64 {
	n, _ := number(c.Value(name))
	return n
}

// Bool returns a parameter that is a boolean, false otherwise.
func (c *Call) Bool(name string) bool {
	b, _ := c.Value(name).(bool)
	return b
}

// Body is the parsed body: a map[string]any of a JSON object or a form, or what else JSON says; nil: none.
func (c *Call) Body() any {
	switch {
	case c.body != nil:
		return c.body
	case c.form != nil:
		return formValues(c.form)
	}
	return c.parse.whole
}

// PathValue returns what a placeholder of the path stands for, "" for none.
func (c *Call) PathValue(name string) string { return c.path.ByName(name) }

// Detach answers a task of LongRunning.Manual before it is done, once; estimate is how long it takes, 0: unknown.
func (c *Call) Detach(estimate time.Duration) {
	if c.detach != nil {
		c.detach(estimate)
	}
}

// Fault returns the declared error of that name, or one that is answered with 500 where there is none. cause goes to
// the log; nil: nothing more is known.
func (c *Call) Fault(name string, cause error) error {
	f, ok := c.Descriptor.fault(name)
	if !ok {
		return fmt.Errorf("error %q is not declared: %w", name, cmp.Or(cause, errors.New("without a cause")))
	}
	r := &httpx.Reply{Status: f.Status, Type: f.Name, Text: f.Message, Suggestions: f.Suggestions, Err: cause}
	if c.Descriptor.Protocol {
		r.Suggestions = nil // the body of a protocol has two members
		return r
	}
	r.Text = c.interpolate(f.Message)
	return r
}

// interpolate fills in declared parameters, and nothing else: no internals leak by an error.
func (c *Call) interpolate(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	for i := range c.op.params {
		if c.Given(i) {
			text = strings.ReplaceAll(text, "{"+c.op.params[i].Name+"}", fmt.Sprint(c.args[i]))
		}
	}
	return text
}

// Placeholders are those of the path, sorted.
func (c *Call) Placeholders() []string { return slices.Sorted(maps.Keys(c.op.placeholders)) }
