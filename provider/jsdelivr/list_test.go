package jsdelivr_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/jsdelivr"
	"github.com/registryd/registryd/provider/providertest"
)

// file is one line of a list of files, as JSON.
func file(name, body string) string {
	sum := sha256.Sum256([]byte(body))
	return `{"name":` + name + `,"hash":"` + base64.StdEncoding.EncodeToString(sum[:]) + `","size":` + "1}"
}

func list(files ...string) providertest.Fault {
	return providertest.Text(`{"type":"npm","name":"widget","version":"1.0.0","default":null,"files":[` + strings.Join(files, ",") + `]}`)
}

// A list of files is judged as an archive would be.
func TestHostileLists_PG3(t *testing.T) {
	t.Parallel()
	good := file(`"/good.js"`, "g")
	many := make([]string, 40)
	for i := range many {
		many[i] = file(fmt.Sprintf(`"/f%d"`, i), "x")
	}
	for _, tt := range []struct {
		name  string
		fault providertest.Fault
		want  error
		files string // of what is not refused
	}{
		{"parent", list(good, file(`"/../x"`, "x")), outcome.Refused, ""},
		{"parent inside", list(good, file(`"/a/../x"`, "x")), outcome.Refused, ""},
		{"absolute", list(good, file(`"//x"`, "x")), outcome.Refused, ""},
		{"backslash parent", list(good, file(`"/a\\..\\x"`, "x")), outcome.Refused, ""},
		{"directory", list(good, file(`"/a/"`, "x")), outcome.Refused, ""},
		{"file and directory", list(file(`"/a"`, "x"), file(`"/a/b"`, "x")), outcome.Refused, ""},
		{"long", list(good, file(`"/`+strings.Repeat("x", 300)+`"`, "x")), outcome.Refused, ""},
		{"deep", list(good, file(`"/`+strings.Repeat("x/", 9)+`x"`, "x")), outcome.Refused, ""},
		{"too many", list(many...), outcome.Refused, ""},
		{"none", list(), outcome.Refused, ""},
		{"only left out", list(file(`"/a\\b"`, "x")), outcome.Refused, ""},
		{"backslash", list(good, file(`"/a\\b"`, "x")), nil, "good.js"},
		{"control byte", list(good, file(`"/a\nb"`, "x"), file(`"/a\u0000b"`, "x")), nil, "good.js"},
		{"twice, the last counts", list(file(`"/a"`, "first"), good, file(`"/a"`, "last")), nil, "a good.js"},
		{"odd spelling", list(file(`"/a//b/./c"`, "x")), nil, "a/b/c"},
		{"no hash", list(good, `{"name":"/x","size":1}`), outcome.Refused, ""},
		{"short hash", list(good, `{"name":"/x","hash":"AAAA","size":1}`), outcome.Refused, ""},
		{"hash in hexadecimal", list(good, `{"name":"/x","hash":"`+strings.Repeat("0", 44)+`","size":1}`), outcome.Refused, ""},
		{"two hashes", list(good, strings.Replace(good, `=","size"`, `= sha1-AAAA","size"`, 1)), outcome.Refused, ""},
		{"no size", list(good, strings.Replace(good, `,"size":1`, "", 1)), outcome.Unavailable, ""},
		{"negative size", list(good, strings.Replace(good, `"size":1`, `"size":-1`, 1)), outcome.Unavailable, ""},
		{"size is text", list(good, strings.Replace(good, `"size":1`, `"size":"1"`, 1)), outcome.Unavailable, ""},
		{"no name", list(good, `{"hash":"x","size":1}`), outcome.Unavailable, ""},
		{"a tree", list(`{"type":"directory","name":"dist","files":[` + good + `]}`), outcome.Unavailable, ""},
		{"files is object", providertest.Text(`{"type":"npm","name":"widget","version":"1.0.0","files":{}}`), outcome.Unavailable, ""},
		{"no files", providertest.Text(`{"type":"npm","name":"widget","version":"1.0.0"}`), outcome.Unavailable, ""},
		{"two lists", providertest.Text(`{"type":"npm","name":"widget","version":"1.0.0","files":[` + good + `],"files":[` + good + `]}`), outcome.Unavailable, ""},
		{"another version", providertest.Text(`{"type":"npm","name":"widget","version":"1.0.1","files":[` + good + `]}`), outcome.Unavailable, ""},
		{"another build", providertest.Text(`{"type":"npm","name":"widget","version":"1.0.0+b","files":[` + good + `]}`), outcome.NotFound, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := providertest.NewJSDelivr(t, "npm", widget())
			j.Fault(providertest.FileList, "", tt.fault)
			p := over(t, j, func(c *jsdelivr.Config) { c.Limits.Entries, c.Limits.Depth = 30, 8 })
			r, err := p.Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
			if !errors.Is(err, tt.want) || err != nil && tt.want == nil {
				t.Fatalf("got %+v, %v", r, err)
			}
			if err != nil {
				return
			}
			var got []string
			for _, f := range r.Files.List {
				got = append(got, f.Path)
				if sum := sha256.Sum256([]byte("last")); f.Path == "a" && !f.Integrity.Equal(provider.SHA256(sum)) {
					t.Errorf("a has %v", f.Integrity)
				}
			}
			if strings.Join(got, " ") != tt.files {
				t.Errorf("files %q, want %q", got, tt.files)
			}
		})
	}
}
