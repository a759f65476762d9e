package process_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/plugintest"
	"github.com/registryd/registryd/plugin/process"
)

// until polls.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after 30 s", what)
		}
	}
}

// slow is a program that counts its starts in a file, and runs text before it is one.
func slow(t *testing.T, text string) (p plugin.Program, dir string, starts func() int) {
	t.Helper()
	src := source(t, plugin.DefaultLimits(), "./run.sh")
	script := "#!/bin/sh\necho once >> starts\n" + text + "\nexec " + self(t) + "\n"
	if err := os.WriteFile(filepath.Join(src.Dir, "run.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := process.New(process.Config{StartTime: 10 * time.Minute}).Load(t.Context(), src, plugintest.NewHost())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, src.Dir, func() int {
		data, _ := os.ReadFile(filepath.Join(src.Dir, "starts")) // none yet
		return strings.Count(string(data), "once")
	}
}

// A process that starts for one call holds up no other beyond its deadline, nor the end of the plugin.
func TestProcess_StartsForEver_Fault32(t *testing.T) {
	t.Parallel()
	p, _, starts := slow(t, "exec sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := make(chan error, 1)
	go func() {
		_, err := p.Start(ctx)
		first <- err
	}()
	until(t, "a start", func() bool { return starts() == 1 })
	second := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := p.Start(ctx)
		second <- err
	}()
	select {
	case err := <-second:
		if !errors.Is(err, outcome.TooSlow) {
			t.Errorf("error %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the second one waits for the first")
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// He who does not wait for a process does not keep others from having it.
func TestProcess_ImpatientCaller(t *testing.T) {
	t.Parallel()
	p, dir, starts := slow(t, "while [ ! -e go ]; do sleep 0.05; done")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if i, err := p.Start(ctx); err == nil {
		i.Close()
		t.Fatal("it starts")
	}
	until(t, "a start", func() bool { return starts() == 1 })
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	i, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i.Close()
	if n := starts(); n != 1 {
		t.Errorf("%d processes were started", n)
	}
}

// Fault 32: what a process started ends with it at once, and its last words are heard, though nobody calls it again.
func TestProcess_LeavesNothingBehind_Fault32(t *testing.T) {
	t.Parallel()
	p, list, host := subject(t, 1)
	defer end(t, p, list)
	child := call(t, list[0], "child")
	if !running(child) {
		t.Fatalf("no child: %s", child)
	}
	if _, err := list[0].Call(t.Context(), "die"); err == nil {
		t.Fatal("it lives")
	}
	until(t, "the end of what it started", func() bool { return !running(child) })
	until(t, "its last words", func() bool { return slices.Contains(host.Lines(), "WARN half a line") })
}
