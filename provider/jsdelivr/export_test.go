package jsdelivr

import (
	"io"

	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/provider"
)

// DecodeList and DecodeVersions let tests read documents without a server.
func DecodeList(r io.Reader, limits unpack.Limits) ([]provider.File, error) {
	l := &listing{paths: limits.Paths()}
	if err := l.decode(r); err != nil {
		return nil, err
	}
	return l.finish()
}

func DecodeVersions(r io.Reader) ([]provider.Listed, error) {
	d, err := decodeVersions(r)
	return d.versions, err
}
