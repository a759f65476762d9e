package operation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/registryd/registryd/internal/httpx"
)

// Values of headers under their canonical keys, shared by answers.
var (
	jsonType = []string{"application/json; charset=utf-8"}
	textType = []string{"text/plain; charset=utf-8"}
	rawType  = []string{"application/octet-stream"}
)

// write sends an answer; checked tells that it must keep what is declared. Errors: a *httpx.Reply for one that does
// not, before anything was sent; those of a reader.
func (c *Call) write(w http.ResponseWriter, a Answer, checked bool) error {
	if closer, ok := a.Value.(io.Closer); ok {
		defer closer.Close()
	}
	status := a.Status
	if status == 0 {
		status = c.Descriptor.success()
	}
	if status < 200 || status > 999 { // those below say that more is to come
		return fmt.Errorf("the handler answers with status %d", status)
	}
	if checked && !a.Final {
		if err := c.keeps(status, a.Value); err != nil {
			return err
		}
	}
	e := c.op.encoder()
	defer c.op.encoders.Put(e)
	kind, data, err := c.encode(e, status, a)
	if err != nil {
		return err
	}
	h := w.Header()
	setHeaders(h, a.Header)
	h["X-Content-Type-Options"] = noSniff
	if kind != nil && h["Content-Type"] == nil {
		h["Content-Type"] = kind
	}
	if reader, ok := a.Value.(io.Reader); ok {
		w.WriteHeader(status)
		_, err := io.Copy(w, reader)
		return err
	}
	if bodyless(status) {
		w.WriteHeader(status)
		return nil
	}
	h["Content-Length"] = []string{strconv.Itoa(len(data))}
	w.WriteHeader(status)
	if c.Request.Method != http.MethodHead {
		_, _ = w.Write(data) // the client may have left
	}
	return nil
}

// setHeaders takes over what a handler says. What belongs to the connection, or tells nginx what to do, is
// the daemon's to say.
func setHeaders(to, from http.Header) {
	for k, values := range from {
		if k = http.CanonicalHeaderKey(k); !slices.Contains(connectionHeaders, k) && !strings.HasPrefix(k, "X-Accel-") {
			to[k] = values
		}
	}
}

// connectionHeaders say how an answer is sent, in canonical form.
var connectionHeaders = []string{
	"Connection", "Content-Length", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

var noSniff = []string{"nosniff"}

func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// encode makes a body of a value. It belongs to the encoder.
func (c *Call) encode(e *encoder, status int, a Answer) (kind []string, data []byte, err error) {
	how := c.Descriptor.Response.Serialize
	if how == "" && c.Descriptor.Protocol {
		how = SerializeJSON
	}
	switch v := a.Value.(type) {
	case nil:
		if c.Descriptor.Protocol && !a.Final {
			return textType, []byte(http.StatusText(status)), nil
		}
		return nil, nil, nil
	case []byte:
		return rawType, v, nil
	case io.Reader:
		return rawType, nil, nil
	case string:
		if a.Final || how != SerializeJSON || status >= 300 {
			return textType, []byte(v), nil
		}
	case json.RawMessage:
		if how == SerializeJSON && status < 300 {
			return jsonType, v, nil
		}
		return plainJSON(v)
	}
	data, err = e.marshal(a.Value)
	if err != nil {
		return nil, nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	if _, ok := number(a.Value); ok && how != SerializeJSON {
		return textType, data, nil
	}
	return jsonType, data, nil
}

// plainJSON writes a value that is JSON already where JSON is not what is declared: texts as they are, numbers and
// booleans as text.
func plainJSON(v json.RawMessage) ([]string, []byte, error) {
	trimmed := bytes.TrimSpace(v)
	if len(trimmed) == 0 || string(trimmed) == "null" {
		return nil, nil, nil
	}
	switch trimmed[0] {
	case '"':
		var text string
		if err := json.Unmarshal(trimmed, &text); err != nil {
			return nil, nil, err
		}
		return textType, []byte(text), nil
	case '{', '[':
		return jsonType, trimmed, nil
	}
	return textType, trimmed, nil
}

// encoder is json.Marshal that leaves "<" as it is, into a buffer that the next answer uses too.
type encoder struct {
	out  bytes.Buffer
	json *json.Encoder
}

// maxKept is the largest buffer that is kept, in bytes.
const maxKept = 64 << 10

// encoder returns one that nobody uses. Who is done puts it back.
func (o *Operation) encoder() *encoder {
	if e, ok := o.encoders.Get().(*encoder); ok && e.out.Cap() <= maxKept {
		e.out.Reset()
		return e
	}
	e := &encoder{}
	e.json = json.NewEncoder(&e.out)
	e.json.SetEscapeHTML(false)
	return e
}

// marshal returns bytes that are good until the encoder is put back.
func (e *encoder) marshal(v any) ([]byte, error) {
	if err := e.json.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(e.out.Bytes(), []byte("\n")), nil
}

// keeps checks an answer against the declared members. Errors: a *httpx.Reply.
func (c *Call) keeps(status int, value any) error {
	r := &c.Descriptor.Response
	if r.Keys == nil || r.Unchecked || status >= 300 {
		return nil
	}
	value, err := plainValue(value)
	if err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	list, isList := value.([]any)
	if isList != r.List {
		return badResponse("a list is declared or answered, and not both")
	}
	if !isList {
		list = []any{value}
	}
	var lost []string
	for _, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			return badResponse(fmt.Sprintf("an object is declared, %s was answered", kindOf(e)))
		}
		for _, k := range r.Keys {
			if _, there := object[k.Name]; !there && !slices.Contains(lost, k.Name) {
				lost = append(lost, k.Name)
			}
		}
	}
	if len(lost) > 0 {
		return badResponse("the answer lacks " + strings.Join(lost, ", "))
	}
	return nil
}

func badResponse(text string) error {
	return &httpx.Reply{Status: http.StatusInternalServerError, Type: "badResponse", Text: text}
}

// plainValue returns a value as maps, lists and primitives.
func plainValue(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any, []any, nil, string:
		return v, nil
	case []byte, io.Reader:
		return "bytes", nil
	}
	data, isJSON := v.(json.RawMessage)
	switch {
	case isJSON && data == nil: // nothing, as encoding/json has it
		return nil, nil
	case !isJSON:
		var err error
		if data, err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	var out any
	err := json.Unmarshal(data, &out)
	return out, err
}
