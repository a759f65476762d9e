package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/plugintest"
	"github.com/registryd/registryd/plugin/process"
)

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func source(t *testing.T, limits plugin.Limits, command ...string) plugin.Source {
	t.Helper()
	return plugin.Source{Dir: t.TempDir(), Manifest: plugin.Manifest{
		Name: "specimen", Engine: plugin.EngineProcess, Command: command, Limits: limits,
		Capabilities: plugin.Capabilities{Secrets: []string{"REGISTRYD_TEST_SECRET"}},
	}}
}

func engine() *process.Engine { return process.New(process.Config{StartTime: 30 * time.Second}) }

func TestConformance(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := func(name, text string) plugin.Source {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return plugin.Source{Dir: dir, Manifest: plugin.Manifest{Name: name, Engine: plugin.EngineProcess, Command: []string{"./" + name}}}
	}
	plugintest.Run(t, plugintest.Fixture{
		Engine:   engine(),
		Specimen: func(t *testing.T, l plugin.Limits) plugin.Source { return source(t, l, self(t)) },
		Own:      true,
		Broken: map[string]plugintest.Broken{
			"no such program":  {Source: source(t, plugin.Limits{}, "./absent"), Says: "absent"},
			"ends at once":     {Source: script("ends", "echo 'no luck' >&2; exit 3"), Says: "exit status 3; it wrote: no luck"},
			"not executable":   {Source: source(t, plugin.Limits{}, os.DevNull), Says: os.DevNull},
			"killed by itself": {Source: script("killed", "kill -9 $$"), Says: "signal: killed"},
		},
	})
}

// subject starts a program with n attached instances.
func subject(t *testing.T, n int) (plugin.Program, []plugin.Instance, *plugintest.Host) {
	t.Helper()
	host := plugintest.NewHost()
	p, err := engine().Load(t.Context(), source(t, plugin.DefaultLimits(), self(t), "argument"), host)
	if err != nil {
		t.Fatal(err)
	}
	var list []plugin.Instance
	for range n {
		i, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Call(t.Context(), plugin.HookAttach, json.RawMessage(`{"name":"specimen"}`)); err != nil {
			t.Fatal(err)
		}
		list = append(list, i)
	}
	return p, list, host
}

func call(t *testing.T, i plugin.Instance, fn string) string {
	t.Helper()
	data, err := i.Call(t.Context(), fn)
	if err != nil {
		t.Errorf("%s: %v", fn, err)
	}
	return string(data)
}

func end(t *testing.T, p plugin.Program, list []plugin.Instance) {
	t.Helper()
	for _, i := range list {
		if _, err := i.Call(t.Context(), plugin.HookDetach); err != nil {
			t.Error(err)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// G-N7: one process is attached once and detached once, whatever the number of instances.
func TestProcess_AttachedOnce_GN7(t *testing.T) {
	t.Parallel()
	p, list, host := subject(t, 3)
	if got := call(t, list[1], "counts"); got != "[1,0]" {
		t.Errorf("attached, detached: %s", got)
	}
	end(t, p, list)
	n := 0
	for _, line := range host.Lines() {
		if line == "INFO detached" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("detached %d times: %q", n, host.Lines())
	}
}

// A process gets no more of the environment than it may.
func TestProcess_Environment(t *testing.T) {
	t.Setenv("REGISTRYD_TEST_SECRET", "hunter2")
	t.Setenv("REGISTRYD_TEST_OTHER", "hunter3")
	p, list, _ := subject(t, 1)
	defer end(t, p, list)
	var env []string
	if err := json.Unmarshal([]byte(call(t, list[0], "environment")), &env); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "PATH REGISTRYD_PLUGIN_NAME REGISTRYD_PLUGIN_SOCKET REGISTRYD_TEST_SECRET" {
		t.Errorf("environment: %s", got)
	}
}

// Fault 32: a process that dies takes its calls with it and says why; the next call finds another one, attached.
func TestProcess_Dies_Fault32(t *testing.T) {
	t.Parallel()
	p, list, _ := subject(t, 2)
	defer end(t, p, list)
	pid := call(t, list[0], "pid")
	if _, err := list[0].Call(t.Context(), "die"); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("the call ended with %v", err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		data, err := list[1].Call(t.Context(), "context")
		if err == nil && string(data) == `{"name":"specimen"}` {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no process again: %s, %v", data, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if call(t, list[0], "pid") == pid {
		t.Error("it is the same process")
	}
}

// Fault 32: one that hangs as a whole is killed, so that the next call works.
func TestProcess_Hangs_Fault32(t *testing.T) {
	t.Parallel()
	p, list, _ := subject(t, 2)
	defer end(t, p, list)
	var pid int
	if err := json.Unmarshal([]byte(call(t, list[0], "pid")), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for stopped := false; !stopped; { // the signal may take a moment
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := list[0].Call(ctx, "echo")
		cancel()
		stopped = errors.Is(err, outcome.TooSlow)
		if err != nil && !stopped {
			t.Fatalf("error %v", err)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := list[1].Call(ctx, "count")
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Nothing is left of a process after Close, its children included.
func TestProcess_CloseKillsTheGroup(t *testing.T) {
	t.Parallel()
	p, list, _ := subject(t, 1)
	pid := call(t, list[0], "pid")
	end(t, p, list)
	if _, err := os.Stat("/proc/" + pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("process %s is still there: %v", pid, err)
	}
}
