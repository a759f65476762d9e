package cache_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

func TestIngest_DigestsSizesOffsets(t *testing.T) {
	t.Parallel()
	e := open(t)
	data := tarball(t, lodash)
	var seen []byte
	h := sha1.New()
	s, err := e.Ingest(iotest.HalfReader(bytes.NewReader(data)), cache.Tarball{
		Limits: wide, MaxBytes: int64(len(data)), Hash: h,
		Check: func(sum []byte) error { seen = sum; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	want512, want1 := sha512.Sum512(data), sha1.Sum(data)
	if s.SHA512 != hex.EncodeToString(want512[:]) || !bytes.Equal(seen, want1[:]) || s.Size != int64(len(data)) {
		t.Errorf("sha512 %s, sha1 %x, %d bytes", s.SHA512, seen, s.Size)
	}
	bodies := map[string]string{}
	var pack string
	offsets := map[string]int64{}
	for i := 0; i < len(lodash); i += 2 {
		bodies[lodash[i]], offsets[lodash[i]] = lodash[i+1], int64(len(pack))
		pack += lodash[i+1]
	}
	if len(s.Files) != len(bodies) {
		t.Errorf("%d files", len(s.Files))
	}
	for _, f := range s.Files {
		want := cache.File{Path: f.Path, Size: int64(len(bodies[f.Path])), SHA256: sum(bodies[f.Path]), Offset: offsets[f.Path]}
		if diff := cmp.Diff(want, f); diff != "" {
			t.Error(diff)
		}
	}
	if left := entries(t, e.path("blobs")); len(left) != 0 {
		t.Errorf("visible before Commit: %v", left)
	}
	m, err := s.Commit(manifest(t, "lodash", "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, e.blob(m), string(data))
	wantFile(t, e.pack(m), pack)
	wantNothingStaged(t, e)
	if _, err := e.Manifest(m.Name, m.Version); !errors.Is(err, outcome.NotFound) {
		t.Errorf("held before PutManifest: %v", err)
	}
}

// The SHA-512 that names the blob is what a published one is compared with.
func TestIngest_CheckWithoutHash(t *testing.T) {
	t.Parallel()
	e := open(t)
	data := tarball(t, lodash)
	var seen []byte
	s, err := e.Ingest(bytes.NewReader(data), cache.Tarball{
		Limits: wide, MaxBytes: 1 << 20, Check: func(sum []byte) error { seen = sum; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Abort()
	if want := sha512.Sum512(data); !bytes.Equal(seen, want[:]) {
		t.Errorf("Check was given %x, want %x", seen, want)
	}
}

func TestIngest_Refusals_PF4(t *testing.T) {
	t.Parallel()
	good := tarball(t, lodash)
	boom, wrong := errors.New("connection reset"), outcome.New(outcome.Refused, "digest differs")
	broken := append(append([]byte{}, good[:len(good)-20]...), "nonsense at the very end"...)
	tests := map[string]struct {
		r      io.Reader
		max    int64
		limits unpack.Limits
		check  error
		want   error
		not    error
	}{
		"one byte too many":            {bytes.NewReader(good), int64(len(good)) - 1, wide, nil, outcome.Refused, nil},
		"limit wins over check":        {bytes.NewReader(good), 10, wide, wrong, outcome.Refused, wrong},
		"endless":                      {endless{}, 1 << 20, wide, nil, outcome.Refused, nil},
		"no archive":                   {strings.NewReader("<html>"), 1 << 20, wide, nil, outcome.Refused, nil},
		"nothing":                      {strings.NewReader(""), 1 << 20, wide, nil, outcome.Refused, nil},
		"too many files":               {bytes.NewReader(good), 1 << 20, unpack.Limits{Unpacked: 1 << 20, Entries: 2, Path: 100, Depth: 9}, nil, outcome.Refused, nil},
		"check wins over no archive":   {strings.NewReader("<html>"), 1 << 20, wide, boom, boom, outcome.Refused},
		"check wins over a broken end": {bytes.NewReader(broken), 1 << 20, wide, boom, boom, outcome.Refused},
		"check of a good one":          {bytes.NewReader(good), 1 << 20, wide, wrong, wrong, nil},
		"reader fails":                 {io.MultiReader(bytes.NewReader(good[:50]), iotest.ErrReader(boom)), 1 << 20, wide, nil, boom, outcome.Refused},
		"reader fails after refusal":   {io.MultiReader(strings.NewReader("<html>"), iotest.ErrReader(boom)), 1 << 20, wide, nil, boom, outcome.Refused},
		"traversal":                    {bytes.NewReader(tarball(t, text{"../../x", "x"})), 1 << 20, wide, nil, outcome.Refused, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			_, err := e.Ingest(tt.r, cache.Tarball{
				Limits: tt.limits, MaxBytes: tt.max, Hash: sha512.New(),
				Check: func([]byte) error { return tt.check },
			})
			if !errors.Is(err, tt.want) || tt.not != nil && errors.Is(err, tt.not) {
				t.Errorf("got %v, want %v and not %v", err, tt.want, tt.not)
			}
			wantNothingStaged(t, e)
			if left := append(entries(t, e.path("blobs")), entries(t, e.path("packs"))...); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// endless inflates to nothing and never ends: empty gzip members.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return copy(p, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"), nil
}

func TestStaged_Abort(t *testing.T) {
	t.Parallel()
	e := open(t)
	s, err := e.Ingest(bytes.NewReader(tarball(t, lodash)), cache.Tarball{Limits: wide, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s.Abort()
	s.Abort()
	wantNothingStaged(t, e)
	if _, err := s.Commit(manifest(t, "x", "1.0.0")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Commit after Abort: %v", err)
	}
}
