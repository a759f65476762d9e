package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/plugintest"
)

// beDaemon is a daemon that starts a plugin which does not care for its standard input, prints its process, and waits.
func beDaemon() {
	path, err := os.Executable()
	if err == nil {
		err = runDeaf(path)
	}
	fmt.Println(err)
	os.Exit(1)
}

func runDeaf(path string) error {
	src := plugin.Source{Dir: os.TempDir(), Manifest: plugin.Manifest{
		Name: "deaf", Engine: plugin.EngineProcess, Command: []string{path, "deaf"}, Limits: plugin.DefaultLimits(),
	}}
	p, err := engine().Load(context.Background(), src, plugintest.NewHost())
	if err != nil {
		return err
	}
	i, err := p.Start(context.Background())
	if err != nil {
		return err
	}
	pid, err := i.Call(context.Background(), "pid")
	if err != nil {
		return err
	}
	fmt.Println(string(pid))
	select {}
}

// running reports whether a process exists that is more than the record of its end.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// Fault 32: a daemon that is killed takes its processes along, also one that does not look at its standard input.
func TestProcess_EndsWithTheDaemon_Fault32(t *testing.T) {
	t.Parallel()
	daemon := exec.Command(self(t))
	daemon.Env = append(os.Environ(), "REGISTRYD_TEST_DAEMON=1")
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid := strings.Trim(strings.TrimSpace(line), `"`)
	killed := errors.Join(err, daemon.Process.Signal(syscall.SIGKILL))
	_ = daemon.Wait() // it was killed
	if killed != nil || pid == "" || strings.ContainsAny(pid, " :") {
		t.Fatalf("the daemon said %q: %v", line, killed)
	}
	for deadline := time.Now().Add(30 * time.Second); running(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %s outlived the daemon", pid)
		}
	}
}
