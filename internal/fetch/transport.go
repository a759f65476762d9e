package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

// transport is the guarded transport: it decides on the proxy of a request
// before the request is sent, so that the dialler knows which addresses are
// proxies and need no guard.
type transport struct {
	*http.Transport
	guard *guard
	proxy func(*http.Request) (*url.URL, error)
}

func newTransport(c Config) (*transport, error) {
	roots, err := readRoots(c.CAFile)
	if err != nil {
		return nil, err
	}
	t := &transport{guard: newGuard(c), proxy: c.Proxy}
	if t.proxy == nil {
		t.proxy = http.ProxyFromEnvironment
	}
	t.Transport = &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return proxyOf(r.Context()), nil },
		DialContext:            t.guard.dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    c.ConnectTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // see Request.Compress
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    c.Concurrency,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		ReadBufferSize:         32 << 10,
	}
	return t, nil
}

// RoundTrip sends the request through its proxy, if it has one.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	proxy, err := t.proxy(r)
	if err != nil {
		return nil, fmt.Errorf("choosing a proxy: %w", err)
	}
	if proxy != nil {
		if err := t.guard.proxied(r.URL); err != nil {
			return nil, err
		}
		r = r.WithContext(context.WithValue(r.Context(), proxyKey{}, proxy))
	}
	return t.Transport.RoundTrip(r)
}

// proxyKey is the key of a request's proxy in its context.
type proxyKey struct{}

func proxyOf(ctx context.Context) *url.URL {
	u, _ := ctx.Value(proxyKey{}).(*url.URL)
	return u
}

// readRoots returns the system's roots and those of file; nil, which means the
// system's, without a file.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nil is crypto/tls's word for the system's roots
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the CA file %s holds no PEM certificate", file)
	}
	return pool, nil
}
