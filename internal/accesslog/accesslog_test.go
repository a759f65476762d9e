package accesslog_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/accesslog"
	"github.com/registryd/registryd/pkgref"
)

// logged is an access log with a clock.
type logged struct {
	*accesslog.Tail
	t    *testing.T
	file string
	now  time.Time
}

func open(t *testing.T) *logged {
	t.Helper()
	l := &logged{t: t, file: filepath.Join(t.TempDir(), "access.log"), now: time.Unix(2e9, 0)}
	l.Tail = accesslog.New(l.file, "/lib/", func() time.Time { return l.now })
	t.Cleanup(func() { l.Close() })
	return l
}

func (l *logged) write(text string) {
	l.t.Helper()
	f, err := os.OpenFile(l.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		l.t.Fatal(err)
	}
}

func (l *logged) read() {
	l.t.Helper()
	l.now = l.now.Add(time.Minute)
	if err := l.Read(); err != nil {
		l.t.Fatal(err)
	}
}

// want asserts that a release was used at the read that many minutes ago; -1: never.
func (l *logged) want(name, version string, ago int) {
	l.t.Helper()
	v, err := pkgref.ParseVersion(version)
	if err != nil {
		l.t.Fatal(err)
	}
	want := time.Time{}
	if ago >= 0 {
		want = l.now.Add(-time.Duration(ago) * time.Minute)
	}
	if got := l.Used(pkgref.Name(name), v); !got.Equal(want) {
		l.t.Errorf("%s@%s was used at %v, want %v", name, version, got, want)
	}
}

func entry(request string) string {
	return `127.0.0.1 - - [21/Nov/2026:07:00:00 +0000] "` + request + `" 200 12 "-" "curl/8"` + "\n"
}

func TestTail_PF3(t *testing.T) {
	t.Parallel()
	l := open(t)
	if err := l.Read(); err == nil {
		t.Error("a log that is not there was read")
	}
	l.write(entry("GET /lib/a/1.0.0/x.js HTTP/1.1") + entry("HEAD /lib/@acme%2fb@2.0.0/x.js?v=1 HTTP/1.1") +
		entry("GET /lib/c/^1/x.js HTTP/1.1") + entry("POST /lib/d/1.0.0/x HTTP/1.1") + entry("GET /other/e/1.0.0/x HTTP/1.1") +
		entry("GET /lib/../f/1.0.0/x HTTP/1.1") + entry("") + "no request\n\"unfinished\n" + entry("GET") +
		strings.Replace(entry("GET /lib/g/1.0.0/x.js HTTP/1.1"), "200", "404", 1) +
		`1.2.3.4 "curl/8" "GET /lib/h/1.0.0/x.js HTTP/2.0" 304 0` + "\n")
	l.read()
	l.want("a", "1.0.0", 0)
	l.want("@acme/b", "2.0.0", 0)
	l.want("h", "1.0.0", 0) // in quotes, and not the first that is
	for _, name := range []string{"d", "e", "f", "g"} {
		l.want(name, "1.0.0", -1)
	}
	l.read()
	l.want("a", "1.0.0", 1) // nothing is read twice
}

// A line that is being written is left until it is whole.
func TestTailOfPartLine_PF3(t *testing.T) {
	t.Parallel()
	l := open(t)
	line := entry("GET /lib/a/1.0.0/x.js HTTP/1.1")
	l.write(line[:70])
	l.read()
	l.want("a", "1.0.0", -1)
	l.write(line[70:])
	l.read()
	l.want("a", "1.0.0", 0)
}

func TestTailAcrossRotation_PF3(t *testing.T) {
	t.Parallel()
	l := open(t)
	l.write(strings.Repeat(entry("GET /lib/a/1.0.0/x.js HTTP/1.1"), 3))
	l.read()
	l.write(entry("GET /lib/last/1.0.0/x.js HTTP/1.1"))
	if err := os.Rename(l.file, l.file+".1"); err != nil {
		t.Fatal(err)
	}
	l.write(entry("GET /lib/b/1.0.0/x.js HTTP/1.1"))
	l.read()
	l.want("last", "1.0.0", 0)
	l.want("b", "1.0.0", 0)
	if err := os.Truncate(l.file, 0); err != nil {
		t.Fatal(err)
	}
	l.write(entry("GET /lib/c/1.0.0/x HTTP/1.1"))
	l.read()
	l.want("c", "1.0.0", 0)
}

// A line longer than can be meant is passed over, and the next one is read.
func TestTailOfLongLines_PF3(t *testing.T) {
	t.Parallel()
	l := open(t)
	l.write(strings.Repeat("x", 40<<10) + "\n" + entry("GET /lib/a/1.0.0/x.js HTTP/1.1"))
	l.read()
	l.want("a", "1.0.0", 0)
}

// What is no file is not waited for.
func TestTailOfFifo_PF3(t *testing.T) {
	t.Parallel()
	l := open(t)
	if err := syscall.Mkfifo(l.file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Read(); err == nil {
		t.Error("a fifo was read")
	}
}
