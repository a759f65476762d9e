package daemon

import (
	"fmt"
	"net"
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/worker"
	"github.com/registryd/registryd/provider"
)

// announce says what is in force: a block of lines for a person, one record
// where logs are read by machines.
func (s *Server) announce(listeners []net.Listener) {
	lines := s.inForce(listeners)
	if s.logging.shared.asJSON.Load() {
		s.log.Info("started", "version", s.options.Version, "in_force", lines)
		return
	}
	block := "registryd " + s.options.Version + "\n  " + strings.Join(lines, "\n  ") + "\n"
	_, _ = s.logging.shared.out.Write([]byte(block)) // standard error is closed: nobody reads it
}

func (s *Server) inForce(listeners []net.Listener) []string {
	g := s.current()
	c := g.config
	file := c.File
	if file == "" {
		file = "none, defaults are in force"
	}
	lines := []string{
		"configuration  " + file,
		"listening on   " + strings.Join(addresses(listeners), ", "),
		"packages at    " + c.Root.Pub + " (" + delivery(c) + ")",
		"data in        " + c.Root.FS,
	}
	for _, e := range g.registry.Chain.Entries() {
		lines = append(lines, "provider       "+describeEntry(e, c.Providers))
	}
	lines = append(lines, "rules          "+rulesLine(c.Policy), "admin          "+adminLine(c.Admin))
	if text := workerLine(c); text != "" {
		lines = append(lines, "nginx worker   "+text)
	}
	if text := s.budgetLine(c); text != "" {
		lines = append(lines, "budget         "+text)
	}
	if s.cache.Recovered() {
		lines = append(lines, "recovered      the machine went down without a clean stop: the view was set aside and fills again")
	}
	if c.Offline {
		lines = append(lines, "offline        nothing is asked upstream")
	}
	lines = append(lines, s.pluginLines(g)...)
	lines = append(lines, s.moduleLines(g)...)
	for _, note := range g.notes {
		lines = append(lines, "note           "+note)
	}
	for _, warning := range Warnings(c) {
		lines = append(lines, "warning        "+warning)
	}
	return lines
}

// addresses are those that are listened on; a port that was left to the system
// has its number.
func addresses(listeners []net.Listener) []string {
	list := make([]string, len(listeners))
	for i, l := range listeners {
		a := l.Addr()
		list[i] = config.Address{Network: a.Network(), Address: a.String()}.String()
	}
	return list
}

func delivery(c *config.Config) string {
	if c.Accel == "nginx" {
		return "nginx sends the files, by way of " + c.Root.Internal
	}
	return "files are sent by this daemon"
}

// describeEntry names a provider and where it gets packages from.
func describeEntry(e provider.Entry, configured []config.Provider) string {
	text := e.Provider.Name()
	if p, ok := e.Provider.(interface{ Registry() string }); ok {
		text += " at " + p.Registry()
	}
	for _, p := range configured {
		if p.Name == e.Provider.Name() && p.Dir.Path != "" {
			text += " at " + p.Dir.Path
		}
	}
	if len(e.Names) > 0 {
		owned := make([]string, len(e.Names))
		for i, n := range e.Names {
			owned[i] = n.String()
		}
		text += ", owns " + strings.Join(owned, " ")
	}
	return text
}

// workerLine says that nginx will see the files; that it will not is a warning.
func workerLine(c *config.Config) string {
	name := workerUser(c)
	switch {
	case c.Accel != "nginx" || hindrance(c) != "":
		return ""
	case !worker.Known(name):
		return "user " + name + " is not known here: whether it can enter the view cannot be told"
	}
	return "user " + name + " can enter the view"
}

func rulesLine(p config.Policy) string {
	text := fmt.Sprintf("%d, otherwise %s", len(p.Rules), p.Default)
	if p.Conceal {
		text += ", what is denied looks absent"
	}
	return text
}

func adminLine(a *config.Admin) string {
	if a == nil || len(a.Tokens) == 0 {
		return "off: no token is configured"
	}
	return fmt.Sprintf("%s, %d token(s)", a.Prefix, len(a.Tokens))
}
