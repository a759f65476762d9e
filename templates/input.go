package templates

import "github.com/registryd/registryd/config"

// Input is all that the output depends on.
type Input struct {
	// Config is the loaded configuration; only values that concern nginx are
	// read.
	Config *config.Config
	// Dir is the absolute directory that the set will lie in; its files name
	// each other by it. "" leaves bare names, which nginx looks up beside its
	// main configuration file. Include does not use it.
	Dir string
	// Front is an absolute directory whose index.html the runnable
	// configuration shows at "/"; "" shows nothing there.
	Front string
	// Owner is the user that owns root.fs, the default of nginx.user; "" is
	// unknown and leaves nginx's own default.
	Owner string
	// Group is the primary group of the user that the workers run as; "" is
	// unknown, and nginx looks for one that is named like the user.
	Group string
	// MaxFiles is the most descriptors that a worker can be given; 0 is
	// unknown. The descriptor limit and open_file_cache stay within it, whatever
	// nginx.open_files asks for: a cache that holds every descriptor leaves none
	// for requests.
	MaxFiles int
	// Build is the nginx that will read the output; the zero value is unknown.
	Build Build
}

// Build describes an nginx binary. nginx.version and nginx.modules of the
// configuration override it.
type Build struct {
	// Version is like "1.22.1"; "" is unknown, and a version that every
	// supported feature exists in is assumed.
	Version string
	// Modules are those compiled in or found beside the binary; nil is unknown,
	// and nginx's usual ones are assumed: gzip_static, no brotli.
	Modules []Module
	// Without names the default http modules that were left out, such as
	// "fastcgi".
	Without []string
}

// Module is one nginx module.
type Module struct {
	// Name is without "ngx_", "http_" and "_module": "brotli_static".
	Name string
	// Path is the absolute path of a module that must be loaded; "" is one
	// that is compiled in or loaded already.
	Path string
}

// File is one file of the full set.
type File struct {
	Name string // base name, "registryd.server.conf"
	Data []byte // the whole text
	// Secret is a file that only whoever starts nginx may read.
	Secret bool
}

// Marker begins the first line of every file that this package writes, so
// that a writer can tell its own files from somebody else's.
const Marker = "# Written by registry-nginx"
