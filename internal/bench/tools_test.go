package bench_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/freeport"
	"github.com/registryd/registryd/internal/testenv"
)

// How a bare nginx logs.
const (
	logDefault = "access_log access.log;" // what nginx does that is told nothing, but for the place
	logNone    = "access_log off;"
)

// bareNginx serves a directory with nothing but a root, and returns its URL and
// the pid of its master.
func bareNginx(b *testing.B, root, workers, log string) (url string, pid int) {
	b.Helper()
	dir, address := b.TempDir(), freeport.Address(b)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	conf := fmt.Sprintf("%sworker_processes %s;\npid nginx.pid;\nerror_log error.log;\nevents { worker_connections 1024; }\n"+
		"http {\n%s\nsendfile on;\ntcp_nopush on;\nkeepalive_requests 10000;\ntypes { text/javascript js; }\nclient_body_temp_path t1;\n"+
		"proxy_temp_path t2;\nfastcgi_temp_path t3;\nuwsgi_temp_path t4;\nscgi_temp_path t5;\n"+
		"server { listen %s; location / { root %q; } }\n}\n", user, workers, log, address, root)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(testenv.Nginx(b), "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-g", "daemon off;")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // gone: Wait tells
		_ = cmd.Wait()
	})
	for range 500 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return "http://" + address, cmd.Process.Pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("nginx does not listen")
	return "", 0
}

var (
	wrkRate  = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkCount = regexp.MustCompile(`(\d+) requests in`)
)

// load is what wrk did.
type load struct {
	rate     float64 // requests per second
	requests float64
}

// wrk sends requests with one thread over 32 connections.
func wrk(b *testing.B, seconds int, url string, options ...string) load {
	b.Helper()
	args := append([]string{"-t1", "-c32", fmt.Sprintf("-d%ds", seconds)}, options...)
	out, err := exec.Command("wrk", append(args, url)...).CombinedOutput()
	rate, count := wrkRate.FindSubmatch(out), wrkCount.FindSubmatch(out)
	if err != nil || rate == nil || count == nil || bytes.Contains(out, []byte("Socket errors")) {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	var l load
	l.rate, _ = strconv.ParseFloat(string(rate[1]), 64) // digits, says the pattern
	l.requests, _ = strconv.ParseFloat(string(count[1]), 64)
	return l
}

// stat returns the fields of /proc/PID/stat behind the command: the first is
// the state.
func stat(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

// workers returns the children of a process.
func workers(b *testing.B, master int) (pids []int) {
	b.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		b.Fatal(err)
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if f := stat(pid); err == nil && len(f) > 1 && f[1] == strconv.Itoa(master) {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		b.Fatalf("process %d has no children", master)
	}
	return pids
}

// ticks returns the processor time of processes, user and system.
func ticks(pids []int) (sum float64) {
	for _, pid := range pids {
		if f := stat(pid); len(f) > 12 {
			user, _ := strconv.ParseFloat(f[11], 64) // numbers, says the kernel
			system, _ := strconv.ParseFloat(f[12], 64)
			sum += user + system
		}
	}
	return sum
}

// memoryOf returns a line of /proc/PID/status, in MB.
func memoryOf(b *testing.B, pid int, key string) float64 {
	b.Helper()
	return float64(e2e.Memory(b, pid, key)) / 1000
}

// resetPeak makes the kernel forget the peak of a process.
func resetPeak(b *testing.B, pid int) {
	b.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}
