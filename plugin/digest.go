package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"
	"syscall"
)

// digest hashes named files.
type digest struct{ sum hash.Hash }

func newDigest() *digest { return &digest{sha256.New()} }

// file adds the name and the content of one file.
func (d *digest) file(dir, name string) error {
	one := newDigest()
	if err := copyFile(one.sum, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
		return err
	}
	fmt.Fprintf(d.sum, "%q %s\n", name, one.text())
	return nil
}

// add adds texts.
func (d *digest) add(texts ...string) { fmt.Fprintf(d.sum, "%q\n", texts) }

func (d *digest) text() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// mark tells two states of a file apart without reading it: one that was renamed into its place has another number.
func mark(name string, info fs.FileInfo) string {
	text := fmt.Sprintf("%s %d %d", name, info.Size(), info.ModTime().UnixNano())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		text += fmt.Sprintf(" %d", st.Ino)
	}
	return text
}
