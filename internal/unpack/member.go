package unpack

import (
	"archive/tar"
	"io"
	"strings"
)

const (
	block = 512 // bytes of a tar header; data is padded to a multiple
	// maxMeta bounds what may stand between the data of two members: the
	// extended headers of one member, of which the tar reader accepts
	// three kinds of 1 MiB each, with their own headers and padding.
	maxMeta = 4 << 20
	// metaPerMember is how much more all extended headers together may have for
	// each member, in bytes. A usual one has 1 KiB. They are by far the most
	// expensive bytes of an archive, in time and memory.
	metaPerMember = 4 << 10
	// maxNames bounds the bytes of all names, all of which stay in memory. The
	// largest real packages have about 4 MiB of them.
	maxNames = 32 << 20
)

// unpacker is the state of one pass.
type unpacker struct {
	limits   Limits
	upload   bool // see Upload
	out      *sink
	in       meter
	block    [block]byte
	plain    tar.Header
	files    []File // in archive order
	dirs     dirs
	members  int
	names    int   // bytes of names
	meta     int64 // bytes of extended headers
	unpacked int64 // bytes of members and extended headers
	unread   int64 // bytes of the current member not read yet
	padding  int64 // bytes behind them
}

// run reads the whole archive. Its errors are sorted out by classify.
func (u *unpacker) run(r io.Reader) error {
	gz, err := newGunzip(r, u.limits.Entries)
	if err != nil {
		return err
	}
	in := newAhead(gz)
	defer in.stop()
	u.in = meter{r: in, limit: maxMeta}
	for {
		hdr, err := u.next()
		if err == io.EOF {
			return u.drain()
		}
		if err != nil {
			return err
		}
		if err := u.member(hdr); err != nil {
			return err
		}
	}
}

// next returns the next header, after it has counted what it cost.
func (u *unpacker) next() (*tar.Header, error) {
	data := u.in.n + u.unread + u.padding
	if err := u.skip(); err != nil {
		return nil, err
	}
	hdr, err := u.header()
	if err != nil {
		return nil, err
	}
	meta := u.in.n - data - block
	u.unread, u.padding = 0, 0
	u.members++
	u.names += len(hdr.Name)
	u.meta += meta
	if err := u.count(meta); err != nil {
		return nil, err
	}
	if u.meta > maxMeta+metaPerMember*int64(u.members) {
		return nil, refuse(reasonMeta, "%d bytes of extended headers for %d members", u.meta, u.members)
	}
	if u.names > maxNames {
		return nil, refuse(reasonEntries, "more than %d bytes of names", maxNames)
	}
	return hdr, nil
}

// count adds n bytes and checks the limits of the whole archive.
func (u *unpacker) count(n int64) error {
	// Both are at most the limit here, so the difference cannot overflow.
	if n > u.limits.Unpacked-u.unpacked {
		return refuse(reasonUnpacked, "more than %d bytes", u.limits.Unpacked)
	}
	u.unpacked += n
	if u.members+len(u.dirs.seen) > u.limits.Entries {
		return refuse(reasonEntries, "more than %d members and directories", u.limits.Entries)
	}
	return nil
}

// member handles one member that may be a file or a directory.
func (u *unpacker) member(hdr *tar.Header) error {
	if hdr.Typeflag == tar.TypeXGlobalHeader {
		return nil // what it says of later members is of no interest
	}
	isDir, err := kind(hdr)
	if err != nil {
		return err
	}
	if !isDir {
		// The meter lets pass what the header claims and the next headers.
		u.in.limit = u.in.n + hdr.Size + maxMeta
		u.unread, u.padding = hdr.Size, -hdr.Size&(block-1)
		if err := u.count(hdr.Size); err != nil {
			return err
		}
	} else {
		u.in.limit = u.in.n + maxMeta
	}
	path, listed, err := u.name(hdr.Name)
	if err != nil || !listed {
		return err
	}
	if isDir {
		u.dirs.add(path)
		return u.count(0)
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		u.dirs.add(path[:i])
		if err := u.count(0); err != nil {
			return err
		}
	}
	return u.file(path, hdr.Size)
}

// name turns the name of a member into a path of the list.
func (u *unpacker) name(name string) (path string, listed bool, err error) {
	if !u.upload {
		return u.limits.clean(name)
	}
	return u.limits.whole(name)
}

// file takes over the data of the current member.
func (u *unpacker) file(path string, size int64) error {
	u.files = append(u.files, File{Path: path, Size: size, Offset: u.out.written})
	u.unread -= size
	return u.out.copy(&u.in, size, &u.files[len(u.files)-1].SHA256)
}

// drain ends the output, and first reads what follows the end of the tar, so
// that every checksum is compared. Tools pad with zeros there; other bytes have no meaning, as for
// every tar, but they count.
func (u *unpacker) drain() error {
	buf := make([]byte, 16<<10)
	for {
		u.in.limit = u.in.n + maxMeta
		n, err := u.in.Read(buf)
		if err := u.count(int64(n)); err != nil {
			return err
		}
		if err == io.EOF {
			return u.out.flush()
		}
		if err != nil {
			return err
		}
	}
}

// kind refuses everything that is neither file nor directory.
func kind(hdr *tar.Header) (isDir bool, err error) {
	switch hdr.Typeflag {
	case tar.TypeReg, tar.TypeCont:
	case tar.TypeDir:
		return true, nil
	case tar.TypeSymlink, tar.TypeLink:
		return false, refuse(reasonLink, "%s is a link", quote(hdr.Name))
	case tar.TypeGNUSparse:
		return false, refuse(reasonSparse, "%s has holes", quote(hdr.Name))
	default:
		return false, refuse(reasonSpecial, "%s is of type %q", quote(hdr.Name), hdr.Typeflag)
	}
	for key := range hdr.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return false, refuse(reasonSparse, "%s has holes", quote(hdr.Name))
		}
	}
	if strings.HasSuffix(hdr.Name, "/") {
		// Old tools wrote directories so. With data it is a trap: some readers
		// skip the data and others take it for the next headers.
		if hdr.Size != 0 {
			return false, refuse(reasonPath, "%s is a directory with data", quote(hdr.Name))
		}
		return true, nil
	}
	return false, nil
}
