// Package plugintest checks that an engine keeps the contract of package plugin.
package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// patience bounds every call of the suite that should end by itself. Nothing is measured by it.
const patience = time.Minute

// Fixture hooks an engine into the suite.
type Fixture struct {
	// Engine is tested.
	Engine plugin.Engine
	// Specimen returns the source of a plugin that offers what JavaScript does, with the limits that are given. It is
	// called often, and may return the same directory.
	Specimen func(t *testing.T, limits plugin.Limits) plugin.Source
	// Broken are sources that must not load or start, by what is wrong with them; the error's text must hold the value
	// of Says.
	Broken map[string]Broken
	// Own: the engine runs what has no host: neither fetch nor cache nor log is tested, nor limits but that of time
	// and result.
	Own bool
}

// Broken is a source of no use.
type Broken struct {
	Source plugin.Source // its Limits are set by the suite
	Says   string        // what a person must be told: a file and a line, what a process wrote
}

// limits are those of the suite; generous, because it runs on busy machines and under the race detector.
func limits() plugin.Limits {
	l := plugin.DefaultLimits()
	l.CPU = 2 * time.Second
	l.Body = 1 << 20
	return l
}

// Run checks an engine.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	s := &suite{Fixture: f}
	t.Run("describes itself", s.testDescribe)
	t.Run("lists its files", s.testFiles)
	t.Run("values survive", s.testValues)
	t.Run("attaches and detaches", s.testAttach)
	t.Run("unknown function", s.testUnknown)
	t.Run("rejections", s.testRejections)
	t.Run("broken code", s.testBroken)
	t.Run("deadline", s.testDeadline)
	t.Run("cancelled", s.testCancelled)
	t.Run("result too large", s.testFlood)
	t.Run("many programs", s.testMany)
	if !f.Own {
		t.Run("instances share nothing", s.testInstances)
		t.Run("limits", s.testLimits)
		t.Run("host", s.testHost)
		t.Run("host call ends with the call", s.testHostCancelled)
	}
}

type suite struct{ Fixture }

// subject is one instance under test.
type subject struct {
	plugin.Instance
	t    *testing.T
	host *Host
}

// start makes an instance of the specimen, and closes everything at the end of the test.
func (s *suite) start(t *testing.T, l plugin.Limits) *subject {
	t.Helper()
	host := NewHost()
	p := s.load(t, l, host)
	i := instance(t, p)
	return &subject{i, t, host}
}

func (s *suite) load(t *testing.T, l plugin.Limits, host plugin.Host) plugin.Program {
	t.Helper()
	p, err := s.Engine.Load(t.Context(), s.Specimen(t, l), host)
	if err != nil {
		t.Fatalf("the specimen does not load: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close program: %v", err)
		}
	})
	return p
}

func instance(t *testing.T, p plugin.Program) plugin.Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	i, err := p.Start(ctx)
	if err != nil {
		t.Fatalf("the specimen does not start: %v", err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Errorf("close instance: %v", err)
		}
	})
	return i
}

// call calls a function; arguments are JSON texts.
func (s *subject) call(fn string, args ...string) (json.RawMessage, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	return s.callIn(ctx, fn, args...)
}

func (s *subject) callIn(ctx context.Context, fn string, args ...string) (json.RawMessage, error) {
	raw := make([]json.RawMessage, len(args))
	for i, a := range args {
		raw[i] = json.RawMessage(a)
	}
	return s.Call(ctx, fn, raw...)
}

// want calls a function and compares its result as JSON; "" is none.
func (s *subject) want(want, fn string, args ...string) {
	s.t.Helper()
	got, err := s.call(fn, args...)
	if err != nil {
		s.t.Errorf("%s(%q): %v", fn, args, err)
		return
	}
	if want == "" || got == nil {
		if want != string(got) {
			s.t.Errorf("%s(%q) = %q, want %q", fn, args, got, want)
		}
		return
	}
	if d := cmp.Diff(decoded(s.t, []byte(want)), decoded(s.t, got)); d != "" {
		s.t.Errorf("%s(%q) (-want +got):\n%s", fn, args, d)
	}
}

func decoded(t *testing.T, data []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Errorf("%.200q is no JSON: %v", data, err)
	}
	return v
}

func (s *suite) testDescribe(t *testing.T) {
	i := s.start(t, limits())
	d, err := i.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"attach", "detach", "echo", "fail", "spin"} {
		if !slices.Contains(d.Hooks, hook) {
			t.Errorf("hooks %q lack %s", d.Hooks, hook)
		}
	}
	if !slices.IsSorted(d.Hooks) {
		t.Errorf("hooks %q are not sorted", d.Hooks)
	}
	var exports struct {
		Facts  any
		Nested struct {
			Words  string
			Deeper struct{ Twice map[string]string }
		}
	}
	if err := json.Unmarshal(d.Exports, &exports); err != nil {
		t.Fatalf("exports %s: %v", d.Exports, err)
	}
	if d := cmp.Diff(decoded(t, []byte(`{"list":[1,"two",null],"nested":{"yes":true}}`)), exports.Facts); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
	fn := exports.Nested.Deeper.Twice["$func"]
	if exports.Nested.Words != "of no function" || fn == "" {
		t.Fatalf("exports %s", d.Exports)
	}
	i.want("42", fn, "21")
}

func (s *suite) testFiles(t *testing.T) {
	p := s.load(t, limits(), NewHost())
	if files := p.Files(); len(files) == 0 && !s.Own {
		t.Error("nothing was read")
	}
}

func (s *suite) testValues(t *testing.T) {
	i := s.start(t, limits())
	for name, args := range map[string][]string{
		"none":          {},
		"numbers":       {"0", "-1", "1.5", "1e21", "9007199254740991"},
		"texts":         {`""`, `"grüße 𝄞"`, `"a\u0000b"`, `"\"\\\n"`},
		"words":         {"true", "false", "null"},
		"lists":         {"[]", "[[],[[]]]", "[null]"},
		"objects":       {"{}", `{"a":{"b":[1]},"":0,"__proto__":"mine"}`},
		"many":          {"1", "2", "3", "4", "5", "6", "7", "8"},
		"one as a list": {"[1,2,3]"},
	} {
		want, _ := json.Marshal(rawList(args))
		t.Run(name, func(t *testing.T) {
			(&subject{i.Instance, t, i.host}).want(string(want), "echo", args...)
		})
	}
	i.want("", "nothing")
	i.want("null", "nil")
	i.want(`{"a":1}`, "later", `{"a":1}`)
	if !i.Reusable() {
		t.Error("not reusable after calls that went well")
	}
}

func rawList(args []string) []json.RawMessage {
	list := make([]json.RawMessage, len(args))
	for i, a := range args {
		list[i] = json.RawMessage(a)
	}
	return list
}

func (s *suite) testAttach(t *testing.T) {
	i := s.start(t, limits())
	i.want("null", "context")
	i.want("", plugin.HookAttach, `{"name":"specimen","config":{"a":[1]},"secrets":{}}`)
	i.want(`{"name":"specimen","config":{"a":[1]},"secrets":{}}`, "context")
	i.want("", plugin.HookDetach)
	if !s.Own && !slices.Contains(i.host.Lines(), "INFO detached") {
		t.Errorf("detach was not called: %q", i.host.Lines())
	}
}

func (s *suite) testInstances(t *testing.T) {
	p := s.load(t, limits(), NewHost())
	a, b := &subject{instance(t, p), t, nil}, &subject{instance(t, p), t, nil}
	a.want("1", "count")
	a.want("2", "count")
	b.want("1", "count")
}

func (s *suite) testUnknown(t *testing.T) {
	i := s.start(t, limits())
	for _, fn := range []string{"absent", "facts", "", "toString", "constructor"} {
		if _, err := i.call(fn); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%q: %v, want not found", fn, err)
		}
	}
	i.want("1", "count")
}

func (s *suite) testMany(t *testing.T) {
	for range 5 {
		t.Run("again", func(t *testing.T) { s.start(t, limits()).want("1", "count") })
	}
}
