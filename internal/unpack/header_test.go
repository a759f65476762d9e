package unpack_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/registryd/registryd/internal/unpack"
)

// repair sets the checksum of a header, so that the other fields matter.
func repair(b *[512]byte) {
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// agree compares what PlainFile says of a block with the standard library.
func agree(t *testing.T, b *[512]byte) (plain bool) {
	t.Helper()
	name, size, ok := unpack.PlainFile(b)
	if !ok {
		return false
	}
	h, err := tar.NewReader(io.MultiReader(bytes.NewReader(b[:]), bytes.NewReader(make([]byte, 512)))).Next()
	if err != nil || h.Name != name || h.Size != size || h.Typeflag != tar.TypeReg || len(h.PAXRecords) > 0 {
		t.Fatalf("got %q of %d bytes, the library says %+v, %v", name, size, h, err)
	}
	return true
}

// headerBlock returns the header of a plain file, edited.
func headerBlock(tb testing.TB, edit func(b *[512]byte)) *[512]byte {
	tb.Helper()
	var out bytes.Buffer
	h := &tar.Header{Name: "package/a.js", Typeflag: tar.TypeReg, Size: 9, Mode: 0o644, Format: tar.FormatUSTAR}
	if err := tar.NewWriter(&out).WriteHeader(h); err != nil {
		tb.Fatal(err)
	}
	b := [512]byte(out.Bytes())
	if edit != nil {
		edit(&b)
		repair(&b)
	}
	return &b
}

func TestPlainFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit func(b *[512]byte)
		want bool
	}{
		"as it is":           {nil, true},
		"with a prefix":      {func(b *[512]byte) { copy(b[345:], "package/deep") }, true},
		"full name":          {func(b *[512]byte) { copy(b[:100], bytes.Repeat([]byte("n"), 100)) }, true},
		"full size field":    {func(b *[512]byte) { copy(b[124:136], "000000000011") }, true},
		"size ends in blank": {func(b *[512]byte) { copy(b[124:136], "00000000011 ") }, true},
		"no mode":            {func(b *[512]byte) { clear(b[100:108]) }, true},
		"bytes above ASCII":  {func(b *[512]byte) { copy(b[:], "päckage/\xff") }, true},
		"binary size":        {func(b *[512]byte) { copy(b[124:136], "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09") }, false},
		"blank before size":  {func(b *[512]byte) { copy(b[124:136], "  00000011 \x00") }, false},
		"digit 9":            {func(b *[512]byte) { copy(b[124:136], "00000000019\x00") }, false},
		"broken mode":        {func(b *[512]byte) { copy(b[100:108], "rw-r--r-") }, false},
		"directory":          {func(b *[512]byte) { b[156] = '5' }, false},
		"link":               {func(b *[512]byte) { b[156] = '2' }, false},
		"extended header":    {func(b *[512]byte) { b[156] = 'x' }, false},
		"old kind of file":   {func(b *[512]byte) { b[156] = 0 }, false},
		"slash at the end":   {func(b *[512]byte) { copy(b[:100], "package/dir/\x00") }, false},
		"GNU":                {func(b *[512]byte) { copy(b[257:], "ustar  \x00") }, false},
		"star":               {func(b *[512]byte) { copy(b[508:], "tar\x00") }, false},
		"no magic":           {func(b *[512]byte) { clear(b[257:265]) }, false},
		"nothing":            {func(b *[512]byte) { clear(b[:]) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := headerBlock(t, tt.edit)
			if got := agree(t, b); got != tt.want {
				t.Errorf("plain is %t, want %t", got, tt.want)
			}
			b[0]++
			if agree(t, b) {
				t.Error("a wrong checksum is accepted")
			}
		})
	}
}

// FuzzPlainFile compares the short way with the library for any block.
func FuzzPlainFile(f *testing.F) {
	f.Add(headerBlock(f, nil)[:])
	f.Add(headerBlock(f, func(b *[512]byte) { copy(b[345:], "package/deep") })[:])
	f.Fuzz(func(t *testing.T, data []byte) {
		var b [512]byte
		copy(b[:], data)
		agree(t, &b)
		repair(&b)
		agree(t, &b)
	})
}
