package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Metric returns what the daemon counts under a name; of a metric with labels
// the sum over the series that have those given, as route="packages".
func (s *Stack) Metric(name string, labels ...string) (sum float64) {
	s.t.Helper()
	a, err := s.Try(http.MethodGet, s.Daemon+"/-/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	found := len(labels) > 0 // nothing was counted yet
	for line := range strings.Lines(string(a.Body)) {
		end := max(strings.LastIndexByte(line, ' '), 0)
		of, has, _ := strings.Cut(line[:end], "{")
		if of != name || slices.ContainsFunc(labels, func(label string) bool { return !strings.Contains(has, label) }) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[end:]), 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum, found = sum+n, true
	}
	if !found {
		s.t.Fatalf("there is no metric %s", name)
	}
	return sum
}

// PackageRequests returns how many requests for packages reached the daemon.
func (s *Stack) PackageRequests() int {
	s.t.Helper()
	return int(s.Metric("registryd_http_requests_total", `route="packages"`))
}

// Memory returns a line of /proc/PID/status in KiB: VmRSS is what a process has,
// VmHWM the most that it ever had.
func Memory(t testing.TB, pid int, key string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	_, rest, _ := strings.Cut(string(status), "\n"+key+":")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatalf("the kernel does not tell %s: %v", key, err)
	}
	return kib
}
