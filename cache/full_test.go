package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/testenv"
)

// small mounts a file system of so many bytes.
func small(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	testenv.Tmpfs(t, dir, options)
	return dir
}

// noise does not compress.
func noise(n int) string {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(data)
	return string(data)
}

func TestFullDisk_IsBusyAndHeals(t *testing.T) {
	t.Parallel()
	dir := small(t, "size=3m")
	e := openWith(t, cache.Config{Dir: dir})
	held := e.put(t, "held", "1.0.0", lodash)
	big := tarball(t, text{"a.js", noise(2 << 20)})
	ingest := func() (*cache.Staged, error) {
		return e.Ingest(bytes.NewReader(big), cache.Tarball{Limits: wide, MaxBytes: 1 << 30})
	}
	if _, err := ingest(); !errors.Is(err, outcome.Busy) || errors.Is(err, outcome.Refused) {
		t.Errorf("ingest: %v", err)
	}
	wantNothingStaged(t, e)
	if _, err := e.Receive(strings.NewReader(noise(4<<20)), cache.File{Path: "a", Size: -1}, 1<<30); !errors.Is(err, outcome.Busy) {
		t.Errorf("receive: %v", err)
	}
	wantNothingStaged(t, e)

	fill(t, dir)
	f := fileOf(t, held, "index.js")
	if err := e.Materialise(held, f, nil); !errors.Is(err, outcome.Busy) {
		t.Errorf("materialise: %v", err)
	}
	if err := os.Remove(e.pack(held)); err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	if err := e.Materialise(held, f, nil); !errors.Is(err, outcome.Busy) || errors.Is(err, cache.ErrDamaged) {
		t.Errorf("making a pack again: %v", err)
	}
	if _, err := os.Stat(e.blob(held)); err != nil {
		t.Errorf("a full disk was taken for a damaged blob: %v", err)
	}
	for name, err := range map[string]error{
		"manifest":  e.PutManifest(held.WithFile(cache.File{Path: "new", Size: 1, SHA256: sum("new")})),
		"designate": e.Designate("held", held.Version, "ops", true),
		"list":      e.PutList("held", "npm", []byte("{}")),
		"audit":     e.Audit("x"),
		"mark":      e.MarkAbsent("held", held.Version, "npm", 1e9),
	} {
		if !errors.Is(err, outcome.Busy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNothingStaged(t, e)
	if err := os.RemoveAll(dir + "/filler"); err != nil {
		t.Fatal(err)
	}
	wantAuditWhole(t, e)
	e.show(t, held, "index.js")
	wantFile(t, e.view("held/1.0.0/index.js"), "module.exports = 1\n")
}

// wantAuditWhole checks that a record for which there was not enough room does
// not spoil the next one.
func wantAuditWhole(t *testing.T, e env) {
	t.Helper()
	if err := e.Audit(strings.Repeat("x", 8<<20)); !errors.Is(err, outcome.Busy) {
		t.Errorf("a record larger than the disk: %v", err)
	}
	if err := e.Audit("whole"); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile(e.path("state/audit.jsonl"))
	if err != nil || !strings.HasSuffix("\n"+string(data), "\n\"whole\"\n") {
		t.Errorf("the log ends with %.40q, %v", data[max(0, len(data)-40):], err)
	}
}

// fill leaves no byte free.
func fill(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir+"/filler", 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		f, err := os.Create(fmt.Sprintf("%s/filler/%d-%d", dir, i, rand.Int()))
		if err != nil {
			return
		}
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		f.Close()
		if i > 2 && errors.Is(err, syscall.ENOSPC) {
			return
		}
	}
}

func TestNoInodes_IsBusy(t *testing.T) {
	t.Parallel()
	e := openWith(t, cache.Config{Dir: small(t, "size=8m,nr_inodes=40")})
	m := e.put(t, "x", "1.0.0", lodash)
	var err error
	for i := 0; err == nil && i < 60; i++ {
		err = os.WriteFile(e.path("tmp", fmt.Sprint("filler", i)), nil, 0o600)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_, err = e.Ingest(bytes.NewReader(tarball(t, fat(1))), cache.Tarball{Limits: wide, MaxBytes: 1 << 20})
	if !errors.Is(err, outcome.Busy) {
		t.Errorf("ingest: %v", err)
	}
	if err := e.Materialise(m, fileOf(t, m, "dist/a.js"), nil); !errors.Is(err, outcome.Busy) {
		t.Errorf("materialise: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := small(t, "size=8m")
	e := openWith(t, cache.Config{Dir: dir})
	m := e.put(t, "x", "1.0.0", lodash)
	e.show(t, m, "index.js")
	e.Close()
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, err := cache.Open(cache.Config{Dir: dir, Pub: "/lib/"})
	if !errors.Is(err, syscall.EROFS) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line", err)
	}
	wantFile(t, dir+"/www/lib/x/1.0.0/index.js", "module.exports = 1\n")
}
