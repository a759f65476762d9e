// Package config is the one YAML file that registryd and registry-nginx read.
package config

import "time"

// Config is the whole configuration after defaults, file, environment and
// flags were applied and everything was validated. It is a plain value; nobody
// changes it after Load.
type Config struct {
	File      string // path it was read from; "" when there is no file
	Listen    []Address
	PublicURL string // without a trailing slash; "" derives it from the request
	Root      Root
	Accel     string // "nginx" or "off"
	Log       Log

	CacheTime            time.Duration
	NegativeCacheTime    time.Duration
	StaleWhileRevalidate time.Duration
	StaleIfError         time.Duration
	Offline              bool

	Providers []Provider
	Resolve   string // "first" or "newest"
	Policy    Policy
	Admin     *Admin // nil: off
	Limits    Limits
	Timeouts  Timeouts
	Cache     Cache
	Proxy     string // URL; "" takes the environment
	CAFile    string
	Nginx     Nginx
	// Components and Modules name the prefixes that nginx routes; nil: off.
	Components *Prefixed
	Modules    *Prefixed
}

// Address is one listening address.
type Address struct {
	Network string // "tcp" or "unix"
	Address string // "host:port", "[v6]:port" or a path
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
	Type        string // npm, dir
	Name        string // defaults to Type
	Names       []string
	SkipOnError bool // on_error: next
	NPM         NPM
	Dir         Dir
	Line        int // in File, for later messages
}

// NPM is what a provider of type npm takes.
type NPM struct {
	Registry  string            // URL; "" takes npm's own configuration
	Token     string            // secret
	Integrity string            // required, optional
	Scopes    map[string]string // "@scope" → registry URL, before .npmrc
}

// Dir is what a provider of type dir takes.
type Dir struct {
	Path   string // absolute directory
	Rescan time.Duration
}

// Policy is the rule gate.
type Policy struct {
	Default string // allow, deny
	Conceal bool   // denied answers 404
	Rules   []Rule
}

// Rule allows or denies what one of its patterns matches. The first match wins.
type Rule struct {
	Allow, Deny []string // exactly one is set
	Reason      string
	Line        int
}

// Admin routes.
type Admin struct {
	Prefix string
	Tokens []Token // those that are not empty
}

// Token is one admin credential.
type Token struct {
	ID    string
	Token string // secret
}

// Limits bound what one request or one archive may cost.
type Limits struct {
	Tarball, Unpacked    int64 // bytes
	Entries, Path, Depth int
	Document, Body       int64 // bytes
	UpstreamConcurrency  int
}

// Timeouts of requests upstream, and of draining.
type Timeouts struct{ Connect, Header, Stall, Total, Drain time.Duration }

// Cache budgets in bytes and files; 0 is unlimited.
type Cache struct {
	MaxBytes, MaxFiles int64
	Packs              int64
}

// Prefixed is a section of which only the URL prefix matters here.
type Prefixed struct{ Prefix string }

// Nginx is what only the generator reads.
type Nginx struct {
	Listen       string // "8080", "host:port", "[::]:port"
	ServerName   string
	Upstream     string // name of the upstream block
	User         string // "" is the owner of root.fs
	Version      string // "1.22.1"; "" asks nginx -V
	Modules      []string
	OpenFiles    int
	CacheName    string
	CachePeriod  time.Duration
	CachePath    string
	GzipStatic   bool
	BrotliStatic string // "auto" (if found), "true", "false"
	// IndexFallback adds the predecessor's index probes.
	IndexFallback bool
	LimitReq      string // "" or a rate, "50r/s burst=200"
	Admin         bool   // route the admin prefix
}
