package npm

import (
	"io"
	"net/url"
)

// Decoded is what the document decoder found.
type Decoded struct {
	Name     string
	Tags     map[string]string
	Versions []string // each as "version tarball integrity shasum"
	Times    int
}

// DecodeDocument runs the decoder alone.
func DecodeDocument(r io.Reader) (*Decoded, error) {
	d, err := decodeDocument(r)
	if err != nil {
		return nil, err
	}
	out := &Decoded{Name: d.name, Tags: d.tags, Times: len(d.times)}
	for _, v := range d.versions {
		out.Versions = append(out.Versions, v.version.String()+" "+v.dist.tarball+" "+v.dist.integrity+" "+v.dist.shasum)
	}
	return out, nil
}

// ErrSyntax is what the decoder says about text that is no JSON.
var ErrSyntax = errSyntax

// Strings reads a JSON array of strings.
func Strings(r io.Reader) ([]string, error) {
	s := newScanner(r)
	var texts []string
	err := s.list('[', ']', func() error {
		text, err := s.value()
		texts = append(texts, string(text))
		return err
	})
	if err != nil {
		return nil, err
	}
	return texts, s.finish()
}

// ParseNPMRC returns the pairs of a file as "key=value".
func ParseNPMRC(text string, env func(string) (string, bool)) []string {
	var out []string
	for _, p := range parseNPMRC(text, env) {
		out = append(out, p.key+"="+p.value)
	}
	return out
}

// AuthFor returns the Authorization header that a URL would get.
func (p *Provider) AuthFor(u *url.URL) string { return p.auth.For(u) }
