package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	// settleTime is how long nobody may have written to a plugin before it is read: who truncates a file and writes
	// it again needs a moment for it.
	settleTime = 50 * time.Millisecond
	// settleTries bounds the waiting for a plugin that is being written.
	settleTries = 20
)

// bareTime is how long code may compute whose limits nobody knows yet: nothing but the reload waits for it.
const bareTime = 5 * time.Second

// errUnsettled says that a plugin changed while it was read.
var errUnsettled = errors.New("files change while they are read")

// build makes a generation of a unit: loaded, its instances warm, described. Nothing of it is in force.
// Errors: one line, for whoever installs plugins.
func (m *Manager) build(ctx context.Context, u unit) (*generation, error) {
	for try := 1; ; try++ {
		g, err := m.buildOnce(ctx, u)
		if !errors.Is(err, errUnsettled) || try == settleTries {
			return g, err
		}
		if err := pause(ctx, settleTime); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// buildOnce builds from what lies there now, unless somebody writes meanwhile.
func (m *Manager) buildOnce(ctx context.Context, u unit) (*generation, error) {
	before, newest, err := u.seen()
	if err != nil {
		return nil, err
	}
	if age := time.Since(time.Unix(0, newest)); age >= 0 && age < settleTime {
		return nil, errUnsettled
	}
	g, err := m.assemble(ctx, u)
	after, _, seenErr := u.seen()
	if err != nil {
		if seenErr != nil || !slices.Equal(before, after) {
			err = fmt.Errorf("%w: %w", errUnsettled, err)
		}
		return nil, err
	}
	// A process may write into its own directory.
	if g.manifest.Engine != EngineProcess && (seenErr != nil || !slices.Equal(before, after)) {
		g.discard()
		return nil, errUnsettled
	}
	return g, nil
}

func (m *Manager) assemble(ctx context.Context, u unit) (*generation, error) {
	manifest, err := u.manifest()
	if err != nil {
		return nil, err
	}
	if u.single != "" {
		if manifest, err = m.exportedManifest(ctx, u, manifest); err != nil {
			return nil, err
		}
	}
	return m.load(ctx, u, manifest)
}

// exportedManifest runs the code of a single file, which is allowed nothing, to see what manifest it exports.
func (m *Manager) exportedManifest(ctx context.Context, u unit, bare Manifest) (Manifest, error) {
	bare.Limits.CPU = bareTime
	offers, err := m.describe(ctx, u, bare)
	if err != nil {
		return bare, err
	}
	var exports struct{ Manifest json.RawMessage }
	if len(offers.Exports) > 0 {
		if err := json.Unmarshal(offers.Exports, &exports); err != nil {
			return bare, outcome.New(outcome.Invalid, "manifest: %v", err)
		}
	}
	manifest, err := ParseManifest(exports.Manifest, u.base())
	if err != nil {
		return bare, outcome.Wrap(outcome.Invalid, err, "manifest")
	}
	if manifest.Engine != EngineJS || manifest.Main != "" {
		return bare, outcome.New(outcome.Invalid, "manifest: engine and main are for a plugin with a directory")
	}
	manifest.Main = u.single
	return manifest, nil
}

// open loads the code of a unit. The caller closes the program and its host.
func (m *Manager) open(ctx context.Context, u unit, manifest *Manifest, common shared, secrets map[string]string) (Program, *daemon, error) {
	engine := m.config.Engines[manifest.Engine]
	if engine == nil {
		return nil, nil, outcome.New(outcome.Invalid, "engine %s is not part of this program", manifest.Engine)
	}
	host, err := newDaemon(manifest, &m.config, m.settings.Fetch, common, secrets)
	if err != nil {
		return nil, nil, err
	}
	program, err := engine.Load(ctx, Source{Dir: u.dir, Manifest: *manifest}, host)
	if err != nil {
		host.close()
		return nil, nil, host.cleaned(err)
	}
	return program, host, nil
}

// describe runs the top level of code and asks what it offers, without attaching it.
func (m *Manager) describe(ctx context.Context, u unit, bare Manifest) (d Description, err error) {
	program, host, err := m.open(ctx, u, &bare, shared{}, nil)
	if err != nil {
		return d, err
	}
	defer host.close()
	defer program.Close() //nolint:errcheck // nothing of it was used
	ctx, cancel := context.WithTimeout(ctx, bare.Limits.Wall)
	defer cancel()
	i, err := program.Start(ctx)
	if err != nil {
		return d, err
	}
	defer i.Close() //nolint:errcheck // nothing of it was used
	ctx, state := withCall(ctx, ctx)
	defer state.end()
	return i.Describe(ctx)
}

// load loads and warms a generation.
func (m *Manager) load(ctx context.Context, u unit, manifest Manifest) (*generation, error) {
	secrets := manifest.secrets(m.config.Env)
	attach, err := manifest.attachContext(secrets)
	if err != nil {
		return nil, err
	}
	program, host, err := m.open(ctx, u, &manifest, m.sharedOf(&manifest), secrets)
	if err != nil {
		return nil, err
	}
	g := &generation{
		unit: u, manifest: manifest, program: program, daemon: host, born: m.config.Now(), done: make(chan struct{}),
		stats: m.statsOf(manifest.Name), pool: newPool(program, &manifest, attach, host, m.config.Now),
	}
	g.life, g.cut = context.WithCancel(context.Background())
	g.refs.Store(1)
	if err = g.warm(ctx); err == nil {
		g.hash, err = u.hashOf(program.Files())
	}
	if err != nil {
		g.discard()
		return nil, host.cleaned(err)
	}
	return g, nil
}

// warm starts the first instances and asks one of them what it offers.
func (g *generation) warm(ctx context.Context) error {
	if err := g.pool.warm(ctx, max(1, g.manifest.Limits.MinInstances)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.manifest.Limits.Wall)
	defer cancel()
	i, err := g.pool.get(ctx)
	if err != nil {
		return err
	}
	ctx, state := withCall(ctx, ctx)
	defer state.end()
	g.offers, err = i.Describe(ctx)
	if err == nil && slices.Contains(g.offers.Hooks, "selftest") {
		_, err = i.Call(ctx, "selftest")
	}
	g.pool.put(i, err)
	if err != nil {
		return err
	}
	if g.manifest.Kind == "" {
		g.manifest.Kind = g.offers.kind()
	}
	if g.unit.module {
		g.manifest.Kind = KindModule
	}
	return nil
}

// kind tells what code is for that does not say it.
func (d Description) kind() Kind {
	for _, hook := range []string{"check", "resolve", "fetchRealVersion", "versions"} {
		if slices.Contains(d.Hooks, hook) {
			return KindProvider
		}
	}
	return KindModule
}
