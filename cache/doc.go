// Package cache owns the data directory: everything registryd keeps lies below
// one directory, on one file system, and is reached through one os.Root.
//
//	www/<pub>/<name>/<version>/<path>   the view: what nginx may serve
//	www/<pub>/<name>/main -> 1.2.3      a pin, or what a person put there
//	www/<prefix of components>/         copies of what the component store has
//	blobs/sha512/ab/cdef…-<tag>.tgz     verified tarballs, immutable, one for each release
//	packs/ab/cdef….pack                 their unpacked bytes, one file after the other
//	state/format                        version of this layout
//	state/lock                          held by the one daemon of the directory
//	state/boot, state/policy            fingerprints of the boot and of the rules in force
//	state/packages/<name>/releases/     manifests, one <version>.jsonl each
//	                                    <version>.evicted, empty: its bytes are missing on purpose
//	state/packages/<name>/lists/        version lists, one <provider>.json each
//	state/packages/<name>/pin.json      who pinned main to what, and when
//	state/packages/<name>/absent.json   versions known to be absent, for a while
//	state/notes/                        small answers worth keeping between starts
//	state/audit.jsonl                   what admins did, and what was published
//	state/quarantine/<time>/            what Verify took away or Mend found, under its old path
//	hidden/<name>/main                  hand-made mains that a rule denies at present;
//	                                    main.1, main.2 … are older ones, which do not come back
//	tmp/                                staging, and what is being removed
//
// Four decisions carry it.
//
// A release is never unpacked as a whole. Ingest streams a tarball once into a
// blob and a pack; Materialise copies one file from the pack into the view,
// checking its SHA-256 on the way, when somebody asks for it. A damaged pack is
// made again from its blob.
//
// Files appear by one rename. Nothing partial is ever visible, so a kill at any
// moment needs no repair. What can be fetched again is not synchronised to the
// disk; after a power loss (another boot, no clean stop) the view is set aside
// and fills again by first touch. Pins, the audit log and copies of components
// are synchronised.
//
// What is in the view follows the rules. Materialise asks them while it holds
// the release's lock, and Sweep takes that lock exclusively, so a release that
// a reload denies cannot come back through a request that began earlier.
//
// Every file of the view has an mtime made of its own digest (Digest.ModTime),
// so nginx's ETag is a hash of the content.
package cache
