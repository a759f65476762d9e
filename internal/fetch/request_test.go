package fetch_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

// Method, header and body go out; what belongs to the connection does not.
func TestGet_MethodHeaderBody(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("X-Mine")+" "+string(body)+" "+r.Host+" "+r.Header.Get("Accept-Encoding"))
		w.WriteHeader(http.StatusTeapot)
	})
	resp, err := client(t, fetch.Config{}, s).Get(t.Context(), fetch.Request{
		URL: s.URL, Method: http.MethodPost, Body: []byte("payload"), AnyStatus: true, Limit: 10,
		Header: http.Header{"x-mine": {"yes"}, "host": {"evil.example"}, "Accept-Encoding": {"br"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := "POST yes payload " + hostOf(t, s.URL) + " identity"
	if got := resp.Header.Get("X-Seen"); got != want || resp.Status != http.StatusTeapot {
		t.Errorf("%d %q, want %q", resp.Status, got, want)
	}
}

// Fault 18: another origin sees neither header nor body, and not again behind a second redirect.
func TestGet_HeaderAcrossOrigins_Fault18(t *testing.T) {
	t.Parallel()
	var home string
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Secret") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("another origin got %v", r.Header)
		}
		http.Redirect(w, r, home+"/back", http.StatusFound)
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/post":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/back":
			if r.Header.Get("X-Secret") != "" {
				t.Error("the header came back")
			}
		}
	})
	home = s.URL
	f := client(t, fetch.Config{}, s, other)
	header := http.Header{"X-Secret": {"hunter2"}, "Cookie": {"a=b"}}
	if _, err := read(t, f, fetch.Request{URL: s.URL + "/", Header: header}); err != nil {
		t.Error(err)
	}
	_, err := read(t, f, fetch.Request{URL: s.URL + "/post", Method: http.MethodPost, Body: []byte("x"), Header: header})
	if !errors.Is(err, outcome.Unavailable) {
		t.Errorf("a body was sent on: %v", err)
	}
}

// Every hop is asked for, before anything is sent there.
func TestGet_Allow_Fault17(t *testing.T) {
	t.Parallel()
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	no := errors.New("not there")
	allow := func(u *url.URL) error {
		if "http://"+u.Host != s.URL {
			return no
		}
		return nil
	}
	f := client(t, fetch.Config{}, s, other)
	for _, u := range []string{s.URL, other.URL} {
		if _, err := read(t, f, fetch.Request{URL: u, Allow: allow}); !errors.Is(err, no) {
			t.Errorf("%s: %v", u, err)
		}
	}
}

// What may change something is not sent twice, and an answer of any status is
// not judged.
func TestGet_NotTwice(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]fetch.Request{
		"post":       {Method: http.MethodPost, Body: []byte("x")},
		"any status": {AnyStatus: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			f := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				asked++
				return respond(http.StatusBadGateway, strings.NewReader("x")), nil
			})})
			r.URL, r.Limit = "https://a.example/", 10
			_, err := read(t, f, r)
			if asked != 1 || (err == nil) != r.AnyStatus {
				t.Errorf("asked %d times, %v", asked, err)
			}
		})
	}
}

func TestGet_Head(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "7") })
	if body, err := read(t, client(t, fetch.Config{}, s), fetch.Request{URL: s.URL, Method: http.MethodHead, AnyStatus: true}); err != nil || body != "" {
		t.Errorf("%q, %v", body, err)
	}
}
