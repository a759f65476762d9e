// Package accesslog learns from a web server's access log when releases were
// used last, for file systems that do not note when a file is read.
//
// It understands every format that has the request line in quotes, as nginx's
// "combined" has: "GET /lib/name/1.0.0/a.js HTTP/1.1".
package accesslog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/registryd/registryd/internal/lru"
	"github.com/registryd/registryd/pkgref"
)

const (
	// maxReleases bounds what is remembered; those used least recently are
	// forgotten first.
	maxReleases = 200_000
	// maxLine is the longest line in bytes that is looked at; what is longer is
	// passed over.
	maxLine = 16 << 10
	// maxStart is how much of a log that was there before is read, in bytes, from
	// its end.
	maxStart = 64 << 20
)

// Tail reads an access log as it grows, across rotation. Safe for concurrent
// use.
type Tail struct {
	file string
	pub  string
	now  func() time.Time

	mu     sync.Mutex
	at     int64
	log    os.FileInfo // what was read; nil at first
	latest time.Time   // when it was read last
	used   *lru.Map[release, time.Time]
}

type release struct {
	name pkgref.Name
	v    string
}

// New returns a Tail of file, in which pub is the prefix of packages. now nil
// means time.Now. The file is opened when it is read.
func New(file, pub string, now func() time.Time) *Tail {
	if now == nil {
		now = time.Now
	}
	return &Tail{file: file, pub: pub, now: now, used: lru.New[release, time.Time](maxReleases, nil)}
}

// Used returns when a release was used last as far as the log told, zero if
// never. A use between two calls of Read counts as of the later one.
func (t *Tail) Used(name pkgref.Name, v pkgref.Version) time.Time {
	at, _ := t.used.Get(release{name, v.String()})
	return at
}

// Read takes in what was written since the last time. Errors: plain ones, where
// the file cannot be read; what was taken in before counts.
func (t *Tail) Read() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := os.Open(t.file)
	if err != nil {
		return fmt.Errorf("read the access log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the access log: %w", err)
	}
	if t.at, err = f.Seek(t.begin(info), io.SeekStart); err != nil {
		return fmt.Errorf("read the access log: %w", err)
	}
	t.log, t.latest = info, t.now()
	return t.lines(f)
}

// begin is where to go on: in another file, or one that became shorter, at the
// front.
func (t *Tail) begin(info os.FileInfo) int64 {
	if t.log == nil {
		return max(0, info.Size()-maxStart)
	}
	if !os.SameFile(t.log, info) || info.Size() < t.at {
		return 0
	}
	return t.at
}

// lines reads whole lines; the beginning of one is left for the next time.
func (t *Tail) lines(f *os.File) error {
	in := bufio.NewReaderSize(f, maxLine)
	long := false
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = true
		case err == io.EOF && !long:
			return nil
		case err != nil && err != io.EOF:
			return fmt.Errorf("read the access log: %w", err)
		case !long:
			t.line(string(line))
		default:
			long = false
		}
		t.at += int64(len(line))
		if err == io.EOF {
			return nil
		}
	}
}

// line notes the release that one request was for. What is no request for an
// exact version tells nothing.
func (t *Tail) line(line string) {
	_, rest, ok := strings.Cut(line, `"`)
	if !ok {
		return
	}
	request, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return
	}
	fields := strings.Fields(request)
	if len(fields) < 2 || fields[0] != "GET" && fields[0] != "HEAD" {
		return
	}
	path, _, _ := strings.Cut(fields[1], "?")
	if !strings.HasPrefix(path, t.pub) {
		return
	}
	ref, err := pkgref.ParsePath(path, t.pub)
	if err != nil || ref.Spec.Kind != pkgref.KindExact {
		return
	}
	t.used.Put(release{ref.Name, ref.Spec.Version.String()}, t.latest, 1, 0)
}
