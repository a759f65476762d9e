// Package process runs plugins as programs of their own, in any language, which speak HTTP and JSON over a unix
// socket. What such a program can reach is bounded by its user and the system alone: the manifest's capabilities bind
// only what the daemon does for it.
//
// The daemon starts Manifest.Command in the directory of the plugin, in a process group of its own, with these
// environment variables and no others: PATH, REGISTRYD_PLUGIN_NAME, REGISTRYD_PLUGIN_SOCKET and the secrets of the
// manifest. The program listens on that socket and answers
//
//	GET  /v1/describe   {"hooks": ["check", …], "exports": {…}}
//	POST /v1/<hook>     attach, detach, check, resolve, versions, fetch; body {"args": […]}
//	POST /v1/op         every other function; body {"op": "<name>", "args": […]}
//
// with 200 {"result": …}, without "result" for nothing; any other status with {"error": {"id", "name", "message",
// "data", "stack", "public"}} for what an Error of JavaScript would be; 404 without an error for a function that it
// does not have. It serves several calls at once. It ends when its standard input ends; what it writes to its other
// two goes to the log.
//
// One process serves all instances of a program. It is attached once, before its first call, again when it was started
// again, and detached when its last instance is. A process that died is started again at the next call, later each
// time. One that lets a call pass its deadline and does not describe itself any more is killed.
package process

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// Config of an Engine. The zero value of each field means the stated default.
type Config struct {
	StartTime time.Duration // until a process has described itself; 10 s
	GraceTime time.Duration // from the end of its input until it is killed; 2 s
	Logger    *slog.Logger  // nil: discard
}

// Engine is a plugin.Engine. Safe for concurrent use; make one with New.
type Engine struct{ config Config }

// New returns an engine.
func New(c Config) *Engine {
	if c.StartTime <= 0 {
		c.StartTime = 10 * time.Second
	}
	if c.GraceTime <= 0 {
		c.GraceTime = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Engine{c}
}

// Load finds the command. Nothing of it runs yet. Errors: outcome.Invalid.
func (e *Engine) Load(_ context.Context, src plugin.Source, host plugin.Host) (plugin.Program, error) {
	command := src.Manifest.Command
	if len(command) == 0 {
		return nil, outcome.New(outcome.Invalid, "command: is missing")
	}
	path, err := lookUp(src.Dir, command[0])
	if err != nil {
		return nil, outcome.New(outcome.Invalid, "command: %v", err)
	}
	p := &program{engine: e, src: src, host: host, path: path, turn: make(chan struct{}, 1)}
	p.life, p.cut = context.WithCancel(context.Background())
	return p, nil
}

// lookUp finds a program in the directory of the plugin, where its name has a slash, or else in PATH.
func lookUp(dir, name string) (string, error) {
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return exec.LookPath(name)
}

// program is a plugin.Program: one process at a time, for all instances.
type program struct {
	engine *Engine
	src    plugin.Source
	host   plugin.Host
	path   string

	turn chan struct{}   // full while somebody has what follows, also while a process starts
	life context.Context // of processes that start
	cut  context.CancelFunc

	child    *child // nil: none was started yet
	context  json.RawMessage
	attached int // instances
	failures int // starts and deaths in a row
	next     time.Time
	closed   bool
}

const (
	firstPause, maxPause = 100 * time.Millisecond, 10 * time.Second
	// healthyTime is how long a process runs before its death counts as the first one.
	healthyTime = 30 * time.Second
)

// Start makes an instance, and starts the process if there is none. Errors: as plugin.Program.
func (p *program) Start(ctx context.Context) (plugin.Instance, error) {
	if _, err := p.ensure(ctx); err != nil {
		return nil, err
	}
	return &instance{program: p}, nil
}

// lock waits for its turn, for as long as anybody wants it.
func (p *program) lock(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}

func (p *program) unlock() { <-p.turn }

// ensure returns the process that runs, or a new one. A new one is attached where instances are. It starts whether or
// not he who needed it first still waits: the next one needs it as well.
func (p *program) ensure(ctx context.Context) (*child, error) {
	if err := p.lock(ctx); err != nil {
		return nil, err
	}
	if c, err := p.present(); c != nil || err != nil {
		p.unlock()
		return c, err
	}
	launched := make(chan error, 1)
	var c *child
	go func() {
		defer p.unlock()
		var err error
		if c, err = p.launch(p.life); err != nil {
			p.failed()
		} else {
			p.child = c
		}
		launched <- err
	}()
	select {
	case err := <-launched:
		return c, err
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// present returns the process that runs, nil where one may be started.
func (p *program) present() (*child, error) {
	if p.closed {
		return nil, outcome.New(outcome.Unavailable, "the plugin ended")
	}
	if p.child != nil && p.child.alive() {
		return p.child, nil
	}
	if p.child != nil {
		p.died()
	}
	if wait := time.Until(p.next); wait > 0 {
		return nil, outcome.After(wait, outcome.New(outcome.Busy, "the process ended %d times and is started again in %s%s",
			p.failures, wait.Round(time.Millisecond), p.lastWords()))
	}
	return nil, nil
}

// launch starts a process, waits until it describes itself, and attaches it where it takes the place of another one.
func (p *program) launch(ctx context.Context) (*child, error) {
	c, err := p.spawn()
	if err != nil {
		return nil, err
	}
	err = c.ready(ctx, p.engine.config.StartTime)
	if err == nil && p.attached > 0 {
		limit := max(p.engine.config.StartTime, p.src.Manifest.Limits.Wall)
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		_, err = c.call(ctx, plugin.HookAttach, []json.RawMessage{p.context}, p.src.Manifest.Limits.Body)
	}
	if err != nil {
		c.end(0)
		return nil, err
	}
	return c, nil
}

// died gives a process up that ended by itself.
func (p *program) died() {
	c := p.child
	p.child = nil
	c.end(0)
	if time.Since(c.started) > healthyTime {
		p.failures = 0
	}
	p.failed()
}

// failed puts the next start off. The first one comes at once.
func (p *program) failed() {
	p.failures++
	if p.failures == 1 {
		return
	}
	pause := firstPause << min(p.failures-2, 10)
	p.next = time.Now().Add(min(pause, maxPause))
}

func (p *program) lastWords() string {
	if p.child == nil {
		return ""
	}
	return p.child.lastWords()
}

// attach attaches the process with its first instance.
func (p *program) attach(ctx context.Context, argument json.RawMessage) error {
	c, err := p.ensure(ctx)
	if err != nil {
		return err
	}
	if err := p.lock(ctx); err != nil {
		return err
	}
	defer p.unlock()
	if p.attached == 0 {
		p.context = argument
		if _, err := c.call(ctx, plugin.HookAttach, []json.RawMessage{argument}, p.src.Manifest.Limits.Body); err != nil {
			return err
		}
	}
	p.attached++
	return nil
}

// detach detaches it with its last one.
func (p *program) detach(ctx context.Context) error {
	p.turn <- struct{}{} // an instance is given back, whether there is time for more or not
	defer p.unlock()
	p.attached--
	if p.attached > 0 || p.child == nil || !p.child.alive() {
		return nil
	}
	_, err := p.child.call(ctx, plugin.HookDetach, nil, p.src.Manifest.Limits.Body)
	return err
}

// maxFiles bounds what is looked at to notice a change.
const maxFiles = 2_000

// Files lists what lies in the directory, but for node_modules and what is hidden: which of it the process reads,
// nobody knows.
func (p *program) Files() []string {
	var files []string
	_ = filepath.WalkDir(p.src.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is not what changed
		}
		if d.IsDir() && path != p.src.Dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if rel, err := filepath.Rel(p.src.Dir, path); err == nil && d.Type().IsRegular() && len(files) < maxFiles {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	return files
}

// Close ends the process.
func (p *program) Close() error {
	p.cut()
	p.turn <- struct{}{}
	defer p.unlock()
	p.closed = true
	if p.child != nil {
		p.child.end(p.engine.config.GraceTime)
		p.child = nil
	}
	return nil
}

// suspect kills a process that let a call pass its deadline and does not answer any more.
func (p *program) suspect(c *child) {
	ctx, cancel := context.WithTimeout(context.Background(), p.engine.config.GraceTime)
	defer cancel()
	if _, err := c.describe(ctx); err != nil {
		c.kill()
	}
}
