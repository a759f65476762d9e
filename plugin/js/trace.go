package js

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sourcemap/sourcemap"
)

// frame is one line of a trace: what it says of the function, line and column.
var frame = regexp.MustCompile(`^\s*at (.*?) ?\(?<eval>:(\d+):(\d+)\)?$`)

// tracer turns places in a bundle into places of its author's files.
type tracer struct{ m *sourcemap.Consumer }

// newTracer reads a source map. Without one that can be read, traces have no places.
func newTracer(data []byte) *tracer {
	m, err := sourcemap.Parse("", data)
	if err != nil {
		return &tracer{}
	}
	return &tracer{m}
}

// causes is what the runtime writes before the trace of what caused an error.
const causes = "caused by "

// stack maps a trace; the runtime's own frames are left out.
func (t *tracer) stack(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if f, ok := t.frame(line); ok && f != "" {
			out = append(out, f)
		} else if strings.HasPrefix(line, causes) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// text maps the traces in a text, and leaves the rest of it as it is.
func (t *tracer) text(s string) string {
	var out strings.Builder
	for line := range strings.Lines(s) {
		f, ok := t.frame(strings.TrimSpace(line))
		switch {
		case !ok:
			out.WriteString(line)
		case f != "":
			out.WriteString("    " + f + "\n")
		}
	}
	return strings.TrimRight(out.String(), "\n")
}

// frame maps one line of a trace; ok is false for what is none, and the result empty for what no author wrote.
func (t *tracer) frame(line string) (mapped string, ok bool) {
	m := frame.FindStringSubmatch(line)
	if m == nil {
		return "", strings.HasPrefix(line, "at ") && strings.HasSuffix(line, " (native)")
	}
	row, _ := strconv.Atoi(m[2])
	col, _ := strconv.Atoi(m[3])
	if place := t.place(row-firstLine-1, col-1); place != "" {
		mapped = strings.Join(strings.Fields(fmt.Sprintf("at %s (%s)", m[1], place)), " ")
	}
	return mapped, true
}

// maxMapped bounds the texts whose traces are mapped: nobody can interrupt it, and a line of the log is far shorter.
const maxMapped = 64 << 10

// mapped maps the traces in a text that the code of the program logs.
func (p *program) mapped(text string) string {
	if len(text) > maxMapped || !strings.Contains(text, "<eval>:") {
		return text
	}
	return p.trace().text(text)
}

// place returns "file:line:column", or nothing for what no author wrote.
func (t *tracer) place(row, col int) string {
	if t.m == nil || row < 1 {
		return ""
	}
	file, _, line, column, ok := t.m.Source(row, col)
	if !ok || strings.HasPrefix(file, hostNamespace+":") {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", file, line, column+1)
}
