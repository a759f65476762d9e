package registry_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Many requests meet a file in the place of packs, and one of them mends that:
// all are answered.
func TestHerd_MendsOnce_Fault27(t *testing.T) {
	t.Parallel()
	s := newSource("npm")
	for i := range 40 {
		s.put(fmt.Sprintf("p%d", i), "1.0.0", text{"index.js": "x"})
	}
	e := start(t, one(s))
	for round := range 5 {
		for _, dir := range []string{"packs", "blobs", "tmp"} {
			// Something may be in the making there.
			eventually(t, dir+" is replaced", func() bool {
				return os.RemoveAll(filepath.Join(e.dir, dir)) == nil && os.WriteFile(filepath.Join(e.dir, dir), nil, 0o600) == nil
			})
		}
		remove(t, e.cache.View())
		done := make(chan error, 40)
		for i := range cap(done) {
			q := parse(t, fmt.Sprintf("/lib/p%d/1.0.0/index.js", i))
			go func() {
				_, err := e.Find(t.Context(), q)
				done <- err
			}()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
}
