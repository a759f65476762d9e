package component

// What the tests of the package see beyond its interface.
var (
	Canonical = canonical
	Murmur3   = murmur3
)
