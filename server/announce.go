package server

import (
	"fmt"
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/provider"
)

// announce says what is in force: a block of lines for a person, one record
// where logs are read by machines.
func (s *Server) announce(c *config.Config) {
	lines := s.inForce(c)
	if s.logging.shared.asJSON.Load() {
		s.log.Info("started", "in_force", lines)
		return
	}
	fmt.Fprintf(s.options.Stderr, "registryd %s\n", s.options.Version)
	for _, line := range lines {
		fmt.Fprintf(s.options.Stderr, "  %s\n", line)
	}
}

func (s *Server) inForce(c *config.Config) []string {
	g := s.current()
	addresses := make([]string, len(c.Listen))
	for i, a := range c.Listen {
		addresses[i] = a.String()
	}
	file := c.File
	if file == "" {
		file = "none, defaults are in force"
	}
	lines := []string{
		"configuration  " + file,
		"listening on   " + strings.Join(addresses, ", "),
		"packages at    " + c.Root.Pub + " (" + delivery(c) + ")",
		"data in        " + c.Root.FS,
	}
	for _, e := range g.registry.Chain.Entries() {
		lines = append(lines, "provider       "+describeEntry(e))
	}
	lines = append(lines, "rules          "+rulesLine(c.Policy), "admin          "+adminLine(c.Admin))
	if s.cache.Recovered() {
		lines = append(lines, "recovered      the machine went down without a clean stop: the view was set aside and fills again")
	}
	for name, p := range map[string]*config.Prefixed{"components": c.Components, "modules": c.Modules} {
		if p != nil {
			g.notes = append(g.notes, name+": this version routes the prefix "+p.Prefix+" in nginx and serves nothing there")
		}
	}
	if c.Offline {
		lines = append(lines, "offline        nothing is asked upstream")
	}
	for _, note := range g.notes {
		lines = append(lines, "note           "+note)
	}
	return lines
}

func delivery(c *config.Config) string {
	if c.Accel == "nginx" {
		return "nginx sends the files, by way of " + c.Root.Internal
	}
	return "files are sent by this daemon"
}

// describeEntry names a provider and where it gets packages from.
func describeEntry(e provider.Entry) string {
	text := e.Provider.Name()
	switch p := e.Provider.(type) {
	case interface{ Registry() string }:
		text += " at " + p.Registry()
	case interface{ Path() string }:
		text += " at " + p.Path()
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
