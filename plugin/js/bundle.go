package js

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// maxBundle bounds the code of one plugin in bytes; a machine of the default size holds no more.
const maxBundle = 16 << 20

// hostNamespace marks modules that the engine supplies.
const hostNamespace = "registryd"

// hostModules are the names by which a plugin imports the host API, with what they export.
var hostModules = map[string]string{
	"registryd":        "module.exports = __registryd",
	"@plotdb/registry": "module.exports = __registryd",
	"lderror":          "module.exports = __registryd.lderror",
	"webpoints":        "module.exports = __registryd.webpoints",
}

// bundle is the code of a plugin as one script.
type bundle struct {
	code  []byte
	srcs  []byte   // source map
	files []string // relative to the directory, sorted
}

// makeBundle reads everything that the main file of a plugin imports. Errors: outcome.Invalid; ctx's own.
func makeBundle(ctx context.Context, src plugin.Source) (*bundle, error) {
	dir, err := filepath.EvalSymlinks(src.Dir)
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "read the plugin")
	}
	b, bad := api.Context(options(dir, src.Manifest.Main))
	if bad != nil {
		return nil, buildError(bad.Errors)
	}
	defer b.Dispose()
	stop := context.AfterFunc(ctx, b.Cancel)
	defer stop()
	r := b.Rebuild()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(r.Errors) > 0 {
		return nil, buildError(r.Errors)
	}
	return collect(r, src.Manifest.Main)
}

// collect takes a bundle out of the result of a build.
func collect(r api.BuildResult, main string) (*bundle, error) {
	var b bundle
	for _, f := range r.OutputFiles {
		switch filepath.Ext(f.Path) {
		case ".map":
			b.srcs = f.Contents
		case ".js": // a style sheet that somebody imports is a file beside it
			b.code = f.Contents
		}
	}
	if len(b.code) > maxBundle {
		return nil, outcome.New(outcome.Invalid, "%s: %d bytes of code, more than %d", main, len(b.code), maxBundle)
	}
	var meta struct {
		Inputs map[string]json.RawMessage `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(r.Metafile), &meta); err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "read what was bundled")
	}
	for name := range meta.Inputs {
		if !strings.HasPrefix(name, hostNamespace+":") {
			b.files = append(b.files, filepath.ToSlash(name))
		}
	}
	slices.Sort(b.files)
	return &b, nil
}

func options(dir, main string) api.BuildOptions {
	return api.BuildOptions{
		AbsWorkingDir: dir, EntryPoints: []string{"./" + main}, Outfile: filepath.Join(dir, "plugin.bundle.js"),
		Bundle: true, Metafile: true, LogLevel: api.LogLevelSilent, LogLimit: 10,
		Format: api.FormatCommonJS, Platform: api.PlatformNeutral, Target: api.ES2023, TsconfigRaw: "{}",
		MainFields: []string{"module", "main"}, Conditions: []string{"module"},
		Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude, KeepNames: true,
		ResolveExtensions: []string{".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"},
		Plugins:           []api.Plugin{{Name: "registryd", Setup: func(b api.PluginBuild) { fence(b, dir) }}},
	}
}

// resolving marks the engine's own question, which must not be asked again.
type resolving struct{}

// fence keeps imports within dir, and supplies the host's modules.
func fence(b api.PluginBuild, dir string) {
	b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, own := a.PluginData.(resolving); own {
			return api.OnResolveResult{}, nil
		}
		return resolve(b, dir, a), nil
	})
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: hostNamespace}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		code := hostModules[a.Path]
		return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS}, nil
	})
	// What a pattern of imports matches was never asked for one by one.
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		if !inside(dir, a.Path) {
			return api.OnLoadResult{Errors: []api.Message{{Text: fmt.Sprintf(outside, filepath.Base(a.Path))}}}, nil
		}
		return api.OnLoadResult{}, nil
	})
}

const outside = "%q lies outside of the plugin's directory"

// inside reports whether a file, and what it may be a link to, lies in dir.
func inside(dir, path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && within(dir, real)
}

func resolve(b api.PluginBuild, dir string, a api.OnResolveArgs) api.OnResolveResult {
	if a.Path == "registryd" {
		return api.OnResolveResult{Path: a.Path, Namespace: hostNamespace}
	}
	if filepath.IsAbs(a.Path) && a.Kind != api.ResolveEntryPoint {
		return refuse("%q: plugins import by relative paths and names of packages", a.Path)
	}
	r := b.Resolve(a.Path, api.ResolveOptions{
		Importer: a.Importer, Namespace: a.Namespace, ResolveDir: a.ResolveDir, Kind: a.Kind, PluginData: resolving{}, With: a.With,
	})
	_, known := hostModules[a.Path]
	switch {
	case len(r.Errors) > 0 && known:
		return api.OnResolveResult{Path: a.Path, Namespace: hostNamespace}
	case len(r.Errors) > 0 && nodeModule(a.Path):
		return refuse("%q is a module of Node, which plugins in the daemon do not have; use \"engine: process\" for Node itself", a.Path)
	case len(r.Errors) > 0:
		return refuse("%q is not there; nothing outside of the plugin's directory is looked at", a.Path)
	case r.External || r.Namespace != "file":
		return refuse("%q cannot be bundled", a.Path)
	}
	if !inside(dir, r.Path) {
		return refuse(outside, a.Path)
	}
	return api.OnResolveResult{Path: r.Path, Namespace: r.Namespace, Suffix: r.Suffix, SideEffects: effects(r.SideEffects)}
}

func effects(some bool) api.SideEffects {
	if some {
		return api.SideEffectsTrue
	}
	return api.SideEffectsFalse
}

func refuse(format string, args ...any) api.OnResolveResult {
	return api.OnResolveResult{Errors: []api.Message{{Text: fmt.Sprintf(format, args...)}}}
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// buildError says everything that is wrong, with file, line and column, and the line itself.
func buildError(list []api.Message) error {
	var lines []string
	for _, m := range list {
		if m.Location == nil {
			lines = append(lines, m.Text)
			continue
		}
		l := m.Location
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s\n    %s", l.File, l.Line, l.Column+1, m.Text, clip(strings.TrimSpace(l.LineText))))
	}
	return outcome.New(outcome.Invalid, "%s", strings.Join(lines, "\n"))
}

func clip(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

// nodeModule reports whether an import means a part of Node.
func nodeModule(name string) bool {
	if strings.HasPrefix(name, "node:") {
		return true
	}
	base, _, _ := strings.Cut(name, "/")
	return strings.Contains(" assert async_hooks buffer child_process cluster console constants crypto dgram dns domain events "+
		"fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl stream "+
		"string_decoder sys timers tls tty url util v8 vm wasi worker_threads zlib ", " "+base+" ")
}
