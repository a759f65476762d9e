package js

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/plugin"
)

// semverCall runs one function of semver as npm's package of that name would: args is the JSON list of its arguments,
// and so is the result JSON. Errors: a *plugin.Rejection where npm's throws.
func semverCall(name, args string) (string, error) {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(args), &list); err != nil {
		return "", err
	}
	v, err := semverValue(name, semverArgs(list))
	if _, ready := errors.AsType[*plugin.Rejection](err); err != nil && !ready {
		err = &plugin.Rejection{Name: "TypeError", Message: err.Error()}
	}
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(v)
	return string(data), err
}

// semverArgs are the arguments of a function of semver.
type semverArgs []json.RawMessage

func (a semverArgs) text(n int) string {
	var s string
	if n < len(a) {
		_ = json.Unmarshal(a[n], &s) // what is no text is no version either
	}
	return s
}

// maxVersions bounds a list: what the daemon does with it cannot be interrupted.
const maxVersions = 100_000

func (a semverArgs) texts(n int) ([]string, error) {
	var s []string
	if n < len(a) {
		_ = json.Unmarshal(a[n], &s)
	}
	if len(s) > maxVersions {
		return nil, &plugin.Rejection{Name: "RangeError", Message: fmt.Sprintf("semver: %d versions at once, at most %d", len(s), maxVersions)}
	}
	return s, nil
}

// parseRange parses the range at n; options may follow it.
func (a semverArgs) parseRange(n, options int) (*pkgref.Range, error) {
	var o struct {
		IncludePrerelease bool `json:"includePrerelease"`
	}
	if options < len(a) {
		_ = json.Unmarshal(a[options], &o)
	}
	if o.IncludePrerelease {
		return pkgref.ParseRangeWithPrereleases(a.text(n))
	}
	return pkgref.ParseRange(a.text(n))
}

// looseVersion parses what npm takes for a version: blanks around it and one "v" are no harm.
func looseVersion(s string) (pkgref.Version, error) {
	v, err := pkgref.ParseVersion(strings.TrimPrefix(strings.TrimSpace(s), "v"))
	if err != nil {
		return v, &plugin.Rejection{Name: "TypeError", Message: "Invalid Version: " + s} // npm's own words
	}
	return v, nil
}

// plainVersion is how npm prints a version: without build metadata.
func plainVersion(v pkgref.Version) string {
	s, _, _ := strings.Cut(v.String(), "+")
	return s
}

func semverValue(name string, a semverArgs) (any, error) {
	switch name {
	case "valid", "clean":
		s := a.text(0)
		if name == "clean" {
			s = strings.TrimLeft(strings.TrimSpace(s), "=v")
		}
		v, err := looseVersion(s)
		if err != nil {
			return nil, nil
		}
		return plainVersion(v), nil
	case "validRange":
		r, err := a.parseRange(0, 1)
		if err != nil || len(a) == 0 || a[0][0] != '"' {
			return nil, nil
		}
		return r.String(), nil
	case "satisfies":
		r, err := a.parseRange(1, 2)
		v, bad := looseVersion(a.text(0))
		return err == nil && bad == nil && r.Has(v), nil
	case "maxSatisfying", "minSatisfying":
		return a.best(name == "maxSatisfying")
	case "minVersion":
		r, err := a.parseRange(0, 1)
		if err != nil {
			return nil, err
		}
		if v, ok := r.MinVersion(); ok {
			return v.String(), nil
		}
		return nil, nil
	case "intersects":
		r, err := a.parseRange(0, 2)
		if err != nil {
			return nil, err
		}
		s, err := a.parseRange(1, 2)
		return err == nil && r.Intersects(s), err
	case "sort", "rsort":
		return a.sorted(name == "rsort")
	case "coerce":
		return coerce(a.text(0)), nil
	case "major", "minor", "patch", "prerelease":
		return a.part(name)
	}
	return a.compared(name)
}

// best returns the newest or the oldest text of the list that satisfies the range; nil for none.
func (a semverArgs) best(newest bool) (any, error) {
	list, err := a.texts(0)
	if err != nil {
		return nil, err
	}
	r, err := a.parseRange(1, 2)
	if err != nil {
		return nil, nil
	}
	var best pkgref.Version
	var text any
	for _, s := range list {
		v, err := looseVersion(s)
		if err != nil || !r.Has(v) {
			continue
		}
		if c := v.Compare(best); text == nil || (newest && c > 0) || (!newest && c < 0) {
			best, text = v, s
		}
	}
	return text, nil
}

func (a semverArgs) sorted(down bool) (any, error) {
	list, err := a.texts(0)
	if err != nil {
		return nil, err
	}
	type version struct {
		pkgref.Version
		text string
	}
	versions := make([]version, len(list))
	for i, s := range list {
		v, err := looseVersion(s)
		if err != nil {
			return nil, err
		}
		versions[i] = version{v, s}
	}
	slices.SortStableFunc(versions, func(v, w version) int {
		if down {
			v, w = w, v
		}
		return compareBuild(v.Version, w.Version)
	})
	for i, v := range versions {
		list[i] = v.text
	}
	return list, nil
}

// compareBuild orders also by build metadata, where precedence does not.
func compareBuild(v, w pkgref.Version) int {
	if c := v.Compare(w); c != 0 {
		return c
	}
	_, x, _ := strings.Cut(v.String(), "+")
	_, y, _ := strings.Cut(w.String(), "+")
	return slices.CompareFunc(split(x), split(y), func(s, t string) int {
		m, bad1 := strconv.ParseUint(s, 10, 64)
		n, bad2 := strconv.ParseUint(t, 10, 64)
		switch {
		case bad1 == nil && bad2 == nil:
			return cmp.Compare(m, n)
		case bad1 == nil:
			return -1
		case bad2 == nil:
			return 1
		}
		return strings.Compare(s, t)
	})
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ".")
}

var coercible = regexp.MustCompile(`(?:^|\D)(\d{1,16})(?:\.(\d{1,16}))?(?:\.(\d{1,16}))?(?:$|\D)`)

// coerce finds the first thing in a text that looks like a version; nil for none.
func coerce(s string) any {
	m := coercible.FindStringSubmatch(s)
	if m == nil {
		return nil
	}
	parts := make([]string, 3)
	for i := range parts {
		n, err := strconv.ParseUint("0"+m[i+1], 10, 64)
		if err != nil || n > pkgref.MaxNumber {
			return nil
		}
		parts[i] = strconv.FormatUint(n, 10)
	}
	return strings.Join(parts, ".")
}

func (a semverArgs) part(name string) (any, error) {
	v, err := looseVersion(a.text(0))
	if name == "prerelease" {
		if err != nil || !v.IsPrerelease() {
			return nil, nil
		}
		_, pre, _ := strings.Cut(plainVersion(v), "-")
		return identifiers(pre), nil
	}
	if err != nil {
		return nil, err
	}
	core, _, _ := strings.Cut(plainVersion(v), "-")
	i := map[string]int{"major": 0, "minor": 1, "patch": 2}[name]
	return json.Number(strings.Split(core, ".")[i]), nil
}

func identifiers(s string) []any {
	var list []any
	for _, p := range strings.Split(s, ".") {
		if n, err := strconv.ParseUint(p, 10, 53); err == nil {
			list = append(list, n)
		} else {
			list = append(list, p)
		}
	}
	return list
}

func (a semverArgs) compared(name string) (any, error) {
	v, err := looseVersion(a.text(0))
	if err != nil {
		return nil, err
	}
	w, err := looseVersion(a.text(1))
	if err != nil {
		return nil, err
	}
	c := v.Compare(w)
	switch name {
	case "compare":
		return c, nil
	case "rcompare":
		return -c, nil
	case "compareBuild":
		return compareBuild(v, w), nil
	case "gt":
		return c > 0, nil
	case "gte":
		return c >= 0, nil
	case "lt":
		return c < 0, nil
	case "lte":
		return c <= 0, nil
	case "eq":
		return c == 0, nil
	case "neq":
		return c != 0, nil
	}
	return nil, fmt.Errorf("semver has no %s", name)
}
