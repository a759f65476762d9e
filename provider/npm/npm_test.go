package npm_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
)

func TestConformance_PG1(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Fixture{
		New: func(t *testing.T, packages []providertest.Package) provider.Provider {
			return over(t, providertest.NewRegistry(t, packages...), nil)
		},
		Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
			g := providertest.NewRegistry(t, packages...)
			g.Fault(providertest.Any, "", providertest.Status(500))
			return over(t, g, nil)
		},
	})
}

func TestConformanceWithoutVersionRoute_PG1(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Fixture{
				New: func(t *testing.T, packages []providertest.Package) provider.Provider {
					g := providertest.NewRegistry(t, packages...)
					g.WithoutVersionRoute(status)
					return over(t, g, nil)
				},
				Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
					g := providertest.NewRegistry(t, packages...)
					g.WithoutVersionRoute(status)
					g.Fault(providertest.Document, "", providertest.HTML())
					return over(t, g, nil)
				},
			})
		})
	}
}

func TestPaths_PG1(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Package{Name: "@acme/widget", Version: "1.0.0+b.1"})
	p := over(t, g, nil)
	r, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0+b.1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Versions(t.Context(), "@acme/widget", ""); err != nil {
		t.Error(err)
	}
	rc, err := p.OpenArchive(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	rc.Close()
	for kind, path := range map[providertest.Kind]string{
		providertest.Version:  "/@acme%2fwidget/1.0.0%2Bb.1",
		providertest.Document: "/@acme%2fwidget",
	} {
		if g.Count(kind, path) != 1 {
			t.Errorf("no request for %s: %+v", path, g.Requests())
		}
	}
	// An exact version costs no full document, a list no document of a version.
	if g.Count(providertest.Any, "") != 3 {
		t.Errorf("%d requests", g.Count(providertest.Any, ""))
	}
}

func TestFailures_PG1(t *testing.T) {
	t.Parallel()
	const full = `{"name":"widget","versions":{"1.0.0":{"name":"widget","version":"1.0.0","dist":{"shasum":"x"}}}}`
	for _, tt := range []struct {
		name  string
		fault providertest.Fault
		want  error // of both the list and the release
	}{
		{"internal error", providertest.Status(500), outcome.Unavailable},
		{"forbidden", providertest.Status(403), outcome.Unavailable},
		{"not found", providertest.Status(404), outcome.NotFound},
		{"throttled", providertest.Status(429, "Retry-After", "7"), outcome.Busy},
		{"web page", providertest.HTML(), outcome.Unavailable},
		{"empty object", providertest.Text("{}"), outcome.Unavailable},
		{"empty body", providertest.Text(""), outcome.Unavailable},
		{"array", providertest.Text("[]"), outcome.Unavailable},
		{"string", providertest.Text(`"version not found"`), outcome.Unavailable},
		{"another name", providertest.Text(strings.ReplaceAll(full, "widget", "gadget")), outcome.Unavailable},
		{"text after the end", providertest.Text(full + "x"), outcome.Unavailable},
		{"depth bomb", providertest.Text(`{"a":` + strings.Repeat("[", 1<<19)), outcome.Unavailable},
		{"truncated", providertest.Truncated(), outcome.Unavailable},
		{"beyond the limit", providertest.Fault{Oversize: 2 << 20}, outcome.Refused},
		{"announced beyond the limit", providertest.Text(strings.Repeat(" ", 2<<20)), outcome.Refused},
		{"redirect to a private address", providertest.Redirect("http://10.0.0.1/"), outcome.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := providertest.NewRegistry(t, widget())
			g.Fault(providertest.Any, "", tt.fault)
			// A client each: one that was throttled leaves the host alone.
			shrink := func(c *npm.Config, _ *fetch.Config) { c.DocumentLimit = 1 << 20 }
			if _, err := over(t, g, shrink).Versions(t.Context(), "widget", ""); !errors.Is(err, tt.want) {
				t.Errorf("versions: %v", err)
			}
			if _, err := over(t, g, shrink).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, tt.want) {
				t.Errorf("release: %v", err)
			}
		})
	}
}

func TestUnreachable_PG1(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, widget())
	p := over(t, g, nil)
	g.Close()
	if _, err := p.Versions(t.Context(), "widget", ""); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestHang_PG1(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, widget())
	g.Fault(providertest.Any, "", providertest.Hang(make(chan struct{})))
	p := over(t, g, func(_ *npm.Config, f *fetch.Config) { f.HeaderTimeout = 30 * time.Millisecond })
	if _, err := p.Versions(t.Context(), "widget", ""); !errors.Is(err, outcome.TooSlow) {
		t.Errorf("versions: %v", err)
	}
	patient := over(t, g, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { g.Await(providertest.Version, "", 1); cancel() }()
	if _, err := patient.Release(ctx, "widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, context.Canceled) {
		t.Errorf("release: %v", err)
	}
}

func TestDocumentsOfNothing_PG1(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, document string
		want           error
	}{
		{"unpublished", `{"_id":"widget","name":"widget","time":{"created":"x","unpublished":{"versions":["1.0.0"]}}}`, outcome.NotFound},
		{"empty", `{"name":"widget","versions":{}}`, outcome.NotFound},
		{"no usable version", `{"name":"widget","versions":{"v1":{},"01.2.3":{},"":{},"1.0.0":null}}`, outcome.NotFound},
		{"no list", `{"name":"widget"}`, outcome.Unavailable},
		{"published again", `{"name":"widget","time":{"unpublished":{}},"versions":{"1.0.0":{}}}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := providertest.NewRegistry(t)
			g.Fault(providertest.Any, "", providertest.Text(tt.document))
			if _, err := over(t, g, nil).Versions(t.Context(), "widget", ""); !errors.Is(err, tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTagsStay_PG1(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, widget())
	g.Tag("widget", "gone", "9.0.0")
	vs, err := over(t, g, nil).Versions(t.Context(), "widget", "")
	if err != nil || vs.Tags["gone"] != "9.0.0" {
		t.Fatalf("got %+v, %v", vs, err)
	}
	if v, ok := vs.TagVersion("gone"); ok {
		t.Errorf("gone is %s", v)
	}
}

func TestRevalidation_PC7(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, widget())
	p := over(t, g, nil)
	vs, err := p.Versions(t.Context(), "widget", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Versions(t.Context(), "widget", vs.Validator); !errors.Is(err, provider.ErrNotModified) {
		t.Errorf("unchanged: %v", err)
	}
	newer := widget()
	newer.Version = "1.1.0"
	g.Add(t, newer)
	if vs, err = p.Versions(t.Context(), "widget", vs.Validator); err != nil || len(vs.List) != 2 {
		t.Errorf("changed: %+v, %v", vs, err)
	}
}

func TestScopeRegistry_PC3(t *testing.T) {
	t.Parallel()
	scoped := widget()
	scoped.Name = "@acme/widget"
	public, private := providertest.NewRegistry(t, widget(), scoped), providertest.NewRegistry(t)
	p := over(t, public, func(c *npm.Config, f *fetch.Config) {
		c.Settings.Scopes = map[string]string{"@acme": "https://overridden.test/"}
		c.Scopes = map[string]string{"@acme": private.URL()}
		f.Trusted = c.Trusted()
	})
	if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.NotFound) {
		t.Errorf("got %v", err)
	}
	if public.Count(providertest.Any, "") != 0 || private.Count(providertest.Any, "") != 1 {
		t.Error("the scope was asked for elsewhere")
	}
	if _, err := p.Versions(t.Context(), "widget", ""); err != nil {
		t.Errorf("unscoped: %v", err)
	}
}

func TestNew_PG1(t *testing.T) {
	t.Parallel()
	client := providertest.Client(t, fetch.Config{})
	if _, err := npm.New(npm.Config{Client: client}); !errors.Is(err, npm.ErrNoRegistry) {
		t.Errorf("no registry: %v", err)
	}
	for name, c := range map[string]npm.Config{
		"no client":     {Registry: "https://r.test"},
		"bad scheme":    {Client: client, Registry: "ftp://user:hunter2@r.test"},
		"no URL":        {Client: client, Registry: "https://user:hunter2@%zz"},
		"bad integrity": {Client: client, Registry: "https://r.test", Integrity: "maybe"},
		"bad scope":     {Client: client, Registry: "https://r.test", Scopes: map[string]string{"@a": "x"}},
	} {
		_, err := npm.New(c)
		if err == nil || errors.Is(err, npm.ErrNoRegistry) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	p, err := npm.New(npm.Config{Client: client, Name: "own", Settings: npm.Settings{Registry: "https://a:b@r.test/npm"}})
	if err != nil || p.Name() != "own" || p.Registry() != "https://r.test/npm/" {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestLogsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := providertest.NewRegistry(t, widget())
	p := over(t, g, func(c *npm.Config, f *fetch.Config) {
		l := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Logger, f.Logger, c.Token = l, l, "hunter2"
	})
	if _, err := p.Versions(t.Context(), "widget", ""); err != nil {
		t.Fatal(err)
	}
	if got := g.Requests()[0].Header.Get("Authorization"); got != "Bearer hunter2" {
		t.Errorf("sent %q", got)
	}
	if log.Len() == 0 || strings.Contains(log.String(), "hunter2") {
		t.Errorf("log: %s", log.String())
	}
}
