package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// retry is what a client is told when the disk or the process is short of
// something: an operator or the next eviction has to act first.
const retry = 10 * time.Second

// shortages are the failures of a file operation that say nothing about what
// was asked for, and may be gone when it is asked for again.
var shortages = []error{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, // no room
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, // no descriptors, no memory
	syscall.EROFS, syscall.EACCES, syscall.EPERM, // not ours to write
	syscall.EIO, syscall.ESTALE, errVanished,
}

// errVanished: what this package just made was removed under its hands.
var errVanished = errors.New("removed by somebody else")

// Wrap says of a failed file operation what was being done, in the words of
// the format and arguments. It returns nil for nil, and io.EOF as it is.
// Errors: outcome.Busy, asking for another try in ten seconds, where the disk
// is full, read-only, not accessible or failing, or where descriptors or memory
// have run out; no sentinel of outcome otherwise.
func Wrap(err error, format string, args ...any) error {
	if err == nil || err == io.EOF {
		return err
	}
	if outcome.Known(err) {
		return err
	}
	wrapped := fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	for _, s := range shortages {
		if errors.Is(err, s) {
			return outcome.After(retry, wrapped)
		}
	}
	return wrapped
}

// vanished marks a missing file as one that was there a moment ago.
func vanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errVanished, err)
	}
	return err
}
