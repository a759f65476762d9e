package config

import (
	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/quantity"
)

// flatKeys maps the predecessor's generator file to keys of the table.
func flatKeys() map[string]string {
	return map[string]string{
		"internal": "root.internal", "pub": "root.pub", "root": "root.fs", "fs": "root.fs",
		"upstream": "nginx.upstream", "cache.name": "nginx.cache.name", "cache.period": "nginx.cache.period",
	}
}

// isFlat tells the predecessor's file from ours: its root is no mapping, and
// where there is none, all its keys are the predecessor's and at least one is
// not ours.
func isFlat(top *yaml.Node) bool {
	if root := child(top, "root"); root != nil {
		return root.Kind == yaml.ScalarNode && !isNull(root)
	}
	if follow(top).Kind != yaml.MappingNode {
		return false
	}
	known, flat := flatKeys(), false
	for i := 0; i+1 < len(top.Content); i += 2 {
		name := top.Content[i].Value
		if known[name] == "" && name != "cache" {
			return false
		}
		flat = flat || known[name] != ""
	}
	return flat
}

// flatLine is the line of the first key that makes the file a flat one.
func flatLine(top *yaml.Node) int {
	known := flatKeys()
	for i := 0; i+1 < len(top.Content); i += 2 {
		if known[top.Content[i].Value] != "" {
			return top.Content[i].Line
		}
	}
	return top.Line
}

// flat takes over the predecessor's file.
func (l *loader) flat(top *yaml.Node) {
	seen := map[string]string{}
	l.flatPairs(top, "", seen)
	// There, the upstream may be the daemon's address itself.
	up := l.given["nginx.upstream"]
	if up.source == "" || up.bad || !isHostPort(l.cfg.Nginx.Upstream) {
		return
	}
	l.cfg.Listen = []Address{{Network: "tcp", Address: l.cfg.Nginx.Upstream}}
	l.given["listen"] = up
}

// flatPairs takes over one mapping; seen holds what was given under which name.
func (l *loader) flatPairs(n *yaml.Node, prefix string, seen map[string]string) {
	known := flatKeys()
	for i := 0; i+1 < len(n.Content) && l.spend(n); i += 2 {
		key, value := follow(n.Content[i]), n.Content[i+1]
		name := prefix + key.Value
		at := l.here(key, clip(name))
		path, ok := known[name]
		switch nested := follow(value); {
		case name == "cache" && nested.Kind == yaml.MappingNode && prefix == "":
			l.flatPairs(nested, "cache.", seen)
		case !ok:
			l.problem(at, "is not a key of the flat generator file; known: internal, pub, root (or fs), upstream, cache.name, cache.period")
		case seen[path] != "":
			l.problem(at, complaint("says the same as "+seen[path]+"; remove one"))
		default:
			seen[path] = name
			l.flatValue(l.at(path)[0], value, name)
		}
	}
}

// flatValue takes over one value. Messages call it by its name in the file,
// other checks find it by its path in the table.
func (l *loader) flatValue(r *row, n *yaml.Node, name string) {
	tx, ok := l.scalar(r, n, name)
	if ok {
		if _, plain := quantity.Digits(tx.value); plain && r.Type == TypeDuration {
			tx.value += "s" // nginx's times are seconds without a unit
		}
		l.set(r, name, []text{tx}, target{cfg: l.cfg})
	}
	l.given[r.Path] = l.given[name]
}
