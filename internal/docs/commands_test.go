package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// listed returns the commands that a program's help names.
func listed(t *testing.T, program string) map[string]bool {
	t.Helper()
	help, code := run(t, program, "--help")
	if code != 0 {
		t.Fatalf("%s --help: exit code %d", program, code)
	}
	_, rest, ok := strings.Cut(help, "Available Commands:\n")
	if !ok {
		t.Fatalf("%s --help lists no commands:\n%s", program, help)
	}
	list, _, _ := strings.Cut(rest, "\n\n")
	return matches(`(?m)^  ([a-z-]+) `, list+"\n")
}

func TestCommandsInReadme(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, row := range commandTable(t) {
		table.WriteString(row[0] + "\n")
	}
	for program, atLeast := range map[string]int{"registryd": 8, "registry-nginx": 1} {
		exist := listed(t, program)
		documented := matches(`(?m)^`+program+` ([a-z-]+)\b`, table.String())
		for name := range exist {
			// cobra's own, of which one mention is enough.
			if name != "help" && !(program == "registry-nginx" && name == "completion") && !documented[name] {
				t.Errorf("%s %s exists and README.md does not list it", program, name)
			}
		}
		for name := range documented {
			if !exist[name] && !strings.HasPrefix(name, "-") {
				t.Errorf("README.md lists %s %s, which does not exist", program, name)
			}
		}
		if len(documented) < atLeast {
			t.Errorf("only %d commands of %s were found in README.md", len(documented), program)
		}
	}
}

// commandTable is the table of commands.
func commandTable(t *testing.T) [][]string {
	t.Helper()
	return table(t, read(t, "README.md"), "command", "does")
}

// call is one use of a program in a document.
type call struct {
	where   string
	program string
	words   []string
}

// mention finds the programs at the beginning of a command or of a piece of
// code in the text.
var mention = regexp.MustCompile("(?:^|[`;&|(']|\\$\\(|sudo |[A-Z_]+=\\S+ )\\s*(?:go run \\./cmd/|bin/|/usr/local/bin/)?(registryd|registry-nginx)((?: [^`;|>)&']*)?)")

// calls returns every use of our programs, in shell blocks, in code and in the unit.
func calls(t *testing.T) []call {
	t.Helper()
	var all []call
	add := func(where, text string) {
		for _, m := range mention.FindAllStringSubmatch(text, -1) {
			if words := strings.Fields(m[2]); len(words) > 0 {
				all = append(all, call{where, m[1], words})
			}
		}
	}
	for _, name := range documents() {
		text := read(t, name)
		for _, b := range blocks(text, "sh") {
			for line := range strings.Lines(b.text) {
				add(name, strings.TrimSpace(line))
			}
		}
		for code := range matches("(`[^`\n]+`)", text) {
			add(name, code)
		}
	}
	for _, file := range []string{unitFile, verifyFile} {
		for line := range strings.Lines(read(t, file)) {
			if name, command, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "Exec") {
				add(file, strings.TrimLeft(strings.TrimSpace(command), "-+!"))
			}
		}
	}
	return all
}

func TestCallsMakeSense(t *testing.T) {
	t.Parallel()
	commands := map[string]map[string]bool{"registryd": listed(t, "registryd"), "registry-nginx": listed(t, "registry-nginx")}
	all := calls(t)
	if len(all) < 15 {
		t.Fatalf("only %d calls were found in the documents", len(all))
	}
	for _, c := range all {
		help := []string{"--help"}
		if !strings.HasPrefix(c.words[0], "-") {
			if !commands[c.program][c.words[0]] {
				t.Errorf("%s: %s has no command %q", c.where, c.program, c.words[0])
				continue
			}
			help = []string{c.words[0], "--help"}
		}
		text := helpOf(t, c.program, help...)
		for _, word := range c.words {
			flag, _, _ := strings.Cut(word, "=")
			if strings.HasPrefix(flag, "-") && !hasFlag(text, flag) {
				t.Errorf("%s: %s %s has no flag %s", c.where, c.program, strings.Join(c.words, " "), flag)
			}
		}
	}
}

// TestFlagsInText checks flags that stand alone in the text: those of the table
// of commands by their row, others by any command.
func TestFlagsInText(t *testing.T) {
	t.Parallel()
	every := ""
	for program, help := range map[string]map[string]bool{"registryd": listed(t, "registryd"), "registry-nginx": listed(t, "registry-nginx")} {
		root, _ := run(t, program, "--help")
		every += root
		for name := range help {
			every += helpOf(t, program, name, "--help")
		}
	}
	found := 0
	check := func(where, text, help string) {
		for flag := range matches("`(--?[a-z][a-z-]*)", text) {
			found++
			if !hasFlag(help, flag) {
				t.Errorf("%s: there is no flag %s", where, flag)
			}
		}
	}
	for _, name := range documents() {
		check(name, prose(read(t, name)), every)
	}
	for line := range strings.Lines(read(t, "README.md")) {
		if m := regexp.MustCompile("^\\| `(registryd|registry-nginx) ([^\\s`]+)").FindStringSubmatch(line); m != nil {
			args := []string{m[2], "--help"}
			if m[2][0] == '-' { // the program itself
				args = args[1:]
			}
			text := helpOf(t, m[1], args...)
			check("the row of "+m[1]+" "+m[2], line, text)
		}
	}
	if found < 10 {
		t.Errorf("only %d flags were found", found)
	}
}

// helpOf is a help text, and those of the commands that stand below a command.
func helpOf(t *testing.T, program string, args ...string) string {
	t.Helper()
	text, _ := run(t, program, args...)
	_, rest, ok := strings.Cut(text, "Available Commands:\n")
	if args[0] == "--help" || !ok {
		return text
	}
	list, _, _ := strings.Cut(rest, "\n\n")
	for name := range matches(`(?m)^  ([a-z-]+) `, list+"\n") {
		below, _ := run(t, program, args[0], name, "--help")
		text += below
	}
	return text
}

// hasFlag reports whether a help text lists a flag.
func hasFlag(help, flag string) bool {
	return regexp.MustCompile(`(?m)^\s+(?:-\w, )?`+regexp.QuoteMeta(flag)+`\b`).MatchString(help) ||
		regexp.MustCompile(`(?m)^\s+`+regexp.QuoteMeta(flag)+`, --`).MatchString(help)
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		code int
	}{
		"done":            {[]string{"check-config", "-c", "sample/registryd.yaml"}, 0},
		"failed":          {[]string{"check-config", "-c", "sample/none.yaml"}, 1},
		"unknown command": {[]string{"frobnicate"}, 2},
		"unknown flag":    {[]string{"serve", "--frobnicate"}, 2},
		"no argument":     {[]string{"resolve"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, code := run(t, "registryd", tt.args...); code != tt.code {
				t.Errorf("exit code %d, want %d\n%s", code, tt.code, out)
			}
		})
	}
}

func TestMakeTargets(t *testing.T) {
	t.Parallel()
	targets := matches(`(?m)^([a-z]+):.*## `, read(t, "Makefile"))
	if len(targets) < 5 {
		t.Fatalf("only %d targets were found in the Makefile", len(targets))
	}
	for _, name := range documents() {
		text := read(t, name)
		for target := range matches("`make ([a-z]+)`", text) {
			if !targets[target] {
				t.Errorf("%s speaks of make %s, which the Makefile does not have", name, target)
			}
		}
		for _, b := range blocks(text, "sh") {
			for target := range matches(`(?m)^(?:sudo )?make ([a-z]+)`, b.text) {
				if !targets[target] {
					t.Errorf("%s runs make %s, which the Makefile does not have", name, target)
				}
			}
		}
	}
	listed := matches("(?m)^\\| `make ([a-z]+)`", read(t, "CONTRIBUTING.md"))
	for target := range targets {
		if !listed[target] {
			t.Errorf("CONTRIBUTING.md does not list make %s", target)
		}
	}
}
