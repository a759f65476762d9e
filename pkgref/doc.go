// Package pkgref owns what a URL of the package proxy says: names, versions,
// ranges, specs, and the path they stand in. It is pure: no I/O, no clock, no
// state. What follows is its specification.
//
// # Names
//
//	name  = [ "@" scope "/" ] base
//	scope = 1*char, not beginning with "."
//	base  = 1*char, not beginning with "."; without a scope not with "_" either
//	char  = "A".."Z" "a".."z" "0".."9" "." "_" "~" "-"
//
// A name has at most MaxNameLen bytes. Upper case is as good as lower case and
// not the same, because old packages have it. node_modules and favicon.ico, in
// any case, are nobody's.
//
// # Versions
//
// A version is a semantic version in npm's strict reading: three numbers
// without leading zeros up to MaxNumber, a prerelease, build metadata, at most
// MaxVersionLen bytes. What npm would first clean ("v1.2.3", " 1.2.3") is no
// version here but a range of one.
//
// Compare is npm's precedence, in which build metadata plays no part, down to
// the numbers in a prerelease being doubles. As texts 1.3.0 and 1.3.0+x differ,
// and == on a Version compares texts: an exact version is looked up literally.
//
// # Ranges
//
// ParseRange reads what npm's semver 7.8.6 reads without its option "loose",
// and nothing else; Has, MinVersion, Intersects, Max and String answer what it
// answers. The test vectors come from there. The deliberate differences:
//
//   - a range has at most MaxRangeLen bytes and MaxComparators comparators;
//   - MinVersion answers "none" where npm would answer a version with a number
//     above MaxNumber or more than MaxVersionLen bytes, or throw.
//
// Versions are parsed by Masterminds' semver; its constraints are not used,
// since their grammar and their idea of prereleases are not npm's.
//
// # Specs
//
// What follows the name, decoded, is tried in this order:
//
//	nothing, "latest"     KindTag
//	"main"                KindPin
//	a version             KindExact
//	a range               KindRange    "1", "x", "v1.2.3" and " " among them
//	a tag                 KindTag      letter *127( letter digit "." "_" "-" )
//
// Anything else is invalid.
//
// # Paths
//
//	path = pub name [ ( "/" | "@" ) spec ] [ "/" *( segment "/" ) [ segment ] ]
//
// Any byte may be percent-encoded, once. The "/" of a scope may be encoded
// too, and nothing else may hold an encoded slash. CheckRaw lists what is
// refused before anything is decoded. GuardPatterns is the same rule as regular
// expressions, for the web server in front: both say yes and no to the same
// paths, so that neither ever reads a path that the other reads differently.
// Ref.URL is the one canonical spelling. Location builds redirects; its result
// is a path, never another host.
//
// # Patterns
//
//	pattern = glob [ "@" ( version | range ) ]
//	glob    = a name in which "*" stands for any characters
//
// See ParsePattern.
//
// All errors are outcome.Invalid and say what is wrong with the text. All
// types are immutable and safe for concurrent use. Has, Max, Compare and
// Pattern.Match do not allocate, nor does CheckRaw for a path without escapes.
package pkgref
