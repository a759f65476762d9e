package component

// What the tests of the package see beyond its interface.
var (
	Canonical = canonical
	Murmur3   = murmur3
)

// AddHostWithin is AddHost with bounds.
func (x *Index) AddHostWithin(d Dependencies, most int, bytes int64) (uint32, bool, error) {
	return x.addHost(d, most, bytes)
}
