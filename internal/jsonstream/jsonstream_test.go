package jsonstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/jsonstream"
	"github.com/registryd/registryd/internal/outcome"
)

// doc is what the tests read.
type doc struct {
	Name  string
	Items []string
	Tags  []string
}

func read(r io.Reader) (doc, error) {
	var d doc
	s := jsonstream.New(r)
	err := s.Object(func(key string) (err error) {
		switch key {
		case "name":
			d.Name, err = s.Text()
			return err
		case "items":
			return s.Array(func() error {
				var item struct{ V string }
				if err := s.Value(&item); err != nil {
					return err
				}
				d.Items = append(d.Items, item.V)
				return nil
			})
		case "tags":
			array, err := s.Either(func(tag string) error {
				d.Tags = append(d.Tags, tag)
				return s.Skip()
			}, s.Skip)
			if err == nil && array != (d.Tags == nil) {
				err = errors.New("an array was taken for an object")
			}
			return err
		}
		return s.Skip()
	})
	if err == nil {
		err = s.End()
	}
	return d, err
}

func TestRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]doc{
		`{}`: {},
		`{"name":"x","items":[{"v":"a","links":{"self":[1,2]}},{"v":"b"}],"tags":{"t":{"u":[[]]},"é":null}}` + "\n": {"x", []string{"a", "b"}, []string{"t", "é"}},
		` {"other":[{"a":[1,{}]},"]"],"name":7,"tags":["x",{}]} `:                                                   {},
		`{"name":{"name":"y"},"items":[]}`:                                                                          {},
		`{"name":"a","name":"b"}`:                                                                                   {Name: "b"},
	} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			got, err := read(r)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", text, err, diff)
			}
		}
	}
}

func TestMalformed_F16(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "html": "<!doctype html>", "array": "[]", "text": `"x"`, "null": "null", "cut": `{"name":"x"`,
		"cut text": `{"name":"x`, "cut array": `{"items":[{"v":"a"},`, "two documents": "{}{}", "rubbish after": "{} x",
		"items is text": `{"items":"x"}`, "item is text": `{"items":["x"]}`, "tags is text": `{"tags":"x"}`,
		"no colon": `{"name" "x"}`, "key is number": `{1:2}`, "trailing comma": `{"items":[{"v":"a"},]}`, "control byte": "{\"name\":\"\x01\"}",
		"wrong end": `{"x":[}`, "wrong end of what is read": `{"items":[}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := read(strings.NewReader(text)); !errors.Is(err, outcome.Unavailable) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestBrokenStream(t *testing.T) {
	t.Parallel()
	boom := outcome.New(outcome.TooSlow, "stalled")
	for _, begin := range []string{"", "{", `{"name":`, `{"name":"x`, `{"items":[{"v":"a"},`, "{}"} {
		if _, err := read(io.MultiReader(strings.NewReader(begin), iotest.ErrReader(boom))); !errors.Is(err, outcome.TooSlow) || errors.Is(err, outcome.Unavailable) {
			t.Errorf("after %q: got %v", begin, err)
		}
	}
	stop := errors.New("stop")
	s := jsonstream.New(strings.NewReader(`{"a":[1]}`))
	if err := s.Object(func(string) error { return s.Array(func() error { return stop }) }); !errors.Is(err, stop) || outcome.Known(err) {
		t.Errorf("a callback's error became %v", err)
	}
}

// forever repeats a text without end.
type forever struct {
	text string
	sent *int64
}

func (f forever) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], f.text)
	}
	*f.sent += int64(n)
	return n, nil
}

// It runs alone: what is allocated is counted for the whole process.
func TestBounded_F8_F16(t *testing.T) {
	for name, tt := range map[string]struct{ begin, endless string }{
		"text": {`{"name":"`, "x"}, "key": {`{"`, "x"}, "number": {`{"x":`, "1"}, "blanks": {`{`, "      "},
		"item": {`{"items":[{"x":[`, "1,"}, "depth": {`{"x":`, "["}, "objects": {`{"x":`, `{"a":`},
	} {
		t.Run(name, func(t *testing.T) {
			var sent int64
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := read(io.MultiReader(strings.NewReader(tt.begin), forever{tt.endless, &sent}))
			runtime.ReadMemStats(&after)
			if !errors.Is(err, outcome.Refused) || sent > 4<<20 {
				t.Errorf("got %v after %d bytes", err, sent)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
				t.Errorf("%d bytes were allocated", grown)
			}
		})
	}
}

// What is passed over may be long as a whole.
func TestSkipsMuch(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"v":"a","links":{"self":"x"}},`, 200_000)
	got, err := read(strings.NewReader(`{"x":[` + many + `1],"items":[` + strings.TrimSuffix(many[:310], ",") + `],"name":"n"}`))
	if err != nil || got.Name != "n" || len(got.Items) != 10 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{`{"name":"x","items":[{"v":"a"}],"tags":{"t":"1"},"o":[{}]}`, `{"items":[`, "[]", `{"tags":[[],{}]}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := read(strings.NewReader(text))
		if err != nil && !errors.Is(err, outcome.Unavailable) && !errors.Is(err, outcome.Refused) {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil && !json.Valid([]byte(text)) {
			t.Fatalf("%q was accepted", text)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var items []string
	for i := range 30_000 {
		items = append(items, fmt.Sprintf(`{"v":"/dist/module%d.js","hash":"%044d","size":%d}`, i, i, i))
	}
	text := `{"items":[` + strings.Join(items, ",") + `]}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
