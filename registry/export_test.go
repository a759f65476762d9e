package registry

import "github.com/registryd/registryd/pkgref"

// EntryFile gives the tests entryFile.
var EntryFile = entryFile

// DecodeList decodes a stored list and encodes it again.
func DecodeList(name pkgref.Name, data []byte) ([]byte, error) {
	held, err := decodeList(name, data)
	if err != nil {
		return nil, err
	}
	return encodeList(held)
}
