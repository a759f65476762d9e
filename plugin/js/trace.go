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

// stack maps a trace; the runtime's own frames are left out.
func (t *tracer) stack(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		m := frame.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		row, _ := strconv.Atoi(m[2])
		col, _ := strconv.Atoi(m[3])
		if place := t.place(row-firstLine-1, col-1); place != "" {
			out = append(out, strings.TrimSpace(fmt.Sprintf("    at %s (%s)", strings.TrimSpace(m[1]), place)))
		}
	}
	return strings.Join(out, "\n")
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
