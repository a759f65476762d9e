package url

import (
	"io"

	"github.com/registryd/registryd/provider"
)

// Decode lets tests read lists without a server.
func Decode(r io.Reader) ([]provider.Listed, error) {
	d, err := decode(r)
	return d.versions, err
}
