package s3_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
	"github.com/registryd/registryd/store/s3"
	"github.com/registryd/registryd/store/storetest"
)

func open(t *testing.T, c s3.Config) *s3.Store {
	t.Helper()
	c.Region, c.PathStyle = "us-east-1", true
	s, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func of(g *storetest.Gateway) s3.Config {
	return s3.Config{Bucket: g.Bucket, Endpoint: g.Endpoint, AccessKey: g.Access, SecretKey: g.Secret}
}

// below is a store that has a part of the bucket to itself, so that the suite
// needs one server.
type below struct {
	store.Store
	prefix string
}

func (b below) Get(ctx context.Context, key string) ([]byte, store.Object, error) {
	data, o, err := b.Store.Get(ctx, b.full(key))
	return data, b.strip(o), err
}

// full leaves what is no key as it is.
func (b below) full(key string) string {
	if store.CheckKey(key) != nil {
		return key
	}
	return b.prefix + key
}

func (b below) strip(o store.Object) store.Object {
	if o.Key != "" {
		o.Key = o.Key[len(b.prefix):]
	}
	return o
}

func (b below) Head(ctx context.Context, key string) (store.Object, error) {
	o, err := b.Store.Head(ctx, b.full(key))
	return b.strip(o), err
}

func (b below) Put(ctx context.Context, key string, v []byte, c store.Condition) (store.Object, error) {
	o, err := b.Store.Put(ctx, b.full(key), v, c)
	return b.strip(o), err
}

func (b below) Delete(ctx context.Context, key string) error {
	return b.Store.Delete(ctx, b.full(key))
}

func (b below) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for o, err := range b.Store.List(ctx, b.prefix+prefix) {
			if !yield(b.strip(o), err) {
				return
			}
		}
	}
}

func TestConformance_CN3(t *testing.T) {
	t.Parallel()
	g := storetest.NewGateway(t)
	var count atomic.Int32
	part := func(t *testing.T) store.Store {
		return below{open(t, of(g)), fmt.Sprintf("part%d/", count.Add(1))}
	}
	t.Run("suite", func(t *testing.T) { storetest.Run(t, part) })
	t.Run("pages_CS4", func(t *testing.T) { storetest.Pages(t, part(t)) })
}

// fake answers everything with one status.
func fake(t *testing.T, code int, body string) *s3.Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return open(t, s3.Config{Bucket: "b", Endpoint: server.URL, AccessKey: "a", SecretKey: "hunter2"})
}

// Trouble with the service is never "not found".
func TestTrouble_IsBusy(t *testing.T) {
	t.Parallel()
	away := open(t, s3.Config{Bucket: "b", Endpoint: "http://127.0.0.1:1", AccessKey: "a", SecretKey: "hunter2"})
	const noBucket = `<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>no</Message></Error>`
	const denied = `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>`
	for name, s := range map[string]*s3.Store{
		"away": away, "forbidden": fake(t, 403, denied), "failing": fake(t, 500, ""), "nonsense": fake(t, 200, "<html>"), "no bucket": fake(t, 404, noBucket),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for o, err := range s.List(t.Context(), "") {
				if !errors.Is(err, outcome.Busy) {
					t.Errorf("list: %v %v", o, err)
				}
			}
			if name == "nonsense" {
				return // an object may have any bytes
			}
			if _, _, err := s.Get(t.Context(), "x"); !errors.Is(err, outcome.Busy) || errors.Is(err, outcome.NotFound) {
				t.Errorf("get: %v", err)
			}
			if _, err := s.Put(t.Context(), "x", nil, store.Condition{Absent: true}); !errors.Is(err, outcome.Busy) {
				t.Errorf("put: %v", err)
			}
			if err := s.Delete(t.Context(), "x"); !errors.Is(err, outcome.Busy) {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

func TestNew_RefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]s3.Config{
		"no bucket": {AccessKey: "a", SecretKey: "b"}, "no keys": {Bucket: "b"}, "endpoint": {Bucket: "b", AccessKey: "a", SecretKey: "b", Endpoint: "localhost"},
	} {
		if _, err := s3.New(c); !errors.Is(err, outcome.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
