package proof_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/proof"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/internal/worker"
	"github.com/registryd/registryd/templates"
)

// options loads a configuration and returns what proves it.
func options(t *testing.T, text string) proof.Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "proof-") // without the blanks and commas of a test's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "registryd.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll("root: {fs: DIR/data}\n"+text, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte("ann:{PLAIN}x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadGenerator(config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	return proof.Options{Nginx: testenv.Nginx(t), Input: templates.Input{
		Config: c, Owner: worker.Caller(), MaxFiles: 4096,
		Build: templates.Build{Version: "1.22.1", Modules: []templates.Module{{Name: "gzip_static"}, {Name: "auth_request"}, {Name: "ssl"}, {Name: "v2"}}},
	}}
}

// certificate writes one and its key.
func certificate(t *testing.T, dir string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"cdn.test"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: cert}, "key": {Type: "EC PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run collects the results.
func run(t *testing.T, o proof.Options) (all []proof.Result, err error) {
	t.Helper()
	o.Report = func(r proof.Result) { all = append(all, r) }
	err = proof.Run(t.Context(), o)
	return all, err
}

func TestRun_N2(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		skipped int
	}{
		"least":          {"", 2},
		"accel off":      {"accel: off\n", 10},
		"public root":    {"accel: nginx\ncomponents: {}\nmodules: {}\n", 2},
		"every section":  {"admin: {tokens: [{id: a, token: b}]}\ncomponents: {}\nmodules: {}\nnginx: {admin: true}\n", 2},
		"other prefixes": {"nginx: {upstream: '127.0.0.1:9', cache: {name: other}, index_fallback: true, limit_req: {rate: 1r/m}}\n", 2},
		"private":        {"nginx: {private: {scopes: ['@acme', '@corp'], tokens: [token-1234, other-5678]}}\n", 1},
		"nodes":          {"accel: off\nnginx: {nodes: ['a.invalid:1', 'b.invalid:1', 'c.invalid:1'], private: {scopes: ['@acme'], htpasswd: DIR/pw}}\n", 8},
		"TLS":            {"nginx: {tls: {cert: DIR/cert, key: DIR/key}, http2: true}\n", 2},
		"plain":          {"listen: unix:/run/registryd.sock\nnginx: {gzip_static: false, brotli_static: 'false'}\n", 3},
	} {
		for _, inline := range []bool{false, true} {
			if inline && (name == "public root" || name == "other prefixes" || name == "plain" || name == "TLS") {
				continue // the templates' own tests hold the forms against each other
			}
			t.Run(name+map[bool]string{true: ", include"}[inline], func(t *testing.T) {
				t.Parallel()
				o := options(t, c.text)
				o.Inline = inline
				if name == "public root" {
					o.Input.Config.Root.Pub = "/"
				}
				all, err := run(t, o)
				if err != nil || len(all) < 16 {
					t.Errorf("%d statements: %v", len(all), err)
				}
				skipped := 0
				for _, r := range all {
					if r.Err != nil {
						t.Errorf("%s: %v", r.Statement, r.Err)
					}
					if r.Skipped != "" {
						skipped++
					}
				}
				if skipped != c.skipped {
					t.Errorf("%d statements were skipped, want %d: %+v", skipped, c.skipped, all)
				}
			})
		}
	}
}

// TestRun_NoticesWhatBreaks_N2 takes one promise away at a time.
func TestRun_NoticesWhatBreaks_N2(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, statement string }{
		"view not asked":        {"try_files $uri ", "try_files /none ", "a file on disk is sent"},
		"internal elsewhere":    {`alias "`, `alias "/nowhere`, "a missing file asks the daemon once"},
		"404 not kept":          {"proxy_cache_valid 404 410", "proxy_cache_valid 410", "an absence is kept"},
		"302 not kept":          {"proxy_cache_valid 301 302", "proxy_cache_valid 301", "a redirect is kept"},
		"query in the key":      {"proxy_cache_key m$uri", "proxy_cache_key m$request_uri", "no query string"},
		"type missing":          {" mjs", "", "files have their types"},
		"CORS on success only":  {`Access-Control-Allow-Origin "*" always`, `Access-Control-Allow-Origin "*"`, "200, 206, 302"},
		"CORS twice":            {`add_header Timing-Allow-Origin "*" always;`, `add_header Timing-Allow-Origin "*" always; add_header Timing-Allow-Origin "*";`, "200, 206, 302"},
		"not immutable":         {"max-age=31536000, immutable", "max-age=5", "exact versions are immutable"},
		"main not looked at":    {"open_file_cache_valid 1s", "open_file_cache_valid 60s", "main that moved"},
		"internal open":         {"internal;\n", "\n", "nothing but the view"},
		"headers forwarded":     {"proxy_pass_request_headers off", "proxy_pass_request_headers on", "the daemon sees nothing"},
		"guard gone":            {"if ($registryd_refuse) { return 400; }", "", "the guard answers"},
		"methods let through":   {"return 405", "return 404", "OPTIONS answers"},
		"no siblings":           {"gzip_static on", "gzip_static off", "compressed copies"},
		"no sandbox":            {"sandbox;", `"";`, "HTML and SVG"},
		"token let through":     {"return 401;", "return 204;", "private scopes"},
		"too many files opened": {"open_file_cache max=128", "open_file_cache max=20000", "more distinct files"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := false
			o := proof.Break(options(t, "nginx: {private: {scopes: ['@acme'], tokens: [token-1234]}}\n"), c.statement, func(text string) string {
				changed = changed || strings.Contains(text, c.old)
				return strings.ReplaceAll(text, c.old, c.new)
			})
			all, err := run(t, o)
			if !changed || !errors.Is(err, proof.ErrBroken) {
				t.Fatalf("changed: %t, error: %v", changed, err)
			}
			if len(all) != 1 || all[0].Err == nil {
				t.Errorf("%q: %+v", c.statement, all)
			}
		})
	}
}

// TestRun_Trouble: what keeps nginx from starting is no broken promise.
func TestRun_Trouble_N2(t *testing.T) {
	t.Parallel()
	o := proof.Break(options(t, ""), "", func(text string) string { return strings.ReplaceAll(text, "try_files", "try_some") })
	if _, err := run(t, o); err == nil || errors.Is(err, proof.ErrBroken) || !strings.Contains(err.Error(), "try_some") {
		t.Errorf("a directive that nginx does not know: %v", err)
	}
	o = options(t, "")
	o.Nginx = filepath.Join(t.TempDir(), "nginx")
	if _, err := run(t, o); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no nginx: %v", err)
	}
	o = options(t, "")
	o.Input.Config.Nginx.CacheName = "a;b"
	if _, err := run(t, o); !errors.Is(err, outcome.Invalid) {
		t.Errorf("a name that cannot be written: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := proof.Run(ctx, options(t, "")); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped by the caller: %v", err)
	}
}
