package e2e_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// TestBudget_PF3 asks for more than the budget allows, over and over: every
// answer is right, and the directory comes back below its limit.
func TestBudget_PF3(t *testing.T) {
	t.Parallel()
	const limit = 3 << 20
	var all []providertest.Package
	for i := range 16 {
		all = append(all, providertest.Generate(fmt.Sprintf("p%02d", i), "1.0.0", 20, 10_000))
	}
	s := e2e.Start(t, e2e.Options{Packages: all, Config: fmt.Sprintf("cache: {max_bytes: %d}\nprecompress: {max: 0}\n", limit)})
	for range 2 {
		var wg sync.WaitGroup
		for _, p := range all {
			wg.Go(func() {
				for path, want := range p.Files {
					a := s.Get("/lib/" + p.Name + "/1.0.0/" + path)
					if a.Status != http.StatusOK || string(a.Body) != string(want) {
						t.Errorf("%s/%s: status %d, %d bytes", p.Name, path, a.Status, len(a.Body))
					}
				}
			})
		}
		wg.Wait()
	}
	eventually(t, func() bool { return used(t, s.Data) <= limit })
	last := all[len(all)-1]
	for path, want := range last.Files {
		if a := s.Get("/lib/" + last.Name + "/1.0.0/" + path); a.Status != http.StatusOK || string(a.Body) != string(want) {
			t.Errorf("%s: status %d after it was evicted", path, a.Status)
		}
	}
}

// used adds up what of packages is on the disk, in bytes.
func used(t *testing.T, data string) (sum int64) {
	t.Helper()
	for _, dir := range []string{"www", "blobs", "packs"} {
		_ = filepath.WalkDir(filepath.Join(data, dir), func(_ string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil // what is being removed
			}
			if info, err := e.Info(); err == nil {
				sum += (info.Size() + 4095) / 4096 * 4096
			}
			return nil
		})
	}
	return sum
}
