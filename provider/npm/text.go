package npm

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxText bounds the strings that are kept, in bytes; longer ones are passed
// over.
const maxText = 8 << 10

// unusable stands for a value that is there but cannot be what it should be:
// it is no name, no URL and no digest, so whatever uses it fails, while an
// absent value might leave a weaker one to decide.
const unusable = "\x00"

// into stores the text of a string, "" for null, and else unusable.
func (s *scanner) into(dst *string) error {
	b, err := s.next()
	if err != nil {
		return err
	}
	text, err := s.value()
	switch {
	case text != nil:
		*dst = string(text)
	case b == 'n':
		*dst = ""
	default:
		*dst = unusable
	}
	return err
}

// optional reads an object like object; a value of another kind is passed over.
func (s *scanner) optional(field func(key []byte) error) error {
	b, err := s.next()
	if err != nil {
		return err
	}
	if b != '{' {
		return s.skip()
	}
	return s.object(field)
}

// string reads a string. One of more than maxText bytes is read as nil.
func (s *scanner) string() ([]byte, error) {
	s.pos++ // the quote, which the caller saw
	s.text = s.text[:0]
	for {
		if s.pos == s.end && !s.fill() {
			return nil, s.cut()
		}
		chunk := s.buf[s.pos:s.end]
		n := plain(chunk)
		s.keep(chunk[:n])
		s.pos += n
		if n == len(chunk) {
			continue
		}
		s.pos++
		switch b := chunk[n]; {
		case b == '"':
			if len(s.text) > maxText {
				return nil, nil
			}
			return s.text, nil
		case b == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: control byte %#x in a string", errSyntax, b)
		}
	}
}

// plain returns how many bytes of a chunk of a string stand for themselves.
func plain(chunk []byte) int {
	for i, b := range chunk {
		if b == '"' || b == '\\' || b < ' ' {
			return i
		}
	}
	return len(chunk)
}

// keep appends to the text until it is too long to matter.
func (s *scanner) keep(b []byte) {
	if len(s.text) <= maxText {
		s.text = append(s.text, b[:min(len(b), maxText+1-len(s.text))]...)
	}
}

// escape reads what follows a backslash.
func (s *scanner) escape() error {
	b, err := s.byte()
	if err != nil {
		return err
	}
	if b == 'u' {
		return s.unicode()
	}
	i := bytes.IndexByte([]byte(`"\/bfnrt`), b)
	if i < 0 {
		return fmt.Errorf("%w: unknown escape %q", errSyntax, b)
	}
	s.keep([]byte("\"\\/\b\f\n\r\t")[i : i+1])
	return nil
}

// unicode reads the four digits of an escape, and those of its other half
// where it is half of a pair.
func (s *scanner) unicode() error {
	r, err := s.hex4()
	if err != nil {
		return err
	}
	for utf16.IsSurrogate(r) {
		if s.pos == s.end && !s.fill() {
			return s.cut()
		}
		if s.buf[s.pos] != '\\' {
			break
		}
		s.pos++
		b, err := s.byte()
		if err != nil {
			return err
		}
		if b != 'u' {
			s.keep([]byte(string(utf8.RuneError)))
			s.pos-- // byte has just taken it, so it is in the buffer
			return s.escape()
		}
		low, err := s.hex4()
		if err != nil {
			return err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			r = pair
			break
		}
		s.keep([]byte(string(utf8.RuneError)))
		r = low
	}
	s.keep(utf8.AppendRune(nil, r)) // half a pair becomes U+FFFD
	return nil
}

func (s *scanner) hex4() (rune, error) {
	var r rune
	for range 4 {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		d := bytes.IndexByte([]byte("0123456789abcdef"), b|0x20)
		if d < 0 || b < '0' {
			return 0, fmt.Errorf("%w: %q in an escape", errSyntax, b)
		}
		r = r<<4 | rune(d)
	}
	return r, nil
}

// value returns the text of a string, or passes over a value of another kind
// and returns nil. It is valid until the next string is read.
func (s *scanner) value() ([]byte, error) {
	b, err := s.next()
	if err != nil {
		return nil, err
	}
	if b != '"' {
		return nil, s.skip()
	}
	return s.string()
}
