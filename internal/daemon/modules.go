package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/module"
	moduleplugin "github.com/registryd/registryd/module/plugin"
	"github.com/registryd/registryd/operation"
	"github.com/registryd/registryd/plugin"
)

// keyVariable holds the API key where the configuration has none.
const keyVariable = "BINDER_API_KEY"

// modules is what serves operations. It outlives all generations of the configuration.
type modules struct {
	api     *module.API
	set     *module.Set // those written in Go
	adapter *moduleplugin.Adapter
	tasks   *operation.Tasks
	own     string // the key that was made for this start
	key     atomic.Pointer[string]
	prefix  atomic.Pointer[string]
	log     *slog.Logger

	mu   sync.Mutex
	base []*module.Unit // in Go, that will be in force with what is being prepared
}

func newModules(own map[string]module.Factory, log *slog.Logger) *modules {
	m := &modules{api: module.NewAPI(), tasks: operation.NewTasks(operation.TaskConfig{}), own: randomKey(), log: log}
	m.key.Store(new(string))
	m.prefix.Store(new(string))
	m.adapter = moduleplugin.New(moduleplugin.Config{Options: m.options, Logger: log})
	m.set = module.NewSet(module.SetConfig{Factories: own, API: m.api, Options: m.options, Logger: log})
	return m
}

func randomKey() string {
	data := make([]byte, 16)
	_, _ = rand.Read(data) // never fails
	return hex.EncodeToString(data)
}

// options are those of all operations.
func (m *modules) options() operation.Options {
	key := func() string { return *m.key.Load() }
	return operation.Options{
		Key: key, Middleware: operation.BuiltinMiddleware(key), Tasks: m.tasks, TaskURL: m.taskURL, Logger: m.log,
	}
}

// taskURL follows the way by which the request came: by the prefix, or by a listener of modules alone.
func (m *modules) taskURL(r *http.Request, id string) string {
	prefix := *m.prefix.Load()
	if !strings.HasPrefix(r.URL.Path, prefix) {
		prefix = "/"
	}
	return prefix + "tasks/" + id
}

// configure takes over what needs no new operations.
func (m *modules) configure(c *config.Modules) {
	key, _ := moduleKey(c)
	if key == "" {
		key = m.own
	}
	m.key.Store(&key)
	m.prefix.Store(&c.Prefix)
}

// moduleKey is the API key that somebody chose, "" for none, and where it stands.
func moduleKey(c *config.Modules) (key, from string) {
	if c.APIKey != "" {
		return c.APIKey, "modules.api_key"
	}
	return os.Getenv(keyVariable), keyVariable
}

// accept refuses a plugin that does not offer what its kind needs, or that does not get along with the other modules.
func (m *modules) accept(p *plugin.Candidate, others []*plugin.Candidate) error {
	if p.Manifest.Kind != plugin.KindModule {
		return acceptPlugin(p, others)
	}
	m.mu.Lock()
	units := slices.Clone(m.base)
	m.mu.Unlock()
	for _, c := range append(slices.Clone(others), p) {
		if c.Manifest.Kind != plugin.KindModule {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), describeTime)
		u, err := m.adapter.Unit(ctx, c)
		cancel()
		if err != nil {
			return err
		}
		units = append(units, u)
	}
	_, err := module.NewTable(units)
	return err
}

// describeTime bounds the question what a module declares.
const describeTime = 30 * time.Second

// prepare makes new instances of the modules written in Go that the filter wants. matched reports whether it is for any.
func (m *modules) prepare(ctx context.Context, g *generation, r plugin.Reload) (matched bool, err error) {
	if g.config.Modules == nil { // those of before end
		m.mu.Lock()
		defer m.mu.Unlock()
		m.base, g.goModules = nil, m.set.PrepareNone()
		return false, nil
	}
	wanted, err := plugin.Filter(r.Filter)
	if err != nil {
		return false, err
	}
	if g.goModules, err = m.set.Prepare(ctx, wanted); err != nil {
		return false, fmt.Errorf("modules: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(g.goModules.Failed)) {
		err := g.goModules.Failed[name]
		if g.config.Modules.Strict || r.Atomic {
			g.goModules.Discard()
			return false, fmt.Errorf("modules: %w", err)
		}
		g.notes = append(g.notes, "module "+name+" is not loaded: "+lineOf(err))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.base = g.goModules.Units()
	return slices.ContainsFunc(m.set.Names(), wanted), nil
}

// join makes the table of everything that will be in force.
func (m *modules) join(ctx context.Context, g *generation) error {
	units := g.goModules.Units()
	loaded := g.change.Loaded()
	for i := range loaded {
		if loaded[i].Manifest.Kind != plugin.KindModule || g.config.Modules == nil {
			continue
		}
		u, err := m.adapter.Unit(ctx, &loaded[i])
		if err != nil {
			return fmt.Errorf("module %s: %w", loaded[i].Manifest.Name, err)
		}
		units = append(units, u)
	}
	var err error
	g.table, err = module.NewTable(units)
	return err
}

// commit puts a generation in force. The table comes first: who finds a module that has ended looks it up anew.
func (m *modules) commit(g *generation) {
	if g.config.Modules != nil {
		m.configure(g.config.Modules)
	}
	m.api.Swap(g.table)
	g.goModules.Commit()
	g.goModules = nil
	m.adapter.Keep(g.change.Loaded())
}

// discard gives the modules of a generation up, and its plugins where there are any yet.
func (g *generation) discard() {
	g.goModules.Discard()
	if g.change != nil {
		g.change.Discard()
	}
}

// close ends everything.
func (m *modules) close(drain time.Duration) error {
	m.tasks.Close()
	m.api.Revoke()
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := m.set.Revoke(ctx); err != nil {
		return errors.New("modules still answer calls, nobody waits for them any more")
	}
	return nil
}

// reportModules adds the modules written in Go to the report of a reload.
func (g *generation) reportModules(r *plugin.Report) {
	r.Kept = append(r.Kept, g.goModules.Kept...)
	r.Reloaded = append(r.Reloaded, g.goModules.Reloaded...)
	r.Removed = append(r.Removed, g.goModules.Removed...)
	for _, name := range slices.Sorted(maps.Keys(g.goModules.Failed)) {
		r.Failed = append(r.Failed, plugin.Failure{Name: name, Error: lineOf(g.goModules.Failed[name])})
	}
}

// moduleServer answers operations below a prefix, behind the gate.
func (s *Server) moduleServer(c *config.Config, prefix string) http.Handler {
	adapter := &httpx.Adapter{Logger: s.log, Observe: s.metrics.answered}
	srv := &module.Server{
		API: s.modules.api, Prefix: prefix, Tasks: s.modules.tasks, Adapter: adapter, Observe: s.metrics.operated,
		Logger: s.log, PublicURL: c.PublicURL,
	}
	inside := s.gate.guard(func(w http.ResponseWriter, r *http.Request) error {
		srv.ServeHTTP(w, r)
		return nil
	})
	outside := adapter.Route("modules")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := inside(w, r); err != nil {
			outside.Serve(w, r, func(http.ResponseWriter, *http.Request) error { return err })
		}
	})
}

// moduleLines say what is served and where.
func (s *Server) moduleLines(g *generation) []string {
	c := g.config.Modules
	if c == nil {
		return nil
	}
	var names []string
	for _, u := range s.modules.api.Table().Units() {
		names = append(names, fmt.Sprintf("%s (%s, %d operations)", u.Name, u.Engine, len(u.Operations)))
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	lines := []string{"modules        " + strings.Join(names, ", ") + " at " + c.Prefix}
	switch key, from := moduleKey(c); key {
	case "":
		lines = append(lines, "modules key    "+s.modules.own+" (made for this start)")
	default:
		lines = append(lines, "modules key    that of "+from)
	}
	return lines
}
