package registry_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/registry"
)

// A list that was being read when the flush came may be from before what the flush is to find.
func TestFlushDoesNotJoinWhatBeganBefore_PA1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	began, goOn := make(chan struct{}), make(chan struct{})
	e := start(t, setup{providers: []provider.Provider{&late{source: s, began: began, goOn: goOn}}})
	done := make(chan struct{})
	go func() { defer close(done); _, _ = e.find(t, "/lib/p/^1/x") }()
	<-began
	s.versionsOf("p", "1.1.0")
	flushed := make(chan string)
	go func() {
		v, err := e.Flush(t.Context(), "p", spec(t, "^1"), "ops")
		if err != nil {
			t.Error(err)
		}
		flushed <- v.String()
	}()
	eventually(t, "the flush waits for the list", func() bool {
		return slices.ContainsFunc(e.Work(), func(w registry.Work) bool { return w.Kind == "list" && w.Joined > 0 })
	})
	close(goOn)
	if v := <-flushed; v != "1.1.0" {
		t.Errorf("flush saw %s", v)
	}
	<-done
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.1.0/x")
}

// late answers its first question for versions with what it knew when it was asked.
type late struct {
	*source
	once        sync.Once
	began, goOn chan struct{}
}

func (l *late) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	vs, err := l.source.Versions(ctx, name, held)
	l.once.Do(func() {
		close(l.began)
		<-l.goOn
	})
	return vs, err
}

// Who asked before a release was there does not hide it from those who flushed it.
func TestFlushOutlivesAbsence_PA1_PF1(t *testing.T) {
	t.Parallel()
	for name, whileFlushing := range map[string]bool{"told during the flush": true, "told after it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm").versionsOf("p", "1.0.0")
			e := start(t, one(s))
			began, told := make(chan struct{}), make(chan struct{})
			tell := sync.OnceFunc(func() { close(told) })
			s.hook(func(_ context.Context, call string) error {
				if call != "release p@2.0.0" {
					return nil
				}
				close(began)
				<-told
				return outcome.New(outcome.NotFound, "not yet")
			})
			done := make(chan struct{})
			go func() { defer close(done); _, _ = e.find(t, "/lib/p/2.0.0/index.js") }()
			<-began
			s.versionsOf("p", "2.0.0")
			s.hook(func(_ context.Context, call string) error {
				if whileFlushing && call == "archive p@2.0.0" {
					tell()
					<-done
				}
				return nil
			})
			_, err := e.Flush(t.Context(), "p", spec(t, "2.0.0"), "ops")
			tell()
			<-done
			if err != nil {
				t.Fatal(err)
			}
			e.wantBody(t, "/lib/p/2.0.0/index.js", "npm 2.0.0")
		})
	}
}
