package unpack

import "strings"

// Paths judges the paths of a release that is described by a list of files, by
// the rules for the members of an archive. Only the leading directory is not
// there and is not taken off. Limits.Unpacked has no meaning for it. Not safe
// for concurrent use; make one with Limits.Paths.
type Paths struct {
	limits  Limits
	dirs    dirs
	entries int
	names   int // bytes of names
}

// Paths returns a judge without paths so far.
func (l Limits) Paths() *Paths { return &Paths{limits: l} }

// Add judges the name of one file, without a leading slash. It returns the path
// that the file has; listed is false for a name that counts and has no place in
// a list (see the package's comment). Errors: outcome.Refused with a Reason for
// a name that is hostile or beyond the limits, or one file too many: then
// nothing of the list may be used.
func (p *Paths) Add(name string) (path string, listed bool, err error) {
	p.entries++
	p.names += len(name)
	if p.names > maxNames {
		return "", false, refuse(reasonEntries, "more than %d bytes of names", maxNames)
	}
	leads, plain := escapes(name)
	if leads {
		return "", false, refuse(reasonPath, "%s leads out of the release", quote(name))
	}
	if strings.HasSuffix(name, "/") {
		return "", false, refuse(reasonPath, "%s is a directory with data", quote(name))
	}
	if path, err = p.limits.tidy(name); err != nil {
		return "", false, err
	}
	listed = plain && path != ""
	if i := strings.LastIndexByte(path, '/'); i >= 0 && listed {
		p.dirs.add(path[:i])
	}
	if p.entries+len(p.dirs.seen) > p.limits.Entries {
		return "", false, refuse(reasonEntries, "more than %d files and directories", p.limits.Entries)
	}
	return path, listed, nil
}

// Check judges a path that Add returned, when all are added. Errors:
// outcome.Refused with a Reason where it is a file and a directory.
func (p *Paths) Check(path string) error {
	if _, dir := p.dirs.seen[path]; dir {
		return refuse(reasonConflict, "%s is a file and a directory", quote(path))
	}
	return nil
}
