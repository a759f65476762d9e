package plugin

import (
	"encoding/json"
	"time"
)

// APIVersion is the one version of manifests that is understood.
const APIVersion = "registryd/v1"

// Kind is what a plugin is for.
type Kind string

// The kinds.
const (
	KindProvider Kind = "provider" // a source of packages
	KindModule   Kind = "module"   // a set of operations
)

// The engines.
const (
	EngineJS      = "js"      // JavaScript or TypeScript, in the daemon
	EngineProcess = "process" // a program of its own
)

// Manifest says what a plugin is and what it is allowed. Manifests that were loaded have all defaults filled in.
type Manifest struct {
	// APIVersion is "registryd/v1".
	APIVersion string
	// Name is unique over all plugins: letters, digits, "-", "_" and ".", a letter or digit first, at most 64.
	Name string
	// Kind is what it is for. Empty until it is known by what the code offers.
	Kind Kind
	// Engine runs it.
	Engine string
	// Main is the file that an engine in the daemon starts with, relative to Source.Dir, with slashes.
	Main string
	// Command is what engine "process" starts, in Source.Dir; nil for other engines.
	Command []string
	// Capabilities is what it may use beside computing; zero: nothing.
	Capabilities Capabilities
	// Limits bound its instances and calls.
	Limits Limits
	// Config is a JSON object that attach gets; "{}" without one.
	Config json.RawMessage
	// ConfigSchema is a JSON schema that Config fulfils; nil without one.
	ConfigSchema json.RawMessage
}

// Capabilities is what a plugin may use. The zero value allows nothing.
type Capabilities struct {
	// HTTP are the places that fetch may ask: "https://host", "https://host:port", "https://host/path/", or with "*."
	// in front of the host for what is below it. A host that stands here in full may have a private address. The
	// daemon fetches tarballs for a provider from these places alone, whatever runs it.
	HTTP []string
	// Secrets are the names of environment variables that it may read.
	Secrets []string
	// Cache allows the cache of the host.
	Cache bool
}

// Limits bound one instance and one call. In a loaded manifest no field is zero.
type Limits struct {
	// CPU bounds the engine's time between two waits for the host. Default 100ms. Not for processes.
	CPU time.Duration
	// Wall bounds a whole call. Default 10s.
	Wall time.Duration
	// Memory bounds the heap of one instance, in bytes. Default 32 MiB. Not for processes.
	Memory int64
	// MinInstances are kept ready; default 2.
	MinInstances int
	// MaxInstances exist at most in one generation; default 16.
	MaxInstances int
	// Queue bounds the wait for a free instance. Default 2s.
	Queue time.Duration
	// Fetches bounds the requests of one call. Default 16.
	Fetches int
	// Body bounds the body of one answer to fetch, and the result of one call, in bytes. Default 8 MiB.
	Body int64
}

// DefaultLimits are those of a manifest that names none.
func DefaultLimits() Limits {
	return Limits{
		CPU: 100 * time.Millisecond, Wall: 10 * time.Second, Memory: 32 << 20, MinInstances: 2, MaxInstances: 16,
		Queue: 2 * time.Second, Fetches: 16, Body: 8 << 20,
	}
}
