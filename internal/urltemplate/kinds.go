package urltemplate

import "errors"

// ParseFile parses the template of the URL of a file of a package: {version}
// and {path} must be in it, {name}, {scope} and {base} may be. Errors: as
// Parse.
func ParseFile(text string) (*Template, error) {
	t, err := Parse(text, "name", "scope", "base", "version", "path")
	switch {
	case err != nil:
		return nil, err
	case !t.Has("version"):
		return nil, errors.New("lacks {version}: all versions would be one")
	case !t.Has("path"):
		return nil, errors.New("lacks {path}: all files would be one")
	}
	return t, nil
}

// ParseList parses the template of the URL of a list of the versions of a
// package, in which {name}, {scope} and {base} may be. Errors: as Parse.
func ParseList(text string) (*Template, error) { return Parse(text, "name", "scope", "base") }
