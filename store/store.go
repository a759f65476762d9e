// Package store is the port to where published things are kept: a flat space of
// keys with whole values, conditional writes, and listings. store/file keeps
// them in a directory, store/s3 in a bucket; storetest checks any of them.
//
// A key is made of segments with "/" between them. No segment is empty or begins
// with a dot, none has control characters or a backslash, and no key is the
// directory of another. Values are small enough to be held in memory.
package store

import (
	"context"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/registryd/registryd/internal/outcome"
)

// MaxKeyLen is the longest key in bytes.
const MaxKeyLen = 1024

// Object tells of a value that is stored.
type Object struct {
	Key  string // as it was put
	Size int64  // bytes of the value
	// Tag changes whenever the value does; "" in listings of stores that would
	// have to read values for it.
	Tag      string
	Modified time.Time // by the store's clock
}

// Condition says what must hold for a write. The zero value is none.
type Condition struct {
	Absent bool   // there is no value yet
	Match  string // the value is there and has this tag; "" does not matter
}

// Store keeps values. Safe for concurrent use, and where several processes use
// one place, for those too. A write that has returned survives the death of the
// process and a loss of power.
type Store interface {
	// Get returns a value, which is the caller's. Errors: outcome.NotFound;
	// outcome.Invalid for a key that is none; outcome.Busy when the store fails.
	Get(ctx context.Context, key string) ([]byte, Object, error)
	// Head tells of a value without it. Errors: as Get.
	Head(ctx context.Context, key string) (Object, error)
	// Put stores a whole value if c holds, and nothing otherwise. Errors:
	// outcome.Conflict where c.Absent and there is one; outcome.PreconditionFailed
	// where c.Match and there is none or another; outcome.Invalid for a key that
	// is none; outcome.Busy when the store fails, and then the value may be stored
	// all the same.
	Put(ctx context.Context, key string, value []byte, c Condition) (Object, error)
	// Delete removes a value; that none is there is no error. Errors:
	// outcome.Invalid for a key that is none; outcome.Busy when the store fails.
	Delete(ctx context.Context, key string) error
	// List returns the objects whose keys begin with prefix, sorted by key in
	// bytes. It ends with the first error: outcome.Busy when the store fails.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
}

// CheckKey reports whether key is one. Errors: outcome.Invalid.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyLen || !utf8.ValidString(key) {
		return outcome.New(outcome.Invalid, "%q is no key of a store", key)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment[0] == '.' || len(segment) > 255 || strings.ContainsFunc(segment, odd) {
			return outcome.New(outcome.Invalid, "%q is no key of a store", key)
		}
	}
	return nil
}

func odd(c rune) bool { return c == '\\' || unicode.IsControl(c) }
