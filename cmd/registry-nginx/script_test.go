package main_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	main "github.com/registryd/registryd/cmd/registry-nginx"
	"github.com/registryd/registryd/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"registry-nginx": func() { os.Exit(main.Run(os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr})) },
	})
}

// TestScripts runs the command as a user does.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(cond string) (bool, error) {
			if cond != "nginx" {
				return false, nil
			}
			_, err := exec.LookPath(main.UsualNginx(main.SystemDirs...))
			return err == nil, nil
		},
	})
}
