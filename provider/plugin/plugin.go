// Package plugin makes providers of plugins.
//
// A plugin offers hooks of either of two styles. Native: check({name, version}), resolve({name, spec}),
// fetch({name, version, url}), versions({name}). The predecessor's object: check, fetchRealVersion({name, version,
// versionType}), fetchBundleFile({name, version, remoteInfo}), fetchVersionList({name}). A rejection with id 403, 404
// or 998 means denied, not found, declined; null means not found.
//
// What a plugin returns is judged like what a client sends: what makes no sense is outcome.Unavailable. No byte of a
// tarball enters a plugin: the daemon fetches what the plugin names, from places that its manifest allows, and
// verifies it. All questions of one request are answered by one generation, which the session of the request keeps
// until the tarball flows.
package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	core "github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/provider"
)

// The ids of rejections that have a meaning, as the predecessor has them.
const (
	idDenied, idNotFound, idDeclined = 403, 404, 998
)

// Config of a provider.
type Config struct {
	// Manager has the plugin.
	Manager *core.Manager
	// Plugin is the name of the plugin; required.
	Plugin string
	// Name is what the provider is called; "": as the plugin.
	Name string
	// Logger; nil: discard.
	Logger *slog.Logger

	failed func(hook string, err error) // is told what fails; nil: nobody
}

// New returns the provider of a plugin that offers what it says: a gate where that is a check and nothing else.
func New(c Config, offers core.Description) provider.Provider {
	if c.Name == "" {
		c.Name = c.Plugin
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	b := base{c}
	if Gate(offers) {
		return &gate{b}
	}
	return &source{b}
}

// Missing returns what stands in the place of a plugin that is configured and not loaded: nobody can know what it has.
func Missing(c Config) provider.Provider {
	if c.Name == "" {
		c.Name = c.Plugin
	}
	return &missing{base{c}}
}

// Usable says why a plugin cannot be a provider, nil if it can. Errors: outcome.Invalid.
func Usable(offers core.Description) error {
	for _, hook := range []string{"check", "resolve", "fetchRealVersion"} {
		if slices.Contains(offers.Hooks, hook) {
			return nil
		}
	}
	return outcome.New(outcome.Invalid, "a provider has check, resolve or fetchRealVersion; there is %q", offers.Hooks)
}

// Gate reports whether a plugin can only allow and refuse.
func Gate(offers core.Description) bool {
	for _, hook := range []string{"resolve", "versions", "fetchRealVersion", "fetchVersionList"} {
		if slices.Contains(offers.Hooks, hook) {
			return false
		}
	}
	return true
}

// base is what gates and sources share.
type base struct{ Config }

// Name is part of provider.Provider.
func (b *base) Name() string { return b.Config.Name }

// gate is a plugin that has a check and nothing else.
type gate struct{ base }

// Check is part of provider.Checker.
func (g *gate) Check(ctx context.Context, name pkgref.Name, v pkgref.Version) error {
	return g.check(ctx, name, v)
}

// pinKey is under which a session keeps the lease of a plugin.
type pinKey struct {
	manager *core.Manager
	plugin  string
}

func (b *base) key() pinKey { return pinKey{b.Manager, b.Plugin} }

// pin returns the generation that answers this request. Without a session each question is a request of its own.
func (b *base) pin(ctx context.Context) (lease *core.Lease, done func(), err error) {
	enter := func() (any, func(), error) {
		l, err := b.Manager.Enter(b.Plugin)
		if err != nil {
			return nil, nil, err
		}
		return l, l.Leave, nil
	}
	var kept any
	if s := provider.SessionOf(ctx); s == nil {
		kept, done, err = enter()
	} else {
		done = func() {}
		kept, err = s.Keep(b.key(), enter)
	}
	if err != nil {
		return nil, nil, err
	}
	return kept.(*core.Lease), done, nil
}

// has reports whether the generation has a hook.
func has(l *core.Lease, hook string) bool { return slices.Contains(l.Offers().Hooks, hook) }

// ask calls a hook with one argument. Nil is returned for null and for nothing.
func (b *base) ask(ctx context.Context, l *core.Lease, hook string, arg any) (*core.Result, error) {
	data, err := json.Marshal(arg)
	if err != nil {
		return nil, outcome.Wrap(outcome.Unavailable, err, "%s", hook)
	}
	r, err := l.Call(ctx, hook, data)
	if err != nil {
		return nil, b.failure(ctx, l, hook, err)
	}
	if string(r.JSON) == "null" {
		r.JSON = nil
	}
	return r, nil
}

// question is the argument of hooks.
type question struct {
	Name        string `json:"name"`
	Version     string `json:"version,omitempty"`
	Spec        string `json:"spec,omitempty"`
	VersionType string `json:"versionType,omitempty"`
	URL         string `json:"url,omitempty"`
	RemoteInfo  any    `json:"remoteInfo,omitempty"`
}

// check calls the check hook, if there is one.
func (b *base) check(ctx context.Context, name pkgref.Name, v pkgref.Version) error {
	l, done, err := b.pin(ctx)
	if err != nil {
		return err
	}
	defer done()
	return b.checkBy(ctx, l, name, v)
}

func (b *base) checkBy(ctx context.Context, l *core.Lease, name pkgref.Name, v pkgref.Version) error {
	if !has(l, "check") {
		return nil
	}
	r, err := b.ask(ctx, l, "check", question{Name: string(name), Version: v.String()})
	if err != nil {
		return err
	}
	defer r.Close()
	if string(r.JSON) == "false" {
		return &outcome.Denial{Rule: "plugin " + b.Plugin}
	}
	return nil
}

// failure turns the error of a call into one that the chain understands. What a plugin throws otherwise than by one
// of the known ids is its own failure, and so is a limit that it reached: nothing is known then.
func (b *base) failure(ctx context.Context, l *core.Lease, hook string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r, ok := errors.AsType[*core.Rejection](err); ok {
		switch r.ID {
		case idDenied:
			return denial(b.Plugin, r)
		case idNotFound:
			return outcome.Wrap(outcome.NotFound, r, "plugin %s", b.Plugin)
		case idDeclined:
			return outcome.Wrap(outcome.Declined, r, "plugin %s", b.Plugin)
		}
	}
	b.Logger.Warn("plugin failed", "plugin", b.Plugin, "generation", l.Generation(), "hook", hook, "error", err, "stack", stackOf(err))
	b.tell(hook, err)
	if errors.Is(err, core.ErrLimit) || !outcome.Known(err) || errors.Is(err, outcome.NotFound) {
		// Hide the kind: a limit of the plugin is no slowness of upstream.
		return outcome.New(outcome.Unavailable, "plugin %s: %s: %v", b.Plugin, hook, err)
	}
	return err
}

// denial names the plugin as the rule; a text that its author wrote for clients is the reason.
func denial(plugin string, r *core.Rejection) error {
	d := &outcome.Denial{Rule: "plugin " + plugin}
	if r.Public {
		d.Reason = r.Message
	}
	return d
}

func stackOf(err error) string {
	if r, ok := errors.AsType[*core.Rejection](err); ok {
		return r.Stack
	}
	return ""
}

// nonsense says that a plugin returned what no client would get away with.
func (b *base) nonsense(hook, format string, args ...any) error {
	err := outcome.New(outcome.Unavailable, "plugin "+b.Plugin+": "+hook+" returned "+format, args...)
	b.Logger.Warn("plugin failed", "plugin", b.Plugin, "hook", hook, "error", err)
	b.tell(hook, errNonsense)
	return err
}

// errNonsense stands for an answer that nobody can use.
var errNonsense = errors.New("nonsense")

func (b *base) tell(hook string, err error) {
	if b.failed != nil {
		b.failed(hook, err)
	}
}
