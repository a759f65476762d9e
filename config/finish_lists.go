package config

import (
	"slices"
	"strconv"
)

func index(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// nameFault lists a problem of an element's key, or of the element where the
// key is not written.
func (l *loader) nameFault(element, key string, c complaint) {
	path := element + "." + key
	if _, ok := l.given[path]; !ok {
		path = element
	}
	l.fault(path, c)
}

func (l *loader) checkProviders() {
	names, owners := map[string]int{}, map[string]int{}
	for i := range l.cfg.Providers {
		p := &l.cfg.Providers[i]
		at := index("providers", i)
		if first, twice := names[p.Name]; twice && p.Name != "" {
			l.nameFault(at, "name", complaint("has the name of "+index("providers", first)+"; give each its own name"))
		} else {
			names[p.Name] = i
		}
		l.checkOwned(p.Names, i, owners)
		l.checkPlugin(p, at)
		if p.Type == "dir" && p.Dir.Path != "" {
			l.checkDir(p.Dir.Path, at+".path")
		}
	}
}

// checkPlugin wants to know which plugin is meant, and where plugins are.
func (l *loader) checkPlugin(p *Provider, at string) {
	if p.Type != "plugin" {
		return
	}
	if _, named := l.given[at+".name"]; !named {
		l.fault(at, "does not say which plugin; give its name")
	}
	if l.cfg.Plugins == nil || l.cfg.Plugins.Dir == "" {
		l.fault(at, "needs plugins.dir; give the directory of the plugin")
	}
}

// checkOwned refuses patterns that two providers own.
func (l *loader) checkOwned(names []string, i int, owners map[string]int) {
	for j, name := range names {
		path := index("providers", i) + ".names"
		if _, ok := l.given[index(path, j)]; ok {
			path = index(path, j)
		}
		first, owned := owners[name]
		switch {
		case !owned:
			owners[name] = i
		case first == i:
			l.fault(path, "names one pattern twice; remove one")
		default:
			l.fault(path, complaint("holds a pattern that "+index("providers", first)+" owns already; leave it to one of them"))
		}
	}
}

// checkDir keeps what we write and what we read apart: otherwise our own
// state would be offered as packages.
func (l *loader) checkDir(path, key string) {
	if fs := l.cfg.Root.FS; inside(path, fs) || inside(fs, path) {
		l.fault(key, "must be apart from root.fs: one of them holds the other")
	}
}

func (l *loader) checkRules(list string, rules []Rule) {
	for i, rule := range rules {
		at := index(list, i)
		_, allow := l.given[at+".allow"]
		_, deny := l.given[at+".deny"]
		switch {
		case allow && deny:
			l.fault(at, "has both allow and deny; make two rules of it, in the order in which they are to be asked")
		case !allow && !deny:
			l.fault(at, "has neither allow nor deny; give one")
		case len(rule.Allow)+len(rule.Deny) == 0 && allow:
			l.fault(at+".allow", "names no pattern; give one or remove the rule")
		case len(rule.Allow)+len(rule.Deny) == 0:
			l.fault(at+".deny", "names no pattern; give one or remove the rule")
		}
	}
}

// checkTokens wants every token to belong to one id, and then drops those that
// are empty.
func (l *loader) checkTokens() {
	if l.cfg.Admin == nil {
		return
	}
	ids, tokens := map[string]int{}, map[string]int{}
	for i, t := range l.cfg.Admin.Tokens {
		at := index("admin.tokens", i)
		if first, twice := ids[t.ID]; twice && t.ID != "" {
			l.fault(at+".id", complaint("is the id of "+index("admin.tokens", first)+" too; the audit log could not tell them apart"))
		} else {
			ids[t.ID] = i
		}
		if first, twice := tokens[t.Token]; twice && t.Token != "" {
			l.fault(at+".token", complaint("is the same as that of "+index("admin.tokens", first)+"; give each id a token of its own"))
		} else {
			tokens[t.Token] = i
		}
	}
	l.cfg.Admin.Tokens = slices.DeleteFunc(l.cfg.Admin.Tokens, func(t Token) bool { return t.Token == "" })
}
