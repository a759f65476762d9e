package registry

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

const (
	// overviewPatience bounds how long an overview waits for version lists: it
	// is of use without them.
	overviewPatience = 10 * time.Second
	// overviewTags bounds the tags of an overview: what a tag on a denied
	// version leads to instead has to be searched for.
	overviewTags = 100
)

// Overview is what can be told of a package beside the files of one release.
type Overview struct {
	// Versions may be asked for: no rule denies them. Newest first, one for
	// each text.
	Versions []Offered
	// Tags are dist-tags that lead somewhere, latest first, then by name; no
	// more than a hundred.
	Tags []Tag
	// Main is what main points at; zero while that is nothing, is denied, or
	// does not tell its version.
	Main pkgref.Version
	// Listed: some provider told its versions. Without it Versions are those
	// that are held.
	Listed bool
	// Partial: some provider could not be asked, so Versions and Tags may lack
	// what it knows.
	Partial bool
}

// Offered is one version that may be asked for.
type Offered struct {
	Version   pkgref.Version // exact
	Published time.Time      // zero: not known
}

// Tag is a dist-tag and what it leads to.
type Tag struct {
	Name    string         // that a URL may carry
	Version pkgref.Version // exact, and not denied
}

// Overview tells what can be asked for of a package. It fetches nothing but
// version lists, from the providers that Resolve would ask; where upstream
// fails it tells less.
func (r *Registry) Overview(ctx context.Context, name pkgref.Name) Overview {
	ctx, cancel := context.WithTimeout(ctx, overviewPatience)
	defer cancel()
	g := r.gen.Load()
	s := &survey{rules: g.Rules, name: name, known: map[string]int{}, tags: map[string]pkgref.Version{}}
	err := g.Chain.Walk(ctx, name, pkgref.Version{}, func(p provider.Provider) error {
		held, err := r.versions(ctx, g, name, p)
		if err != nil {
			s.Partial = s.Partial || !errors.Is(err, outcome.NotFound)
			return err
		}
		s.list(held.versions)
		if g.Newest {
			return outcome.NotFound // see what the others have
		}
		return nil
	})
	if err != nil && !outcomeKnown(err) {
		s.Partial = true
	}
	for _, v := range r.cache.Held(name) {
		s.offer(Offered{Version: v})
	}
	if main, err := r.cache.Main(name); err == nil && r.checkMain(name, main) == nil {
		s.Main = main.Version
	}
	return s.overview()
}

// outcomeKnown reports whether err leaves nothing open about what exists.
func outcomeKnown(err error) bool {
	return errors.Is(err, outcome.NotFound) || errors.Is(err, outcome.Forbidden) || errors.Is(err, outcome.Declined)
}

// survey collects an Overview.
type survey struct {
	Overview
	rules *Rules
	name  pkgref.Name
	known map[string]int            // text of a version → its place in Versions
	tags  map[string]pkgref.Version // zero: denied
}

// list takes one provider's versions and tags into account. What an earlier
// one said stands.
func (s *survey) list(vs *provider.Versions) {
	s.Listed = true
	for _, l := range vs.List {
		s.offer(Offered{l.Version, l.Published})
	}
	names := append(slices.Sorted(maps.Keys(vs.Tags)), pkgref.Latest)
	slices.SortStableFunc(names, latestFirst)
	for _, tag := range slices.Compact(names) {
		if _, ok := s.tags[tag]; ok || len(s.tags) == overviewTags {
			continue
		}
		spec, err := pkgref.ParseSpec(tag)
		if err != nil || spec.Kind != pkgref.KindTag {
			continue // no URL can ask for it
		}
		c := &choice{rules: s.rules, name: s.name, spec: spec}
		if v := c.pick(vs); !v.IsZero() || c.denied != nil { // denied here, nobody else is asked
			s.tags[tag] = v
		}
	}
}

func (s *survey) offer(o Offered) {
	text := o.Version.String()
	if i, ok := s.known[text]; ok {
		if s.Versions[i].Published.IsZero() {
			s.Versions[i].Published = o.Published
		}
		return
	}
	if s.rules.Check(s.name, o.Version) == nil {
		s.known[text] = len(s.Versions)
		s.Versions = append(s.Versions, o)
	}
}

// overview brings what was collected into order.
func (s *survey) overview() Overview {
	slices.SortFunc(s.Versions, func(a, b Offered) int {
		if c := b.Version.Compare(a.Version); c != 0 {
			return c
		}
		return strings.Compare(b.Version.String(), a.Version.String())
	})
	for _, tag := range slices.SortedFunc(maps.Keys(s.tags), latestFirst) {
		if v := s.tags[tag]; !v.IsZero() {
			s.Tags = append(s.Tags, Tag{tag, v})
		}
	}
	return s.Overview
}

// latestFirst compares the names of tags.
func latestFirst(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == pkgref.Latest:
		return -1
	case b == pkgref.Latest:
		return 1
	}
	return strings.Compare(a, b)
}
