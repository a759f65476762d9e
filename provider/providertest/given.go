package providertest

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/pkgref"
)

// ParseVersion returns the version that a test has written down.
func ParseVersion(t testing.TB, text string) pkgref.Version {
	t.Helper()
	v, err := pkgref.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Client returns a client for a test, which asks no proxy.
func Client(t testing.TB, c fetch.Config) *fetch.Client {
	t.Helper()
	c.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	client, err := fetch.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdle)
	return client
}
