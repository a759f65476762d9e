package cache_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/cache"
)

func (e env) pack(m *cache.Manifest) string {
	return e.path(cache.PackFile(m))
}

func (e env) blob(m *cache.Manifest) string {
	return e.path(cache.BlobFile(m))
}

// flip changes one byte in the middle.
func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0x55
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func flipAll(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] ^= 0x55
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedPack_IsMadeAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, pack string){
		"flipped":   flipAll,
		"truncated": func(_ *testing.T, pack string) { os.Truncate(pack, 3) },
		"empty":     func(_ *testing.T, pack string) { os.Truncate(pack, 0) },
		"missing":   func(_ *testing.T, pack string) { os.Remove(pack) },
		"all gone":  func(_ *testing.T, pack string) { os.RemoveAll(pack[:len(pack)-134]) },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			m := e.put(t, "x", "1.0.0", lodash)
			before, err := os.ReadFile(e.pack(m))
			if err != nil {
				t.Fatal(err)
			}
			damage(t, e.pack(m))
			e.show(t, m, "index.js")
			wantFile(t, e.view("x/1.0.0/index.js"), "module.exports = 1\n")
			wantFile(t, e.pack(m), string(before))
			wantNothingStaged(t, e)
		})
	}
}

func TestDamagedBlob_PF1(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, blob string){
		"flipped":   flip,
		"truncated": func(_ *testing.T, blob string) { os.Truncate(blob, 40) },
		"longer": func(t *testing.T, blob string) {
			data, _ := os.ReadFile(blob)
			os.WriteFile(blob, append(data, 0), 0o600)
		},
		"another archive": func(t *testing.T, blob string) { os.WriteFile(blob, tarball(t, text{"a", "a"}), 0o600) },
		"missing":         func(_ *testing.T, blob string) { os.Remove(blob) },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			m := e.put(t, "x", "1.0.0", lodash)
			damage(t, e.blob(m))
			e.show(t, m, "package.json") // the pack alone is enough
			os.Remove(e.pack(m))
			for range 2 {
				if err := e.Materialise(m, fileOf(t, m, "index.js"), nil); !errors.Is(err, cache.ErrDamaged) {
					t.Errorf("got %v", err)
				}
			}
			wantGone(t, e.blob(m))
			wantGone(t, e.pack(m))
			wantGone(t, e.view("x/1.0.0/index.js"))
			wantNothingStaged(t, e)
			again := e.commit(t, "x", "1.0.0", lodash) // fetched once more
			if err := e.PutManifest(again); err != nil {
				t.Fatal(err)
			}
			e.show(t, m, "index.js")
		})
	}
}

// A manifest whose digests are wrong is not repaired for ever.
func TestDamaged_ManifestAsksForOtherBytes(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "x", "1.0.0", lodash)
	f := fileOf(t, m, "index.js")
	f.SHA256[0]++
	wrong := m.WithFile(f)
	if err := e.PutManifest(wrong); err != nil {
		t.Fatal(err)
	}
	if err := e.Materialise(wrong, f, nil); !errors.Is(err, cache.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	wantGone(t, e.view("x/1.0.0/index.js"))
}

// Many who find a pack missing or damaged make it again once, and none of them
// fails because another one is at it too.
func TestDamagedPack_Herd(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, pack string){
		"missing": func(_ *testing.T, pack string) { os.Remove(pack) },
		"flipped": flipAll,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, logged := logger()
			e := openWith(t, cache.Config{Logger: log})
			m := e.put(t, "x", "1.0.0", lodash)
			const rounds = 10
			for range rounds {
				damage(t, e.pack(m))
				os.RemoveAll(e.view("x"))
				var herd sync.WaitGroup
				for i := range 50 {
					herd.Go(func() {
						path := lodash[(i*2)%len(lodash)]
						if err := e.Materialise(m, fileOf(t, m, path), nil); err != nil {
							t.Errorf("%s: %v", path, err)
						}
					})
				}
				herd.Wait()
			}
			if made := strings.Count(logged.String(), "pack made again"); made != rounds {
				t.Errorf("made again %d times in %d rounds", made, rounds)
			}
			wantNothingStaged(t, e)
		})
	}
}
