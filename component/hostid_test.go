package component_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/registryd/registryd/component"
)

func TestHostID_CID5_Examples(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{
		`{}`: 2231318396,
		`{"react":"^16.8.0","react-dom":"^16.8.0"}`:                    534335364,
		`{"react-dom":"^16.8.0","react":"^16.8.0"}`:                    534335364,
		`{"react":"^15.0.0"}`:                                          978942195,
		`{"react":"16.9.0","moment":"^2.24.0"}`:                        1501267164,
		`{"moment":"^2.24.0","react":"^16.8.3","react-dom":"^16.8.3"}`: 543330903,
		`{"@b/x":"1.0.0","0x":"2.0.0"}`:                                1164857989,
		`{"B":"1","a":"2","A":"3","b":"4"}`:                            3123492841,
	} {
		if got := component.HostID(dependencies(t, text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

func dependencies(t *testing.T, text string) component.Dependencies {
	t.Helper()
	var d component.Dependencies
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The vectors come from a JavaScript engine with the full collation: its own
// sorting and its own JSON.
func TestHostID_CID1_CID2_CID3_CanonicalText(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/canonical.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Map       component.Dependencies `json:"map"`
		Canonical string                 `json:"canonical"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 200 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for i, v := range vectors {
		if got := component.Canonical(v.Map); got != v.Canonical {
			t.Errorf("vector %d:\n got %s\nwant %s", i, got, v.Canonical)
		}
	}
}

// TestHostID_CID4_UTF16 compares with the algorithm as the contract states it,
// written a second time, block by block.
func TestHostID_CID4_UTF16(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		units []uint16
		want  uint32
	}{
		"nothing": {nil, 0},
		// Published values of MurmurHash3_x86_32 with seed 0.
		"one byte":        {ascii("a"), 0x3c2569b2},
		"hello":           {ascii("hello"), 0x248bfa47},
		"hello, world":    {ascii("hello, world"), 0x149bbb7f},
		"quick brown fox": {ascii("The quick brown fox jumps over the lazy dog"), 0x2e4ff723},
	} {
		if got := component.Murmur3(test.units); got != test.want {
			t.Errorf("%s: %#x, want %#x", name, got, test.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		units := make([]uint16, r.IntN(13))
		for i := range units {
			units[i] = uint16(r.UintN(0x10000))
		}
		if got, want := component.Murmur3(units), plainMurmur(units); got != want {
			t.Fatalf("%x: %#x, want %#x", units, got, want)
		}
	}
}

func ascii(s string) []uint16 {
	units := make([]uint16, len(s))
	for i := range len(s) {
		units[i] = uint16(s[i])
	}
	return units
}

// plainMurmur follows the words of C-ID4 with the signed numbers that it speaks
// of.
func plainMurmur(u []uint16) uint32 {
	var h int32
	rot := func(x int32, n uint) int32 { return int32(uint32(x)<<n | uint32(x)>>(32-n)) }
	mul := func(a, b int32) int32 { return int32(uint32(a) * uint32(b)) }
	const c1, c2 = -862048943, 461845907
	i := 0
	for ; i+4 <= len(u); i += 4 {
		k := int32(u[i]) ^ int32(u[i+1])<<8 ^ int32(u[i+2])<<16 ^ int32(u[i+3]&0xff)<<24 ^ int32(u[i+3]&0xff00)>>8
		h ^= mul(rot(mul(k, c1), 15), c2)
		h = mul(rot(h, 13), 5) + -430675100
	}
	var k int32
	for j := len(u) - 1; j >= i; j-- {
		k ^= int32(u[j]) << (8 * (j - i))
	}
	if k > 0 {
		h ^= mul(rot(mul(k, c1), 15), c2)
	}
	x := uint32(h) ^ uint32(len(u))
	x = (x ^ x>>16) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return x ^ x>>16
}

func FuzzHostID_CID1_OrderDoesNotMatter(f *testing.F) {
	f.Add("react", "^16.8.0", "React", "1")
	f.Add("@scope/x", "1", "0x", "")
	f.Add("é", "\u2028", "e\u0301", "\"\\\x01")
	f.Fuzz(func(t *testing.T, a, x, b, y string) {
		d := component.Dependencies{a: x, b: y}
		e := component.Dependencies{b: y, a: d[a]}
		if component.HostID(d) != component.HostID(e) {
			t.Errorf("%q: the order matters", d)
		}
		var back [][2]string
		if err := json.Unmarshal([]byte(component.Canonical(d)), &back); err != nil || len(back) != len(d) {
			t.Errorf("%s is no list of %d pairs: %v", component.Canonical(d), len(d), err)
		}
	})
}

func ExampleHostID() {
	fmt.Println(component.HostID(component.Dependencies{"react": "^16.8.0", "react-dom": "^16.8.0"}))
	// Output: 534335364
}
