package provider_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func TestParseIntegrity_PG1(t *testing.T) {
	t.Parallel()
	s512, t512 := sha512.Sum512([]byte("a")), sha512.Sum512([]byte("b"))
	s384, s256, s1 := sha512.Sum384([]byte("a")), sha256.Sum256([]byte("a")), sha1.Sum([]byte("a"))
	strong, other := "sha512-"+b64(s512[:]), "sha512-"+b64(t512[:])
	weak := "sha1-" + b64(s1[:])
	for _, tt := range []struct {
		name, text, want string // want "" is refused
	}{
		{"one", strong, strong},
		{"strongest first", strong + " " + weak, strong},
		{"strongest last", weak + "\t\n" + strong, strong},
		{"several of the strongest", strong + " " + weak + " " + other, strong + " " + other},
		{"twice the same", strong + " " + strong, strong},
		{"sha384 over sha256", "sha256-" + b64(s256[:]) + " sha384-" + b64(s384[:]), "sha384-" + b64(s384[:])},
		{"weak alone", weak, weak},
		{"options", strong + "?x=y", strong},
		{"unknown beside known", "sha3-xx " + weak, weak},
		{"empty", "", ""},
		{"blanks", "  ", ""},
		{"unknown alone", "md5-" + b64(s256[:16]), ""},
		{"no algorithm", "abcdef", ""},
		{"malformed strong beside weak", "sha512-AAAA " + weak, ""},
		{"weak before malformed strong", weak + " sha512-!", ""},
		{"malformed weak beside strong", strong + " sha1-", ""},
		{"digest of another length", "sha512-" + b64(s256[:]), ""},
		{"no padding", strings.TrimRight(strong, "="), ""},
		{"stray bits", strong[:len(strong)-3] + "B==", ""},
		{"URL alphabet", "sha256-" + strings.Repeat("-", 43) + "=", ""},
		{"too long", strings.Repeat(strong+" ", 50), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := provider.ParseIntegrity(tt.text)
			if got.String() != tt.want || (tt.want == "") != errors.Is(err, outcome.Refused) || got.IsZero() != (tt.want == "") {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestParseShasum_PG1(t *testing.T) {
	t.Parallel()
	sum := sha1.Sum([]byte("a"))
	for _, text := range []string{hex.EncodeToString(sum[:]), strings.ToUpper(hex.EncodeToString(sum[:]))} {
		i, err := provider.ParseShasum(text)
		if err != nil || i.String() != "sha1-"+b64(sum[:]) {
			t.Errorf("%s: got %q, %v", text, i, err)
		}
	}
	for _, text := range []string{"", "abc", "zz", hex.EncodeToString(sum[:19])} {
		if _, err := provider.ParseShasum(text); !errors.Is(err, outcome.Refused) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestVerify_PG1(t *testing.T) {
	t.Parallel()
	a, b := sha512.Sum512([]byte("a")), sha512.Sum512([]byte("b"))
	i, err := provider.ParseIntegrity("sha512-" + b64(a[:]) + " sha512-" + b64(b[:]))
	if err != nil {
		t.Fatal(err)
	}
	h := i.Hash()
	h.Write([]byte("b"))
	if err := i.Verify(h.Sum(nil)); err != nil {
		t.Errorf("second digest: %v", err)
	}
	h.Write([]byte("c"))
	err = i.Verify(h.Sum(nil))
	if !errors.Is(err, outcome.Refused) || !strings.Contains(err.Error(), b64(a[:])) || !strings.Contains(err.Error(), b64(h.Sum(nil))) {
		t.Errorf("mismatch: %v", err)
	}
	if err := i.Verify(nil); !errors.Is(err, outcome.Refused) {
		t.Errorf("nothing hashed: %v", err)
	}
	var zero provider.Integrity
	if zero.Hash() != nil || zero.Algorithm() != "" || zero.String() != "" || zero.Verify([]byte("x")) != nil {
		t.Error("the zero value knows something")
	}
	if !provider.SHA512(a).Equal(provider.SHA512(a)) || provider.SHA512(a).Equal(provider.SHA512(b)) || provider.SHA512(a).Equal(zero) {
		t.Error("Equal is wrong")
	}
}

func FuzzParseIntegrity(f *testing.F) {
	a := sha512.Sum512(nil)
	f.Add("sha512-" + b64(a[:]))
	f.Add("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha512-x?y")
	f.Add("md5-x sha256-")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := provider.ParseIntegrity(s)
		if (err == nil) == i.IsZero() || (err != nil && !errors.Is(err, outcome.Refused)) {
			t.Fatalf("%q: %v, %v", s, i, err)
		}
		if err != nil {
			return
		}
		again, err := provider.ParseIntegrity(i.String())
		if err != nil || !again.Equal(i) || i.Hash() == nil {
			t.Fatalf("%q does not come back: %q, %v", i, again, err)
		}
	})
}
