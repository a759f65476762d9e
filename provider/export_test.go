package provider

// Intersect lets tests ask whether two patterns have a name in common.
func Intersect(a, b string) bool { return intersect(a, b) }
