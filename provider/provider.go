// Package provider is the contract of a source of packages, and the chain in
// which sources are asked.
//
// A provider must have a name; everything else is a small ability found by
// interface: Checker (a gate), Versioner (lists versions and dist-tags),
// Releaser (describes one exact version), ArchiveOpener and FileOpener (give
// its bytes). A provider without an ability is passed over where the ability
// is needed.
//
// A release is one of two kinds. An archive release comes as one gzipped
// tarball. A files release comes as single files, either listed beforehand,
// with or without hashes, or found one by one (see Files.Open).
//
// Every method may be called from many goroutines at once, honours its
// context, and fails with an error that wraps one of internal/outcome's
// sentinels, which programs of others find as ErrNotFound and so on. Only that
// one may mean "known to be absent".
package provider

import (
	"context"
	"io"
	"time"

	"github.com/registryd/registryd/pkgref"
)

// Provider is a source of packages, or a gate in front of the others.
type Provider interface {
	// Name is what logs, metrics and manifests call the provider, unique in a chain.
	Name() string
}

// Checker is the ability to allow or refuse a package, before any provider
// behind it is asked.
type Checker interface {
	// Check returns nil when name may be served. v is zero when no version is
	// known yet. Errors: outcome.Forbidden (stop, 403), outcome.Declined
	// (stop, answer as absent), outcome.Unavailable.
	Check(ctx context.Context, name pkgref.Name, v pkgref.Version) error
}

// Versioner is the ability to list the versions of a package.
type Versioner interface {
	// Versions lists what exists now. held is the validator of the list that
	// the caller has already, "" for none; where it still holds,
	// the answer is ErrNotModified. Errors: outcome.NotFound, outcome.Unavailable,
	// outcome.TooSlow, outcome.Busy.
	Versions(ctx context.Context, name pkgref.Name, held string) (*Versions, error)
}

// Releaser is the ability to describe one exact version.
type Releaser interface {
	// Release looks v up literally, build metadata included. Errors:
	// outcome.NotFound, outcome.Refused, outcome.Unavailable, outcome.TooSlow,
	// outcome.Busy.
	Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*Release, error)
}

// ArchiveOpener is the ability to stream the tarball of an archive release.
type ArchiveOpener interface {
	// OpenArchive opens the tarball; the caller closes it. Errors:
	// outcome.NotFound, outcome.Unavailable, outcome.TooSlow, outcome.Busy; reads
	// of the stream fail with the same.
	OpenArchive(ctx context.Context, r *Release) (io.ReadCloser, error)
}

// FileOpener is the ability to stream one file of a files release.
type FileOpener interface {
	// OpenFile opens the file at path (no leading slash); the caller closes
	// it. Errors: as OpenArchive; outcome.NotFound is final for that path.
	OpenFile(ctx context.Context, r *Release, path string) (io.ReadCloser, error)
}

// Sourcer is the ability to tell where packages come from. What is remembered of
// one source does not count for another one, even under the same name.
type Sourcer interface {
	// Source names the place that is asked for name, without secrets.
	Source(name pkgref.Name) string
}

// Reviser is the ability to tell which code answers. What other code said of versions does not count; what was fetched
// by it stays.
type Reviser interface {
	// Revision differs for different code.
	Revision() string
}

// Rescanner is the ability to tell cheaply whether a release changed in place,
// which only a source that a person edits by hand has.
type Rescanner interface {
	// Changed reports whether the release no longer has the given state, which
	// is the Release.State of when it was taken over. Errors: outcome.Unavailable.
	Changed(ctx context.Context, name pkgref.Name, v pkgref.Version, state string) (bool, error)
	// Rescan is how often to look.
	Rescan() time.Duration
}

// Versions is one provider's list of the versions of a package.
type Versions struct {
	Name      pkgref.Name       // of the package
	Validator string            // for the next call; "" if the source has none
	Tags      map[string]string // dist-tag → exact version, as published
	// List is sorted ascending by precedence. It holds no duplicates.
	List []Listed
}

// Listed is one version of a list.
type Listed struct {
	Version   pkgref.Version // as published, build metadata included
	Published time.Time      // zero: not known
	// Archive spares the look-up of the release; nil where the list does not
	// tell as much.
	Archive *Archive // of an archive release
}

// Release describes one exact version of a package. Exactly one of Archive
// and Files is set.
type Release struct {
	Name      pkgref.Name    // of the package
	Version   pkgref.Version // as published, build metadata included
	Published time.Time      // zero: not known
	Archive   *Archive       // of an archive release
	Files     *Files         // of a files release
	// State is what a Rescanner compares; "" where releases never change.
	State string
}

// Archive tells where the tarball of a release is and how to know it.
type Archive struct {
	URL string // understood by the provider that made it
	// Integrity is what the source publishes of the tarball's digest; the zero
	// value means nothing was published and is accepted: a provider that
	// demands a digest refuses the release itself.
	Integrity Integrity // zero: nothing was published
	// Generated marks a tarball that the source packs anew on request: its
	// bytes may change while its content does not, so its release is pinned by
	// the digest of its manifest.
	Generated bool
}

// Files lists the files of a files release.
type Files struct {
	List []File // in any order
	// Open is set when the list is not complete: a path that is not listed may
	// exist and is asked for with FileOpener.
	Open bool
	// Assumed is set, beside Open, when the source cannot tell whether the
	// release exists at all: it does as soon as one of its files does, and
	// until then it leaves no trace on the disk.
	Assumed bool
}

// File is one file of a files release.
type File struct {
	Path      string    // no leading slash
	Size      int64     // bytes; -1: not known
	Integrity Integrity // zero: nothing was published
}
