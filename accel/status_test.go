package accel_test

import (
	"context"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/status"
)

// withPassword asks with HTTP Basic.
func withPassword(s *stack, method, path, password string) *httptest.ResponseRecorder {
	return ask(s.admin, method, path, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("whoever:"+password)))
}

// aReport is what the admin routes of the tests tell.
func aReport(context.Context) (*status.Report, error) {
	return &status.Report{Version: "1.2.3-of-the-tests", Providers: []string{"npm"}}, nil
}

// TestStatus_PA5: a token is a password for looking, and for nothing else.
func TestStatus_PA5(t *testing.T) {
	t.Parallel()
	s := start(t, options{tokens: ops, now: ticking()})
	for _, w := range []*httptest.ResponseRecorder{
		withPassword(s, "GET", "/staff/", "s3cret"), withPassword(s, "GET", "/staff/", "other"), withPassword(s, "GET", "/staff/?x", "s3cret"),
		s.as("GET", ""), s.as("HEAD", ""),
	} {
		if w.Code != 200 || w.Body.Len() > 0 && !strings.Contains(w.Body.String(), "1.2.3-of-the-tests") {
			t.Errorf("%d %.200s", w.Code, w.Body)
		}
		wantHeaders(t, w, "Content-Type", "text/html; charset=utf-8", "Cache-Control", "no-store", "X-Frame-Options", "DENY",
			"Content-Security-Policy", status.Policy, "X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer")
	}
	w := withPassword(s, "GET", "/staff/?format=json", "s3cret")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"providers":["npm"]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeaders(t, w, "Content-Type", "application/json; charset=utf-8", "Cache-Control", "no-store")
	if w := withPassword(s, "GET", "/staff/?format=xml", "s3cret"); w.Code != 400 {
		t.Errorf("format xml: %d", w.Code)
	}
	for _, route := range routes {
		if w := withPassword(s, route[0], "/staff/"+route[1], "s3cret"); w.Code != 401 {
			t.Errorf("%s by password: %d", route, w.Code)
		}
	}
	if w := withPassword(s, "POST", "/staff/", "s3cret"); w.Code == 200 {
		t.Error("POST shows the page")
	}
}

// TestStatus_WrongPassword_PA5: a browser asks again after 401, a program is told
// 403, and neither may try for ever.
func TestStatus_WrongPassword_PA5(t *testing.T) {
	t.Parallel()
	s := start(t, options{tokens: ops, now: func() time.Time { return time.Unix(1e9, 0) }})
	for _, w := range []*httptest.ResponseRecorder{ask(s.admin, "GET", "/staff/"), withPassword(s, "GET", "/staff/", ""), withPassword(s, "GET", "/staff/", "wrong")} {
		challenges := strings.Join(w.Result().Header.Values("WWW-Authenticate"), " | ")
		if w.Code != 401 || !strings.HasPrefix(challenges, `Basic realm="registryd"`) || strings.Contains(w.Body.String(), "1.2.3") {
			t.Errorf("%d, challenge %q", w.Code, challenges)
		}
	}
	if w := ask(s.admin, "GET", "/staff/", "Authorization", "Bearer wrong"); w.Code != 403 {
		t.Errorf("a wrong token: %d", w.Code)
	}
	for range 10 {
		withPassword(s, "GET", "/staff/", "wrong")
	}
	if w := withPassword(s, "GET", "/staff/", "s3cret"); w.Code != 429 {
		t.Errorf("after ten wrong passwords: %d", w.Code)
	}
}
