package accel

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/lru"
	"github.com/registryd/registryd/internal/outcome"
)

// tokenHash keeps digests instead of secrets: digests have one length, so that
// comparing them takes one time.
type tokenHash struct {
	id  string
	sum [sha256.Size]byte
}

func hashTokens(tokens []AdminToken) []tokenHash {
	hashed := make([]tokenHash, 0, len(tokens))
	for _, t := range tokens {
		if t.Token != "" {
			hashed = append(hashed, tokenHash{t.ID, sha256.Sum256([]byte(t.Token))})
		}
	}
	return hashed
}

// authenticate returns the id of the token that the request carries. Errors:
// outcome.Unauthorized without credentials, outcome.WrongCredentials with wrong
// ones, outcome.TooManyRequests after too many of those.
func (a *Admin) authenticate(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", outcome.New(outcome.Unauthorized, "an admin token is needed")
	}
	return a.known(r, token)
}

// known returns the id of a token. Errors: as authenticate, with a token.
func (a *Admin) known(r *http.Request, token string) (string, error) {
	client := httpx.ClientAddress(r)
	if a.Failures.exceeded(client) {
		return "", outcome.After(failureWindow, outcome.New(outcome.TooManyRequests, "too many wrong tokens, wait a minute"))
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	id := ""
	for _, t := range a.tokens { // all of them, so that time does not tell which
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 {
			id = t.id
		}
	}
	if id == "" {
		a.Failures.add(client)
		return "", outcome.New(outcome.WrongCredentials, "this token is not known")
	}
	return id, nil
}

const (
	failureWindow  = time.Minute
	failureLimit   = 10
	failureClients = 4096
)

// FailureLimit counts wrong credentials by client. Safe for concurrent use.
type FailureLimit struct {
	now  func() time.Time
	mu   sync.Mutex // of seen: two failures at once are two
	seen *lru.Map[string, []time.Time]
}

// NewFailureLimit returns a limit of ten failures a minute for each client. now
// nil means time.Now.
func NewFailureLimit(now func() time.Time) *FailureLimit {
	if now == nil {
		now = time.Now
	}
	return &FailureLimit{now: now, seen: lru.New[string, []time.Time](failureClients, now)}
}

// recent returns the failures of the last minute. The caller holds mu.
func (f *FailureLimit) recent(client string) []time.Time {
	times, _ := f.seen.Get(client)
	for len(times) > 0 && f.now().Sub(times[0]) >= failureWindow {
		times = times[1:]
	}
	return times
}

func (f *FailureLimit) exceeded(client string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.recent(client)) >= failureLimit
}

func (f *FailureLimit) add(client string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	times := f.recent(client)
	f.seen.Put(client, append(times[:len(times):len(times)], f.now()), 1, failureWindow)
}
