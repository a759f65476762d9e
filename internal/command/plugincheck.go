package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/plugin"
)

func (o *settings) pluginCheckCommand() *cobra.Command {
	var names []string
	c := &cobra.Command{
		Use: "check [PATH…]", Short: "Load plugins, and ask providers what every provider must be able to answer",
		Long: `Loads each plugin as the daemon would: manifest, code, capabilities, attach and selftest. Then
asks a provider for packages while its servers answer 404, and while they answer 429, without any
request going out: absence must be told from trouble, and two instances must agree. A process sends
its requests itself, so they do go out. Without a path all plugins of plugins.dir are checked.`,
		Example: "  registryd plugin check plugins/acme --name @acme/tool\n  registryd plugin check -c registryd.yaml",
		RunE: func(c *cobra.Command, paths []string) error {
			return o.checkPlugins(c.Context(), paths, names)
		},
	}
	c.Flags().StringArrayVar(&names, "name", nil, "ask for this package too, one that the plugin `HAS`")
	return o.configured(c)
}

// absentNames are packages that nobody has.
var absentNames = []string{"@registryd-check/absent", "registryd-check-absent"}

func (o *settings) checkPlugins(ctx context.Context, paths, extra []string) error {
	var names []pkgref.Name
	for _, text := range append(absentNames[:len(absentNames):len(absentNames)], extra...) {
		name, err := pkgref.ParseName(text)
		if err != nil {
			return fmt.Errorf("--name %s: %w", text, err)
		}
		names = append(names, name)
	}
	if len(paths) == 0 {
		var err error
		if paths, err = o.installed(); err != nil {
			return err
		}
	}
	var problems []error
	for _, path := range paths {
		problems = append(problems, o.checkPlugin(ctx, path, names))
	}
	return errors.Join(problems...)
}

// installed lists what lies in plugins.dir.
func (o *settings) installed() ([]string, error) {
	c, err := o.load()
	if err != nil {
		return nil, err
	}
	if c.Plugins == nil || c.Plugins.Dir == "" {
		return nil, errors.New("there is nothing to check: name a plugin, or a configuration with plugins.dir")
	}
	entries, err := os.ReadDir(c.Plugins.Dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		file := (ext == ".js" || ext == ".ts") && !strings.HasSuffix(e.Name(), ".d.ts")
		if (e.IsDir() || file) && !strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(e.Name(), "_") {
			paths = append(paths, filepath.Join(c.Plugins.Dir, e.Name()))
		}
	}
	return paths, nil
}

// checkPlugin checks one plugin. Errors: what is wrong with it, a line each.
func (o *settings) checkPlugin(ctx context.Context, path string, names []pkgref.Name) error {
	servers := &servers{}
	start := time.Now()
	b, err := o.openPlugin(ctx, path, slog.New(pluginLog{o.streams.Err}), func(s *plugin.Settings) { s.Fetch.Transport = servers })
	if err != nil {
		return err
	}
	defer b.close()
	m := b.plugin.Manifest
	o.print("%s: %s, engine %s, has %s; loaded in %d ms", m.Name, m.Kind, m.Engine, strings.Join(b.plugin.Offers.Hooks, ", "), time.Since(start).Milliseconds())
	for _, name := range m.Capabilities.Secrets {
		if os.Getenv(name) == "" {
			o.print("  note: the environment has no %s, which capabilities.secrets names", name)
		}
	}
	if m.Kind != plugin.KindProvider {
		return nil
	}
	return o.tryProvider(ctx, path, b, servers, names)
}

func (o *settings) tryProvider(ctx context.Context, path string, b *bench, s *servers, names []pkgref.Name) error {
	asked := func() int { return int(s.asked.Load()) }
	if b.plugin.Manifest.Engine == plugin.EngineProcess {
		asked = nil
	}
	var problems []string
	refusedAll := true
	for _, status := range []int32{http.StatusNotFound, http.StatusTooManyRequests} {
		s.status.Store(status)
		o.print("  while servers answer %d", status)
		for _, f := range daemon.TryPlugin(ctx, b.manager, b.plugin, names, status != http.StatusNotFound, asked) {
			o.print("    %s: %s", f.Question, strings.ReplaceAll(f.Answer, "\n", "\n      "))
			refusedAll = refusedAll && strings.HasPrefix(f.Question, "check ") && f.Answer != "allowed"
			if f.Wrong {
				answer, _, _ := strings.Cut(f.Answer, "\n")
				if text := path + ": " + f.Question + ": " + answer; !slices.Contains(problems, text) {
					problems = append(problems, text)
				}
			}
		}
	}
	if len(problems) == 0 && refusedAll {
		o.print("  note: every name was refused, so nothing else was asked: --name a package that the plugin has")
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n"))
	}
	return nil
}

// servers answer every request alike, and send none.
type servers struct {
	status atomic.Int32
	asked  atomic.Int64
}

// RoundTrip is part of http.RoundTripper.
func (s *servers) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	status := int(s.status.Load())
	if status == 0 { // while it is attached
		status = http.StatusNotFound
	}
	const body = `{"error":"nothing is asked while a plugin is checked"}`
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}
