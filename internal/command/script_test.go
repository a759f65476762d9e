package command_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/command"
	"github.com/registryd/registryd/internal/freeport"
	"github.com/registryd/registryd/provider/providertest"
)

// update rewrites what the scripts compare with.
var update = flag.Bool("update", false, "rewrite the scripts with what the commands print now")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"registryd": func() { os.Exit(command.Run(os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr}, command.Own{})) },
	})
}

// TestScripts runs the command as a user does, each script with a fake registry
// of its own. What scripts can do beside testscript's own commands:
//
//	code N COMMAND…        run a command, which exits with N
//	await STATUS PATH      wait until the daemon on $SOCKET answers so
//	ask PATH               send the daemon on $SOCKET a request, and do not wait
//	signal NAME            send a signal to what runs in the background
//	hang                   let the registry send no tarball from now on
//	asked KIND N           wait until N requests of that kind have reached it
//	requests KIND N        so many have reached it, no more and no fewer
//	append FILE LINE       add a line to a file
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup, UpdateScripts: *update,
		Condition: func(name string) (bool, error) {
			if name != "nobody" {
				return false, errors.New("there is no such condition")
			}
			_, err := user.Lookup("nobody")
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "await": await, "ask": ask, "signal": signal,
			"hang": hang, "asked": asked, "requests": requests, "append": appendLine,
		},
	})
}

// upstreamKey is where a script keeps its registry.
type upstreamKey struct{}

func upstream(ts *testscript.TestScript) *providertest.Registry {
	return ts.Value(upstreamKey{}).(*providertest.Registry)
}

// setup gives a script its registry, and hides everything else of the machine:
// an npm on PATH would be asked for its registry.
func setup(env *testscript.Env) error {
	tb, ok := env.T().(testing.TB)
	if !ok {
		return errors.New("the script runs in no test")
	}
	registry := providertest.NewRegistry(tb, packages()...)
	env.Values[upstreamKey{}] = registry
	bin, _, _ := strings.Cut(env.Getenv("PATH"), string(filepath.ListSeparator))
	address, release, err := freeport.Reserve()
	if err != nil {
		return err
	}
	env.Defer(release)
	for key, value := range map[string]string{
		"PATH": bin, "UPSTREAM": registry.URL(), "ADDRESS": address,
		"SOCKET": filepath.Join(env.WorkDir, "d.sock"), "TOKEN": "token-of-the-scripts",
	} {
		env.Setenv(key, value)
	}
	return nil
}

func packages() []providertest.Package {
	var list []providertest.Package
	for _, ref := range []string{"widget@1.0.0", "widget@1.1.0", "widget@2.0.0", "@acme/tool@0.3.0", "nested@1.0.0"} {
		at := strings.LastIndexByte(ref, '@')
		list = append(list, providertest.Package{Name: ref[:at], Version: ref[at+1:], Files: map[string][]byte{
			"package.json": []byte(`{"name":"` + ref[:at] + `","version":"` + ref[at+1:] + `"}`), "index.js": []byte("1\n"),
		}})
	}
	list[2].Tags = []string{"latest"}
	return list
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// daemon is a client of the daemon on $SOCKET.
func daemon(ts *testscript.TestScript) *http.Client {
	socket := ts.Getenv("SOCKET")
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
}

// patience bounds every wait.
const patience = 60 * time.Second

func await(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, last := daemon(ts), "nothing"
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://daemon"+args[1], http.NoBody)
		ts.Check(err)
		resp, err := client.Do(req)
		if err != nil {
			last = err.Error()
		} else {
			resp.Body.Close()
			if last = strconv.Itoa(resp.StatusCode); last == args[0] {
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	ts.Fatalf("%s answers %s, not %s", args[1], last, args[0])
}

func ask(ts *testscript.TestScript, _ bool, args []string) {
	client, done := daemon(ts), make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := client.Get("http://daemon" + args[0]); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body) // it may be cut off
			resp.Body.Close()
		}
	}()
	ts.Defer(func() { <-done })
}

func signal(ts *testscript.TestScript, _ bool, args []string) {
	sig, ok := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "INT": os.Interrupt}[args[0]]
	if !ok || len(ts.BackgroundCmds()) == 0 {
		ts.Fatalf("no such signal, or nobody to send it to")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(sig))
	}
}

func hang(ts *testscript.TestScript, _ bool, _ []string) {
	upstream(ts).Fault(providertest.Tarball, "", providertest.Hang(make(chan struct{})))
}

func asked(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	upstream(ts).Await(providertest.Kind(args[0]), "", n)
}

func appendLine(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.WriteFile(path, append(text, args[1]+"\n"...), 0o644))
}

func requests(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := upstream(ts).Count(providertest.Kind(args[0]), ""); got != n {
		ts.Fatalf("%d requests of kind %s, want %d", got, args[0], n)
	}
}
