package faults_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/provider/providertest"
)

// mounted is a directory on a file system of its own. It is not the data
// directory itself, which a daemon must be able to make.
func mounted(t *testing.T, options string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "registryd-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's worker must get through
		t.Fatal(err)
	}
	testenv.Tmpfs(t, dir, "mode=0755,"+options)
	return dir
}

func remount(t *testing.T, dir, options string, flags uintptr) {
	t.Helper()
	var err error
	eventually(t, "it cannot be mounted again", func() bool { // busy while a file is open for writing
		err = syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|flags, options)
		return !errors.Is(err, syscall.EBUSY)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// busy wants 503 for each path, which the recorder holds against Retry-After.
func (r *recorder) busy(paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		r.must(path, http.StatusServiceUnavailable)
	}
}

func TestDiskFull_Fault5(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ small, large string }{
		"bytes":  {"size=8m", "size=64m"},
		"inodes": {"size=64m,nr_inodes=48", "size=64m,nr_inodes=4000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := mounted(t, c.small)
			held, big := some("held"), noise("big", "1.0.0", 9<<20)
			many := providertest.Generate("many", "1.0.0", 60, 10)
			r := start(t, e2e.Options{
				Data: filepath.Join(disk, "data"), Packages: []providertest.Package{held, big, many},
				Nginx: "  cache: {path: " + t.TempDir() + "}\n",
			})
			hit := paths(held)[0]
			r.must(hit, http.StatusOK)
			if name == "bytes" {
				r.busy("/lib/big/1.0.0/big.bin", "/lib/big/1.0.0/package.json")
			} else {
				full := false
				for _, path := range paths(many) {
					full = full || r.ask(path) == http.StatusServiceUnavailable
				}
				if !full {
					t.Fatal("it never became full")
				}
			}
			r.must(hit, http.StatusOK)
			r.nothingStaged()
			if log := r.Log(); !strings.Contains(log, "no space left on device") {
				t.Errorf("the log does not say what is the matter:\n%s", tail(log))
			}
			remount(t, disk, c.large, 0)
			r.heals("/lib/big/1.0.0/big.bin")
			for _, path := range paths(many) {
				r.heals(path)
			}
			r.nothingLost()
		})
	}
}

func TestFilesTooLarge_Fault6(t *testing.T) {
	t.Parallel()
	prlimit := testenv.Program(t, "prlimit")
	held, big := some("held"), noise("big", "1.0.0", 3<<20)
	r := start(t, e2e.Options{Packages: []providertest.Package{held, big}})
	r.must(paths(held)[0], http.StatusOK)
	r.StopDaemon()
	if !r.LaunchDaemon(prlimit, "--fsize=1048576") {
		t.Fatalf("it does not start with small files only:\n%s", tail(r.Log()))
	}
	r.busy("/lib/big/1.0.0/big.bin", "/lib/big/1.0.0/package.json")
	r.must(paths(held)[1], http.StatusOK)
	r.nothingStaged()
	if !r.alive() {
		t.Fatal("a signal ended it")
	}
	r.StopDaemon()
	r.StartDaemon()
	r.must("/lib/big/1.0.0/big.bin", http.StatusOK)
	r.nothingLost()
}

func TestReadOnlyDisk_Fault9(t *testing.T) {
	t.Parallel()
	disk := mounted(t, "size=64m")
	held, cold := some("held"), some("cold")
	r := start(t, e2e.Options{
		Data: filepath.Join(disk, "data"), Packages: []providertest.Package{held, cold},
		Nginx: "  cache: {path: " + t.TempDir() + "}\n",
	})
	hit := paths(held)[0]
	r.must(hit, http.StatusOK)
	remount(t, disk, "size=64m", syscall.MS_RDONLY)
	r.must(hit, http.StatusOK)
	r.busy(paths(cold)[0], paths(held)[1])
	r.StopDaemon()
	before := len(r.Log())
	if r.LaunchDaemon() {
		t.Error("it starts on a disk that it cannot write to")
	}
	<-r.Ended()
	said := strings.TrimSpace(r.Log()[before:])
	if strings.Count(said, "\n") != 0 || !strings.Contains(said, "read-only file system") {
		t.Errorf("it says, instead of one clear line:\n%s", said)
	}
	remount(t, disk, "size=64m", 0)
	r.StartDaemon()
	r.must(paths(cold)[0], http.StatusOK)
	r.nothingLost()
}

// TestOutOfDescriptors_Fault7 lets far more clients in than the daemon has file
// descriptors.
func TestOutOfDescriptors_Fault7(t *testing.T) {
	t.Parallel()
	prlimit := testenv.Program(t, "prlimit")
	held := providertest.Generate("held", "1.0.0", 500, 100)
	r := start(t, e2e.Options{Packages: []providertest.Package{held, some("cold")}, LogLevel: "info"})
	files := paths(held)
	r.must(files[0], http.StatusOK)
	r.StopDaemon()
	if !r.LaunchDaemon(prlimit, "--nofile=64") {
		t.Fatalf("it does not start:\n%s", tail(r.Log()))
	}
	statuses := make(chan int, len(files))
	for _, path := range files[1:] {
		go func() { statuses <- r.ask(path) }()
	}
	r.must(files[0], http.StatusOK) // a hit
	good := 0
	for range files[1:] {
		if <-statuses == http.StatusOK {
			good++
		}
	}
	if good == 0 {
		t.Error("nobody got anything")
	}
	eventually(t, "idle, and still it spends 8 of 10 ticks", func() bool {
		before := cpu(t, r.Pid())
		r.alive() // a moment
		return cpu(t, r.Pid())-before <= 8
	})
	r.heals(paths(some("cold"))[0])
	r.nothingLost()
}

// cpu is what a process has used, in ticks of 10 ms.
func cpu(t *testing.T, pid int) (ticks int) {
	t.Helper()
	out, err := exec.Command("awk", `{print $14+$15}`, filepath.Join("/proc", itoa(pid), "stat")).Output()
	if err != nil {
		t.Fatal(err)
	}
	return atoi(t, strings.TrimSpace(string(out)))
}
