package npm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider/npm"
)

// Keys come in any order, some twice, among others of any kind.
const oddDocument = ` {
	"time": {"1.0.0": "2020-01-02T03:04:05.678Z", "created": "x", "2.0.0": 7, "3.0.0": "never"},
	"readme": "a \"quoted\" \\ text \u0000 \ud83d\ude00 {[",
	"versions": {"9.9.9": {}},
	"versions": {
		"1.0.0": {"dist": {"shasum": "s", "signatures": [{"sig": "x"}], "integrity": "i", "tarball": "t"}, "name": "w"},
		"2.0.0": {"dist": null}, "v3": {"dist": {"tarball": "no"}}, "3.0.0": "text",
		"1.0.0+b": {"dist": {"tarball": "\u0074\/\t", "fileCount": -1.5e3, "unpackedSize": true}}
	},
	"name": "w", "dist-tags": {"latest": "1.0.0", "odd": null, "": "1.0.0"}, "x": [[], {}, [1, 2, {"a": false}]]
}
`

func TestDecodeDocument_PG1(t *testing.T) {
	t.Parallel()
	want := &npm.Decoded{
		Name:     "w",
		Tags:     map[string]string{"latest": "1.0.0"},
		Versions: []string{"1.0.0 t i s", "2.0.0   ", "1.0.0+b t/\t  "},
		Times:    1,
	}
	for name, r := range map[string]io.Reader{
		"at once":      strings.NewReader(oddDocument),
		"byte by byte": iotest.OneByteReader(strings.NewReader(oddDocument)),
	} {
		got, err := npm.DecodeDocument(r)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestDecodeDocumentErrors(t *testing.T) {
	t.Parallel()
	for i := range len(strings.TrimSpace(oddDocument)) {
		if _, err := npm.DecodeDocument(strings.NewReader(oddDocument[:i])); !errors.Is(err, npm.ErrSyntax) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
	broken := errors.New("broken")
	if _, err := npm.DecodeDocument(io.MultiReader(strings.NewReader(`{"a`), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("broken stream: %v", err)
	}
	if _, err := npm.DecodeDocument(io.MultiReader(strings.NewReader(`{}`), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("stream broken at its end: %v", err)
	}
	for _, text := range []string{"", "null", `{"a":tru}`, `{"a":}`, `{"a" 1}`, `{"a":1,}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":[1,]}`, `{"a":"\x"}`,
		`{"a":"\u12g4"}`, "{\"a\":\"\n\"}", `{"a":[}`, `{"a":1}}`, `{"a":'b'}`, `{"a":+1}`} {
		if _, err := npm.DecodeDocument(strings.NewReader(text)); !errors.Is(err, npm.ErrSyntax) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestStringsAreReadLikeEncodingJSON(t *testing.T) {
	t.Parallel()
	text := `["", "a\/b\"\\\b\f\n\r\t", "\u00e9\u20AC", "\ud83d\ude00", "\ud83d", "\ud83dx", "\ud83d\n", "\ud83d\u0041", "\ud83d\ud83d\ude00", "\ude00\ud83d", "ü€😀"]`
	var want []string
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	got, err := npm.Strings(iotest.OneByteReader(strings.NewReader(text)))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestTooManyVersions(t *testing.T) {
	t.Parallel()
	text := []byte(`{"name":"w","versions":{"0.0.1":{}`)
	for i := range 100_000 {
		text = fmt.Appendf(text, `,"1.0.%d":{}`, i)
	}
	_, err := npm.DecodeDocument(bytes.NewReader(append(text, "}}"...)))
	if !errors.Is(err, outcome.Refused) {
		t.Errorf("got %v", err)
	}
}

// bigDocument is a stream of about size bytes that describes n versions.
func bigDocument(n int, size int64) io.Reader {
	each := strings.Repeat(`"dependency-with-a-long-name": "^1.2.3", `, int(size)/n/41)
	readers := []io.Reader{strings.NewReader(`{"name":"big","versions":{`)}
	for i := range n {
		readers = append(readers,
			strings.NewReader(fmt.Sprintf(`"1.%d.0":{"name":"big","dependencies":{`, i)),
			strings.NewReader(each),
			strings.NewReader(fmt.Sprintf(`"z":"1"},"dist":{"tarball":"https://r.test/big/-/big-1.%d.0.tgz","shasum":"%040d"}},`, i, i)))
	}
	return io.MultiReader(append(readers, strings.NewReader(`"0.0.1":{}}}`))...)
}

func TestBigDocumentInBoundedMemory_PC7(t *testing.T) {
	const size, versions = 60 << 20, 500
	r := bigDocument(versions, size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := npm.DecodeDocument(r)
	runtime.ReadMemStats(&after)
	if err != nil || len(d.Versions) != versions+1 {
		t.Fatalf("got %v", err)
	}
	// All that was ever allocated, collected or not.
	if total := after.TotalAlloc - before.TotalAlloc; total > 2<<20 {
		t.Errorf("%d bytes were allocated for a document of %d", total, size)
	}
}

func BenchmarkDecodeDocument(b *testing.B) {
	const size, versions = 60 << 20, 2000
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := npm.DecodeDocument(bigDocument(versions, size)); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDecodeDocument(f *testing.F) {
	f.Add([]byte(oddDocument))
	f.Add([]byte(`{"name":"\ud83d\u0041","versions":{"1.0.0":{"dist":{"integrity":[1]}}},"time":{"unpublished":{}}}`))
	f.Add([]byte(`{"versions":{"1.0.0":{"dist":`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := npm.DecodeDocument(bytes.NewReader(b))
		slow, slowErr := npm.DecodeDocument(iotest.HalfReader(bytes.NewReader(b)))
		if (err == nil) != (slowErr == nil) || !cmp.Equal(d, slow) {
			t.Fatalf("depends on how it is read: %v, %v", err, slowErr)
		}
		if err != nil {
			if !errors.Is(err, npm.ErrSyntax) && !outcome.Known(err) {
				t.Fatalf("unknown error %v", err)
			}
			if json.Valid(b) && bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) && bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) < 500 {
				t.Fatalf("valid JSON refused: %v", err)
			}
			return
		}
		var want map[string]any
		if !utf8.Valid(b) || json.Unmarshal(b, &want) != nil {
			return
		}
		if name, ok := want["name"].(string); ok && len(name) <= 8<<10 && d.Name != name {
			t.Fatalf("name %q, want %q", d.Name, name)
		}
	})
}
