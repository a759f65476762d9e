package plugintest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

func (s *suite) testRejections(t *testing.T) {
	i := s.start(t, limits())
	for how, want := range map[string]*plugin.Rejection{
		"deny":     {ID: 403, Message: "not yours", Public: true},
		"id":       {ID: 998, Message: "not here"},
		"text":     {Message: "plain words"},
		"named":    {Name: "notFound", Message: "no such thing", Data: []byte(`{"id":7}`), Public: true},
		"rejected": {Name: "RangeError", Message: "out of range"},
	} {
		t.Run(how, func(t *testing.T) {
			_, err := i.call("fail", `"`+how+`"`)
			got, ok := errors.AsType[*plugin.Rejection](err)
			if !ok {
				t.Fatalf("got %v, want a rejection", err)
			}
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(plugin.Rejection{}, "Stack")); d != "" {
				t.Errorf("rejection (-want +got):\n%s", d)
			}
		})
	}
	_, err := i.call("fail", `"error"`)
	if got, ok := errors.AsType[*plugin.Rejection](err); !ok || got.Name != "TypeError" || got.Message == "" || got.Public {
		t.Errorf("got %v, want a TypeError that is not for clients", err)
	}
	if !i.Reusable() {
		t.Error("what was thrown makes the instance of no use")
	}
	i.want("1", "count")
}

func (s *suite) testBroken(t *testing.T) {
	for name, b := range s.Broken {
		t.Run(name, func(t *testing.T) {
			src := b.Source
			src.Manifest.Limits = limits()
			err := s.loadAndStart(t, src)
			if err == nil {
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), b.Says) {
				t.Errorf("%q does not say %q", err, b.Says)
			}
		})
	}
}

func (s *suite) loadAndStart(t *testing.T, src plugin.Source) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := s.Engine.Load(ctx, src, NewHost())
	if err != nil {
		if !errors.Is(err, outcome.Invalid) {
			t.Errorf("load: %v is not invalid", err)
		}
		return err
	}
	defer p.Close()
	i, err := p.Start(ctx)
	if err == nil {
		i.Close()
	}
	return err
}

// A call ends when its deadline passes, whatever it does, and says so.
func (s *suite) testDeadline(t *testing.T) {
	for _, fn := range []string{"hang", "spin"} {
		t.Run(fn, func(t *testing.T) {
			l := limits()
			l.CPU = time.Hour
			i := s.start(t, l)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := i.callIn(ctx, fn)
			if !errors.Is(err, outcome.TooSlow) || !errors.Is(err, plugin.ErrLimit) {
				t.Errorf("%v, want too slow", err)
			}
			if i.Reusable() {
				t.Error("reusable after its deadline")
			}
		})
	}
}

// A call ends when nobody wants it any more, whatever it does.
func (s *suite) testCancelled(t *testing.T) {
	for _, fn := range []string{"hang", "spin"} {
		t.Run(fn, func(t *testing.T) {
			l := limits()
			l.CPU = time.Hour
			i := s.start(t, l)
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(20*time.Millisecond, cancel)
			defer timer.Stop()
			if _, err := i.callIn(ctx, fn); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want cancelled", err)
			}
			if i.Reusable() {
				t.Error("reusable after a call that was cut off")
			}
		})
	}
	i := s.start(t, limits())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := i.callIn(ctx, "count"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before it began: %v", err)
	}
}

func (s *suite) testFlood(t *testing.T) {
	l := limits()
	l.Body = 100_000
	i := s.start(t, l)
	if got, err := i.call("flood", "50000"); err != nil || len(got) != 50_002 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := i.call("flood", "300000"); !errors.Is(err, plugin.ErrLimit) || !errors.Is(err, outcome.Unavailable) {
		t.Errorf("%v, want a limit", err)
	}
}

// Each limit stops the call that reaches it, and nothing else.
func (s *suite) testLimits(t *testing.T) {
	for name, c := range map[string]struct {
		fn, arg string
	}{
		"endless loop": {"spin", ""},
		"memory":       {"hoard", ""},
		"huge text":    {"flood", "68719476736"},
		"recursion":    {"recurse", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := limits()
			l.CPU, l.Memory = 500*time.Millisecond, 8<<20
			p := s.load(t, l, NewHost())
			i := &subject{instance(t, p), t, nil}
			var args []string
			if c.arg != "" {
				args = append(args, c.arg)
			}
			_, err := i.call(c.fn, args...)
			var r *plugin.Rejection
			if !errors.Is(err, plugin.ErrLimit) && !errors.As(err, &r) {
				t.Errorf("%v, want a limit or what the code was told of it", err)
			}
			if errors.Is(err, plugin.ErrLimit) && (i.Reusable() || !errors.Is(err, outcome.Unavailable)) {
				t.Errorf("%v: reusable %v", err, i.Reusable())
			}
			(&subject{instance(t, p), t, nil}).want("1", "count")
		})
	}
}

func (s *suite) testHost(t *testing.T) {
	i := s.start(t, limits())
	i.want(`{"status":200,"text":"hello","type":"text/plain","echo":"GET specimen"}`, "get", `"https://here.example/hello"`)
	i.want(`{"status":404,"text":"","type":null,"echo":null}`, "get", `"https://here.example/gone"`)
	if _, err := i.call("get", `"https://elsewhere.example/"`); !isRejection(err, "the manifest does not allow https://elsewhere.example/") {
		t.Errorf("elsewhere: %v", err)
	}
	if _, err := i.call("get", `"https://here.example/broken"`); !isRejection(err, "status 500") {
		t.Errorf("broken: %v", err)
	}
	i.want("3", "many", "3", `"https://here.example/hello"`)
	i.want("", "store", `"k"`, `{"v":[1]}`, "1500")
	i.want(`{"v":[1]}`, "recall", `"k"`)
	i.want("", "forget", `"k"`)
	if got, err := i.call("recall", `"k"`); err != nil || (got != nil && string(got) != "null") {
		t.Errorf("forgotten: %s, %v", got, err)
	}
	i.want("", "say", `"warn"`, `"careful"`)
	i.want(`{"stream":"handle-1"}`, "open", `"https://here.example/hello"`)
	for _, line := range []string{"cached k for 1.5s", "WARN careful"} {
		if !slices.Contains(i.host.Lines(), line) {
			t.Errorf("no %q in %q", line, i.host.Lines())
		}
	}
}

func isRejection(err error, text string) bool {
	r, ok := errors.AsType[*plugin.Rejection](err)
	return ok && strings.Contains(r.Message, text)
}

func (s *suite) testHostCancelled(t *testing.T) {
	i := s.start(t, limits())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := i.callIn(ctx, "get", `"https://here.example/hang"`); !errors.Is(err, outcome.TooSlow) {
		t.Errorf("%v, want too slow", err)
	}
	if n := i.host.Waiting(); n != 0 {
		t.Errorf("%d fetches still wait", n)
	}
}
