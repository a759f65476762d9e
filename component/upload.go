package component

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
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
	if err == nil {
		p.Files, p.Dependencies = form.files, form.peers
		moved, err = h.Registry.Publish(r.Context(), p)
	}
	_ = h.Audit(auditLine{ // whoever keeps the log says why it cannot
		Time: time.Now().UTC(), Action: "publish", By: p.By, What: p.Name.String() + "@" + p.Version.String(),
		Size: form.size, SHA256: form.sha256, Result: httpx.Label(err), Remote: r.RemoteAddr, Request: httpx.RequestID(r),
	})
	return moved, err
}

// form is what a publication comes as.
type form struct {
	files  map[string][]byte
	peers  Dependencies // nil: not given
	size   int64        // bytes of the archive
	sha256 string       // of the archive
}

// readForm reads the parts in whichever order they come. Errors: ErrMalformed,
// ErrDependencies, ErrTooLarge.
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
	if f.files == nil {
		return f, outcome.New(ErrMalformed, "the form has no file called package")
	}
	return f, nil
}

func (h *Handler) readPart(f *form, part *multipart.Part) error {
	switch name := part.FormName(); {
	case name == "package" && f.files == nil:
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

// readPackage unpacks the archive while it comes.
func (h *Handler) readPackage(f *form, part io.Reader) error {
	sum := sha256.New()
	counted := &counter{r: io.TeeReader(part, sum)}
	var out bytes.Buffer
	list, err := unpack.Upload(counted, &out, h.Archive)
	f.size, f.sha256 = counted.n, hex.EncodeToString(sum.Sum(nil))
	if err != nil {
		return refused(err)
	}
	f.files = make(map[string][]byte, len(list))
	prefix := leading(list)
	for _, e := range list {
		f.files[strings.TrimPrefix(e.Path, prefix)] = out.Bytes()[e.Offset : e.Offset+e.Size]
	}
	return nil
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

// refused turns what is wrong with an archive into an error for who sent it.
func refused(err error) error {
	switch unpack.Reason(err) {
	case "":
		return unreadable(err)
	case "unpacked", "entries", "length", "meta":
		return outcome.Wrap(ErrTooLarge, flat{err}, "%s", outcome.Text(err))
	}
	return outcome.Wrap(ErrMalformed, flat{err}, "%s", outcome.Text(err))
}

// flat hides what an error wraps: the fault is the client's here, and elsewhere
// it would be upstream's.
type flat struct{ err error }

// Error is part of error.
func (f flat) Error() string { return f.err.Error() }

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
