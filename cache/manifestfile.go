package cache

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/registryd/registryd/pkgref"
)

// A manifest is stored as JSON Lines: one header, then one line for each file.
// It can be read with jq, and written without building a tree of 30,000 values.

// manifestFormat is raised when older readers would misread a manifest.
const manifestFormat = 1

type manifestHeader struct {
	Format    int       `json:"format"`
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Provider  string    `json:"provider"`
	Source    string    `json:"source,omitempty"`
	Published time.Time `json:"published,omitzero"`
	Fetched   time.Time `json:"fetched"`
	Blob      string    `json:"sha512,omitempty"`
	BlobSize  int64     `json:"size,omitempty"`
	Integrity string    `json:"integrity,omitempty"`
	Generated bool      `json:"generated,omitempty"`
	Open      bool      `json:"open,omitempty"`
	State     string    `json:"state,omitempty"`
	Files     int       `json:"files"`
}

type manifestLine struct {
	Path      string `json:"path,omitempty"`
	RawPath   []byte `json:"rawPath,omitempty"` // base64, for a path that is no UTF-8
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256,omitempty"`
	Offset    int64  `json:"offset,omitempty"`
	Integrity string `json:"integrity,omitempty"`
}

func encodeManifest(m *Manifest) ([]byte, error) {
	head, err := json.Marshal(manifestHeader{
		Format: manifestFormat, Name: string(m.Name), Version: m.Version.String(), Provider: m.Provider, Source: m.Source,
		Published: m.Published, Fetched: m.Fetched, Blob: m.Blob, BlobSize: m.BlobSize, Integrity: m.Integrity,
		Generated: m.Generated, Open: m.Open, State: m.State, Files: len(m.files),
	})
	if err != nil {
		return nil, fmt.Errorf("encode manifest of %s: %w", m.Ref(), err)
	}
	out := make([]byte, 0, len(head)+180*len(m.files))
	out = append(append(out, head...), '\n')
	for _, f := range m.files {
		if out, err = appendLine(out, f); err != nil {
			return nil, fmt.Errorf("encode manifest of %s: %w", m.Ref(), err)
		}
	}
	return out, nil
}

// appendLine writes the common case by hand: a plain path and a known digest.
// It is most of the cost of committing a release with many files.
func appendLine(out []byte, f File) ([]byte, error) {
	if plain(f.Path) && f.Integrity == "" && !f.SHA256.IsZero() {
		out = append(append(out, `{"path":"`...), f.Path...)
		out = strconv.AppendInt(append(out, `","size":`...), f.Size, 10)
		out = hex.AppendEncode(append(out, `,"sha256":"`...), f.SHA256[:])
		out = append(out, '"')
		if f.Offset != 0 {
			out = strconv.AppendInt(append(out, `,"offset":`...), f.Offset, 10)
		}
		return append(out, '}', '\n'), nil
	}
	line := manifestLine{Path: f.Path, Size: f.Size, Offset: f.Offset, Integrity: f.Integrity}
	if !utf8.ValidString(f.Path) {
		line.Path, line.RawPath = "", []byte(f.Path)
	}
	if !f.SHA256.IsZero() {
		line.SHA256 = hex.EncodeToString(f.SHA256[:])
	}
	data, err := json.Marshal(line)
	return append(append(out, data...), '\n'), err
}

// plain reports whether path needs no escaping in JSON.
func plain(path string) bool {
	for i := range len(path) {
		if c := path[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// minLine bounds how many files so many bytes can list.
const minLine = len(`{"path":"a"}`)

var errTorn = errors.New("manifest is incomplete")

func decodeManifest(data []byte) (*Manifest, error) {
	head, rest, _ := bytes.Cut(data, []byte{'\n'})
	var h manifestHeader
	if err := json.Unmarshal(head, &h); err != nil {
		return nil, fmt.Errorf("manifest header: %w", err)
	}
	m, err := h.manifest()
	if err != nil {
		return nil, err
	}
	if h.Files < 0 || h.Files > len(rest)/minLine {
		return nil, errTorn
	}
	files := make([]File, 0, h.Files)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		f, err := decodeLine(line)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) != h.Files {
		return nil, errTorn
	}
	return m.WithFiles(files), nil
}

func (h *manifestHeader) manifest() (*Manifest, error) {
	if h.Format != manifestFormat {
		return nil, fmt.Errorf("manifest has format %d, not %d", h.Format, manifestFormat)
	}
	name, err := pkgref.ParseName(h.Name)
	if err != nil {
		return nil, err
	}
	version, err := pkgref.ParseVersion(h.Version)
	if err != nil {
		return nil, err
	}
	if raw, err := hex.DecodeString(h.Blob); err != nil || len(raw) != 0 && len(raw) != 64 {
		return nil, errors.New("manifest names no well-formed sha512")
	}
	return &Manifest{
		Name: name, Version: version, Provider: h.Provider, Source: h.Source, Published: h.Published, Fetched: h.Fetched,
		Blob: h.Blob, BlobSize: h.BlobSize, Integrity: h.Integrity, Generated: h.Generated,
		Open: h.Open, State: h.State,
	}, nil
}

func decodeLine(data []byte) (File, error) {
	f, ok := decodePlain(data)
	if !ok {
		var err error
		if f, err = decodeAny(data); err != nil {
			return File{}, err
		}
	}
	if !local(f.Path) || f.Size < -1 || f.Offset < 0 {
		return File{}, fmt.Errorf("manifest lists %q of %d bytes at %d", f.Path, f.Size, f.Offset)
	}
	return f, nil
}

// decodePlain reads the lines that appendLine writes by hand: it is most of
// the cost of a first touch after a restart.
func decodePlain(data []byte) (f File, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"path":"`))
	if !ok {
		return f, false
	}
	path, rest, _ := bytes.Cut(rest, []byte{'"'})
	if f.Path = string(path); !plain(f.Path) {
		return f, false
	}
	if f.Size, rest, ok = cutNumber(rest, `,"size":`); !ok {
		return f, false
	}
	rest, ok = bytes.CutPrefix(rest, []byte(`,"sha256":"`))
	if !ok || len(rest) <= 2*len(f.SHA256) || rest[2*len(f.SHA256)] != '"' {
		return f, false
	}
	if _, err := hex.Decode(f.SHA256[:], rest[:2*len(f.SHA256)]); err != nil {
		return f, false
	}
	rest = rest[2*len(f.SHA256)+1:]
	if bytes.HasPrefix(rest, []byte{','}) {
		if f.Offset, rest, ok = cutNumber(rest, `,"offset":`); !ok {
			return f, false
		}
	}
	return f, string(rest) == "}"
}

// cutNumber cuts key and the natural number that follows it off data.
func cutNumber(data []byte, key string) (n int64, rest []byte, ok bool) {
	const maxDigits = 18 // that never overflow
	rest, ok = bytes.CutPrefix(data, []byte(key))
	digits := 0
	for ok && digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		n = n*10 + int64(rest[digits]-'0')
		digits++
		ok = digits <= maxDigits
	}
	return n, rest[digits:], ok && digits > 0
}

// local reports whether path names a file below the directory it is joined to.
func local(path string) bool {
	for rest, more := path, true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return strings.IndexByte(path, 0) < 0
}

func decodeAny(data []byte) (File, error) {
	var line manifestLine
	if err := json.Unmarshal(data, &line); err != nil {
		return File{}, fmt.Errorf("manifest line: %w", err)
	}
	f := File{Path: line.Path, Size: line.Size, Offset: line.Offset, Integrity: line.Integrity}
	if len(line.RawPath) > 0 {
		f.Path = string(line.RawPath)
	}
	if line.SHA256 == "" {
		return f, nil
	}
	sum, err := hex.DecodeString(line.SHA256)
	if err != nil || len(sum) != len(f.SHA256) {
		return File{}, errors.New("manifest line has no well-formed sha256")
	}
	copy(f.SHA256[:], sum)
	return f, nil
}
