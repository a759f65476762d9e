package unpacktest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// block is the unit of a tar, in bytes.
const block = 512

// Entry is one raw member of a tar. Headers are written by hand, since no
// decent library writes the ones that matter here. Zero fields mean what an
// ordinary file has.
type Entry struct {
	Name     string // raw bytes of the field
	Body     string // its data
	Kind     byte   // of the type flag; 0 is '0', see Raw for a NUL
	Link     string // target
	Prefix   string // of ustar
	Mode     string // seven octal digits
	Owner    string // raw bytes of the fields for user and group
	Time     string // eleven octal digits or twelve raw bytes
	Size     string // of the header's field, when it shall lie; 11 octal digits or raw bytes
	Checksum string // when it shall lie
	Magic    string // "ustar\x0000" when empty
	Raw      bool   // Kind is written also where it is 0
	Signed   bool   // the checksum is that of signed bytes, as old tools made it
}

// File is a plain member.
func File(name, body string) Entry { return Entry{Name: name, Body: body} }

// Dir is a directory.
func Dir(name string) Entry { return Entry{Name: name, Kind: '5'} }

// Symlink is a symbolic link.
func Symlink(name, target string) Entry { return Entry{Name: name, Kind: '2', Link: target} }

// HardLink is a hard link.
func HardLink(name, target string) Entry { return Entry{Name: name, Kind: '1', Link: target} }

// Pax is an extended header for the next member; pairs are keys and values.
func Pax(pairs ...string) Entry {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		record := " " + pairs[i] + "=" + pairs[i+1] + "\n"
		n := len(record) + 1
		for len(fmt.Sprint(n))+len(record) != n {
			n = len(fmt.Sprint(n)) + len(record)
		}
		fmt.Fprintf(&b, "%d%s", n, record)
	}
	return rawPax(b.String())
}

// rawPax is an extended header with any content.
func rawPax(records string) Entry { return Entry{Name: "PaxHeader", Kind: 'x', Body: records} }

// global is an extended header for all later members.
func global(pairs ...string) Entry {
	return Entry{Name: "pax_global_header", Kind: 'g', Body: Pax(pairs...).Body}
}

// gnuMagic is what GNU tar writes in the place of ustar's.
const gnuMagic = "ustar  \x00"

// Long is a GNU long name ('L') or long link ('K') for the next member.
func Long(kind byte, value string) Entry {
	return Entry{Name: "././@LongLink", Kind: kind, Body: value + "\x00", Magic: gnuMagic}
}

// Bytes returns the header, body and padding of the member.
func (e Entry) Bytes() []byte {
	h := e.header()
	return append(append(h, e.Body...), make([]byte, -len(e.Body)&(block-1))...)
}

func (e Entry) header() []byte {
	h := make([]byte, block)
	copy(h[:100], e.Name)
	copy(h[100:], "0000644\x00")
	copy(h[100:108], e.Mode)
	copy(h[108:], "0000000\x000000000\x00")
	copy(h[108:124], e.Owner)
	copy(h[124:], fmt.Sprintf("%011o", len(e.Body)))
	copy(h[124:136], e.Size)
	copy(h[136:], "00000000000")
	copy(h[136:148], e.Time)
	h[156] = '0'
	if e.Kind != 0 || e.Raw {
		h[156] = e.Kind
	}
	copy(h[157:257], e.Link)
	copy(h[257:], "ustar\x0000")
	copy(h[257:265], e.Magic)
	copy(h[345:500], e.Prefix)
	return e.sum(h)
}

// sum completes a header by its checksum.
func (e Entry) sum(h []byte) []byte {
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		if e.Signed {
			sum += int(int8(c))
		} else {
			sum += int(c)
		}
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	copy(h[148:156], e.Checksum)
	return h
}

// Tar returns an uncompressed archive with its end marker.
func Tar(entries ...Entry) []byte { return append(members(entries...), make([]byte, 2*block)...) }

// members returns an uncompressed archive without an end marker.
func members(entries ...Entry) []byte {
	var b []byte
	for _, e := range entries {
		b = append(b, e.Bytes()...)
	}
	return b
}

// Gzip compresses data into one member.
func Gzip(data []byte) []byte { return repeated(data, nil, 0) }

// Tgz returns a compressed archive.
func Tgz(entries ...Entry) []byte { return Gzip(Tar(entries...)) }

// repeated compresses head and n times body, which need not fit into memory.
func repeated(head, body []byte, n int) []byte {
	var b bytes.Buffer
	w := newWriter(&b, gzip.BestSpeed)
	_, _ = w.Write(head) // a buffer takes everything
	for range n {
		_, _ = w.Write(body)
	}
	finish(w, nil)
	return b.Bytes()
}

func newWriter(b *bytes.Buffer, level int) *gzip.Writer {
	w, err := gzip.NewWriterLevel(b, level)
	if err != nil {
		panic(err) // the levels are constants
	}
	return w
}

// finish writes the last bytes of a member.
func finish(w *gzip.Writer, data []byte) {
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
}

// withHeader gives a gzip member another header: flags and what they announce.
func withHeader(archive []byte, flags byte, fields string) []byte {
	const fixed = 10
	h := slices.Clone(archive[:fixed])
	h[3] = flags
	return slices.Concat(h, []byte(fields), archive[fixed:])
}

// flipped returns archive with one bit changed; a negative place counts from
// the end.
func flipped(archive []byte, at int) []byte {
	b := slices.Clone(archive)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	return b
}
