// Package httpx turns outcomes into HTTP: one table decides status, caching,
// log level and metric label for every handler of the daemon.
package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/registryd/registryd/internal/outcome"
)

// store says what may be kept of an error answer, and by whom.
type store uint8

const (
	storeNever    store = iota // Cache-Control: no-store
	storeNegative              // nginx keeps it for the negative TTL
	storeDefault               // says nothing
)

// row is one line of the table.
type row struct {
	kind   error
	status int
	label  string // "type" of the JSON body, and the metric label
	store  store
	level  slog.Level
	retry  bool // Retry-After
	// text is for the client instead of the error's own, where that could tell
	// about our upstreams, or about what a rule conceals.
	text string
}

// table is searched from the top: what hides comes before what it hides.
var table = []row{
	{outcome.Declined, http.StatusNotFound, "not-found", storeNegative, slog.LevelInfo, false, "not found"},
	{outcome.NotFound, http.StatusNotFound, "not-found", storeNegative, slog.LevelDebug, false, "not found"},
	{outcome.Forbidden, http.StatusForbidden, "forbidden", storeNever, slog.LevelInfo, false, ""},
	{outcome.Unauthorized, http.StatusUnauthorized, "unauthorized", storeNever, slog.LevelWarn, false, ""},
	{outcome.WrongCredentials, http.StatusForbidden, "wrong-credentials", storeNever, slog.LevelWarn, false, ""},
	{outcome.Invalid, http.StatusBadRequest, "invalid", storeDefault, slog.LevelDebug, false, ""},
	{outcome.MethodNotAllowed, http.StatusMethodNotAllowed, "method-not-allowed", storeDefault, slog.LevelDebug, false, ""},
	{outcome.Conflict, http.StatusConflict, "conflict", storeDefault, slog.LevelInfo, false, ""},
	{outcome.PreconditionFailed, http.StatusPreconditionFailed, "precondition-failed", storeDefault, slog.LevelDebug, false, ""},
	{outcome.TooLarge, http.StatusRequestEntityTooLarge, "too-large", storeDefault, slog.LevelInfo, false, ""},
	{outcome.UnsupportedMediaType, http.StatusUnsupportedMediaType, "unsupported-media-type", storeDefault, slog.LevelDebug, false, ""},
	{outcome.Unprocessable, http.StatusUnprocessableEntity, "unprocessable", storeDefault, slog.LevelDebug, false, ""},
	{outcome.TooManyRequests, http.StatusTooManyRequests, "too-many-requests", storeNever, slog.LevelWarn, true, ""},
	{outcome.Busy, http.StatusServiceUnavailable, "busy", storeNever, slog.LevelWarn, true, "not available now, try again later"},
	{outcome.TooSlow, http.StatusGatewayTimeout, "too-slow", storeNever, slog.LevelWarn, false, "upstream did not answer in time"},
	{outcome.Refused, http.StatusBadGateway, "refused", storeNever, slog.LevelWarn, false, ""},
	{outcome.Unavailable, http.StatusBadGateway, "unavailable", storeNever, slog.LevelWarn, false, "upstream cannot be reached or does not answer as it should"},
	// The client left; nobody reads this answer, but logs and metrics do.
	{context.Canceled, 499, "client-gone", storeNever, slog.LevelDebug, false, "client closed the request"},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "too-slow", storeNever, slog.LevelWarn, false, "no answer in time"},
}

// fault is everything that the table does not know: a defect of ours.
var fault = row{nil, http.StatusInternalServerError, "internal", storeNever, slog.LevelError, false, "internal error"}

// success is the row of no error at all.
var success = row{nil, http.StatusOK, "ok", storeDefault, slog.LevelDebug, false, ""}

// lookup returns the row of err, which the caller leaves as it is.
func lookup(err error) *row {
	if r := replyOf(err); r != nil {
		return r.row()
	}
	for i := range table {
		if errors.Is(err, table[i].kind) {
			return &table[i]
		}
	}
	return &fault
}

// Status returns the HTTP status of err, 200 for nil.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return lookup(err).status
}

// Label returns the metric label of err, "ok" for nil.
func Label(err error) string {
	if err == nil {
		return "ok"
	}
	return lookup(err).label
}

// Level returns the level at which err is logged.
func Level(err error) slog.Level { return lookup(err).level }
