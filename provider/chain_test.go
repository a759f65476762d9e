package provider_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

// source is a provider that lists versions.
type source string

func (s source) Name() string { return string(s) }
func (source) Versions(context.Context, pkgref.Name, string) (*provider.Versions, error) {
	return nil, outcome.New(outcome.NotFound, "absent")
}

// gate is a Checker without a source.
type gate struct {
	name string
	err  error
	log  *[]string
}

func (g gate) Name() string { return g.name }
func (g gate) Check(_ context.Context, name pkgref.Name, v pkgref.Version) error {
	if g.log != nil {
		*g.log = append(*g.log, g.name+" "+string(name)+" "+v.String())
	}
	return g.err
}

// guarded is both.
type guarded struct {
	gate
	source
}

func (g guarded) Name() string { return g.gate.name }

func patterns(t testing.TB, texts ...string) []pkgref.Pattern {
	t.Helper()
	var ps []pkgref.Pattern
	for _, s := range texts {
		p, err := pkgref.ParsePattern(s, false)
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	return ps
}

func chain(t testing.TB, entries ...provider.Entry) *provider.Chain {
	t.Helper()
	c, err := provider.NewChain(entries)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answers makes an ask that answers by the provider's name and logs who was asked.
func answers(log *[]string, by map[string]error) func(provider.Provider) error {
	return func(p provider.Provider) error {
		*log = append(*log, p.Name())
		return by[p.Name()]
	}
}

func TestWalkOrder_PC2(t *testing.T) {
	t.Parallel()
	absent := outcome.New(outcome.NotFound, "absent")
	down := outcome.New(outcome.Unavailable, "down")
	slow := outcome.New(outcome.TooSlow, "slow")
	busy := outcome.New(outcome.Busy, "busy")
	denied := outcome.New(outcome.Forbidden, "denied")
	refused := outcome.New(outcome.Refused, "refused")
	strange := errors.New("strange")
	for _, tt := range []struct {
		name    string
		skip    string // providers with SkipOnError
		answers map[string]error
		asked   string
		want    error
	}{
		{"first has it", "", nil, "a", nil},
		{"not found moves on", "", map[string]error{"a": absent}, "a b", nil},
		{"nobody has it", "", map[string]error{"a": absent, "b": absent, "c": absent}, "a b c", outcome.NotFound},
		{"unavailable stops", "", map[string]error{"a": down}, "a", outcome.Unavailable},
		{"too slow stops", "", map[string]error{"a": slow}, "a", outcome.TooSlow},
		{"busy stops", "", map[string]error{"a": busy}, "a", outcome.Busy},
		{"forbidden stops", "a", map[string]error{"a": denied}, "a", outcome.Forbidden},
		{"refused stops", "a", map[string]error{"a": refused}, "a", outcome.Refused},
		{"an unknown error stops", "a", map[string]error{"a": strange}, "a", strange},
		{"not modified stops", "a", map[string]error{"a": provider.ErrNotModified}, "a", provider.ErrNotModified},
		{"unavailable is skipped", "a", map[string]error{"a": down}, "a b", nil},
		{"skipped and nowhere found", "a", map[string]error{"a": down, "b": absent, "c": absent}, "a b c", outcome.Unavailable},
		{"the first that was skipped counts", "a b", map[string]error{"a": slow, "b": down, "c": absent}, "a b c", outcome.TooSlow},
		{"skipped, then stopped", "a", map[string]error{"a": down, "b": busy}, "a b", outcome.Busy},
		{"wrapped not found moves on", "", map[string]error{"a": &provider.Error{Provider: "a", Err: absent}}, "a b", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var entries []provider.Entry
			for _, name := range []string{"a", "b", "c"} {
				entries = append(entries, provider.Entry{Provider: source(name), SkipOnError: strings.Contains(tt.skip, name)})
			}
			var asked []string
			err := chain(t, entries...).Walk(t.Context(), "x", pkgref.Version{}, answers(&asked, tt.answers))
			if !errors.Is(err, tt.want) || strings.Join(asked, " ") != tt.asked {
				t.Errorf("got %v after asking %v", err, asked)
			}
		})
	}
}

func TestWalkEnds_PC2(t *testing.T) {
	t.Parallel()
	var asked []string
	if err := chain(t).Walk(t.Context(), "x", providertest.ParseVersion(t, "1.0.0"), answers(&asked, nil)); !errors.Is(err, outcome.NotFound) || !strings.Contains(err.Error(), "x@1.0.0") {
		t.Errorf("empty chain: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := chain(t, provider.Entry{Provider: source("a"), SkipOnError: true}, provider.Entry{Provider: source("b")})
	err := c.Walk(ctx, "x", pkgref.Version{}, answers(&asked, map[string]error{"a": outcome.Wrap(outcome.Unavailable, context.Canceled, "get")}))
	if !errors.Is(err, context.Canceled) || len(asked) != 1 {
		t.Errorf("cancelled: %v after asking %v", err, asked)
	}
}

func TestOwnedNames_PC3(t *testing.T) {
	t.Parallel()
	c := chain(t,
		provider.Entry{Provider: source("npm")},
		provider.Entry{Provider: source("dir"), Names: patterns(t, "@acme/*", "tool"), SkipOnError: true},
		provider.Entry{Provider: source("other")},
	)
	for name, want := range map[pkgref.Name]string{
		"@acme/x": "dir", "tool": "dir", "toolbox": "npm other", "@acme2/x": "npm other", "lodash": "npm other",
	} {
		var got []string
		for _, e := range c.For(name) {
			got = append(got, e.Provider.Name())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	for _, answer := range []error{outcome.New(outcome.NotFound, "absent"), outcome.New(outcome.Unavailable, "down")} {
		var asked []string
		err := c.Walk(t.Context(), "@acme/x", pkgref.Version{}, answers(&asked, map[string]error{"dir": answer}))
		if !errors.Is(err, answer) || strings.Join(asked, " ") != "dir" {
			t.Errorf("got %v after asking %v", err, asked)
		}
	}
}

func TestNewChainErrors_PC3(t *testing.T) {
	t.Parallel()
	a, b := source("a"), source("b")
	for _, tt := range []struct {
		name    string
		entries []provider.Entry
		want    string // in the error; "" for none
	}{
		{"same name", []provider.Entry{{Provider: a}, {Provider: a}}, `"a"`},
		{"nil", []provider.Entry{{Provider: a}, {}}, "provider 2"},
		{"same pattern", []provider.Entry{{Provider: a, Names: patterns(t, "@acme/*")}, {Provider: b, Names: patterns(t, "x", "@acme/*")}}, "@acme/*"},
		{"one name of both", []provider.Entry{{Provider: a, Names: patterns(t, "*-tool")}, {Provider: b, Names: patterns(t, "acme-*")}}, "acme-*"},
		{"versions", []provider.Entry{{Provider: a, Names: patterns(t, "x@1")}}, "x@1"},
		{"distinct", []provider.Entry{{Provider: a, Names: patterns(t, "@acme/*")}, {Provider: b, Names: patterns(t, "@acmes/*")}}, ""},
		{"a gate owns nothing", []provider.Entry{{Provider: a, Names: patterns(t, "@acme/*")}, {Provider: gate{name: "g"}, Names: patterns(t, "@acme/*")}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := provider.NewChain(tt.entries)
			if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestIntersect_PC3(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"*", "anything", true},
		{"*", "*", true},
		{"@a/*", "@b/*", false},
		{"@a/*", "@a/b", true},
		{"@*/x", "@a/*", true},
		{"a*", "*b", true},
		{"a*c", "ab", false},
		{"a*b*c", "*b", false},
		{"a*b*c", "ac*", true},
		{"a**", "a", true},
		{"*ab*", "*ba*", true},
		{"ab", "a*b*c", false},
	} {
		if provider.Intersect(tt.a, tt.b) != tt.want || provider.Intersect(tt.b, tt.a) != tt.want {
			t.Errorf("%q and %q: want %v", tt.a, tt.b, tt.want)
		}
	}
}

func TestGates_PC1(t *testing.T) {
	t.Parallel()
	var log []string
	denied := outcome.New(outcome.Forbidden, "denied")
	down := outcome.New(outcome.Unavailable, "down")
	c := chain(t,
		provider.Entry{Provider: source("npm")},
		provider.Entry{Provider: gate{"all", nil, &log}},
		provider.Entry{Provider: gate{"acme", denied, &log}, Names: patterns(t, "@acme/*")},
		provider.Entry{Provider: gate{"broken", down, &log}, Names: patterns(t, "fragile"), SkipOnError: true},
		provider.Entry{Provider: guarded{gate{"own", denied, &log}, "own"}, Names: patterns(t, "mine")},
	)
	for _, tt := range []struct {
		name    pkgref.Name
		checked []string
		asked   []string
		want    error
	}{
		{"lodash", []string{"all lodash 1.0.0"}, []string{"npm"}, nil},
		{"@acme/x", []string{"all @acme/x 1.0.0", "acme @acme/x 1.0.0"}, nil, outcome.Forbidden},
		{"fragile", []string{"all fragile 1.0.0", "broken fragile 1.0.0"}, nil, outcome.Unavailable},
		{"mine", []string{"all mine 1.0.0", "own mine 1.0.0"}, nil, outcome.Forbidden},
	} {
		log = nil
		var asked []string
		err := c.Walk(t.Context(), tt.name, providertest.ParseVersion(t, "1.0.0"), answers(&asked, nil))
		if !errors.Is(err, tt.want) || !cmp.Equal(asked, tt.asked) || !cmp.Equal(log, tt.checked) {
			t.Errorf("%s: got %v, asked %v, checked %v", tt.name, err, asked, log)
		}
		if perr, ok := errors.AsType[*provider.Error](err); tt.want != nil && (!ok || perr.Op != "check" || perr.Ref != string(tt.name)+"@1.0.0") {
			t.Errorf("%s: error %+v", tt.name, perr)
		}
	}
	if only := chain(t, provider.Entry{Provider: gate{name: "g"}}); !errors.Is(only.Walk(t.Context(), "x", pkgref.Version{}, nil), outcome.NotFound) {
		t.Error("a gate without a source found something")
	}
}

func TestNamedAndEntries(t *testing.T) {
	t.Parallel()
	c := chain(t, provider.Entry{Provider: source("a")}, provider.Entry{Provider: source("b")})
	if c.Named("b") != source("b") || c.Named("c") != nil {
		t.Error("Named is wrong")
	}
	c.Entries()[0].Provider = source("z")
	if c.Entries()[0].Provider != source("a") {
		t.Error("a caller changed the chain")
	}
}

func BenchmarkChainFor(b *testing.B) {
	c := chain(b,
		provider.Entry{Provider: source("npm")},
		provider.Entry{Provider: source("dir"), Names: patterns(b, "@acme/*", "tool-*", "x")},
	)
	b.ReportAllocs()
	for b.Loop() {
		_ = c.For("lodash")
	}
}

// What a provider of somebody else fails with counts as trouble upstream, and
// does not tell the secrets of a URL.
func TestErrorOfOthers_PG6(t *testing.T) {
	t.Parallel()
	plain := &provider.Error{Provider: "own", Op: "open", Ref: "p@1.0.0", Err: &url.Error{
		Op: "Get", URL: "https://someone:***@x.example.org/p.tgz?token=hunter2", Err: errors.New("broken off"),
	}}
	if !errors.Is(plain, outcome.Unavailable) || errors.Is(plain, outcome.NotFound) {
		t.Errorf("%v counts as something else", plain)
	}
	if text := plain.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "someone") || !strings.Contains(text, "x.example.org/p.tgz") {
		t.Errorf("it says %q", text)
	}
	for _, err := range []error{outcome.New(outcome.NotFound, "absent"), context.Canceled, context.DeadlineExceeded} {
		if errors.Is(&provider.Error{Err: err}, outcome.Unavailable) {
			t.Errorf("%v counts as trouble", err)
		}
	}
}
