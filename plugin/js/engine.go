package js

import (
	"context"
	"embed"
	"strings"
	"sync"
	"sync/atomic"

	"modernc.org/quickjs"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

//go:embed runtime
var runtime embed.FS

// Declarations is registryd.d.ts: the host API as TypeScript declares it, for editors and the compiler of an author.
//
//go:embed registryd.d.ts
var Declarations string

// firstLine is where the code of a plugin begins, so that a trace tells it from the runtime's. No file of the runtime
// is as long.
const firstLine = 10000

// Engine is a plugin.Engine for JavaScript and TypeScript. Its zero value is ready. Safe for concurrent use.
type Engine struct {
	live atomic.Int64

	once    sync.Once
	prelude []byte // the runtime in the engine's own form, the same for all programs
	failed  error  // of compiling it
}

// Live returns how many virtual machines exist, those that are left behind in a long function included.
func (e *Engine) Live() int { return int(e.live.Load()) }

// Load is part of plugin.Engine.
// Errors: outcome.Invalid for code that cannot be used, with file and line; the context's own.
func (e *Engine) Load(ctx context.Context, src plugin.Source, host plugin.Host) (plugin.Program, error) {
	b, err := makeBundle(ctx, src)
	if err != nil {
		return nil, err
	}
	p := &program{engine: e, host: host, limits: src.Manifest.Limits, name: src.Manifest.Main, bundle: b}
	return p, p.compile()
}

// program is a plugin.Program.
type program struct {
	engine *Engine
	host   plugin.Host
	limits plugin.Limits
	name   string
	bundle *bundle

	code  []byte // in the engine's own form, which no other release of it understands
	trace func() *tracer
}

// compiled turns a script into what machines of this process run.
func compiled(code string) ([]byte, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, outcome.Wrap(outcome.Unavailable, err, "make a virtual machine")
	}
	defer vm.Close()
	return vm.Compile(code, quickjs.EvalGlobal)
}

// compile turns the runtime, once, and the bundle into what machines run.
func (p *program) compile() (err error) {
	e := p.engine
	e.once.Do(func() { e.prelude, e.failed = compiled(preludeText()) })
	if e.failed != nil {
		return outcome.Wrap(outcome.Unavailable, e.failed, "compile the runtime")
	}
	code := strings.Repeat("\n", firstLine) + "(function(module, exports, __registryd) {\n" + string(p.bundle.code) + "\n})"
	if p.code, err = compiled(code); err != nil {
		return outcome.Wrap(outcome.Invalid, err, "%s", p.name)
	}
	p.trace = sync.OnceValue(func() *tracer { return newTracer(p.bundle.srcs) })
	return nil
}

// preludeText returns the runtime as one script whose value is what machines are driven by.
func preludeText() string {
	var s strings.Builder
	s.WriteString("(function() { 'use strict'\n")
	for _, name := range []string{"core", "describe", "text", "url", "fetch", "http", "declare", "application", "operate", "api"} {
		data, err := runtime.ReadFile("runtime/" + name + ".js")
		if err != nil {
			panic(err) // it is part of the program
		}
		s.Write(data)
	}
	s.WriteString("})()")
	return s.String()
}

// Files is part of plugin.Program.
func (p *program) Files() []string { return p.bundle.files }

// Close is part of plugin.Program. It has nothing to give up.
func (p *program) Close() error { return nil }
