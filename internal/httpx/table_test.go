package httpx_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// one is a row of the table as a client, a log and a metric see it.
type one struct {
	err                                 error
	status                              int
	label                               string
	cacheControl, accelExpires, retryIn string
	level                               slog.Level
	text                                string // of the body
}

func rows() map[string]one {
	secret := errors.New("dial tcp 10.0.0.7:443: http://user:pw@internal.test/x")
	wrap := func(kind error) error { return fmt.Errorf("npm: %w", outcome.Wrap(kind, secret, "asked for")) }
	const noStore = "no-store"
	return map[string]one{
		"declined":      {wrap(outcome.Declined), 404, "not-found", "", "60", "", slog.LevelInfo, "not found"},
		"not found":     {wrap(outcome.NotFound), 404, "not-found", "", "60", "", slog.LevelDebug, "not found"},
		"forbidden":     {wrap(outcome.Forbidden), 403, "forbidden", noStore, "", "", slog.LevelInfo, "asked for"},
		"unauthorized":  {wrap(outcome.Unauthorized), 401, "unauthorized", noStore, "", "", slog.LevelWarn, "asked for"},
		"credentials":   {wrap(outcome.WrongCredentials), 403, "wrong-credentials", noStore, "", "", slog.LevelWarn, "asked for"},
		"invalid":       {wrap(outcome.Invalid), 400, "invalid", "", "", "", slog.LevelDebug, "asked for"},
		"method":        {wrap(outcome.MethodNotAllowed), 405, "method-not-allowed", "", "", "", slog.LevelDebug, "asked for"},
		"conflict":      {wrap(outcome.Conflict), 409, "conflict", "", "", "", slog.LevelInfo, "asked for"},
		"precondition":  {wrap(outcome.PreconditionFailed), 412, "precondition-failed", "", "", "", slog.LevelDebug, "asked for"},
		"too large":     {wrap(outcome.TooLarge), 413, "too-large", "", "", "", slog.LevelInfo, "asked for"},
		"media type":    {wrap(outcome.UnsupportedMediaType), 415, "unsupported-media-type", "", "", "", slog.LevelDebug, "asked for"},
		"unprocessable": {wrap(outcome.Unprocessable), 422, "unprocessable", "", "", "", slog.LevelDebug, "asked for"},
		"too many":      {wrap(outcome.TooManyRequests), 429, "too-many-requests", noStore, "", "5", slog.LevelWarn, "asked for"},
		"busy":          {outcome.After(90500*time.Millisecond, wrap(outcome.Busy)), 503, "busy", noStore, "", "91", slog.LevelWarn, "not available now, try again later"},
		"too slow":      {wrap(outcome.TooSlow), 504, "too-slow", noStore, "", "", slog.LevelWarn, "upstream did not answer in time"},
		"refused":       {wrap(outcome.Refused), 502, "refused", noStore, "", "", slog.LevelWarn, "asked for"},
		"unavailable":   {wrap(outcome.Unavailable), 502, "unavailable", noStore, "", "", slog.LevelWarn, "upstream cannot be reached or does not answer as it should"},
		"client gone":   {fmt.Errorf("get: %w", context.Canceled), 499, "client-gone", noStore, "", "", slog.LevelDebug, "client closed the request"},
		"deadline":      {fmt.Errorf("get: %w", context.DeadlineExceeded), 504, "too-slow", noStore, "", "", slog.LevelWarn, "no answer in time"},
		"our fault":     {secret, 500, "internal", noStore, "", "", slog.LevelError, "internal error"},
	}
}

// answer runs one handler behind an adapter and returns what came of it.
func answer(t *testing.T, r *http.Request, h httpx.HandlerFunc) (res *http.Response, body, log string) {
	t.Helper()
	var out strings.Builder
	a := &httpx.Adapter{
		Logger:      slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
		NegativeTTL: func() time.Duration { return time.Minute },
	}
	w := httptest.NewRecorder()
	a.Handle("test", h).ServeHTTP(w, r)
	return w.Result(), w.Body.String(), out.String()
}

func get() *http.Request { return httptest.NewRequest(http.MethodGet, "/lib/p", nil) }

func TestTable(t *testing.T) {
	t.Parallel()
	if got := len(rows()); got != httpx.Rows() {
		t.Errorf("the table has %d rows, the test %d", httpx.Rows(), got)
	}
	for name, tt := range rows() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, body, log := answer(t, get(), func(http.ResponseWriter, *http.Request) error { return tt.err })
			h := res.Header
			got := one{tt.err, res.StatusCode, httpx.Label(tt.err), h.Get("Cache-Control"), h.Get("X-Accel-Expires"), h.Get("Retry-After"), httpx.Level(tt.err), ""}
			var parsed struct{ Type, Error string }
			if err := json.Unmarshal([]byte(body), &parsed); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			got.text = parsed.Error
			if diff := cmp.Diff(tt, got, cmp.AllowUnexported(one{}), cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "err" }, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if parsed.Type != tt.label || httpx.Status(tt.err) != tt.status {
				t.Errorf("type %q, status %d", parsed.Type, httpx.Status(tt.err))
			}
			if strings.Contains(body, "10.0.0.7") || strings.Contains(body, "internal.test") || strings.Contains(fmt.Sprint(h), "internal.test") {
				t.Errorf("internals reach the client: %s %v", body, h)
			}
			if h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Length") != fmt.Sprint(len(body)) {
				t.Errorf("headers %v", h)
			}
			if !strings.Contains(log, "level="+tt.level.String()) || !strings.Contains(log, "outcome="+tt.label) {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestOK(t *testing.T) {
	t.Parallel()
	if httpx.Status(nil) != 200 || httpx.Label(nil) != "ok" {
		t.Error("nil is not fine")
	}
	res, _, log := answer(t, get(), func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusFound)
		return nil
	})
	if res.StatusCode != 302 || !strings.Contains(log, "level=DEBUG") {
		t.Errorf("%d, %s", res.StatusCode, log)
	}
}

// The reason of a refusal is for the client; where upstream is, is not.
func TestNoUpstreamURLs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"get https://user@npm.internal.test:8443/p/-/p.tgz?t=1: body is larger than 10 bytes",
		"get HTTP://npm.internal.test/p: 20 bytes announced, limit is 10",
	} {
		_, body, _ := answer(t, get(), func(http.ResponseWriter, *http.Request) error {
			return fmt.Errorf("npm: %w", outcome.New(outcome.Refused, "%s", text))
		})
		if strings.Contains(body, "internal.test") || !strings.Contains(body, "10") {
			t.Errorf("%s becomes %s", text, body)
		}
	}
}

// What a rule conceals looks like what is absent, byte by byte, to nginx too:
// if it kept only one of them, it would tell them apart.
func TestConcealedIsAbsent_PH7(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, err := range []error{
		outcome.New(outcome.NotFound, "p has no version 1.0.0"),
		outcome.Wrap(outcome.Declined, &outcome.Denial{Rule: "deny p", Reason: "secret"}, "concealed"),
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := httptest.NewRequest(method, "/lib/p", nil)
			res, body, _ := answer(t, r, func(http.ResponseWriter, *http.Request) error { return err })
			seen[fmt.Sprint(method, res.StatusCode, res.Header, body)] = true
		}
	}
	if len(seen) != 2 {
		t.Errorf("they differ: %v", seen)
	}
}

func TestDenialNamesItsRule(t *testing.T) {
	t.Parallel()
	_, body, _ := answer(t, get(), func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("find: %w", &outcome.Denial{Rule: "deny p@<2", Reason: "<compromised>"})
	})
	want := `{"type":"forbidden","error":"forbidden by deny p@<2: <compromised>","rule":"deny p@<2","reason":"<compromised>"}` + "\n"
	if body != want {
		t.Errorf("got %s", body)
	}
}
