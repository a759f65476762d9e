package pkgref_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/registryd/registryd/pkgref"
)

// vectors names a directory that tools/semvervectors has written. Another one
// than the default gives a longer differential run.
var vectors = flag.String("vectors", "testdata/semver", "directory with answers of npm's semver")

// eachLine decodes every line of a file of vectors and demands at least one.
func eachLine[T any](t *testing.T, name string, check func(t *testing.T, c T)) {
	t.Helper()
	f, err := os.Open(filepath.Join(*vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var c T
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		check(t, c)
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Fatalf("read %d lines: %v", n, err)
	}
}

func pool(t *testing.T) []pkgref.Version {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(*vectors, "pool.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatal(err)
	}
	return versions(t, texts)
}

func versions(t *testing.T, texts []string) []pkgref.Version {
	t.Helper()
	vs := make([]pkgref.Version, 0, len(texts))
	for _, text := range texts {
		vs = append(vs, version(t, text))
	}
	return vs
}

func version(t testing.TB, text string) pkgref.Version {
	t.Helper()
	v, err := pkgref.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type rangeVector struct {
	R     string
	N, PN *string // normal form; null: invalid
	S, PS string  // which versions of the pool satisfy it
	M, PM *string // lowest version
}

func TestRangeVectors_PVT3(t *testing.T) {
	t.Parallel()
	vs := pool(t)
	eachLine(t, "ranges.jsonl", func(t *testing.T, c rangeVector) {
		r, err := pkgref.ParseRange(c.R)
		checkRange(t, strconv.Quote(c.R), r, err, vs, c.N, c.M, c.S)
		r, err = pkgref.ParseRangeWithPrereleases(c.R)
		checkRange(t, strconv.Quote(c.R)+" with prereleases", r, err, vs, c.PN, c.PM, c.PS)
	})
}

func checkRange(t *testing.T, what string, r *pkgref.Range, err error, vs []pkgref.Version, normal, lowest *string, has string) {
	t.Helper()
	if (err == nil) != (normal != nil) {
		t.Errorf("%s: error %v, npm says %s", what, err, deref(normal))
		return
	}
	if err != nil {
		return
	}
	if r.String() != *normal {
		t.Errorf("%s: normal form %q, npm says %q", what, r, *normal)
	}
	if got := satisfied(r, vs); got != has {
		t.Errorf("%s: satisfied by %s, npm says %s", what, got, has)
	}
	v, ok := r.MinVersion()
	if ok != (lowest != nil) || ok && v.String() != *lowest {
		t.Errorf("%s: lowest version %q, npm says %s", what, v, deref(lowest))
	}
}

func deref(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// satisfied packs the answers for vs into hexadecimal digits.
func satisfied(r *pkgref.Range, vs []pkgref.Version) string {
	var b strings.Builder
	for i := 0; i < len(vs); i += 4 {
		digit := 0
		for k := range min(4, len(vs)-i) {
			if r.Has(vs[i+k]) {
				digit |= 1 << k
			}
		}
		b.WriteString(strconv.FormatInt(int64(digit), 16))
	}
	return b.String()
}

func TestIntersectsVectors_PVT3(t *testing.T) {
	t.Parallel()
	type vector struct {
		A, B  string
		I, PI bool
	}
	eachLine(t, "intersects.jsonl", func(t *testing.T, c vector) {
		if got := parse(t, c.A).Intersects(parse(t, c.B)); got != c.I {
			t.Errorf("%q and %q intersect: %v, npm says %v", c.A, c.B, got, c.I)
		}
		if got := parsePre(t, c.A).Intersects(parsePre(t, c.B)); got != c.PI {
			t.Errorf("%q and %q intersect with prereleases: %v, npm says %v", c.A, c.B, got, c.PI)
		}
	})
}

func TestMaxVectors_PVT3(t *testing.T) {
	t.Parallel()
	type vector struct {
		L     []string
		R     string
		X, PX *string
	}
	eachLine(t, "max.jsonl", func(t *testing.T, c vector) {
		vs := versions(t, c.L)
		check := func(r *pkgref.Range, want *string) {
			i := r.Max(vs)
			if (i >= 0) != (want != nil) || i >= 0 && c.L[i] != *want {
				t.Errorf("newest of %q in %q: %d, npm says %s", c.L, c.R, i, deref(want))
			}
		}
		check(parse(t, c.R), c.X)
		check(parsePre(t, c.R), c.PX)
	})
}

func TestVersionVectors_PVT3(t *testing.T) {
	t.Parallel()
	type vector struct {
		V  string
		OK *string
	}
	eachLine(t, "versions.jsonl", func(t *testing.T, c vector) {
		_, err := pkgref.ParseVersion(c.V)
		want := c.OK != nil
		// npm's "valid" also cleans: there "v1.2.3" and " 1.2.3" are the
		// version 1.2.3. Here such a text is no exact version.
		if strings.HasPrefix(c.V, "v") || strings.TrimFunc(c.V, isSpace) != c.V {
			want = false
		}
		if (err == nil) != want {
			t.Errorf("version %q: error %v, npm says %s", c.V, err, deref(c.OK))
		}
	})
}

func isSpace(r rune) bool { return r <= ' ' || r == 0xfeff || r == 0xa0 || r >= 0x2000 && r <= 0x3000 }

func TestCompareVectors_PVT3(t *testing.T) {
	t.Parallel()
	type vector struct {
		A, B string
		C    int
	}
	eachLine(t, "compare.jsonl", func(t *testing.T, c vector) {
		a, b := version(t, c.A), version(t, c.B)
		if got := a.Compare(b); got != c.C {
			t.Errorf("compare %s with %s: %d, npm says %d", a, b, got, c.C)
		}
		if got := b.Compare(a); got != -c.C {
			t.Errorf("compare %s with %s: %d, the other way round it was %d", b, a, got, c.C)
		}
	})
}

func parse(t testing.TB, s string) *pkgref.Range {
	t.Helper()
	r, err := pkgref.ParseRange(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parsePre(t testing.TB, s string) *pkgref.Range {
	t.Helper()
	r, err := pkgref.ParseRangeWithPrereleases(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
