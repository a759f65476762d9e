package unpack_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
)

// limits are those under which the corpus has its outcomes.
var limits = unpacktest.Limits()

// Every archive of the corpus is refused for its reason, or has exactly its
// files.
func TestTarball_Corpus_PF4(t *testing.T) {
	t.Parallel()
	cases := unpacktest.Cases()
	if len(cases) < 150 {
		t.Errorf("the corpus has only %d cases", len(cases))
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.Name] {
			t.Errorf("two cases are called %q", c.Name)
		}
		seen[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			files, err := unpacked(t, bytes.NewReader(c.Archive), limits)
			if c.Reason != "" {
				checkRefusal(t, err, c.Reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Files, files); diff != "" {
				t.Errorf("%.2000s", diff)
			}
			for _, path := range c.Never {
				if _, ok := files[path]; ok {
					t.Errorf("%q is a file", path)
				}
			}
		})
	}
}

func checkRefusal(t *testing.T, err error, reason string) {
	t.Helper()
	if !errors.Is(err, outcome.Refused) {
		t.Fatalf("got %v, want outcome.Refused", err)
	}
	if got := unpack.Reason(err); got != reason {
		t.Errorf("refused for %q, want %q: %v", got, reason, err)
	}
	if text := outcome.Text(err); !strings.HasPrefix(text, "archive refused: "+reason+": ") {
		t.Errorf("a client is told %q", text)
	}
	if strings.ContainsAny(err.Error(), "\n\x1b\x00") || len(err.Error()) > 500 {
		t.Errorf("not fit for a log: %q", err)
	}
}

// small is an archive of which every byte can be tried.
func small() (archive []byte, files map[string]string) {
	files = map[string]string{"a.js": "a", "b": strings.Repeat("b", 700)}
	return unpacktest.Tgz(unpacktest.File("package/a.js", "a"), unpacktest.File("package/b", files["b"])), files
}

// Wherever an archive is cut, nothing comes of it.
func TestTarball_CutAnywhere_PF4(t *testing.T) {
	t.Parallel()
	whole, _ := small()
	for at := range whole {
		if _, err := unpacked(t, bytes.NewReader(whole[:at]), limits); unpack.Reason(err) != "truncated" {
			t.Errorf("cut after %d of %d bytes: got %v", at, len(whole), err)
		}
	}
}

// Whichever bit of an archive flips, it is refused or has the same files.
func TestTarball_FlippedAnywhere_PF4(t *testing.T) {
	t.Parallel()
	whole, want := small()
	for i := range len(whole) * 8 {
		damaged := bytes.Clone(whole)
		damaged[i/8] ^= 1 << (i % 8)
		got, err := unpacked(t, bytes.NewReader(damaged), limits)
		if err == nil && !cmp.Equal(want, got) {
			t.Errorf("bit %d of byte %d: other files than before", i%8, i/8)
		}
		if err != nil && !errors.Is(err, outcome.Refused) {
			t.Errorf("bit %d of byte %d: %v", i%8, i/8, err)
		}
	}
}

// Each limit lets pass what reaches it and refuses what is one beyond.
func TestTarball_Limits_PF4(t *testing.T) {
	t.Parallel()
	archive := unpacktest.Tgz(unpacktest.File("package/a/b/c", "12345"), unpacktest.File("package/a/d", "67890"))
	exact := unpack.Limits{Unpacked: 10, Entries: 4, Path: 5, Depth: 2}
	if _, err := unpacked(t, bytes.NewReader(archive), exact); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*unpack.Limits){
		"unpacked":        func(l *unpack.Limits) { l.Unpacked-- },
		"entries":         func(l *unpack.Limits) { l.Entries-- },
		"length":          func(l *unpack.Limits) { l.Path-- },
		"length in depth": func(l *unpack.Limits) { l.Depth-- },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			less := exact
			change(&less)
			_, err := unpacked(t, bytes.NewReader(archive), less)
			reason, _, _ := strings.Cut(name, " ")
			checkRefusal(t, err, reason)
		})
	}
}

// Extended headers may be large, or many, as long as they are in proportion.
func TestTarball_ExtendedHeaders_PF4(t *testing.T) {
	t.Parallel()
	wide := unpack.Limits{Unpacked: 1 << 30, Entries: 100_000, Path: 1024, Depth: 128}
	for name, tt := range map[string]struct {
		header, n int // bytes of each extended header, and how many there are
		reason    string
	}{
		"large for one":            {1 << 20, 1, ""},
		"small for each of many":   {3000, 8_000, ""},
		"large for each of a few":  {1 << 20, 6, "meta"},
		"medium for each of many":  {6000, 8_000, "meta"},
		"with more names than fit": {1100, 40_000, "entries"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name := "package/" + strings.Repeat("n", 200) + "/" + strings.Repeat("n", 200)
			if tt.header < 2000 {
				name += strings.Repeat("/"+strings.Repeat("n", 200), 3)
			}
			header := unpacktest.Pax("path", name, "comment", strings.Repeat("c", tt.header-len(name)-50))
			archive := unpacktest.Gzip(bytes.Repeat(append(header.Bytes(), unpacktest.File("x", "").Bytes()...), tt.n))
			_, err := unpacked(t, bytes.NewReader(archive), wide)
			if unpack.Reason(err) != tt.reason {
				t.Errorf("got %v, want a refusal for %q", err, tt.reason)
			}
		})
	}
}
