package npm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	scanBuffer = 32 << 10
	// maxDepth bounds the nesting of a document: a registry's own are about
	// ten levels deep.
	maxDepth = 512
)

// errSyntax is in the chain of every error about text that is no JSON.
var errSyntax = errors.New("malformed JSON")

// scanner reads JSON as a stream, in the memory of one buffer. What nobody
// asks for is checked for its grammar and passed over without a copy, which is
// most of a registry's document.
type scanner struct {
	r     io.Reader
	buf   []byte
	pos   int // of the next byte in buf
	end   int
	depth int
	text  []byte // of the last string
	err   error  // of r, for ever
}

func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, buf: make([]byte, scanBuffer), text: make([]byte, 0, 256)}
}

// fill reads more once the buffer is used up. It returns false at the end.
func (s *scanner) fill() bool {
	for range 100 { // readers that return nothing for ever are broken
		if s.err != nil {
			return false
		}
		n, err := s.r.Read(s.buf)
		s.pos, s.end, s.err = 0, n, err
		if n > 0 {
			return true
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// cut is the error for a stream that ends too early: its own error, if it has one.
func (s *scanner) cut() error {
	if s.err != nil && s.err != io.EOF { //nolint:errorlint // the stream's own end
		return s.err
	}
	return fmt.Errorf("%w: it ends too early", errSyntax)
}

func (s *scanner) byte() (byte, error) {
	if s.pos == s.end && !s.fill() {
		return 0, s.cut()
	}
	b := s.buf[s.pos]
	s.pos++
	return b, nil
}

// next returns the next byte that is no white space, without taking it.
func (s *scanner) next() (byte, error) {
	for {
		for ; s.pos < s.end; s.pos++ {
			switch b := s.buf[s.pos]; b {
			case ' ', '\t', '\r', '\n':
			default:
				return b, nil
			}
		}
		if !s.fill() {
			return 0, s.cut()
		}
	}
}

// take expects a punctuation mark.
func (s *scanner) take(want byte) error {
	b, err := s.next()
	if err != nil {
		return err
	}
	if b != want {
		return fmt.Errorf("%w: %q where %q belongs", errSyntax, b, want)
	}
	s.pos++
	return nil
}

// finish expects nothing but white space until the end.
func (s *scanner) finish() error {
	b, err := s.next()
	if err == nil {
		return fmt.Errorf("%w: %q after its end", errSyntax, b)
	}
	if s.err == io.EOF { //nolint:errorlint // see cut
		return nil
	}
	return err
}

// object calls field for each key of an object; field must consume the value.
// The key is valid until the next string is read, and empty where it is longer
// than any that matters.
func (s *scanner) object(field func(key []byte) error) error {
	return s.list('{', '}', func() error {
		if b, err := s.next(); err != nil {
			return err
		} else if b != '"' {
			return fmt.Errorf("%w: %q where a key belongs", errSyntax, b)
		}
		key, err := s.string()
		if err != nil {
			return err
		}
		if err := s.take(':'); err != nil {
			return err
		}
		return field(key)
	})
}

// list reads what stands between two brackets, separated by commas.
func (s *scanner) list(open, closing byte, element func() error) error {
	if err := s.take(open); err != nil {
		return err
	}
	if s.depth++; s.depth > maxDepth {
		return fmt.Errorf("%w: deeper than %d levels", errSyntax, maxDepth)
	}
	defer func() { s.depth-- }()
	b, err := s.next()
	if err != nil {
		return err
	}
	if b == closing {
		s.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		b, err := s.next()
		if err != nil {
			return err
		}
		if b == closing {
			s.pos++
			return nil
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}

// skip passes over any value.
func (s *scanner) skip() error {
	b, err := s.next()
	if err != nil {
		return err
	}
	switch b {
	case '{':
		return s.object(func([]byte) error { return s.skip() })
	case '[':
		return s.list('[', ']', s.skip)
	case '"':
		_, err := s.string()
		return err
	}
	return s.literal()
}

// literal passes over a number, true, false or null.
func (s *scanner) literal() error {
	var text [64]byte
	n := 0
	for {
		if s.pos == s.end && !s.fill() {
			if s.err != io.EOF { //nolint:errorlint // see cut
				return s.err
			}
			break // a literal may be all there is
		}
		b := s.buf[s.pos]
		if !(b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == '-' || b == '+' || b == '.' || b == 'E') {
			break
		}
		if n < len(text) {
			text[n] = b
		}
		n++
		s.pos++
	}
	if n <= len(text) && isLiteral(text[:n]) {
		return nil
	}
	return fmt.Errorf("%w: a value of an unknown kind", errSyntax)
}

// isLiteral reports whether b is true, false, null or like a number. The
// grammar of numbers is not looked at closely, because none is ever used.
func isLiteral(b []byte) bool {
	switch string(b) {
	case "true", "false", "null":
		return true
	case "":
		return false
	}
	return (b[0] == '-' || b[0] >= '0' && b[0] <= '9') && len(bytes.Trim(b, "0123456789+-.eE")) == 0
}
