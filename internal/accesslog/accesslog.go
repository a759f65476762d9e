// Package accesslog learns from a web server's access log when releases were
// used last, for file systems that do not note when a file is read.
//
// It understands formats that have the request line in quotes with the status
// behind it, as nginx's "combined" has: "GET /lib/name/1.0.0/a.js HTTP/1.1" 200.
package accesslog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
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

// Tail reads an access log as it grows, across rotation: what was written to the
// old file before its name changed is read, too. Safe for concurrent use. Whoever
// makes one closes it.
type Tail struct {
	file string
	pub  string
	now  func() time.Time

	mu     sync.Mutex
	log    *os.File // that is being read; nil at first
	at     int64
	latest time.Time // when it was read last
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

// Close closes the log. What was learnt stays.
func (t *Tail) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.log == nil {
		return nil
	}
	err := t.log.Close()
	t.log = nil
	return err
}

// Read takes in what was written since the last time. Errors: plain ones, where
// the file cannot be read; what was taken in before counts.
func (t *Tail) Read() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latest = t.now()
	err := errors.Join(t.rest(), t.turn())
	if err != nil {
		err = fmt.Errorf("read the access log: %w", err)
	}
	return err
}

// rest reads on in the file that is open, whatever its name is by now.
func (t *Tail) rest() error {
	if t.log == nil {
		return nil
	}
	info, err := t.log.Stat()
	if err != nil {
		return err
	}
	if info.Size() < t.at {
		t.at = 0 // it was emptied
	}
	return t.lines()
}

// turn begins with the file that has the name now, unless it is the same.
func (t *Tail) turn() error {
	f, err := os.OpenFile(t.file, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a fifo must not hold us
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return errors.Join(err, fmt.Errorf("%s is no regular file", t.file))
	}
	if t.log != nil {
		if held, err := t.log.Stat(); err == nil && os.SameFile(held, info) {
			return f.Close()
		}
		_ = t.log.Close() // all of it was read
		t.at = 0
	} else {
		t.at = max(0, info.Size()-maxStart)
	}
	t.log = f
	return t.lines()
}

// lines reads whole lines; the beginning of one is left for the next time.
func (t *Tail) lines() error {
	if _, err := t.log.Seek(t.at, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(t.log, maxLine)
	long := false
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = true
		case err == io.EOF && !long:
			return nil
		case err != nil && err != io.EOF:
			return err
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

// line notes the release that one request was for. What got no file tells
// nothing: anybody can ask for what does not exist.
func (t *Tail) line(line string) {
	for rest := line; ; {
		_, after, ok := strings.Cut(rest, `"`)
		if !ok {
			return
		}
		field, behind, ok := strings.Cut(after, `"`)
		if !ok {
			return
		}
		if path, ok := requested(field, behind); ok {
			t.note(path)
			return
		}
		rest = behind
	}
}

// requested returns the path of a request that got a file; behind is what
// follows its line.
func requested(line, behind string) (path string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != "GET" && fields[0] != "HEAD" || !strings.HasPrefix(fields[2], "HTTP/") {
		return "", false
	}
	status := strings.Fields(behind)
	if len(status) == 0 || status[0] != "200" && status[0] != "206" && status[0] != "304" {
		return "", false
	}
	path, _, _ = strings.Cut(fields[1], "?")
	return path, true
}

func (t *Tail) note(path string) {
	if !strings.HasPrefix(path, t.pub) {
		return
	}
	ref, err := pkgref.ParsePath(path, t.pub)
	if err != nil || ref.Spec.Kind != pkgref.KindExact {
		return
	}
	// Cloned: both may be part of the whole line.
	key := release{pkgref.Name(strings.Clone(string(ref.Name))), strings.Clone(ref.Spec.Version.String())}
	t.used.Put(key, t.latest, 1, 0)
}
