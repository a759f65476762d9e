package plugin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	core "github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/plugintest"
	"github.com/registryd/registryd/plugin/process"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/plugin"
	"github.com/registryd/registryd/provider/providertest"
)

// TestMain is the plugin, where the daemon's variable says so: it answers from a registry, or what its script says.
func TestMain(m *testing.M) {
	plugintest.Program(answers)
	os.Exit(m.Run())
}

// script is script.json in the directory of the plugin.
type script struct {
	Registry string                     // answers by it; "" by Answers
	Old      bool                       // in the predecessor's style
	Answers  map[string]json.RawMessage // of hooks
	Errors   map[string]json.RawMessage // of hooks
}

func answers() http.Handler {
	var s script
	data, err := os.ReadFile("script.json")
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/describe", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"hooks": s.hooks()})
	})
	mux.HandleFunc("POST /v1/{hook}", s.answer)
	return mux
}

func (s *script) hooks() []string {
	switch {
	case s.Old:
		return []string{"fetchRealVersion", "fetchVersionList"}
	case s.Registry != "":
		return []string{"resolve", "versions"}
	}
	var hooks []string
	for _, m := range []map[string]json.RawMessage{s.Answers, s.Errors} {
		for hook := range m {
			hooks = append(hooks, hook)
		}
	}
	return hooks
}

type query struct {
	Op   string
	Args []struct{ Name, Version, Spec, VersionType, URL string }
}

func (s *script) answer(w http.ResponseWriter, r *http.Request) {
	var q query
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	hook := r.PathValue("hook")
	if hook == "op" {
		hook = q.Op
	}
	switch {
	case hook == "attach" || hook == "detach":
		fmt.Fprint(w, "{}")
	case s.Errors[hook] != nil:
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintf(w, `{"error":%s}`, s.Errors[hook])
	case s.Answers[hook] != nil:
		fmt.Fprintf(w, `{"result":%s}`, s.Answers[hook])
	case s.Registry != "":
		s.fromRegistry(w, hook, &q)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// fromRegistry answers as an author would write it.
func (s *script) fromRegistry(w http.ResponseWriter, hook string, q *query) {
	fail := func(text string) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"error":{"name":"Error","message":%q}}`, text)
	}
	resp, err := http.Get(s.Registry + "/" + strings.ReplaceAll(q.Args[0].Name, "/", "%2f"))
	if err != nil {
		fail("the registry cannot be reached")
		return
	}
	defer resp.Body.Close()
	var doc struct {
		Tags     map[string]string `json:"dist-tags"`
		Versions map[string]struct {
			Dist struct{ Tarball, Integrity string }
		}
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		fmt.Fprint(w, `{"result":null}`)
		return
	case resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&doc) != nil:
		fail("the registry fails")
		return
	}
	if hook == "versions" || hook == "fetchVersionList" {
		list := []string{}
		for v := range doc.Versions {
			list = append(list, v)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"result": map[string]any{"versions": list, "tags": doc.Tags}})
		return
	}
	text := q.Args[0].Spec + q.Args[0].Version
	v, ok := doc.Versions[text]
	if !ok {
		fmt.Fprint(w, `{"result":null}`)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"result": map[string]string{
		"version": text, "url": v.Dist.Tarball, "integrity": v.Dist.Integrity,
	}})
}

// install writes a plugin that follows a script, and returns its manager.
func install(t testing.TB, s script, places ...string) *core.Manager {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, s, self, places)
	return loaded(t, dir, map[string]core.Engine{core.EngineProcess: process.New(process.Config{StartTime: 30 * time.Second})})
}

// loaded loads what lies in a directory.
func loaded(t testing.TB, dir string, engines map[string]core.Engine) *core.Manager {
	t.Helper()
	m := core.NewManager(core.Config{Engines: engines})
	t.Cleanup(m.Revoke)
	settings := core.Settings{Dir: dir, Strict: true}
	settings.Fetch.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	if _, err := m.Reload(t.Context(), settings, core.Reload{}); err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t testing.TB, dir string, s script, command string, places []string) {
	t.Helper()
	manifest, _ := json.Marshal(map[string]any{
		"engine": "process", "kind": "provider", "command": []string{command}, "capabilities": map[string]any{"http": places},
	})
	text, _ := json.Marshal(s)
	plugintest.Write(t, dir, map[string]string{"acme/plugin.yaml": string(manifest), "acme/script.json": string(text)})
}

// built is the provider of an installed plugin.
func built(t testing.TB, s script, places ...string) provider.Provider {
	t.Helper()
	m := install(t, s, places...)
	return plugin.New(plugin.Config{Manager: m, Plugin: "acme"}, m.Loaded()[0].Offers)
}

// The same suite that the built-in providers pass, in both styles.
func TestProvider_Conformance_PG6(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"native": false, "of the predecessor": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Fixture{
				NoTimes: true,
				New: func(t *testing.T, packages []providertest.Package) provider.Provider {
					g := providertest.NewRegistry(t, packages...)
					return built(t, script{Registry: g.URL(), Old: old}, g.URL())
				},
				Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
					g := providertest.NewRegistry(t, packages...)
					g.Fault(providertest.Any, "", providertest.Fault{Status: http.StatusInternalServerError})
					return built(t, script{Registry: g.URL(), Old: old}, g.URL())
				},
			})
		})
	}
}

// What a plugin returns is judged like what a client sends.
func TestRelease_Nonsense(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		want   error
	}{
		"null":              {`null`, outcome.NotFound},
		"another version":   {`{"version":"2.0.0","url":"https://a.example/x.tgz"}`, outcome.Unavailable},
		"other build":       {`{"version":"1.0.0+x","url":"https://a.example/x.tgz"}`, outcome.NotFound},
		"no version":        {`{"version":"../1","url":"https://a.example/x.tgz"}`, outcome.Unavailable},
		"no url":            {`{"version":"1.0.0"}`, outcome.Unavailable},
		"file url":          {`{"version":"1.0.0","url":"file:///etc/passwd"}`, outcome.Unavailable},
		"wrong type":        {`{"version":1,"url":[]}`, outcome.Unavailable},
		"text":              {`"1.0.0"`, outcome.Unavailable},
		"malformed digest":  {`{"version":"1.0.0","url":"https://a.example/x.tgz","integrity":"sha512-x"}`, outcome.Refused},
		"unknown algorithm": {`{"version":"1.0.0","url":"https://a.example/x.tgz","integrity":"md5-x"}`, outcome.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := built(t, script{Answers: map[string]json.RawMessage{"resolve": json.RawMessage(c.answer)}})
			if _, err := p.(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestVersions_Nonsense(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]error{
		`null`: outcome.NotFound, `[]`: outcome.NotFound, `{}`: outcome.NotFound, `["1.0"]`: outcome.Unavailable, `[1]`: outcome.Unavailable,
		`{"versions":["1.0.0"],"tags":{"^1":"1.0.0"}}`: outcome.Unavailable, `{"versions":["1.0.0"],"tags":{"next":"2.0.0"}}`: outcome.Unavailable,
	} {
		p := built(t, script{Answers: map[string]json.RawMessage{"resolve": []byte("null"), "versions": json.RawMessage(answer)}})
		if _, err := p.(provider.Versioner).Versions(t.Context(), "widget", ""); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", answer, err, want)
		}
	}
}

// The ids of the predecessor, and everything else that is thrown.
func TestRejections(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`{"id":403,"message":"not yours","public":true}`: outcome.Forbidden, `{"id":404}`: outcome.NotFound, `{"id":998}`: outcome.Declined,
		`{"name":"TypeError","message":"x"}`: outcome.Unavailable, `{"id":500}`: outcome.Unavailable,
	} {
		p := built(t, script{Errors: map[string]json.RawMessage{"resolve": json.RawMessage(text)}})
		_, err := p.(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
		if !errors.Is(err, want) || errors.Is(err, outcome.NotFound) != (want == outcome.NotFound) { //nolint:errorlint // identity is meant
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if want == outcome.Forbidden && outcome.Text(err) != "forbidden by plugin acme: not yours" { //nolint:errorlint // identity is meant
			t.Errorf("clients read %q", outcome.Text(err))
		}
	}
}

// A plugin with a check and nothing else is a gate: it is asked before everybody, and owns nothing.
func TestGate_PC1(t *testing.T) {
	t.Parallel()
	p := built(t, script{Errors: map[string]json.RawMessage{"check": []byte(`{"id":403,"message":"no","public":true}`)}})
	if _, ok := p.(provider.Releaser); ok {
		t.Error("a gate has packages")
	}
	chain, err := provider.NewChain([]provider.Entry{{Provider: p}})
	if err != nil {
		t.Fatal(err)
	}
	err = chain.Walk(t.Context(), "widget", pkgref.Version{}, func(provider.Provider) error { t.Error("asked"); return nil })
	if !errors.Is(err, outcome.Forbidden) {
		t.Errorf("error %v", err)
	}
}

// Tarballs come from places that the manifest allows alone.
func TestOpenArchive_AllowList(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Package{Name: "widget", Version: "1.0.0", Files: map[string][]byte{"a": []byte("a")}})
	p := built(t, script{Registry: g.URL()})
	r, err := p.(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.(provider.ArchiveOpener).OpenArchive(t.Context(), r); !errors.Is(err, outcome.Unavailable) || !strings.Contains(err.Error(), "capabilities.http") {
		t.Errorf("error %v", err)
	}
}

// The fetch hook names where the bytes are, and with which header.
func TestOpenArchive_FetchHook(t *testing.T) {
	t.Parallel()
	s := newTarballs(t)
	for answer, want := range map[string]string{
		fmt.Sprintf(`{"url":%q,"headers":{"X-Token":"t"}}`, s+"/x.tgz"): "bytes for t",
		`null`:                    "bytes for ",
		`{"stream":"stream-1"}`:   "",
		`{"url":"ftp://a/x.tgz"}`: "",
		`{}`:                      "",
	} {
		p := built(t, script{Answers: map[string]json.RawMessage{
			"resolve": json.RawMessage(fmt.Sprintf(`{"version":"1.0.0","url":%q}`, s+"/x.tgz")), "fetch": json.RawMessage(answer),
		}}, s)
		r, err := p.(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := p.(provider.ArchiveOpener).OpenArchive(t.Context(), r)
		if (err == nil) != (want != "") || err != nil && !errors.Is(err, outcome.Unavailable) {
			t.Errorf("%s: %v", answer, err)
		}
		if err == nil {
			data, _ := io.ReadAll(body)
			body.Close()
			if string(data) != want {
				t.Errorf("%s: %q, want %q", answer, data, want)
			}
		}
	}
}
