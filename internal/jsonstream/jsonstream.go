// Package jsonstream reads large JSON documents from upstream piece by piece.
//
// Whoever reads one walks its objects and arrays and decodes the small values
// that matter. So memory is bounded by one value and by what the caller keeps,
// whatever the document holds: a value may be about a megabyte long and a
// hundred levels deep.
package jsonstream

import (
	"encoding/json"
	"io"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	// maxValue is how much is read for one value or token, in bytes.
	maxValue = 1 << 20
	// maxDepth bounds what is passed over; a walk is as deep as its caller's code.
	maxDepth = 100
)

// Reader reads one document. Not safe for concurrent use.
//
// All its methods fail with outcome.Unavailable for what is no JSON or of
// another shape than asked for, outcome.Refused for a value beyond the limits,
// and otherwise with what the underlying reader or a callback returned.
type Reader struct {
	dec *json.Decoder
	in  meter
}

// New returns a reader of the document in r.
func New(r io.Reader) *Reader {
	d := &Reader{in: meter{r: r}}
	d.dec = json.NewDecoder(&d.in)
	return d
}

// Object walks the next value, an object: field is called for each key and must
// consume its value by one call of a method of d.
func (d *Reader) Object(field func(key string) error) error {
	_, err := d.Either(field, nil)
	return err
}

// Array walks the next value, an array: element is called before each element
// and must consume it by one call of a method of d.
func (d *Reader) Array(element func() error) error {
	_, err := d.Either(nil, element)
	return err
}

// Either walks the next value as Object or as Array does, whichever it is, and
// reports whether it is an array.
func (d *Reader) Either(field func(key string) error, element func() error) (array bool, err error) {
	t, err := d.token()
	if err != nil {
		return false, err
	}
	array = t == json.Delim('[')
	switch {
	case array && element != nil:
		err = d.elements(element)
	case t == json.Delim('{') && field != nil:
		err = d.fields(field)
	default:
		err = outcome.New(outcome.Unavailable, "malformed JSON: no object or array where one belongs")
	}
	if err == nil {
		_, err = d.token() // the end, which was seen
	}
	return array, err
}

func (d *Reader) fields(field func(key string) error) error {
	for d.more() {
		t, err := d.token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // the decoder lets nothing else pass there
		if err := field(key); err != nil {
			return err
		}
	}
	return nil
}

func (d *Reader) elements(element func() error) error {
	for d.more() {
		if err := element(); err != nil {
			return err
		}
	}
	return nil
}

// Value decodes the next value into v as encoding/json does. Meant for small
// ones.
func (d *Reader) Value(v any) error {
	d.allow()
	return d.judge(d.dec.Decode(v))
}

// Text returns the next value if it is a text, and "" for any other.
func (d *Reader) Text() (string, error) {
	t, err := d.token()
	if err != nil {
		return "", err
	}
	if s, ok := t.(string); ok {
		return s, nil
	}
	return "", d.skip(t)
}

// Skip passes over the next value, however large.
func (d *Reader) Skip() error {
	t, err := d.token()
	if err != nil {
		return err
	}
	return d.skip(t)
}

// skip passes over the rest of a value that begins with t.
func (d *Reader) skip(t json.Token) error {
	var err error
	for depth := 0; ; {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		switch {
		case depth == 0:
			return nil
		case depth > maxDepth:
			return outcome.New(outcome.Refused, "a value more than %d levels deep", maxDepth)
		}
		if t, err = d.token(); err != nil {
			return err
		}
	}
}

// End makes sure that nothing follows the document.
func (d *Reader) End() error {
	d.allow()
	_, err := d.dec.Token()
	if err == io.EOF { //nolint:errorlint // the stream's own end
		return nil
	}
	if err == nil {
		return outcome.New(outcome.Unavailable, "malformed JSON: something follows the document")
	}
	return d.judge(err)
}

func (d *Reader) more() bool {
	d.allow()
	return d.dec.More()
}

func (d *Reader) token() (json.Token, error) {
	d.allow()
	t, err := d.dec.Token()
	return t, d.judge(err)
}

// allow lets the decoder read as much as one value may take. What it holds
// already may be more than what it has used by as much again.
func (d *Reader) allow() { d.in.limit = d.dec.InputOffset() + 2*maxValue }

// judge tells a document that is none from a stream that broke.
func (d *Reader) judge(err error) error {
	switch {
	case err == nil:
		return nil
	case d.in.err != nil && d.in.err != io.EOF: //nolint:errorlint // the stream's own end
		return d.in.err
	}
	return outcome.Wrap(outcome.Unavailable, err, "malformed JSON")
}

// meter reads no further than its limit, and remembers how it ended.
type meter struct {
	r     io.Reader
	n     int64 // bytes read
	limit int64
	err   error
}

// Read fails with outcome.Refused at the limit.
func (m *meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if m.n >= m.limit {
		m.err = outcome.New(outcome.Refused, "a value of more than %d bytes", maxValue)
		return 0, m.err
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.limit-m.n)])
	m.n += int64(n)
	m.err = err
	return n, err
}
