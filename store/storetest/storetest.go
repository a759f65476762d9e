// Package storetest checks that something keeps the promises of store.Store.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
)

// Run runs the suite. open returns an empty store, and cleans up after itself.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"values":                  values,
		"conditions":              conditions,
		"one of many creates":     oneCreates,
		"no update is lost_CS2":   noUpdateIsLost,
		"list_CS4":                list,
		"deletion":                deletion,
		"keys that are none":      badKeys,
		"a context that is over":  over,
		"values are whole always": whole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func put(t *testing.T, s store.Store, key, value string) store.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, []byte(value), store.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func get(t *testing.T, s store.Store, key string) string {
	t.Helper()
	data, o, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if o.Key != key || o.Size != int64(len(data)) || o.Tag == "" || o.Modified.IsZero() {
		t.Errorf("%s is told of as %+v", key, o)
	}
	return string(data)
}

func values(t *testing.T, s store.Store) {
	for _, key := range []string{"index.json", "@acme/button/1.0.0/main.js", "größe/1.0.0/a b+c%20&d.js", "x/1.0.0/empty"} {
		value := key
		if key == "x/1.0.0/empty" {
			value = ""
		}
		if _, _, err := s.Get(t.Context(), key); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s, before: %v", key, err)
		}
		if _, err := s.Head(t.Context(), key); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s, head before: %v", key, err)
		}
		first := put(t, s, key, value)
		if got := get(t, s, key); got != value {
			t.Errorf("%s: %q", key, got)
		}
		second := put(t, s, key, value+"!")
		if first.Tag == second.Tag || first.Tag == "" {
			t.Errorf("%s: tags %q, %q", key, first.Tag, second.Tag)
		}
		o, err := s.Head(t.Context(), key)
		if err != nil || o.Tag != second.Tag || o.Size != int64(len(value)+1) {
			t.Errorf("%s: head %+v, %v; put said %+v", key, o, err, second)
		}
	}
	// What lies below a value, or above one, is no value.
	for _, key := range []string{"index.json/x", "@acme/button/1.0.0", "@acme"} {
		if _, _, err := s.Get(t.Context(), key); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func conditions(t *testing.T, s store.Store) {
	ctx := t.Context()
	if _, err := s.Put(ctx, "a", []byte("1"), store.Condition{Match: "\"0123456789abcdef0123456789abcdef\""}); !errors.Is(err, outcome.PreconditionFailed) {
		t.Errorf("match of nothing: %v", err)
	}
	first, err := s.Put(ctx, "a", []byte("1"), store.Condition{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "a", []byte("2"), store.Condition{Absent: true}); !errors.Is(err, outcome.Conflict) {
		t.Errorf("created twice: %v", err)
	}
	second, err := s.Put(ctx, "a", []byte("2"), store.Condition{Match: first.Tag})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "a", []byte("3"), store.Condition{Match: first.Tag}); !errors.Is(err, outcome.PreconditionFailed) {
		t.Errorf("an old tag: %v", err)
	}
	if got := get(t, s, "a"); got != "2" || second.Tag == first.Tag {
		t.Errorf("%q, tags %q %q", got, first.Tag, second.Tag)
	}
}

func oneCreates(t *testing.T, s store.Store) {
	var won atomic.Int32
	var winner atomic.Value
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			value := fmt.Sprint("value ", i)
			_, err := s.Put(context.WithoutCancel(t.Context()), "one", []byte(value), store.Condition{Absent: true})
			if err == nil {
				won.Add(1)
				winner.Store(value)
			} else if !errors.Is(err, outcome.Conflict) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d created it", won.Load())
	}
	if got := get(t, s, "one"); got != winner.Load() {
		t.Errorf("%q, but %q won", got, winner.Load())
	}
}

func noUpdateIsLost(t *testing.T, s store.Store) {
	put(t, s, "log", "")
	var wg sync.WaitGroup
	const writers = 8
	for i := range writers {
		wg.Go(func() {
			for {
				data, o, err := s.Get(t.Context(), "log")
				if err != nil {
					t.Error(err)
					return
				}
				_, err = s.Put(t.Context(), "log", fmt.Appendf(data, "%d;", i), store.Condition{Match: o.Tag})
				if err == nil {
					return
				}
				if !errors.Is(err, outcome.PreconditionFailed) && !errors.Is(err, outcome.Busy) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := get(t, s, "log"); len(got) != 2*writers {
		t.Errorf("updates lost: %q", got)
	}
}

func keys(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	got := []string{}
	for o, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		if o.Modified.IsZero() {
			t.Errorf("%s has no time", o.Key)
		}
		got = append(got, o.Key)
	}
	return got
}

func list(t *testing.T, s store.Store) {
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("an empty store has %q", got)
	}
	all := []string{"@a/b/1.0.0/m.js", "@a/b/1.0.0/package.json", "a-b/1.0.0/package.json", "a/1.0.0/package.json", "a/10.0.0/package.json", "index.json"}
	for _, key := range slices.Backward(all) {
		put(t, s, key, key)
	}
	for prefix, want := range map[string][]string{
		"": all, "a": all[2:5], "a/": all[3:5], "a/1": all[3:5], "a/1.": all[3:4], "@a/b/1.0.0/": all[:2], "index.json": all[5:], "none/": {}, "a/1.0.0/package.json/": {},
	} {
		if diff := cmp.Diff(want, keys(t, s, prefix)); diff != "" {
			t.Errorf("list of %q (-want +got):\n%s", prefix, diff)
		}
	}
	for range s.List(t.Context(), "") {
		break // a reader that has seen enough
	}
}

// Pages checks a listing that is longer than one page of a server.
func Pages(t *testing.T, s store.Store) {
	t.Helper()
	const count = 1100
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < count; i += 8 {
				if _, err := s.Put(t.Context(), fmt.Sprintf("c%04d/1.0.0/package.json", i), []byte("{}"), store.Condition{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got := keys(t, s, "")
	if len(got) != count || !slices.IsSorted(got) || len(slices.Compact(got)) != count {
		t.Errorf("%d keys of %d", len(got), count)
	}
}

func deletion(t *testing.T, s store.Store) {
	put(t, s, "a/b/c", "1")
	put(t, s, "a/d", "2")
	for range 2 {
		if err := s.Delete(t.Context(), "a/b/c"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a/d"}, keys(t, s, "")); diff != "" {
		t.Error(diff)
	}
	put(t, s, "a/b", "3") // where a directory was
	if got := get(t, s, "a/b"); got != "3" {
		t.Errorf("%q", got)
	}
}

func badKeys(t *testing.T, s store.Store) {
	for _, key := range []string{"", "/", "a/", "/a", "a//b", "..", "../x", "a/../b", "./a", ".hidden", "a/.b", "a\\b", "a\x00", "a\n", "\xff"} {
		_, _, err := s.Get(t.Context(), key)
		_, perr := s.Put(t.Context(), key, []byte("x"), store.Condition{})
		_, herr := s.Head(t.Context(), key)
		derr := s.Delete(t.Context(), key)
		for _, err := range []error{err, perr, herr, derr} {
			if !errors.Is(err, outcome.Invalid) {
				t.Errorf("%q: %v", key, err)
			}
		}
	}
	if got := keys(t, s, "../"); len(got) != 0 {
		t.Errorf("a listing outside: %q", got)
	}
}

func over(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.List(ctx, "") {
		if err == nil {
			t.Error("a listing goes on")
		}
	}
}

func whole(t *testing.T, s store.Store) {
	value := func(i int) []byte { return slices.Repeat([]byte{byte('a' + i)}, 200_000) }
	if _, err := s.Put(t.Context(), "v", value(0), store.Condition{}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 5 {
				if _, err := s.Put(t.Context(), "v", value(i), store.Condition{}); err != nil && !errors.Is(err, outcome.Busy) {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				data, _, err := s.Get(t.Context(), "v")
				if err != nil || len(data) != 200_000 || slices.ContainsFunc(data, func(b byte) bool { return b != data[0] }) {
					t.Errorf("half a value of %d bytes: %v", len(data), err)
				}
			}
		})
	}
	wg.Wait()
}
