package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// root is the top of the source tree.
const root = "../.."

// documents are those for people, relative to the top.
func documents() []string {
	return []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "deploy/README.md", "sample/README.md"}
}

func read(tb testing.TB, name string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// bin is where TestMain puts both programs. It is set before any test runs.
var bin string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "registryd-docs-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	// As scripts/dist.sh builds, so that nothing is compiled twice.
	build := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "./cmd/registryd", "./cmd/registry-nginx")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%w\n%s", err, out)
	}
	bin = dir
	return m.Run(), nil
}

// block is one fenced block of a document.
type block struct {
	line int // of its fence
	text string
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []block {
	var found []block
	inside, wanted := false, false
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case inside && line == "```":
			inside = false
		case inside && wanted:
			found[len(found)-1].text += line + "\n"
		case inside:
		case isFence:
			inside, wanted = true, fence == language
			if wanted {
				found = append(found, block{line: i + 1})
			}
		}
	}
	return found
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	got := blocks("a\n```sh\none\n```\n```\n```sh\nnot\n```\nb\n```yaml\nk: v\n```\n```sh\ntwo\n\nthree\n```\n", "sh")
	if len(got) != 2 || got[0] != (block{2, "one\n"}) || got[1].text != "two\n\nthree\n" {
		t.Errorf("got %+v", got)
	}
}

// table returns the rows below the header that begins with the given cell,
// cell by cell, without the marks of code.
func table(tb testing.TB, text string, header ...string) [][]string {
	tb.Helper()
	var rows [][]string
	inside := false
	for line := range strings.Lines(text) {
		cells, ok := cells(line)
		switch {
		case inside && !ok:
			return rows
		case inside && strings.HasPrefix(cells[0], "---"):
		case inside:
			rows = append(rows, cells)
		case ok && len(cells) >= len(header):
			inside = strings.Join(cells[:len(header)], "|") == strings.Join(header, "|")
		}
	}
	if !inside {
		tb.Fatalf("there is no table with the header %q", header)
	}
	return rows
}

func cells(line string) ([]string, bool) {
	line = strings.TrimSpace(line)
	if len(line) < 2 || line[0] != '|' || line[len(line)-1] != '|' {
		return nil, false
	}
	parts := strings.Split(line[1:len(line)-1], "|")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), "`")
	}
	return parts, true
}

// matches returns the first group of every match, each once.
func matches(re, text string) map[string]bool {
	set := map[string]bool{}
	for _, m := range regexp.MustCompile(re).FindAllStringSubmatch(text, -1) {
		set[m[1]] = true
	}
	return set
}

// helps are the help texts that were asked for already, by command line: a
// sync.OnceValues each.
var helps sync.Map

// run runs one of the programs at the top of the tree and returns all it said
// and its exit code. For help it is run once.
func run(tb testing.TB, program string, args ...string) (string, int) {
	tb.Helper()
	if len(args) == 0 || args[len(args)-1] != "--help" {
		return execute(tb, program, args...)
	}
	once, _ := helps.LoadOrStore(program+" "+strings.Join(args, " "), sync.OnceValues(func() (string, int) { return execute(tb, program, args...) }))
	return once.(func() (string, int))()
}

func execute(tb testing.TB, program string, args ...string) (string, int) {
	tb.Helper()
	cmd := exec.Command(filepath.Join(bin, program), args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		tb.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
