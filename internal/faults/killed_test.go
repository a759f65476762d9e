package faults_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/provider/providertest"
)

func TestKilledDuringDownload_Fault1(t *testing.T) {
	t.Parallel()
	p := some("half")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}})
	never := make(chan struct{})
	defer close(never)
	remove := r.Upstream.Fault(providertest.Tarball, "", providertest.Fault{Stall: never})
	path := paths(p)[0]
	answered := make(chan int)
	go func() { answered <- r.ask(path) }()
	r.Upstream.Await(providertest.Tarball, "", 1)
	r.KillDaemon()
	if status := <-answered; status != http.StatusBadGateway {
		t.Errorf("the client that waited: %d", status)
	}
	remove()
	r.StartDaemon()
	r.must(path, http.StatusOK)
	r.nothingStaged()
	if n := r.Upstream.Count(providertest.Tarball, ""); n != 2 {
		t.Errorf("%d tarballs were fetched, want the half one and one more", n)
	}
}

// killRounds is how often the daemon is killed.
const killRounds = 200

// TestKilledAtAnyMoment_Fault2_Gate12 kills the daemon with -9 at random moments
// while clients ask for everything: cold packages of many files, hits, ranges,
// metadata, what does not exist. No answer is ever wrong; afterwards nothing is
// missing, nothing is left over, and verify finds nothing.
func TestKilledAtAnyMoment_Fault2_Gate12(t *testing.T) {
	t.Parallel()
	rounds := killRounds
	if testing.Short() {
		rounds = 10
	}
	var pkgs []providertest.Package
	for i := range rounds/2 + 1 { // always something that is not held yet
		pkgs = append(pkgs, providertest.Generate("kill", fmt.Sprintf("1.%d.0", i), 40, 4000))
	}
	pkgs = append(pkgs, providertest.Generate("large", "1.0.0", 4000, 200))
	r := start(t, e2e.Options{Packages: pkgs, LogLevel: "info"})
	all := make([][]string, len(pkgs))
	for i, p := range pkgs {
		all[i] = paths(p)
	}
	var round int
	other := []string{"/lib/kill/^1/package.json", "/lib/kill/1.0.0/?meta", "/lib/kill/1.0.0/absent.js", "/lib/kill/main/package.json", "/lib/nobody/1.0.0/x.js"}
	stop := r.clients(8, func(client, i int) string {
		random := rand.IntN(10)
		switch {
		case random == 0:
			return other[rand.IntN(len(other))]
		case client == 0:
			return all[len(all)-1][rand.IntN(4000)]
		}
		files := all[rand.IntN(len(all)-1)]
		return files[rand.IntN(len(files))]
	})
	for ; round < rounds && !t.Failed(); round++ {
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		r.KillDaemon()
		r.StartDaemon()
	}
	stop()
	r.nothingLost()
	for i := range all {
		r.must(all[i][0], http.StatusOK)
	}
	r.nothingStaged()
	if out, err := r.Command("verify"); err != nil {
		t.Errorf("verify after %d rounds: %v\n%s", round, err, tail(out))
	}
}

// TestKilledAroundRenames_Fault3 kills the daemon at its first rename, its
// second, and so on, until it survives everything that is asked of it.
func TestKilledAroundRenames_Fault3(t *testing.T) {
	t.Parallel()
	strace := testenv.Program(t, "strace")
	p, q := some("first"), some("second")
	r := start(t, e2e.Options{Packages: []providertest.Package{p, q}, LogLevel: "info"})
	everything := append(paths(p), paths(q)...)
	const most = 120
	survived := false
	for n := 1; n <= most && !survived; n++ {
		r.StopDaemon()
		// Each round begins cold, or the renames of the first release would be the last ones.
		if err := os.RemoveAll(r.Data); err != nil {
			t.Fatal(err)
		}
		ready := r.LaunchDaemon(strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2",
			"--inject", fmt.Sprintf("rename,renameat,renameat2:signal=KILL:when=%d", n))
		if ready {
			for _, path := range everything[:3] {
				r.ask(path)
			}
			r.ask(everything[len(everything)-1])
			r.ask("/lib/first/main/package.json")
		}
		survived = ready && r.alive()
		t.Logf("rename %d: ready %t, survived %t", n, ready, survived)
		if survived {
			break
		}
		<-r.Ended()
		r.StartDaemon()
		for _, path := range []string{everything[0], everything[2], everything[len(everything)-1]} {
			r.must(path, http.StatusOK)
		}
		r.nothingLost()
		r.nothingStaged()
		if out, err := r.Command("verify"); err != nil {
			t.Fatalf("killed at rename %d, verify: %v\n%s", n, err, tail(out))
		}
	}
	if !survived {
		t.Errorf("still killed at rename %d", most)
	}
}

// alive tells whether the daemon runs a moment later.
func (r *recorder) alive() bool {
	select {
	case <-r.Ended():
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}
