package github

import (
	"fmt"
	"strings"

	"github.com/registryd/registryd/pkgref"
)

// secret is a token that does not show itself.
type secret string

// String hides it.
func (secret) String() string { return "[secret]" }

// GoString hides it.
func (secret) GoString() string { return "[secret]" }

// MarshalText hides it.
func (secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// header is the value of the Authorization header, "" for no token.
func (s secret) header() string {
	if s == "" {
		return ""
	}
	return "Bearer " + string(s)
}

// tokens are what the configuration gives, names in lower case: GitHub does
// not tell cases apart, and a token that is not found because of one would be
// hard to find out about.
type tokens struct {
	global secret
	owners map[string]secret
	repos  map[string]secret
}

func readTokens(c Config) (tokens, error) {
	t := tokens{global: secret(c.Token), owners: make(map[string]secret), repos: make(map[string]secret)}
	for key, token := range c.Scope {
		owner := strings.TrimPrefix(key, "@")
		if !validOwner(owner) {
			return tokens{}, fmt.Errorf("scope %q: write an owner, such as acme", key)
		}
		if !put(t.owners, owner, token) {
			return tokens{}, fmt.Errorf("scope %q is given twice: @ and case do not count", key)
		}
	}
	for key, token := range c.Repo {
		name, err := pkgref.ParseName(key)
		if err == nil {
			_, err = repositoryOf(name)
		}
		if err != nil {
			return tokens{}, fmt.Errorf("repo %q: write @owner/repo", key)
		}
		if !put(t.repos, key, token) {
			return tokens{}, fmt.Errorf("repo %q is given twice: case does not count", key)
		}
	}
	return t, nil
}

// put adds a token unless there is one of that name, or there is none to add.
func put(all map[string]secret, name, token string) bool {
	name = strings.ToLower(name)
	if token == "" {
		return true
	}
	if all[name] != "" {
		return false
	}
	all[name] = secret(token)
	return true
}

// For returns the token to send for a repository, "" for none.
func (t tokens) For(r repository) secret {
	if s := t.repos[strings.ToLower(r.String())]; s != "" {
		return s
	}
	if s := t.owners[strings.ToLower(r.owner)]; s != "" {
		return s
	}
	return t.global
}
