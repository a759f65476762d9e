package unpack_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

// FuzzTarball feeds arbitrary bytes, as they are and as the content of a gzip
// member, under limits small enough to be met. Whatever comes back must be
// within them, consistent with what was written, and a refusal otherwise.
func FuzzTarball(f *testing.F) {
	for _, c := range hostile() {
		addSeed(f, c.archive)
	}
	for _, c := range odd() {
		addSeed(f, c.archive)
	}
	f.Add(tarOf(file("package/a", "x"), dir("package/d")), true)
	f.Add(tarOf(pax("path", "package/../x"), file("package/a", "x")), true)
	f.Add(tarOf(long('L', "package/long"), file("package/a", "x")), true)
	limits := unpack.Limits{Unpacked: 64 << 10, Entries: 20, Path: 64, Depth: 5}
	f.Fuzz(func(t *testing.T, data []byte, compress bool) {
		if compress {
			data = gz(data)
		}
		_, err := unpacked(t, bytes.NewReader(data), limits)
		if err != nil && (!errors.Is(err, outcome.Refused) || unpack.Reason(err) == "") {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

func addSeed(f *testing.F, archive []byte) {
	if len(archive) < 20_000 {
		f.Add(archive, false)
	}
}
