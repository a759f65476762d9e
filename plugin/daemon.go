package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/lru"
	"github.com/registryd/registryd/internal/outcome"
)

const (
	// cacheBytes is the share of one plugin in the cache of the host, keys included.
	cacheBytes = 8 << 20
	// maxCacheEntry bounds one entry: it must not push everything else out.
	maxCacheEntry = 1 << 20
	maxCacheTTL   = 24 * time.Hour
	// entryCost is what an entry of the cache takes beside its key and value.
	entryCost = 160
)

// daemon is the Host of one generation.
type daemon struct {
	name    string
	allowed []place
	limits  Limits
	client  *fetch.Client // nil: no place is allowed
	shared
	verify func(integrity string, data []byte) (bool, error)
	redact *strings.Replacer
	log    *slog.Logger
	says   ration // of lines of its code
}

// shared is what the generations of a plugin have in common.
type shared struct {
	cache   *lru.Map[string, json.RawMessage] // nil: not allowed
	answers *answers                          // nil: none are kept
}

// newDaemon builds the host of a plugin.
func newDaemon(m *Manifest, c *Config, settings fetch.Config, common shared, secrets map[string]string) (*daemon, error) {
	d := &daemon{
		name: m.Name, limits: m.Limits, shared: common, verify: c.VerifySRI, redact: redactor(secrets),
		log: c.Logger.With("plugin", m.Name), says: ration{now: c.Now},
	}
	settings.Trusted, settings.Provider = nil, m.Name
	for _, text := range m.Capabilities.HTTP {
		p, err := parsePlace(text)
		if err != nil {
			return nil, err
		}
		d.allowed = append(d.allowed, p)
		if addr := p.trusted(); addr != "" {
			settings.Trusted = append(settings.Trusted, addr)
		}
	}
	if len(d.allowed) == 0 {
		return d, nil
	}
	var err error
	d.client, err = fetch.New(settings)
	return d, err
}

func (d *daemon) close() {
	d.leftOut(d.says.end())
	if d.client != nil {
		d.client.CloseIdle()
	}
}

// Fetch is part of Host.
func (d *daemon) Fetch(ctx context.Context, r *Request) (*Response, error) {
	key, kept := d.answers.recall(r)
	response, err := d.fetch(ctx, r, key, kept)
	if err == nil && kept != nil && response.Status == http.StatusNotModified {
		return d.fetch(ctx, r, key, nil) // it speaks of what another place answered
	}
	return response, err
}

// fetch sends a request; key and kept are those of recall.
func (d *daemon) fetch(ctx context.Context, r *Request, key *answerKey, kept *answer) (*Response, error) {
	tag := ""
	if kept != nil {
		tag = kept.tag
	}
	resp, err := d.send(ctx, r, d.limits.Body, tag)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if kept.holds(resp) {
		return kept.response, nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	response := &Response{Status: resp.Status, Header: resp.Header, URL: resp.URL, Body: body}
	d.answers.keep(key, resp.Validator, response)
	return response, nil
}

// Open is part of Host. The body lives by the context of whoever made the call, because the call is over before
// anybody reads it.
func (d *daemon) Open(ctx context.Context, r *Request) (string, error) {
	state := callOf(ctx)
	if state == nil {
		return "", notInCall()
	}
	wide, cancel := context.WithCancel(context.WithValue(state.outer, callKey{}, state))
	stop := context.AfterFunc(ctx, cancel)
	stream, err := d.stream(wide, r)
	stopped := stop()
	if err != nil {
		cancel()
		return "", err
	}
	stream.Body = &ended{stream.Body, cancel}
	if !stopped {
		stream.Body.Close()
		return "", ctx.Err()
	}
	handle, ok := state.keep(stream)
	if !ok {
		stream.Body.Close()
		return "", notInCall()
	}
	return handle, nil
}

// openFor is Open for the daemon itself, outside of a call.
func (d *daemon) openFor(ctx context.Context, r *Request) (*Stream, error) {
	ctx, state := withCall(ctx, ctx)
	state.fetches = -1 // it counts for no call
	return d.stream(ctx, r)
}

// stream sends a request whose body is read later.
func (d *daemon) stream(ctx context.Context, r *Request) (*Stream, error) {
	resp, err := d.send(ctx, r, maxStream, "")
	if err != nil {
		return nil, err
	}
	if resp.Status == http.StatusOK {
		return &Stream{Header: resp.Header, URL: resp.URL, Body: resp.Body}, nil
	}
	resp.Body.Close()
	kind := outcome.Unavailable
	if resp.Status == http.StatusNotFound || resp.Status == http.StatusGone {
		kind = outcome.NotFound
	}
	return nil, outcome.New(kind, "open: status %d", resp.Status)
}

// ended ends its context when it is closed.
type ended struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close is part of io.Closer.
func (e *ended) Close() error {
	defer e.cancel()
	return e.ReadCloser.Close()
}

func notInCall() error {
	return &Rejection{Name: "Error", Message: "the host is there during a call only"}
}

// maxStream bounds a stream; whoever takes it has a limit of his own.
const maxStream = 1 << 40

// send sends one request of a call; tag is that of what is here already, "" for nothing.
func (d *daemon) send(ctx context.Context, r *Request, limit int64, tag string) (*fetch.Response, error) {
	state := callOf(ctx)
	if state == nil {
		return nil, notInCall()
	}
	if d.client == nil {
		return nil, &Rejection{Name: "Error", Message: "fetch: capabilities.http of the manifest is empty"}
	}
	if !state.count(d.limits.Fetches) {
		return nil, &Rejection{Name: "Error", Message: fmt.Sprintf("fetch: more than %d requests in one call, see limits.fetches", d.limits.Fetches)}
	}
	resp, err := d.client.Get(ctx, fetch.Request{
		URL: r.URL, Method: strings.ToUpper(r.Method), Header: r.Header, Body: r.Body,
		Limit: limit, AnyStatus: true, Allow: d.allow, Validator: tag,
	})
	if err != nil && !outcome.Known(err) && ctx.Err() == nil {
		if _, ok := errors.AsType[*Rejection](err); !ok {
			err = outcome.Wrap(outcome.Unavailable, err, "fetch")
		}
	}
	return resp, err
}

// allow refuses what the manifest does not allow.
func (d *daemon) allow(u *url.URL) error {
	if slices.ContainsFunc(d.allowed, func(p place) bool { return p.allows(u) }) {
		return nil
	}
	return &Rejection{Name: "Error", Message: "fetch: capabilities.http of the manifest does not allow " + u.Scheme + "://" + u.Host + u.EscapedPath()}
}

func (d *daemon) mayCache() error {
	if d.cache == nil {
		return &Rejection{Name: "Error", Message: "cache: capabilities.cache of the manifest is not set"}
	}
	return nil
}

// CacheGet is part of Host.
func (d *daemon) CacheGet(_ context.Context, key string) (json.RawMessage, error) {
	if err := d.mayCache(); err != nil {
		return nil, err
	}
	v, _ := d.cache.Get(key)
	return v, nil
}

// CacheSet is part of Host.
func (d *daemon) CacheSet(_ context.Context, key string, value json.RawMessage, ttl time.Duration) error {
	if err := d.mayCache(); err != nil {
		return err
	}
	cost := len(key) + len(value) + entryCost
	if cost > maxCacheEntry {
		return &Rejection{Name: "RangeError", Message: fmt.Sprintf("cache: %d bytes for one entry, at most %d", cost, maxCacheEntry)}
	}
	if !json.Valid(value) {
		return &Rejection{Name: "TypeError", Message: "cache: the value is no JSON"}
	}
	if ttl <= 0 || ttl > maxCacheTTL {
		ttl = maxCacheTTL
	}
	d.cache.Put(strings.Clone(key), slices.Clone(value), cost, ttl)
	return nil
}

// CacheDelete is part of Host.
func (d *daemon) CacheDelete(_ context.Context, key string) error {
	if err := d.mayCache(); err != nil {
		return err
	}
	d.cache.Delete(key)
	return nil
}

// VerifySRI is part of Host.
func (d *daemon) VerifySRI(integrity string, data []byte) (bool, error) {
	ok, err := d.verify(integrity, data)
	if err != nil {
		return false, &Rejection{Name: "TypeError", Message: err.Error()}
	}
	return ok, nil
}
