package unpack

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// header reads the next header. Nearly all of them describe a plain file in one
// block, and are read here; a package may have 30,000. Everything else, the end
// of the archive too, is left to the standard library, which gets a reader of
// its own for each: members are aligned, so one can begin anywhere.
func (u *unpacker) header() (*tar.Header, error) {
	if _, err := io.ReadFull(&u.in, u.block[:]); err != nil {
		return nil, err
	}
	if name, size, ok := plainFile(&u.block); ok {
		u.plain = tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size}
		return &u.plain, nil
	}
	return tar.NewReader(io.MultiReader(bytes.NewReader(u.block[:]), &u.in)).Next()
}

// skip goes to the next header: over data that nobody took, and padding. As for
// every tar, an end within the padding is an end.
func (u *unpacker) skip() error {
	if u.unread > 0 {
		if _, err := io.CopyN(io.Discard, &u.in, u.unread); err != nil {
			return noEOF(err)
		}
	}
	pad := -u.in.n & (block - 1)
	_, err := io.ReadFull(&u.in, u.block[:pad])
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return err
}

// span is where a field is in a header.
type span struct{ from, to int }

func (s span) of(b *[block]byte) []byte { return b[s.from:s.to] }

var (
	fieldName, fieldPrefix = span{0, 100}, span{345, 500}
	fieldSize, fieldSum    = span{124, 136}, span{148, 156}
	fieldMagic             = span{257, 265}
	fieldTrailer           = span{508, 512}
	// otherNumbers are read for nothing but to be as strict as the library.
	otherNumbers = [...]span{{100, 108}, {108, 116}, {116, 124}, {136, 148}, {329, 337}, {337, 345}}
)

const fieldKind = 156

// plainFile reads a header that consists of one block and describes a regular
// file in the format of POSIX. It says no whenever the library might see
// something else.
func plainFile(b *[block]byte) (name string, size int64, ok bool) {
	if string(fieldMagic.of(b)) != "ustar\x0000" || string(fieldTrailer.of(b)) == "tar\x00" || b[fieldKind] != tar.TypeReg {
		return "", 0, false
	}
	if sum, ok := octal(fieldSum.of(b)); !ok || sum != checksum(b) {
		return "", 0, false
	}
	for _, f := range otherNumbers {
		if _, ok := octal(f.of(b)); !ok {
			return "", 0, false
		}
	}
	size, ok = octal(fieldSize.of(b))
	name = text(fieldName.of(b))
	if prefix := text(fieldPrefix.of(b)); prefix != "" {
		name = prefix + "/" + name
	}
	return name, size, ok && !strings.HasSuffix(name, "/")
}

// text is a field up to its first NUL.
func text(field []byte) string {
	if i := bytes.IndexByte(field, 0); i >= 0 {
		field = field[:i]
	}
	return string(field)
}

// octal reads digits, if any, and the blanks or NULs behind them. It knows no
// other spelling of a number.
func octal(field []byte) (n int64, ok bool) {
	i := 0
	for ; i < len(field) && '0' <= field[i] && field[i] <= '7'; i++ {
		n = n<<3 | int64(field[i]-'0')
	}
	for _, c := range field[i:] {
		if c != 0 && c != ' ' {
			return 0, false
		}
	}
	return n, true
}

// checksum adds up all bytes, with its own field taken as blanks. Eight bytes
// are added at a time, in lanes of 16 bits that 64 additions cannot overflow.
func checksum(b *[block]byte) int64 {
	const even = 0x00ff00ff00ff00ff
	var lanes, odd uint64
	for i := 0; i < block; i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		lanes += v & even
		odd += v >> 8 & even
	}
	var sum int64
	for ; lanes|odd != 0; lanes, odd = lanes>>16, odd>>16 {
		sum += int64(lanes&0xffff) + int64(odd&0xffff)
	}
	for _, c := range fieldSum.of(b) {
		sum += ' ' - int64(c)
	}
	return sum
}
