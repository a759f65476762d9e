package daemon

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/provider"
)

// Providers build the providers of types that are not built in, by type.
type Providers map[string]provider.Factory

// typeName is how a provider's type may look.
var typeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// Check looks for mistakes of whoever wrote the program. Errors: plain ones.
func (p Providers) Check() error {
	for _, t := range p.Types() {
		switch {
		case !typeName.MatchString(t):
			return fmt.Errorf("%q cannot be a type of providers: it takes lower case letters, digits and dashes", t)
		case slices.Contains(config.ProviderTypes(), t):
			return fmt.Errorf("%s is a type of providers that is built in: choose another name", t)
		case p[t] == nil:
			return fmt.Errorf("the type %s of providers has no factory", t)
		}
	}
	return nil
}

// Types returns the types in alphabetical order.
func (p Providers) Types() []string { return slices.Sorted(maps.Keys(p)) }

// ownProvider builds a provider of a type that Options.Providers adds. Its
// factory is not ours: one that panics must not end a daemon that reloads.
func (s *Server) ownProvider(p config.Provider, limit int64, client *fetch.Client) (built provider.Provider, err error) {
	build, ok := s.options.Providers[p.Type]
	if !ok {
		return nil, fmt.Errorf("type %s is not known", p.Type)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its factory panics: %v", r)
		}
	}()
	built, err = build(s.lifetime, provider.Setup{
		Name: p.Name, Settings: p.Settings, HTTP: client.HTTP(limit), Logger: s.log.With("provider", p.Name),
	})
	switch {
	case err != nil:
		return nil, err
	case built == nil:
		return nil, errors.New("its factory returns none")
	case built.Name() != p.Name:
		return nil, fmt.Errorf("calls itself %q: its factory must take over the name of its setup", built.Name())
	}
	return built, nil
}

// ownTrusted are the hosts of the settings that are URLs: the configuration
// itself names them.
func ownTrusted(p config.Provider) []string {
	var hosts []string
	for _, text := range p.Settings {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			continue
		}
		switch {
		case u.Port() != "":
			hosts = append(hosts, u.Host)
		case u.Scheme == "https":
			hosts = append(hosts, net.JoinHostPort(u.Hostname(), "443"))
		case u.Scheme == "http":
			hosts = append(hosts, net.JoinHostPort(u.Hostname(), "80"))
		}
	}
	return hosts
}
