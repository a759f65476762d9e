package registry_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider/providertest"
)

const herd = 300

// asks lets n callers ask for different files of one release at once, and
// returns their errors.
func asks(e *env, t *testing.T, ctx func(i int) context.Context, n int) []error {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		q := parse(t, fmt.Sprintf("/lib/big/1.0.0/lib/d%02d/f%05d.js", i%50, i))
		wg.Go(func() { _, errs[i] = e.Find(ctx(i), q) })
	}
	wg.Wait()
	return errs
}

func TestHerd_F23(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("big", "1.0.0", herd, 200))
	e := start(t, one(overNPM(t, g, nil)))
	release := make(chan struct{})
	g.Fault(providertest.Tarball, "", providertest.Hang(release))
	go func() {
		g.Await(providertest.Tarball, "", 1)
		close(release)
	}()
	for i, err := range asks(e, t, func(int) context.Context { return t.Context() }, herd) {
		if err != nil {
			t.Fatalf("caller %d: %v", i, err)
		}
	}
	if v, a := g.Count(providertest.Version, ""), g.Count(providertest.Tarball, ""); v != 1 || a != 1 || g.Count(providertest.Any, "") != 2 {
		t.Errorf("upstream was asked for %d version documents and %d tarballs", v, a)
	}
	if got := len(e.viewed(t)); got != herd {
		t.Errorf("the view holds %d files", got)
	}
	e.wantNothingStaged(t)
}

// The fetch belongs to all who wait for it, not to the first.
func TestHerdFirstLeaves_F23_F25(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("big", "1.0.0", herd, 200))
	e := start(t, one(overNPM(t, g, nil)))
	release := make(chan struct{})
	g.Fault(providertest.Tarball, "", providertest.Hang(release))
	first, leave := context.WithCancel(t.Context())
	left := make(chan error)
	q := parse(t, "/lib/big/1.0.0/package.json")
	go func() { _, err := e.Find(first, q); left <- err }()
	g.Await(providertest.Tarball, "", 1)
	done := make(chan []error)
	joined := make(chan struct{}, herd)
	go func() {
		done <- asks(e, t, func(int) context.Context { joined <- struct{}{}; return t.Context() }, herd)
	}()
	<-joined
	eventually(t, "somebody else waits", func() bool { return len(joined) > herd/2 })
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	close(release)
	for i, err := range <-done {
		if err != nil {
			t.Fatalf("caller %d: %v", i, err)
		}
	}
	if v, a := g.Count(providertest.Version, ""), g.Count(providertest.Tarball, ""); v != 1 || a != 1 {
		t.Errorf("upstream was asked for %d version documents and %d tarballs", v, a)
	}
}

func TestAllLeave_F24(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("big", "1.0.0", 10, 200))
	e := start(t, one(overNPM(t, g, nil)))
	remove := g.Fault(providertest.Tarball, "", providertest.Hang(nil))
	remove()
	never := make(chan struct{})
	remove = g.Fault(providertest.Tarball, "", providertest.Fault{Stall: never})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		g.Await(providertest.Tarball, "", 1)
		cancel()
	}()
	for i, err := range asks(e, t, func(int) context.Context { return ctx }, 10) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	e.wantNothingStaged(t)
	e.wantViewed(t)
	remove()
	e.wantBody(t, "/lib/big/1.0.0/package.json", "{\"name\": \"big\", \"version\": \"1.0.0\"}\n")
}

// Who waits when the daemon ends is told to try again, not that he left himself.
func TestCloseWhileWaiting(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	entered := make(chan struct{}, 4)
	s.hook(func(ctx context.Context, _ string) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	e := start(t, one(s))
	errs := make(chan error, 2)
	for _, path := range []string{"/lib/p/1.0.0/index.js", "/lib/p/^1/index.js"} {
		q := parse(t, path)
		go func() { _, err := e.Find(t.Context(), q); errs <- err }()
		<-entered
	}
	e.Close()
	for range 2 {
		if err := <-errs; !errors.Is(err, outcome.Busy) {
			t.Errorf("got %v", err)
		}
	}
	e.want(t, "/lib/p/1.0.0/index.js", outcome.Busy)
}
