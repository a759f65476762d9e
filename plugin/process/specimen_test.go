package process_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain is the plugin, where the daemon's variable says so.
func TestMain(m *testing.M) {
	if socket := os.Getenv("REGISTRYD_PLUGIN_SOCKET"); socket != "" {
		serveSpecimen(socket)
	}
	if os.Getenv("REGISTRYD_TEST_DAEMON") != "" {
		beDaemon()
	}
	os.Exit(m.Run())
}

// serveSpecimen answers until its standard input ends.
func serveSpecimen(socket string) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := &specimen{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/describe", s.describe)
	mux.HandleFunc("POST /v1/{route}", s.call)
	go http.Serve(l, mux) //nolint:errcheck // it ends with the process
	if len(os.Args) > 1 && os.Args[1] == "deaf" {
		select {}
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	syscall.Exit(0) // os.Exit takes a second where races are looked for
}

type specimen struct {
	mu       sync.Mutex
	context  json.RawMessage
	attached int
	detached int
	counted  int
}

func (s *specimen) describe(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, `{"hooks":["attach","check","detach","echo","fail","spin"],"exports":{"facts":{"list":[1,"two",null],"nested":{"yes":true}},`+
		`"nested":{"words":"of no function","deeper":{"twice":{"$func":"nested.deeper.twice"}}}}}`)
}

func (s *specimen) call(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Op   string
		Args []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	fn := r.PathValue("route")
	if fn == "op" {
		fn = q.Op
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(map[string]any{"result": v}) }
	switch fn {
	case "hang":
		select {
		case <-r.Context().Done():
		case <-time.After(time.Hour):
		}
	case "spin":
		for n := 0; n >= 0; n ^= 1 {
			_ = n
		}
	case "die":
		fmt.Fprint(os.Stderr, "out of luck\nhalf a line")
		syscall.Exit(7)
	case "fail":
		s.fail(w, q.Args)
	case "nothing":
		fmt.Fprint(w, "{}")
	case "attach", "detach", "context", "counts", "count":
		s.state(w, fn, q.Args)
	default:
		if v, ok := plain(fn, q.Args); ok {
			answer(v)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

// plain are the functions without state.
func plain(fn string, args []json.RawMessage) (any, bool) {
	var n int
	if len(args) > 0 {
		_ = json.Unmarshal(args[0], &n)
	}
	switch fn {
	case "echo":
		return args, true
	case "nil":
		return nil, true
	case "later":
		time.Sleep(time.Millisecond)
		return args[0], true
	case "flood":
		return strings.Repeat("x", n), true
	case "nested.deeper.twice":
		return 2 * n, true
	case "environment":
		return os.Environ(), true
	case "directory":
		dir, _ := os.Getwd()
		return dir, true
	case "child":
		c := exec.Command("sleep", "600")
		if err := c.Start(); err != nil {
			return err.Error(), true
		}
		return c.Process.Pid, true
	case "pid":
		return os.Getpid(), true
	}
	return nil, false
}

// state are the functions with state.
func (s *specimen) state(w http.ResponseWriter, fn string, args []json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var v any
	switch fn {
	case "attach":
		s.context = args[0]
		s.attached++
		fmt.Println("attached")
	case "detach":
		s.detached++
		fmt.Println("detached")
	case "context":
		v = s.context
	case "counts":
		v = []int{s.attached, s.detached}
	case "count":
		s.counted++
		v = s.counted
	}
	if fn == "attach" || fn == "detach" {
		fmt.Fprint(w, "{}")
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"result": v})
}

func (s *specimen) fail(w http.ResponseWriter, args []json.RawMessage) {
	errors := map[string]string{
		`"error"`: `{"name":"TypeError","message":"null has no property"}`, `"deny"`: `{"id":403,"message":"not yours","public":true}`,
		`"id"`: `{"id":998,"message":"not here"}`, `"text"`: `{"message":"plain words"}`,
		`"named"`:    `{"name":"notFound","message":"no such thing","data":{"id":7},"public":true}`,
		`"rejected"`: `{"name":"RangeError","message":"out of range"}`,
	}
	w.WriteHeader(http.StatusUnprocessableEntity)
	fmt.Fprintf(w, `{"error":%s}`, errors[string(args[0])])
}
