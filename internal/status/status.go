// Package status is what a person wants to see of a running daemon at a glance:
// what is held, how far each layer of the cache helps and how that changed, which
// upstreams are slow, what was refused and why. It keeps a bounded past in
// memory, and shows a Report as a page that needs no script, or as JSON.
//
// No secret gets in here: hosts, paths of packages, words that clients were
// told, ids of tokens.
package status

import (
	"strconv"
	"time"
)

// Report is the state at one moment.
type Report struct {
	Version   string     `json:"version"`   // of the program
	Started   time.Time  `json:"started"`   // when the daemon was
	Now       time.Time  `json:"now"`       // when this was written down
	Providers []string   `json:"providers"` // in the order in which they are asked; never nil
	Held      Held       `json:"held"`      // on the disk
	Layers    []Layer    `json:"layers"`    // of the cache, since the start; never nil
	Hour      []Sample   `json:"hour"`      // the last hour, oldest first; never nil
	Day       []Sample   `json:"day"`       // the last day, oldest first; never nil
	Upstreams []Upstream `json:"upstreams"` // the slowest first; never nil
	Refusals  []Refusal  `json:"refusals"`  // the latest first; never nil
	Pins      []Pin      `json:"pins"`      // by name, those of admins first; never nil
	// MorePins are the pins beyond those that are listed.
	MorePins int `json:"more_pins"`
	// Components tells of the component registry; nil: it is off.
	Components *Components `json:"components,omitempty"`
}

// Components is what the component registry knows.
type Components struct {
	Store    string `json:"store"`     // "file" or "s3"
	Hosts    int    `json:"hosts"`     // that are registered
	MaxHosts int    `json:"max_hosts"` // that may be
	Names    int    `json:"names"`     // of components
	Versions int    `json:"versions"`  // of all of them, denied ones too
}

// Amount is room on the disk.
type Amount struct {
	Bytes int64 `json:"bytes"` // in whole blocks
	Files int64 `json:"files"` // and directories
}

// Held is what is on the disk.
type Held struct {
	Packages  int       `json:"packages"`         // of which anything is held
	Counted   time.Time `json:"counted,omitzero"` // when what follows was counted; zero: not yet
	Releases  int       `json:"releases"`         // that take room
	View      Amount    `json:"view"`             // what nginx serves
	Tarballs  Amount    `json:"tarballs"`         // as they came
	Packs     Amount    `json:"packs"`            // unpacked
	Budget    Amount    `json:"budget"`           // of all three; 0 is no limit
	Evictions int64     `json:"evictions"`        // releases, because of the budget
	DiskFree  int64     `json:"disk_free"`        // bytes for this user; 0: not known
	DiskSize  int64     `json:"disk_size"`        // bytes; 0: not known
}

// Total is view, tarballs and packs together.
func (h Held) Total() Amount {
	return Amount{h.View.Bytes + h.Tarballs.Bytes + h.Packs.Bytes, h.View.Files + h.Tarballs.Files + h.Packs.Files}
}

// Layer is how often one layer of the cache was asked.
type Layer struct {
	Name   string `json:"name"`   // "view", "release" or "list"
	Hits   uint64 `json:"hits"`   // answered by it; a list past its time and a known absence too
	Misses uint64 `json:"misses"` // that had to be fetched or made
}

// Rate returns the part of hits in percent, and whether there was anything.
func (l Layer) Rate() (percent float64, ok bool) {
	sum := l.Hits + l.Misses
	if sum == 0 {
		return 0, false
	}
	return 100 * float64(l.Hits) / float64(sum), true
}

// Upstream is how a host from which packages come does.
type Upstream struct {
	Host     string `json:"host"`     // host:port
	State    string `json:"state"`    // "closed" is as it should be; "" is not known
	Requests uint64 `json:"requests"` // since the start
	Failures uint64 `json:"failures"` // of those: no answer, or a status of 500 and above
	// Median and Slow are milliseconds until the header of an answer came: half
	// of the latest requests took longer than one, one in twenty longer than the
	// other.
	Median float64 `json:"median_ms"`
	Slow   float64 `json:"slow_ms"` // see Median
	// LastError is the class of the last failure, "" when the last answer was none.
	LastError string `json:"last_error,omitempty"`
}

// Refusal is something that a client did not get for another reason than that
// it is not there.
type Refusal struct {
	At      time.Time `json:"at"`               // last
	Count   uint64    `json:"count"`            // how often, without one of another kind for long
	What    string    `json:"what"`             // path that was asked for
	Outcome string    `json:"outcome"`          // one word, as in metrics
	Reason  string    `json:"reason,omitempty"` // what the client was told; of a denial that is concealed, what it was not
}

// Pin is what main of a package points at.
type Pin struct {
	Name    string    `json:"name"`    // of the package
	Version string    `json:"version"` // exact
	By      string    `json:"by"`      // id of a token; "first-touch": a request did
	At      time.Time `json:"at"`      // when
}

// milliseconds writes a duration for people.
func milliseconds(ms float64) string {
	if ms < 9.95 {
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	if ms < 9950 {
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
}
