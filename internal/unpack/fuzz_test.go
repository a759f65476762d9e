package unpack_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
)

// maxSeed bounds the archives that a fuzzer starts with, in bytes: small ones
// are changed far more often.
const maxSeed = 20_000

// FuzzTarball feeds arbitrary bytes, as they are and as the content of a gzip
// member, under limits small enough to be met. Whatever comes back must be
// within them, consistent with what was written, and a refusal otherwise.
func FuzzTarball(f *testing.F) {
	for _, c := range unpacktest.Cases() {
		if len(c.Archive) > maxSeed {
			continue
		}
		f.Add(c.Archive, false)
		if tar, err := gunzipped(c.Archive); err == nil && len(tar) < maxSeed {
			f.Add(tar, true)
		}
	}
	tight := unpack.Limits{Unpacked: 64 << 10, Entries: 20, Path: 64, Depth: 5}
	f.Fuzz(func(t *testing.T, data []byte, compress bool) {
		if compress {
			data = unpacktest.Gzip(data)
		}
		_, err := unpacked(t, bytes.NewReader(data), tight)
		if err != nil && (!errors.Is(err, outcome.Refused) || unpack.Reason(err) == "") {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// gunzipped returns the start of what is compressed in an archive.
func gunzipped(archive []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxSeed))
}
