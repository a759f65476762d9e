package templates

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// tokensFile is the one file of the set that holds secrets.
const tokensFile = "registryd.tokens.conf"

// privateMeta answers ?meta of private packages.
const privateMeta = ".meta-private"

// http2Directive is the first nginx that has HTTP/2 as a directive of its own
// rather than as a word of listen.
const http2Directive = "1.25.1"

var (
	scopeChars = regexp.MustCompile(`^@[A-Za-z0-9_~-][A-Za-z0-9._~-]*$`)
	tokenChars = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{8,512}$`)
)

// checkAccess checks who may read what, over what, and who is asked.
func checkAccess(in Input) error {
	n := in.Config.Nginx
	for _, list := range []struct {
		field   string
		values  []string
		pattern *regexp.Regexp
	}{{"nginx.private.scopes", n.Private.Scopes, scopeChars}, {"nginx.private.tokens", n.Private.Tokens, tokenChars}} {
		for _, value := range list.values {
			if !list.pattern.MatchString(value) {
				return outcome.New(outcome.Invalid, "%s: a value cannot be written to an nginx configuration", list.field)
			}
		}
	}
	return firstError(
		func() error {
			return optionalPaths(prefix{"nginx.private.htpasswd", n.Private.HTPasswd}, prefix{"nginx.tls.cert", n.TLS.Cert}, prefix{"nginx.tls.key", n.TLS.Key})
		},
		func() error { return checkNodes(in.Config) },
		func() error { return checkNeeds(in) },
	)
}

// checkNodes checks the addresses of the daemons that share the work.
func checkNodes(c *config.Config) error {
	for _, node := range c.Nginx.Nodes {
		host, _, err := checkHostPort("nginx.nodes", node)
		if err == nil && (host == "" || host == "*") {
			err = refuse("nginx.nodes", node)
		}
		if err != nil {
			return err
		}
	}
	if len(c.Nginx.Nodes) > 0 && c.Accel != "off" {
		return outcome.New(outcome.Invalid, "nginx.nodes: nginx cannot look into the data directories of several daemons; set accel: off")
	}
	return nil
}

// checkNeeds refuses what the nginx at hand was built without, as far as that
// is known.
func checkNeeds(in Input) error {
	n := in.Config.Nginx
	if len(n.Private.Scopes) > 0 && n.Private.HTPasswd == "" && len(n.Private.Tokens) == 0 {
		return outcome.New(outcome.Invalid, "nginx.private.scopes: nobody could read them; give nginx.private.htpasswd or nginx.private.tokens")
	}
	if n.HTTP2 && n.TLS.Cert == "" {
		return outcome.New(outcome.Invalid, "nginx.http2: it needs nginx.tls")
	}
	switch {
	case n.TLS.Cert == "" && n.TLS.Key != "":
		return refuse("nginx.tls.cert", "")
	case n.TLS.Cert != "" && n.TLS.Key == "":
		return refuse("nginx.tls.key", "")
	}
	if in.Build.Modules == nil && len(n.Modules) == 0 {
		return nil
	}
	found := modules(in)
	for _, need := range []struct {
		field, module string
		wanted        bool
	}{
		{"nginx.private.tokens", "auth_request", len(n.Private.Tokens) > 0}, {"nginx.tls", "ssl", n.TLS.Cert != ""}, {"nginx.http2", "v2", n.HTTP2},
	} {
		if need.wanted && !has(found, need.module) {
			return outcome.New(outcome.Invalid, "%s: this nginx lacks the module http_%s", need.field, need.module)
		}
	}
	return nil
}

// setAccess derives who may read what, over what, and who is asked.
func (m *model) setAccess(in Input) {
	n := in.Config.Nginx
	m.Scopes, m.HTPasswd = n.Private.Scopes, n.Private.HTPasswd
	if len(n.Private.Tokens) > 0 && len(m.Scopes) > 0 {
		m.Bearer = "^(?i:bearer) +" + alternatives(n.Private.Tokens) + `\z`
	}
	m.Deny = !slices.Contains(in.Build.Without, "access")
	m.Cert, m.CertKey = n.TLS.Cert, n.TLS.Key
	m.Nodes = n.Nodes
	version := cmp.Or(n.Version, in.Build.Version)
	m.NewHTTP2 = n.HTTP2 && version != "" && !older(version, http2Directive)
	m.OldHTTP2 = n.HTTP2 && !m.NewHTTP2
}

// alternatives is a pattern for any of the texts.
func alternatives(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = regexp.QuoteMeta(s)
	}
	return "(?:" + strings.Join(quoted, "|") + ")"
}

// nodePattern captures the name of the package that a path is about: of a file
// or of an action on it, so that both come to one node.
func nodePattern(c *config.Config) string {
	places := regexp.QuoteMeta(c.Root.Pub)
	if c.Admin != nil {
		places += "|" + regexp.QuoteMeta(c.Admin.Prefix) + "(?:flush|designate|packages|resolve|explain|verify|warm)/"
	}
	return "^(?:" + places + ")(" + namePattern + ")"
}

// private returns the model for blocks that only those see who may.
func private(m *model) *model {
	copied := *m
	copied.Private, copied.Miss = true, missed(true)
	copied.Classes = m.classesOf(true)
	return &copied
}

// withScope returns the model for the packages of a private scope.
func withScope(m *model, scope string) *model {
	p := private(m)
	p.Place = m.Pub + scope + "/"
	return p
}

// metaOf returns where ?meta is answered that name would answer in public.
func metaOf(m *model, name string) string {
	if m.Private {
		return privateMeta
	}
	return name
}

// kindOf returns the model for one kind of ?meta.
func kindOf(m *model, kind meta) *model {
	if kind.Private {
		return private(m)
	}
	return m
}
