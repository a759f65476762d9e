package github

import (
	"strings"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

const (
	maxOwner      = 39  // bytes of a user or organisation
	maxRepository = 100 // bytes of a repository's own name
)

// repository is what a package name stands for.
type repository struct{ owner, name string }

// repositoryOf reads a name. Errors: outcome.NotFound for one that no
// repository can have, which therefore costs no request.
func repositoryOf(name pkgref.Name) (repository, error) {
	text, scoped := strings.CutPrefix(string(name), "@")
	owner, base, _ := strings.Cut(text, "/")
	r := repository{owner, base}
	if !scoped || !r.valid() {
		return repository{}, outcome.New(outcome.NotFound, "%s names no repository", name)
	}
	return r, nil
}

// String is the package name again.
func (r repository) String() string { return "@" + r.owner + "/" + r.name }

func (r repository) valid() bool {
	return validOwner(r.owner) && len(r.name) <= maxRepository && strings.Trim(r.name, ".") != "" &&
		!strings.HasSuffix(strings.ToLower(r.name), ".git") && made(r.name, "._-")
}

// validOwner accepts what users and organisations may be called today, and
// the doubled and trailing dashes that old accounts have.
func validOwner(s string) bool {
	return s != "" && len(s) <= maxOwner && s[0] != '-' && s[0] != '_' && made(s, "_-")
}

// made reports whether s is made of ASCII letters, digits and the bytes of extra.
func made(s, extra string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}

// spelled makes sure that the repository is asked for as it spells itself. api
// is a URL below the repository out of one of its documents. One that tells
// nothing, or another name altogether, which is what a renamed repository
// answers, is let pass. Errors: outcome.NotFound.
func (r repository) spelled(api string) error {
	_, rest, found := strings.Cut(api, "/repos/")
	parts := strings.SplitN(rest, "/", 3)
	if !found || len(parts) < 3 {
		return nil
	}
	own := repository{parts[0], parts[1]}
	if own != r && strings.EqualFold(own.owner, r.owner) && strings.EqualFold(own.name, r.name) && own.valid() {
		return outcome.New(outcome.NotFound, "%s is spelled %s", r, own)
	}
	return nil
}
