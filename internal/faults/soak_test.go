//go:build soak

package faults_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/provider/providertest"
)

// duration is how long the mixed load runs.
func duration(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(os.Getenv("DURATION"))
	if err != nil || d < time.Minute {
		t.Fatalf("DURATION must be 1m or more, for less says nothing about growth: %v", err)
	}
	return d
}

// TestPowerLoss_Fault4 copies the block device of the data directory while
// everything is being written, and starts a daemon on the copy, which believes
// that the machine was started anew.
func TestPowerLoss_Fault4(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk")
	command(t, "truncate", "--size=256M", image)
	command(t, "mkfs.ext4", "-q", image)
	disk := loop(t, image, filepath.Join(dir, "mounted"))
	var pkgs []providertest.Package
	for i := range 30 {
		pkgs = append(pkgs, providertest.Generate("power", fmt.Sprintf("1.%d.0", i), 30, 2000))
	}
	r := start(t, e2e.Options{Data: filepath.Join(disk, "data"), Packages: pkgs, LogLevel: "info", Nginx: "  cache: {path: " + t.TempDir() + "}\n"})
	r.must("/lib/power/1.0.0/package.json", http.StatusOK)
	if a := r.Admin(http.MethodPost, "designate/power/1.0.0"); a.Status != http.StatusOK {
		t.Fatalf("designate: %d", a.Status)
	}
	var files []string
	for _, p := range pkgs {
		files = append(files, paths(p)...)
	}
	stop := r.clients(8, func(client, i int) string { return files[(client*131+i*7)%len(files)] })
	for round := range 5 {
		time.Sleep(300 * time.Millisecond)
		lost := filepath.Join(dir, fmt.Sprint("copy-", round))
		command(t, "cp", image, lost)
		r.onCopy(loop(t, lost, filepath.Join(dir, fmt.Sprint("mounted-", round))), files, r.Upstream.URL())
	}
	stop()
	r.nothingLost()
}

// onCopy starts a daemon on a copy of the disk and asks it for everything.
func (r *recorder) onCopy(disk string, files []string, upstream string) {
	r.t.Helper()
	data := filepath.Join(disk, "data")
	if err := os.WriteFile(filepath.Join(data, "state", "boot"), []byte(`{"boot":"another","clean":false}`), 0o600); err != nil {
		r.t.Fatal(err)
	}
	c := &recorder{t: r.t, want: r.want, seen: map[string]bool{}}
	c.Stack = e2e.Start(r.t, e2e.Options{Data: data, Registry: upstream, LogLevel: "info", Nginx: "  cache: {path: " + r.t.TempDir() + "}\n"})
	if target, err := os.Readlink(filepath.Join(data, "www/lib/power/main")); err != nil || target != "1.0.0" {
		r.t.Errorf("what main was set to is lost: %q %v", target, err)
	}
	for _, path := range files {
		c.must(path, http.StatusOK)
	}
	if out, err := c.Command("verify"); err != nil {
		r.t.Logf("verify on the copy mended something, as it may after a power loss: %v\n%s", err, tail(out))
		if out, err := c.Command("verify"); err != nil {
			r.t.Errorf("and once more: %v\n%s", err, out)
		}
	}
	c.StopDaemon()
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// loop mounts an image until the test ends.
func loop(t *testing.T, image, at string) string {
	t.Helper()
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, at).CombinedOutput(); err != nil {
		t.Skipf("no loss of power was tested: mounting needs root: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", at).Run() })
	return at
}

// TestLittleMemory_Fault8 gives the daemon a document of 100 MB and a bomb, and
// little room.
func TestLittleMemory_Fault8(t *testing.T) {
	p := some("held")
	r := start(t, e2e.Options{Packages: []providertest.Package{p, some("bomb")}, LogLevel: "info", Config: "limits: {document: 128MiB}\n"})
	r.StopDaemon()
	if !r.LaunchDaemon(testenv.Program(t, "prlimit"), "--as=2147483648") {
		t.Fatalf("it does not start:\n%s", tail(r.Log()))
	}
	r.must(paths(p)[0], http.StatusOK)
	idle := r.peak()
	document := `{"name":"big","dist-tags":{"latest":"1.0.0"},"readme":"` + strings.Repeat("long ", 20<<20) + `","versions":{}}`
	remove := r.Upstream.Fault(providertest.Document, "/big", providertest.Text(document))
	if a := r.Get("/lib/big/^1/x.js"); a.Status != http.StatusNotFound && a.Status != http.StatusBadGateway {
		t.Errorf("a document of 100 MB: %d", a.Status)
	}
	remove()
	r.Upstream.Fault(providertest.Tarball, "/bomb/-/bomb-1.0.0.tgz", providertest.Fault{Oversize: 1 << 30})
	if a := r.Get(paths(some("bomb"))[0]); a.Status != http.StatusBadGateway {
		t.Errorf("a bomb: %d", a.Status)
	}
	if mb := (r.peak() - idle) >> 10; mb > 128 {
		t.Errorf("%d MB above idle", mb)
	}
	r.nothingLost()
}

// TestInputOutputErrors_Fault10 lets every fifth write, synchronisation or
// opening fail, in turn.
func TestInputOutputErrors_Fault10(t *testing.T) {
	for _, call := range []string{"write", "pwrite64", "fsync", "fdatasync", "openat", "renameat", "mkdirat", "fchmodat", "utimensat"} {
		t.Run(call, func(t *testing.T) {
			var pkgs []providertest.Package
			for i := range 8 {
				pkgs = append(pkgs, providertest.Generate("broken", fmt.Sprintf("1.%d.0", i), 10, 2000))
			}
			r := start(t, e2e.Options{Packages: pkgs, LogLevel: "info"})
			r.must(paths(pkgs[0])[0], http.StatusOK)
			pid := itoa(r.Pid())
			inject := exec.Command(testenv.Program(t, "strace"), "-f", "-qq", "-p", pid, "-o", "/dev/null", "-e", "trace="+call, "--inject", call+":error=EIO:when=3+5")
			if err := inject.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond) // until it is attached
			for _, p := range pkgs {
				for _, path := range paths(p) {
					r.ask(path)
				}
			}
			_ = inject.Process.Signal(os.Interrupt)
			_ = inject.Wait()
			for _, p := range pkgs {
				for _, path := range paths(p) {
					r.heals(path)
				}
			}
			r.nothingLost()
			r.nothingStaged()
			if out, err := r.Command("verify"); err != nil {
				t.Errorf("verify: %v\n%s", err, tail(out))
			}
		})
	}
}

// sample is what must not grow.
type sample struct{ heap, goroutines, descriptors, staged float64 }

// TestMixedLoad_Fault39 runs everything at once, with one fault in a hundred
// answers, and holds the last quarter against the second.
func TestMixedLoad_Fault39(t *testing.T) {
	total := duration(t)
	var pkgs []providertest.Package
	for i := range 40 {
		pkgs = append(pkgs, providertest.Generate(fmt.Sprintf("mixed-%d", i%8), fmt.Sprintf("1.%d.0", i/8), 40, 2000))
	}
	r := start(t, e2e.Options{Packages: pkgs, Timeouts: quick, LogLevel: "warn", Config: "cachetime: 1s\nnegative_cachetime: 1s\n", Nginx: "  cache: {period: 1s}\n"})
	var files []string
	for _, p := range pkgs {
		files = append(files, paths(p)...)
	}
	var requests atomic.Int64
	r.Upstream.Before(func(*http.Request) {
		if requests.Add(1)%100 == 0 {
			panic(http.ErrAbortHandler)
		}
	})
	stop := r.clients(16, func(client, i int) string {
		switch i % 10 {
		case 0:
			return fmt.Sprintf("/lib/mixed-%d/^1/package.json", client%8)
		case 1:
			return fmt.Sprintf("/lib/absent-%d/1.0.0/x.js", i)
		case 2:
			return fmt.Sprintf("/lib/mixed-%d/latest/", client%8)
		}
		return files[rand.IntN(len(files))]
	})
	var samples []sample
	for begin := time.Now(); time.Since(begin) < total; time.Sleep(total / 400) {
		n := len(samples)
		r.Admin(http.MethodPost, fmt.Sprintf("flush/mixed-%d", n%8))
		if n%5 == 0 {
			r.Admin(http.MethodDelete, fmt.Sprintf("packages/mixed-%d/1.%d.0", n%8, n%5))
		}
		if n%10 == 0 {
			r.Reload()
		}
		samples = append(samples, r.sample())
	}
	stop()
	r.nothingLost()
	quarter := len(samples) / 4
	before, after := mean(samples[quarter:2*quarter]), mean(samples[3*quarter:])
	t.Logf("%d samples; second quarter %+v, last quarter %+v", len(samples), before, after)
	for what, pair := range map[string][2]float64{
		"heap": {before.heap, after.heap}, "goroutines": {before.goroutines, after.goroutines},
		"descriptors": {before.descriptors, after.descriptors}, "staged files": {before.staged + 20, after.staged + 20},
	} {
		if pair[1] > pair[0]*1.05+1 {
			t.Errorf("%s grow from %.1f to %.1f", what, pair[0], pair[1])
		}
	}
	if out, err := r.Command("verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, tail(out))
	}
}

func (r *recorder) sample() sample {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.Data, "tmp"))
	if err != nil {
		r.t.Fatal(err)
	}
	return sample{
		heap: r.Metric("go_memstats_heap_inuse_bytes") / (1 << 20), goroutines: r.Metric("go_goroutines"),
		descriptors: r.Metric("process_open_fds"), staged: float64(len(entries)),
	}
}

func mean(samples []sample) (m sample) {
	n := float64(len(samples))
	for _, s := range samples {
		m.heap += s.heap / n
		m.goroutines += s.goroutines / n
		m.descriptors += s.descriptors / n
		m.staged += s.staged / n
	}
	return m
}
