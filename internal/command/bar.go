package command

import (
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows on a terminal how far a command is; elsewhere it shows nothing, and
// the lines that the command prints tell. The zero value shows nothing.
type bar struct{ p *progressbar.ProgressBar }

// bar returns one for n steps.
func (o *settings) bar(n int) bar {
	f, ok := o.streams.Err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return bar{}
	}
	return bar{progressbar.NewOptions(n, progressbar.OptionSetWriter(f), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())}
}

// at shows what is being worked on. A bar that cannot be drawn does not matter.
func (b bar) at(what string) {
	if b.p != nil {
		b.p.Describe(what)
		_ = b.p.Add(1)
	}
}

// clear makes room for lines.
func (b bar) clear() {
	if b.p != nil {
		_ = b.p.Clear()
	}
}

// end leaves nothing of the bar.
func (b bar) end() {
	if b.p != nil {
		_ = b.p.Finish()
		_ = b.p.Clear()
	}
}
