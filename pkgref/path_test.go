package pkgref_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// parsed is what a test says about a Ref.
type parsed struct {
	Name, Spec, Path string
	Kind             pkgref.Kind
	Slash, At        bool
}

func flat(r pkgref.Ref) parsed {
	return parsed{Name: string(r.Name), Spec: r.Spec.Text, Path: r.Path, Kind: r.Spec.Kind, Slash: r.Slash, At: r.At}
}

func TestParsePath_PH1(t *testing.T) {
	t.Parallel()
	const exact, pin, tag, rng = pkgref.KindExact, pkgref.KindPin, pkgref.KindTag, pkgref.KindRange
	for raw, want := range map[string]parsed{
		"d3":                            {Name: "d3", Spec: "latest", Kind: tag},
		"d3/":                           {Name: "d3", Spec: "latest", Kind: tag, Slash: true},
		"d3/7.0.0":                      {Name: "d3", Spec: "7.0.0", Kind: exact},
		"d3/7.0.0/":                     {Name: "d3", Spec: "7.0.0", Kind: exact, Slash: true},
		"d3/7.0.0/dist/d3.js":           {Name: "d3", Spec: "7.0.0", Kind: exact, Path: "dist/d3.js"},
		"d3/7.0.0/dist/":                {Name: "d3", Spec: "7.0.0", Kind: exact, Path: "dist/"},
		"d3/7.0.0/dist?a=/../%2f":       {Name: "d3", Spec: "7.0.0", Kind: exact, Path: "dist"},
		"d3/main/x":                     {Name: "d3", Spec: "main", Kind: pin, Path: "x"},
		"d3/next/x":                     {Name: "d3", Spec: "next", Kind: tag, Path: "x"},
		"d3/^7/x":                       {Name: "d3", Spec: "^7", Kind: rng, Path: "x"},
		"d3/%5E7/x":                     {Name: "d3", Spec: "^7", Kind: rng, Path: "x"},
		"d3/%3E%3D1%20%3C2/x":           {Name: "d3", Spec: ">=1 <2", Kind: rng, Path: "x"},
		"d3/>=1 <2/x":                   {Name: "d3", Spec: ">=1 <2", Kind: rng, Path: "x"},
		"d3/%5E5%20%7C%7C%20^6/":        {Name: "d3", Spec: "^5 || ^6", Kind: rng, Slash: true},
		"d3/1%2E2.3/x":                  {Name: "d3", Spec: "1.2.3", Kind: exact, Path: "x"},
		"d3/%20/x":                      {Name: "d3", Spec: " ", Kind: rng, Path: "x"},
		"d3/1.3.0+b/x":                  {Name: "d3", Spec: "1.3.0+b", Kind: exact, Path: "x"},
		"d3/1.3.0%2Bb/x":                {Name: "d3", Spec: "1.3.0+b", Kind: exact, Path: "x"},
		"d3@7.0.0/x":                    {Name: "d3", Spec: "7.0.0", Kind: exact, Path: "x", At: true},
		"d3%407.0.0/x":                  {Name: "d3", Spec: "7.0.0", Kind: exact, Path: "x", At: true},
		"d3@7":                          {Name: "d3", Spec: "7", Kind: rng, At: true},
		"d3@7/":                         {Name: "d3", Spec: "7", Kind: rng, At: true, Slash: true},
		"d3@>=1%20<2/x/":                {Name: "d3", Spec: ">=1 <2", Kind: rng, Path: "x/", At: true},
		"@a/b":                          {Name: "@a/b", Spec: "latest", Kind: tag},
		"@a/b/":                         {Name: "@a/b", Spec: "latest", Kind: tag, Slash: true},
		"@a/b/1.0.0/x":                  {Name: "@a/b", Spec: "1.0.0", Kind: exact, Path: "x"},
		"%40a/b/1.0.0/x":                {Name: "@a/b", Spec: "1.0.0", Kind: exact, Path: "x"},
		"@a%2fb":                        {Name: "@a/b", Spec: "latest", Kind: tag},
		"@a%2Fb/1.0.0/x":                {Name: "@a/b", Spec: "1.0.0", Kind: exact, Path: "x"},
		"%40a%2fb/":                     {Name: "@a/b", Spec: "latest", Kind: tag, Slash: true},
		"@a/b@1.0.0/x":                  {Name: "@a/b", Spec: "1.0.0", Kind: exact, Path: "x", At: true},
		"@a%2fb@^1/x":                   {Name: "@a/b", Spec: "^1", Kind: rng, Path: "x", At: true},
		"@a%2fb%40^1":                   {Name: "@a/b", Spec: "^1", Kind: rng, At: true},
		"%4Aquery/1/x":                  {Name: "Jquery", Spec: "1", Kind: rng, Path: "x"},
		"d3/1.0.0/%ff%25%3f%23%3B@a%40": {Name: "d3", Spec: "1.0.0", Kind: exact, Path: "\xff%?#;@a@"},
		"d3/1.0.0/\xff":                 {Name: "d3", Spec: "1.0.0", Kind: exact, Path: "\xff"},
		"d3/1.0.0/%252e%252e/%252f":     {Name: "d3", Spec: "1.0.0", Kind: exact, Path: "%2e%2e/%2f"},
		"d3/1.0.0/.../.x/y%2e":          {Name: "d3", Spec: "1.0.0", Kind: exact, Path: ".../.x/y."},
		"d3/1.0.0/@a/b@2":               {Name: "d3", Spec: "1.0.0", Kind: exact, Path: "@a/b@2"},
		"main/main/main":                {Name: "main", Spec: "main", Kind: pin, Path: "main"},
	} {
		for _, pub := range []string{"/lib/", "/"} {
			t.Run(pub+raw, func(t *testing.T) {
				t.Parallel()
				ref, err := pkgref.ParsePath(pub+raw, pub)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, flat(ref)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestParsePathRefuses_PH1(t *testing.T) {
	t.Parallel()
	for raw, hint := range map[string]string{
		"":                                       "not below",
		"/":                                      "not below",
		"/lib":                                   "not below",
		"/other/d3":                              "not below",
		"/LIB/d3":                                "not below",
		"/lib/":                                  "name is missing",
		"/lib/?d3":                               "name is missing",
		"/lib/@a":                                "no name after it",
		"/lib/@a/":                               "name is missing",
		"/lib/@a/@b":                             "name",
		"/lib/@a@1/b":                            "no name after it",
		"/lib/@/b":                               "scope",
		"/lib/.d3":                               "dot",
		"/lib/_d3":                               "underscore",
		"/lib/d3@":                               "nothing follows the @",
		"/lib/d3@/x":                             "nothing follows the @",
		"/lib/d3@1@2":                            "range",
		"/lib/d3/01.2.3/x":                       "neither a version, a range nor a tag",
		"/lib/d3/%5Ebad":                         "neither a version, a range nor a tag",
		"/lib/d3/1.0.0@x/y":                      "neither a version, a range nor a tag",
		"/lib/d%203":                             "package name has",
		"/lib/d\xff":                             "package name has",
		"/lib/d3/\xff":                           "neither a version, a range nor a tag",
		"/lib/d3/1/../x":                         "dot segment",
		"/lib/d3//x":                             "empty segment",
		"/lib/d3/1/%00":                          "control byte",
		"/lib/d3/1/x%5cy":                        "backslash",
		"/lib/d3/1/x%2fy":                        "encoded slash",
		"/lib/d3/%5E7/%2f%2fevil/x":              "encoded slash",
		"/lib/d3/1/%":                            "malformed escape",
		"/lib/d3/1/x#y":                          "raw #",
		"/lib/d3/1/" + strings.Repeat("a", 1015): "longer than 1024",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			ref, err := pkgref.ParsePath(raw, "/lib/")
			if !errors.Is(err, outcome.Invalid) || ref != (pkgref.Ref{}) {
				t.Fatalf("got %+v, %v", ref, err)
			}
			if !strings.Contains(err.Error(), hint) {
				t.Errorf("%q does not say %q", err, hint)
			}
		})
	}
}

func TestURL_PVT4(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"/lib/d3":                    "/lib/d3/latest",
		"/lib/d3/":                   "/lib/d3/latest/",
		"/lib/d3@7.0.0":              "/lib/d3/7.0.0",
		"/lib/d3@7.0.0/a%20b/?x":     "/lib/d3/7.0.0/a%20b/",
		"/lib/%40a%2fb@>=1 <2/x@y/é": "/lib/@a/b/%3E%3D1%20%3C2/x%40y/%C3%A9",
		"/lib/d3/1.0.0+b/%2541":      "/lib/d3/1.0.0%2Bb/%2541",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			ref, err := pkgref.ParsePath(raw, "/lib/")
			if err != nil {
				t.Fatal(err)
			}
			if got := ref.URL("/lib/"); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			again, err := pkgref.ParsePath(want, "/lib/")
			if diff := cmp.Diff(flat(ref), flat(again), cmpopts.IgnoreFields(parsed{}, "At")); diff != "" || err != nil || again.At {
				t.Errorf("parsed again: %v\n%s", err, diff)
			}
		})
	}
}

func TestLocation_PH5(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pub            string
		pkg                  pkgref.Name
		version, path, wants string
	}{
		{"file", "/lib/", "d3", "7.0.0", "dist/a b.js", "/lib/d3/7.0.0/dist/a%20b.js"},
		{"package root", "/lib/", "@a/b", "7.0.0", "", "/lib/@a/b/7.0.0/"},
		{"directory at the root", "/", "d3", "7.0.0+b", "dist/", "/d3/7.0.0%2Bb/dist/"},
		{"control bytes", "/lib/", "d3", "1\r\n", "\r\nSet-Cookie: a\x7f\\", "/lib/d3/1%0D%0A/%0D%0ASet-Cookie%3A%20a%7F%5C"},
		{"slashes", "//evil/", "/evil", "//x", "//evil/x", "/evil//evil/%2F%2Fx/evil/x"},
		{"nothing", "/", "", "", "", "/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := pkgref.Location(c.pub, c.pkg, c.version, c.path)
			if strings.HasPrefix(got, "//") || got[0] != '/' {
				t.Fatalf("%q names another host", got)
			}
			if got != c.wants {
				t.Errorf("got %q, want %q", got, c.wants)
			}
		})
	}
}

func TestEscape_PH2(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for c := range 256 {
		all.WriteByte(byte(c))
	}
	got := pkgref.Escape(all.String())
	want := "%00%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10%11%12%13%14%15%16%17%18%19%1A%1B%1C%1D%1E%1F" +
		"%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-./0123456789%3A%3B%3C%3D%3E%3F%40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F"
	if !strings.HasPrefix(got, want+"%80") || len(got) != len(want)+128*3 {
		t.Errorf("got %s", got)
	}
}
