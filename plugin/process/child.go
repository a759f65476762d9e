package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// child is one process.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	dir     string // of its socket
	client  *http.Client
	tail    tail
	started time.Time
	exited  chan struct{}
	err     error // of its end, after exited
	once    sync.Once

	wanted atomic.Bool // its end is

	mu     sync.Mutex
	reaped bool // its number may be another process's
}

// spawn starts a process. Errors: outcome.Invalid when it cannot be started.
func (p *program) spawn() (*child, error) {
	dir, err := os.MkdirTemp("", "rdp") // short: the path of a socket may have some hundred bytes
	if err != nil {
		return nil, outcome.Wrap(outcome.Unavailable, err, "make a directory for the socket")
	}
	socket := filepath.Join(dir, "s")
	c := &child{dir: dir, started: time.Now(), exited: make(chan struct{}), client: overSocket(socket)}
	out := &logged{host: p.host, level: slog.LevelInfo}
	bad := &logged{host: p.host, level: slog.LevelWarn, tail: &c.tail}
	c.command = &exec.Cmd{
		Path: p.path, Args: p.src.Manifest.Command, Dir: p.src.Dir, Env: p.environment(socket), SysProcAttr: attributes(),
		Stdout: out, Stderr: bad, WaitDelay: time.Second,
	}
	if c.stdin, err = c.command.StdinPipe(); err == nil {
		err = c.run(func() {
			out.flush()
			bad.flush()
			if !c.wanted.Load() {
				p.engine.config.Logger.Error("plugin process ended", "plugin", p.src.Manifest.Name, "state", c.state())
			}
		})
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, outcome.New(outcome.Invalid, "start %s: %v", p.src.Manifest.Command[0], err)
	}
	return c, nil
}

// run starts the process and waits for its end. Its thread stays with it: the signal that ends the process with its
// parent comes when the thread ends that started it. ended is called before anybody learns of the end.
func (c *child) run(ended func()) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.command.Start()
		started <- err
		if err == nil {
			c.reap()
			ended()
			close(c.exited)
		}
	}()
	return <-started
}

// reap waits for the end of the process, and ends what it started at once.
func (c *child) reap() {
	known := awaitEnd(c.command.Process.Pid)
	if !known {
		c.err = c.command.Wait()
	}
	c.kill()
	c.mu.Lock()
	c.reaped = true
	c.mu.Unlock()
	if known {
		c.err = c.command.Wait()
	}
}

// environment is all that a process gets to know.
func (p *program) environment(socket string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "REGISTRYD_PLUGIN_NAME=" + p.src.Manifest.Name, "REGISTRYD_PLUGIN_SOCKET=" + socket,
	}
	for _, name := range p.src.Manifest.Capabilities.Secrets {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func overSocket(path string) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			},
			MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (c *child) alive() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// ready waits until the process describes itself.
func (c *child) ready(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := c.describe(ctx); err == nil {
			return nil
		} else if !errors.Is(err, errNoAnswer) && ctx.Err() == nil {
			return err
		}
		select {
		case <-c.exited:
			return outcome.New(outcome.Unavailable, "the process ended before it described itself: %s%s", c.state(), c.lastWords())
		case <-ctx.Done():
			return outcome.New(outcome.Unavailable, "the process did not describe itself within %s%s", limit, c.lastWords())
		case <-tick.C:
		}
	}
}

// state says how the process ended.
func (c *child) state() string {
	if c.command.ProcessState != nil {
		return c.command.ProcessState.String()
	}
	return fmt.Sprint(c.err)
}

func (c *child) lastWords() string {
	if text := strings.TrimSpace(c.tail.String()); text != "" {
		return "; it wrote: " + text
	}
	return ""
}

// errNoAnswer says that nothing was answered.
var errNoAnswer = errors.New("no answer")

// failure is the body of an answer that is no success.
type failure struct {
	Error *struct {
		ID      int             `json:"id"`
		Name    string          `json:"name"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
		Stack   string          `json:"stack"`
		Public  bool            `json:"public"`
	} `json:"error"`
}

const maxDescription = 4 << 20

func (c *child) describe(ctx context.Context) (plugin.Description, error) {
	data, status, err := c.exchange(ctx, http.MethodGet, "describe", nil, maxDescription)
	if err != nil {
		return plugin.Description{}, err
	}
	var d struct {
		Hooks   []string
		Exports json.RawMessage
	}
	if err := json.Unmarshal(data, &d); err != nil || status != http.StatusOK {
		return plugin.Description{}, outcome.New(outcome.Unavailable, "GET /v1/describe answered %d and no description", status)
	}
	return plugin.Description{Hooks: d.Hooks, Exports: d.Exports}, nil
}

// call makes one call. Errors: as plugin.Instance.Call, but for those of ctx.
func (c *child) call(ctx context.Context, fn string, args []json.RawMessage, limit int64) (json.RawMessage, error) {
	if args == nil {
		args = []json.RawMessage{}
	}
	question := map[string]any{"args": args}
	route := fn
	if !isRoute(fn) {
		route, question["op"] = "op", fn
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "arguments of %s", fn)
	}
	data, status, err := c.exchange(ctx, http.MethodPost, route, body, limit+64) // what is around the result
	if err != nil {
		return nil, c.explained(ctx, err)
	}
	if status != http.StatusOK {
		return nil, refused(fn, status, data)
	}
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, outcome.New(outcome.Unavailable, "the answer of %s is no JSON: %v", fn, err)
	}
	return answer.Result, nil
}

func isRoute(fn string) bool {
	switch fn {
	case "attach", "detach", "check", "resolve", "versions", "fetch":
		return true
	}
	return false
}

// refused turns an answer that is no success into what JavaScript would have thrown.
func refused(fn string, status int, data []byte) error {
	var f failure
	if err := json.Unmarshal(data, &f); err == nil && f.Error != nil {
		e := f.Error
		return &plugin.Rejection{ID: e.ID, Name: e.Name, Message: e.Message, Data: e.Data, Stack: e.Stack, Public: e.Public}
	}
	if status == http.StatusNotFound {
		return outcome.New(outcome.NotFound, "no function %s", fn)
	}
	return outcome.New(outcome.Unavailable, "%s answered %d without an error", fn, status)
}

// exchange sends one request.
func (c *child) exchange(ctx context.Context, method, route string, body []byte, limit int64) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://plugin/v1/"+route, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, 0, outcome.Wrap(outcome.Unavailable, fmt.Errorf("%w: %w", errNoAnswer, err), "%s", route)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, 0, outcome.Wrap(outcome.Unavailable, err, "%s", route)
	}
	if int64(len(data)) > limit {
		return nil, 0, outcome.Wrap(outcome.Unavailable, plugin.ErrLimit, "the answer of %s has more than %d bytes", route, limit)
	}
	return data, resp.StatusCode, nil
}

// noteTime is how long an error waits for news of the end of the process that may be behind it.
const noteTime = time.Second

// explained adds that the process ended, and what it wrote, to the error of a call that it did not answer.
func (c *child) explained(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	timer := time.NewTimer(noteTime)
	defer timer.Stop()
	select {
	case <-c.exited:
		return fmt.Errorf("%w; the process ended: %s%s", err, c.state(), c.lastWords())
	case <-timer.C:
	case <-ctx.Done():
	}
	return err
}

// kill ends the process and what it started at once. Its number is of no use any more after its record was taken.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		_ = syscall.Kill(-c.command.Process.Pid, syscall.SIGKILL) // it may be gone
	}
}

// end closes the input of the process, kills it after the grace time, and cleans up. It is idempotent.
func (c *child) end(grace time.Duration) {
	c.once.Do(func() {
		c.wanted.Store(true)
		_ = c.stdin.Close() // it may be gone
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.exited:
		case <-timer.C:
		}
		c.kill()
		<-c.exited
		c.client.CloseIdleConnections()
		_ = os.RemoveAll(c.dir) // a directory left in the temporary one harms nobody
	})
}
