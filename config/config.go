// Package config is the one YAML file that registryd and registry-nginx read.
package config

import "time"

// Config is the whole configuration after defaults, file, environment and
// flags were applied and everything was validated. It is a plain value; nobody
// changes it after Load, and it may be read from many goroutines at once.
type Config struct {
	File      string    // path it was read from, as given; "" when there is no file
	Listen    []Address // at least one
	PublicURL string    // without a trailing slash; "" derives it from the request
	Root      Root      // where packages are seen and kept
	Accel     string    // "nginx" or "off"
	Log       Log       // level and format of the log

	CacheTime            time.Duration // for which a version list is fresh; 0 asks upstream each time
	NegativeCacheTime    time.Duration // for which "not found" and "refused" are remembered
	StaleWhileRevalidate time.Duration // past CacheTime, while a refresh runs
	StaleIfError         time.Duration // past CacheTime, while upstream fails
	Offline              bool          // no request goes upstream

	Providers []Provider // in the order in which they are asked
	Resolve   string     // "first" or "newest"
	Policy    Policy     // the rule gate
	Admin     *Admin     // nil: off
	Limits    Limits     // what one request or archive may cost
	Timeouts  Timeouts   // of requests upstream, and of draining
	Cache     Cache      // budgets of the data directory
	// Precompress says which files get compressed copies.
	Precompress Precompress
	Proxy       string      // URL, may hold a password; "" takes the environment
	CAFile      string      // absolute; "" is none
	Nginx       Nginx       // what only the generator reads
	Components  *Components // nil: off
	Modules     *Modules    // nil: off
	Plugins     *Plugins    // nil: none
}

// Address is one listening address.
type Address struct {
	Network string // "tcp" or "unix"
	Address string // "host:port", ":port", "[v6]:port" or an absolute path
}

// Root is where packages are seen and kept.
type Root struct {
	Pub      string // URL prefix, "/lib/" or "/"
	FS       string // absolute directory
	Internal string // nginx-internal prefix, "/ilib/"
}

// Log settings.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text, json; "" chooses by terminal
}

// Provider is one element of the chain.
type Provider struct {
	Type        string   // npm, dir, github, jsdelivr, url, plugin
	Name        string   // defaults to Type; unique
	Names       []string // patterns, valid for pkgref.ParsePattern, without versions
	SkipOnError bool     // on_error: next
	NPM         NPM      // where Type is npm
	Dir         Dir      // where Type is dir
	GitHub      GitHub   // where Type is github
	JSDelivr    JSDelivr // where Type is jsdelivr
	URL         URL      // where Type is url
	// Settings are what an entry of one of Options.ProviderTypes says. They may
	// hold secrets.
	Settings map[string]string
	Line     int // in File, for later messages; 0 without a file
}

// NPM is what a provider of type npm takes.
type NPM struct {
	Registry  string            // URL without a trailing slash; "" takes npm's own configuration
	Token     string            // secret
	Integrity string            // required, optional
	Scopes    map[string]string // "@scope" → registry URL as Registry, before .npmrc
}

// Dir is what a provider of type dir takes.
type Dir struct {
	Path   string        // absolute directory
	Rescan time.Duration // between two looks at what is in the view
}

// GitHub is what a provider of type github takes.
type GitHub struct {
	API    string            // URL without a trailing slash; "" is that of github.com
	Token  string            // secret
	Scope  map[string]string // owner, with or without "@" → token, never empty
	Repo   map[string]string // "@owner/repo" → token, never empty
	Source string            // releases, tags
	Pages  int               // of 100 entries, that are read of a list
}

// JSDelivr is what a provider of type jsdelivr takes.
type JSDelivr struct {
	API, CDN string // URLs without a trailing slash; "" are those of jsdelivr.com
	Source   string // npm, gh
}

// URL is what a provider of type url takes.
type URL struct {
	Files    string // template, as internal/urltemplate reads it
	Versions string // template; "" is none
}

// Policy is the rule gate.
type Policy struct {
	Default string // allow, deny
	Conceal bool   // denied answers 404
	Rules   []Rule // the first match wins
}

// Rule allows or denies what one of its patterns matches. The first match wins.
type Rule struct {
	Allow, Deny []string // exactly one is set
	Reason      string   // for whoever is denied; "" is none
	Line        int      // in File, for later messages; 0 without a file
}

// Admin routes. The daemon has none without tokens; the generator, which needs
// no secrets, goes by Prefix alone.
type Admin struct {
	Prefix string  // "/staff/registry/"
	Tokens []Token // those that are not empty
}

// Token is one admin credential.
type Token struct {
	ID    string // for the audit log; unique
	Token string // secret, never empty
}

// Limits bound what one request or one archive may cost.
type Limits struct {
	Tarball, Unpacked   int64 // bytes
	Entries             int   // files and folders of one archive
	Path, Depth         int   // of one file of an archive: bytes, folders
	Document, Body      int64 // bytes of a document from upstream, of a request
	UpstreamConcurrency int   // requests in flight to one host
}

// Timeouts of requests upstream, and of draining. None is zero.
type Timeouts struct {
	Connect time.Duration // TCP and TLS
	Header  time.Duration // until the header of an answer
	Stall   time.Duration // without a byte of its body
	Total   time.Duration // of one request with its body
	Drain   time.Duration // for requests under way when the daemon stops
}

// Precompress are sizes of files of text types, in bytes.
type Precompress struct {
	Min int64 // of the smallest that gets compressed copies
	Max int64 // of the largest; 0 makes none
}

// Cache budgets in bytes and files; 0 is unlimited.
type Cache struct {
	MaxBytes, MaxFiles int64 // of packages; 0 is unlimited
	Packs              int64 // bytes
	// AccessLog is nginx's, absolute; "": last use is not looked up there.
	AccessLog string
}

// Plugins are where code that is loaded at run time comes from.
type Plugins struct {
	Dir    string // absolute; "" is none
	Budget int64  // bytes of memory of all instances, while a reload drains
	Strict bool   // what does not load is an error of the whole
}

// Components is the component registry.
type Components struct {
	Prefix   string         // "/api/components/"
	ReadOnly bool           // nobody publishes
	MaxHosts int            // that may register
	Rules    []Rule         // the first match wins; what none matches is allowed
	Token    string         // secret, for publishing; "" lets this machine alone publish
	Store    ComponentStore // everything lies there
}

// ComponentStore is where components are kept. It can be compared: stores that
// are equal are one.
type ComponentStore struct {
	Type string // file, s3
	Path string // where Type is file: absolute; never ""
	// Where Type is s3:
	Bucket, Endpoint, Region string // Endpoint "": that of Amazon
	PathStyle                bool   // the bucket stands in the path of URLs
	AccessKey, SecretKey     string // secret; "" take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
}

// Modules are APIs of declared operations.
type Modules struct {
	Prefix string    // of their URLs, with slashes
	Dir    string    // absolute; "" is none
	Listen []Address // where they are served at "/", beside Prefix
	APIKey string    // "" takes the environment, or is made at the start
	Strict bool      // a module that does not load is an error
	Watch  bool      // reload when files change
}

// LimitReq bounds how many misses one client may cause; the zero value is no
// bound.
type LimitReq struct {
	Rate  string // "50r/s" or "50r/m"; "" is none
	Burst int    // requests above the rate that are let through; 0 is none
}

// Private names packages that nginx sends only to those who can say who they
// are; the zero value is none.
type Private struct {
	Scopes   []string // "@acme"
	HTPasswd string   // absolute path of a file of users and passwords; "" is none
	Tokens   []string // secrets, none of them empty
}

// TLS is a certificate with its key.
type TLS struct {
	Cert, Key string // absolute paths of PEM files, both or neither
}

// Nginx is what only the generator reads. Its texts hold nothing that would
// end or open a directive, a block, a quote or a variable.
type Nginx struct {
	Listen       string        // "8080", "host:port", "[::]:port"
	ServerName   string        // one name, with a leading wildcard at most
	Upstream     string        // name of the upstream block, or host:port to go to without one
	User         string        // "" is the owner of root.fs
	Version      string        // "1.22.1"; "" asks nginx -V
	Modules      []string      // beside those that nginx -V shows
	OpenFiles    int           // entries of open_file_cache
	CacheName    string        // of the proxy cache's zone
	CachePeriod  time.Duration // whole seconds
	CachePath    string        // absolute directory of the proxy cache
	GzipStatic   bool          // serve .gz siblings
	BrotliStatic string        // "auto" (if found), "true", "false"
	// IndexFallback adds the predecessor's index probes.
	IndexFallback bool
	LimitReq      LimitReq // of misses
	Private       Private  // scopes that not everybody may read
	TLS           TLS      // of the runnable file; the zero value is plain HTTP
	HTTP2         bool     // beside HTTP/1.1, with TLS
	Nodes         []string // "host:port" of daemons that share the work; none: Listen
	Admin         bool     // route the admin prefix
}
