package command

// What the tests outside the package use.
var (
	ParseTarget  = parseTarget
	ReadLockfile = readLockfile
)

// Path is the target as the admin routes take it.
func (t target) Path() string { return t.path() }

// Ref is what the target was parsed into.
func (t target) Ref() (name, spec string) { return string(t.name), t.spec.Text }
