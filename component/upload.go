package component

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

// uploadTime is how long a package may take to come.
const uploadTime = 5 * time.Minute

// authorise decides by the header alone, before a byte of the body is read.
// Errors: ErrNoToken, ErrWrongToken.
func (h *Handler) authorise(w http.ResponseWriter, r *http.Request) error {
	if h.Token == "" {
		if httpx.TrustedFront(r) && !relayed(r.Header) {
			return nil
		}
		return outcome.New(ErrNoToken, "without components.token, components are published from this machine alone")
	}
	given, ok := bearer(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="components"`)
		return outcome.New(ErrNoToken, "publishing needs a token")
	}
	sum := sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(sum[:], h.token[:]) != 1 {
		return outcome.New(ErrWrongToken, "this token may not publish")
	}
	return nil
}

// relayed reports whether somebody elsewhere may be behind a request of this
// machine: a front names whom it asks for, and a browser sends forms to any
// address for any page, but says so.
func relayed(h http.Header) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via", "Origin", "Sec-Fetch-Site"} {
		if len(h.Values(name)) > 0 {
			return true
		}
	}
	return false
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "bearer")
}

// auditLine is what the audit log has of a publication.
type auditLine struct {
	Time    time.Time `json:"time"`
	Action  string    `json:"action"`
	By      string    `json:"by"` // "token" or "loopback"
	What    string    `json:"what"`
	Size    int64     `json:"size"`   // bytes of the archive
	SHA256  string    `json:"sha256"` // of the archive
	Result  string    `json:"result"`
	Remote  string    `json:"remote"`
	Request string    `json:"request_id,omitempty"`
}

// unread makes the server answer although nobody has read the body: on a
// connection that goes on it would wait for it first.
func unread(w http.ResponseWriter) { w.Header().Set("Connection", "close") }

// admit decides by path and header alone what may be published, before a byte of
// the body is read. Errors: as authorise; ErrMalformed, ErrVersion, ErrTooLarge;
// those of Registry.Allowed.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, t target) (p Publication, err error) {
	if err := h.authorise(w, r); err != nil {
		return p, err
	}
	p.By = "loopback"
	if h.Token != "" {
		p.By = "token"
	}
	if p.Name, err = ParseName(t.name); err != nil {
		return p, outcome.Wrap(ErrMalformed, err, "this is no name for a component")
	}
	if p.Version, err = ParseVersion(t.rest[0]); err != nil {
		return p, err
	}
	if err := h.Registry.Allowed(p.Name, p.Version); err != nil {
		return p, err
	}
	if r.ContentLength > h.MaxBody {
		return p, outcome.New(ErrTooLarge, "the body has more than %d bytes", h.MaxBody)
	}
	return p, nil
}

// publish reads a package and publishes it.
func (h *Handler) publish(w http.ResponseWriter, r *http.Request, p Publication) (moved map[uint32]Mismatches, err error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	deadline(w, uploadTime)
	form, err := h.readForm(w, r)
	defer form.close()
	if err == nil {
		moved, err = h.keep(r.Context(), p, &form)
	}
	_ = h.Audit(auditLine{ // whoever keeps the log says why it cannot
		Time: time.Now().UTC(), Action: "publish", By: p.By, What: p.Name.String() + "@" + p.Version.String(),
		Size: form.size, SHA256: form.sha256, Result: httpx.Label(err), Remote: r.RemoteAddr, Request: httpx.RequestID(r),
	})
	return moved, err
}

// keep publishes what came, when there is room for it in memory.
func (h *Handler) keep(ctx context.Context, p Publication, f *form) (moved map[uint32]Mismatches, err error) {
	var size int64
	for _, e := range f.list {
		size += e.Size
	}
	if err := h.memory.Acquire(ctx, size); err != nil {
		return nil, err
	}
	defer h.memory.Release(size)
	if p.Files, err = f.read(); err != nil {
		return nil, err
	}
	p.Dependencies = f.peers
	return h.Registry.Publish(ctx, p)
}

// form is what a publication comes as.
type form struct {
	list   []unpack.File // of the package; nil: it has not come
	data   Scratch       // the bytes of its files; nil: none
	peers  Dependencies  // nil: not given
	size   int64         // bytes of the archive
	sha256 string        // of the archive
}

// close gives back what the form took on the disk.
func (f *form) close() {
	if f.data != nil {
		f.data.Close()
	}
}

// read returns the files of the package by path. Errors: ErrStorage.
func (f *form) read() (map[string][]byte, error) {
	files := make(map[string][]byte, len(f.list))
	prefix := leading(f.list)
	for _, e := range f.list {
		data := make([]byte, e.Size)
		if _, err := io.ReadFull(io.NewSectionReader(f.data, e.Offset, e.Size), data); err != nil {
			return nil, outcome.Wrap(ErrStorage, err, "cannot read back what was uploaded")
		}
		files[strings.TrimPrefix(e.Path, prefix)] = data
	}
	return files, nil
}

// readForm reads the parts in whichever order they come. The form is to be
// closed after an error, too. Errors: ErrMalformed, ErrDependencies, ErrTooLarge,
// ErrStorage.
func (h *Handler) readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	var f form
	r.Body = http.MaxBytesReader(w, r.Body, h.MaxBody)
	parts, err := r.MultipartReader()
	if err != nil {
		return f, outcome.Wrap(ErrMalformed, err, "a package is published as multipart/form-data")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f, unreadable(err)
		}
		if err := h.readPart(&f, part); err != nil {
			return f, err
		}
	}
	if f.list == nil {
		return f, outcome.New(ErrMalformed, "the form has no file called package")
	}
	return f, nil
}

func (h *Handler) readPart(f *form, part *multipart.Part) error {
	switch name := part.FormName(); {
	case name == "package" && f.list == nil:
		return h.readPackage(f, part)
	case name == "peerDependencies" && f.peers == nil:
		data, err := io.ReadAll(io.LimitReader(part, h.maxMap+1))
		if err != nil {
			return unreadable(err)
		}
		if int64(len(data)) > h.maxMap {
			return outcome.New(ErrTooLarge, "peerDependencies has more than %d bytes", h.maxMap)
		}
		f.peers, err = parseDependencies(data)
		return err
	default:
		return outcome.New(ErrMalformed, "the form has a part %q that has no place in it", httpx.Clip(name))
	}
}

// readPackage unpacks the archive while it comes. Its files wait on the disk
// until all of it is known to be good.
func (h *Handler) readPackage(f *form, part io.Reader) (err error) {
	if f.data, err = h.Scratch(); err != nil {
		return outcome.Wrap(ErrStorage, err, "there is no room for what is uploaded")
	}
	sum := sha256.New()
	counted := &counter{r: io.TeeReader(part, sum)}
	list, err := unpack.Upload(counted, scratched{f.data}, h.Archive)
	f.size, f.sha256 = counted.n, hex.EncodeToString(sum.Sum(nil))
	if err != nil {
		return refused(err)
	}
	f.list = list
	return nil
}

// Scratch is a file for what must wait. Closing it removes it.
type Scratch interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// scratchFile returns a file among the temporary ones of the system.
func scratchFile() (Scratch, error) {
	f, err := os.CreateTemp("", "registryd-upload-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil { // it lives on until it is closed
		f.Close()
		return nil, err
	}
	return f, nil
}

// scratched tells a disk that fails from an archive that does.
type scratched struct{ w io.Writer }

// Write is part of io.Writer.
func (s scratched) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		err = outcome.Wrap(ErrStorage, err, "there is no room for what is uploaded")
	}
	return n, err
}

// leading returns the one directory that everything is in, with a slash, "" if
// there is none or package.json lies beside it.
func leading(list []unpack.File) string {
	first, _, _ := strings.Cut(list[0].Path, "/")
	for _, e := range list {
		if !strings.HasPrefix(e.Path, first+"/") {
			return ""
		}
	}
	return first + "/"
}

// refused turns what is wrong with an archive into an error for who sent it: the
// fault is the client's here, and elsewhere it would be upstream's.
func refused(err error) error {
	if errors.Is(err, ErrStorage) {
		return err
	}
	switch unpack.Reason(err) {
	case "":
		return unreadable(err)
	case "unpacked", "entries", "length", "meta":
		return outcome.Wrap(ErrTooLarge, outcome.Opaque(err), "%s", outcome.Text(err))
	}
	return outcome.Wrap(ErrMalformed, outcome.Opaque(err), "%s", outcome.Text(err))
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
