package unpack_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

// narrow limits keep the archives of these tests small.
var narrow = unpack.Limits{Unpacked: 8 << 20, Entries: 50, Path: 1024, Depth: 128}

// hostile archives are refused, each for the reason that is given.
func hostile() map[string]struct {
	reason  string
	archive []byte
} {
	good := file("package/a.js", "a")
	type c = struct {
		reason  string
		archive []byte
	}
	deep := strings.Repeat("d/", 129)
	whole := tgz(good, file("package/b.js", strings.Repeat("b", 5000)))
	damaged := slices.Clone(whole)
	damaged[len(damaged)-6] ^= 1 // the checksum
	shortLength := slices.Clone(whole)
	shortLength[len(shortLength)-1] ^= 1
	return map[string]c{
		// Names.
		"dot dot":                       {"path", tgz(good, file("package/../x", "x"))},
		"dot dot first":                 {"path", tgz(good, file("../x", "x"))},
		"dot dot deep":                  {"path", tgz(good, file("package/a/../../../etc/passwd", "x"))},
		"dot dot last":                  {"path", tgz(good, file("package/..", "x"))},
		"dot dot within":                {"path", tgz(good, file("package/a/../b", "x"))},
		"dot dot alone":                 {"path", tgz(good, file("..", "x"))},
		"dot dot as directory":          {"path", tgz(good, dir("package/../../x/"))},
		"dot dot of backslashes":        {"path", tgz(good, file(`package\..\..\x`, "x"))},
		"dot dot of mixed separators":   {"path", tgz(good, file(`package/..\x`, "x"))},
		"dot dot in pax":                {"path", tgz(pax("path", "package/../../x"), good)},
		"dot dot in a gnu name":         {"path", tgz(long('L', "package/../../x"), good)},
		"dot dot in a ustar prefix":     {"path", tgz(entry{name: "x", prefix: "package/../.."}, good)},
		"absolute":                      {"path", tgz(good, file("/etc/passwd", "x"))},
		"absolute in pax":               {"path", tgz(pax("path", "/etc/passwd"), good)},
		"absolute of backslashes":       {"path", tgz(good, file(`\\host\share`, "x"))},
		"absolute once stripped":        {"path", tgz(good, file("package//abs/path", "x"))},
		"absolute twice":                {"path", tgz(good, file("//etc/passwd", "x"))},
		"absolute directory":            {"path", tgz(good, dir("/"))},
		"nul in pax":                    {"tar", tgz(pax("path", "package/a\x00/../x"), good)},
		"directory name with data":      {"path", tgz(good, entry{name: "package/d/", body: strings.Repeat("x", 512)})},
		"component of 256 bytes":        {"length", tgz(pax("path", "package/"+strings.Repeat("n", 256)), good)},
		"directory of 256 bytes":        {"length", tgz(pax("path", "package/"+strings.Repeat("n", 256)+"/a"), good)},
		"path of 1025 bytes":            {"length", tgz(pax("path", "package/"+strings.Repeat("ab/", 342)[:1025]), good)},
		"deeper than 128":               {"length", tgz(pax("path", "package/"+deep+"a"), good)},
		"deep directory":                {"length", tgz(pax("path", "package/"+deep+"a/"), dir("x/"))},
		"long unlisted name":            {"length", tgz(pax("path", "package/\\"+strings.Repeat("n", 256)), good)},
		"file then directory":           {"conflict", tgz(file("package/a", "x"), file("package/a/b", "x"))},
		"directory then file":           {"conflict", tgz(file("package/a/b", "x"), file("package/a", "x"))},
		"file and empty directory":      {"conflict", tgz(file("package/a", "x"), dir("package/a/"))},
		"conflict across a near name":   {"conflict", tgz(file("p/a", "x"), file("p/a-b", "x"), file("p/a/b/c", "x"))},
		"conflict by another spelling":  {"conflict", tgz(file("package/a", "x"), file("package/./a//b", "x"))},
		"conflict across leading names": {"conflict", tgz(file("one/a", "x"), file("two/a/b", "x"))},

		// Kinds.
		"symlink":                      {"link", tgz(good, entry{name: "package/l", kind: '2', link: "a.js"})},
		"symlink to the outside":       {"link", tgz(good, entry{name: "package/l", kind: '2', link: "/etc/passwd"})},
		"symlink then file below":      {"link", tgz(entry{name: "package/l", kind: '2', link: "/tmp"}, file("package/l/x", "x"))},
		"symlink chain":                {"link", tgz(entry{name: "package/a", kind: '2', link: "b"}, entry{name: "package/b", kind: '2', link: ".."}, good)},
		"symlink as leading directory": {"link", tgz(entry{name: "package", kind: '2', link: "/tmp"}, good)},
		"symlink with an odd name":     {"link", tgz(good, entry{name: "package/a\nb", kind: '2', link: "x"})},
		"hard link":                    {"link", tgz(good, entry{name: "package/l", kind: '1', link: "package/a.js"})},
		"hard link to the outside":     {"link", tgz(good, entry{name: "package/l", kind: '1', link: "/etc/passwd"})},
		"hard link then file":          {"link", tgz(entry{name: "package/l", kind: '1', link: "../x"}, file("package/l", "x"))},
		"hard link in pax":             {"link", tgz(good, pax("linkpath", "../../x"), entry{name: "package/l", kind: '1'})},
		"hard link by a long name":     {"link", tgz(good, long('K', "/"+strings.Repeat("x", 200)), entry{name: "package/l", kind: '1', link: "x"})},
		"hard link with data":          {"link", tgz(good, entry{name: "package/l", kind: '1', link: "x", body: "data"})},
		"character device":             {"special", tgz(good, entry{name: "package/null", kind: '3'})},
		"block device":                 {"special", tgz(good, entry{name: "package/sda", kind: '4'})},
		"fifo":                         {"special", tgz(good, entry{name: "package/pipe", kind: '6'})},
		"multi-volume":                 {"special", tgz(good, entry{name: "package/m", kind: 'M'})},
		"unknown kind":                 {"special", tgz(good, entry{name: "package/u", kind: 'Z'})},
		"control byte as kind":         {"special", tgz(good, entry{name: "package/u", kind: 0x1b})},
		"sparse of 1 TiB in pax":       {"sparse", tgz(good, pax("GNU.sparse.major", "0", "GNU.sparse.minor", "1", "GNU.sparse.name", "package/s", "GNU.sparse.map", "0,1", "GNU.sparse.numblocks", "1", "GNU.sparse.size", "1099511627776"), file("package/s", "x"))},
		"odd sparse key":               {"sparse", tgz(good, pax("GNU.sparse.odd", "1"), file("package/s", "x"))},

		// Sizes and structure.
		"more bytes than allowed":      {"unpacked", tgz(good, file("package/big", strings.Repeat("x", 8<<20)))},
		"claims a petabyte":            {"unpacked", tgz(good, entry{name: "package/big", size: "\x80\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00"})},
		"claims the largest number":    {"unpacked", tgz(good, entry{name: "package/big", size: "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"})},
		"claims more than 63 bits":     {"tar", tgz(good, entry{name: "package/big", size: "\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"})},
		"claims more in pax":           {"unpacked", tgz(pax("size", "9223372036854775807"), good)},
		"claims more than there is":    {"truncated", tgz(entry{name: "package/a", body: "x", size: "00000100000"})},
		"negative size":                {"tar", tgz(good, entry{name: "package/n", size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"})},
		"negative size in pax":         {"tar", tgz(pax("size", "-1"), good)},
		"size of letters":              {"tar", tgz(good, entry{name: "package/n", size: "hello world"})},
		"wrong header checksum":        {"tar", tgz(good, entry{name: "package/n", checksum: "000001"})},
		"broken pax record":            {"tar", tgz(entry{kind: 'x', name: "p", body: "99 path=x\n"}, good)},
		"pax record without length":    {"tar", tgz(entry{kind: 'x', name: "p", body: "path=x\n"}, good)},
		"pax of 2 MiB":                 {"tar", tgz(pax("comment", strings.Repeat("c", 2<<20)), good)},
		"gnu name of 2 MiB":            {"tar", tgz(long('L', strings.Repeat("c", 2<<20)), good)},
		"endless extended headers":     {"meta", tgz(slices.Repeat([]entry{pax("comment", strings.Repeat("c", 100_000))}, 60)...)},
		"extended headers that add up": {"unpacked", tgz(slices.Repeat([]entry{pax("comment", strings.Repeat("c", 900_000)), good}, 20)...)},
		"bytes behind the end":         {"unpacked", gz(append(tarOf(good), make([]byte, 9<<20)...))},
		"one zero block inside":        {"tar", gz(append(append(good.bytes(), make([]byte, 512)...), tarOf(good)...))},
		"too many members":             {"entries", tgz(slices.Repeat([]entry{good}, 51)...)},
		"too many empty members":       {"entries", tgz(slices.Repeat([]entry{file("package/e", "")}, 51)...)},
		"too many explicit folders":    {"entries", tgz(slices.Repeat([]entry{dir("package/")}, 51)...)},
		"too many implied folders":     {"entries", tgz(file("package/"+strings.Repeat("d/", 45)+"x", ""), file("package/"+strings.Repeat("e/", 30)+"x", ""))},
		"too many unlisted members":    {"entries", tgz(slices.Repeat([]entry{file("package/a\\b", "")}, 51)...)},
		"too many global headers":      {"entries", tgz(slices.Repeat([]entry{{kind: 'g', name: "g"}}, 51)...)},
		"not a tar":                    {"truncated", gz([]byte("hello"))},
		"not a tar of some length":     {"tar", gz(bytes.Repeat([]byte("hello "), 1000))},
		"no member":                    {"empty", tgz()},
		"nothing compressed":           {"empty", gz(nil)},
		"only directories":             {"empty", tgz(dir("package/"), dir("package/a/"))},
		"only files at the top":        {"empty", tgz(file("README", "x"))},

		// Compression.
		"no bytes":              {"truncated", nil},
		"not gzip":              {"gzip", []byte("<html>not found</html>")},
		"plain tar":             {"gzip", tarOf(good)},
		"garbage behind":        {"gzip", append(tgz(good), "some garbage"...)},
		"garbage behind zeros":  {"gzip", append(tgz(good), "\x00\x00\x00some garbage"...)},
		"half a magic behind":   {"truncated", append(tgz(good), 0x1f)},
		"second member cut":     {"truncated", append(tgz(good), gz([]byte("x"))[:12]...)},
		"wrong checksum":        {"gzip", damaged},
		"wrong length":          {"gzip", shortLength},
		"too many gzip members": {"entries", append(tgz(good), bytes.Repeat(gz(nil), 60)...)},
		"cut in the header":     {"truncated", whole[:5]},
		"cut in the data":       {"truncated", whole[:len(whole)/2]},
		"cut in the checksum":   {"truncated", whole[:len(whole)-3]},
		"tar cut in a header":   {"truncated", gz(tarOf(good)[:1024+100])},
		"tar cut in a file":     {"truncated", gz(file("package/a", strings.Repeat("x", 2000)).bytes()[:1000])},
		"reserved block type":   {"gzip", append(slices.Clone(whole[:10]), 0x07, 0xff, 0xff)},
	}
}

func TestTarball_Refuses_PF4(t *testing.T) {
	t.Parallel()
	for name, tt := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := unpacked(t, bytes.NewReader(tt.archive), narrow)
			if !errors.Is(err, outcome.Refused) {
				t.Fatalf("got %v and %v, want outcome.Refused", files, err)
			}
			if got := unpack.Reason(err); got != tt.reason {
				t.Errorf("refused for %q, want %q: %v", got, tt.reason, err)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b\x00") || len(err.Error()) > 500 {
				t.Errorf("not fit for a log: %q", err)
			}
		})
	}
}

// odd archives are accepted, with the contents that are given.
func odd() map[string]struct {
	want    map[string]string
	archive []byte
} {
	good := file("package/a.js", "a")
	long100 := strings.Repeat("n", 100)
	type c = struct {
		want    map[string]string
		archive []byte
	}
	a := map[string]string{"a.js": "a"}
	return map[string]c{
		"plain":                        {a, tgz(good)},
		"other leading directory":      {map[string]string{"a": "1", "b/c": "2"}, tgz(file("lodash-4/a", "1"), file("lodash-4/b/c", "2"))},
		"several leading directories":  {map[string]string{"a": "1", "b": "2"}, tgz(file("one/a", "1"), file("two/b", "2"))},
		"leading dot":                  {map[string]string{"package/a": "1", "b": "2"}, tgz(file("./package/a", "1"), file("./b", "2"))},
		"file at the top is left out":  {a, tgz(good, file("README", "x"))},
		"drive as leading directory":   {map[string]string{"x": "1"}, tgz(file("C:/x", "1"))},
		"dot segments":                 {map[string]string{"a/b": "1", "c": "2", ".d": "3", "e.": "4"}, tgz(file("p/./a/./b", "1"), file("p/./c", "2"), file("p/.d", "3"), file("p/e.", "4"))},
		"empty segments":               {map[string]string{"a/b": "1"}, tgz(file("package/a//b", "1"))},
		"three dots":                   {map[string]string{".../a": "1", "..b": "2", "c..": "3"}, tgz(file("p/.../a", "1"), file("p/..b", "2"), file("p/c..", "3"))},
		"last of two wins":             {map[string]string{"a": "second"}, tgz(file("p/a", "first"), file("p/a", "second"))},
		"last of three spellings wins": {map[string]string{"a": "3"}, tgz(file("p/a", "1"), file("q/a", "2"), file("p/./a", "3"))},
		"names that differ in case":    {map[string]string{"A": "1", "a": "2"}, tgz(file("p/A", "1"), file("p/a", "2"))},
		"names that differ in form":    {map[string]string{"\u00e9": "1", "e\u0301": "2", "ß": "3", "ss": "4"}, tgz(file("p/\u00e9", "1"), file("p/e\u0301", "2"), file("p/ß", "3"), file("p/ss", "4"))},
		"url characters":               {map[string]string{"a b%2f?#&+;'\".js": "1"}, tgz(file("p/a b%2f?#&+;'\".js", "1"))},
		"backslash is left out":        {a, tgz(good, file(`package/a\b`, "x"), file(`package\c`, "x"))},
		"control bytes are left out":   {a, tgz(good, file("package/a\nb", "x"), file("package/\x1b[31m", "x"), file("package/\x7f", "x"))},
		"no utf-8 is left out":         {a, tgz(good, file("package/\xff\xfe", "x"), file("package/caf\xe9", "x"))},
		"left out with much data":      {a, tgz(file("package/a\nb", strings.Repeat("x", 70_000)), good)},
		"name that a nul ends":         {map[string]string{"a": "1"}, tgz(file("package/a\x00/../../x", "1"))},
		"dotfiles":                     {map[string]string{".npmignore": "1", ".git/config": "2"}, tgz(file("p/.npmignore", "1"), file("p/.git/config", "2"))},
		"shipped precompressed":        {map[string]string{"x.js": "1", "x.js.gz": "2", "x.js.br": "3"}, tgz(file("p/x.js", "1"), file("p/x.js.gz", "2"), file("p/x.js.br", "3"))},
		"explicit directories":         {map[string]string{"d/a": "1"}, tgz(dir("p/"), dir("p/d/"), dir("p/empty"), file("p/d/a", "1"))},
		"directory with a slash":       {a, tgz(file("package/d/", ""), good)},
		"old directory":                {a, tgz(entry{name: "package/d/", kind: '\x00'}, good)},
		"old file":                     {map[string]string{"o": "1"}, tgz(entry{name: "package/o", kind: '\x00', body: "1", magic: "\x00\x00\x00\x00\x00\x00\x00\x00"})},
		"contiguous file":              {map[string]string{"o": "1"}, tgz(entry{name: "package/o", kind: '7', body: "1"})},
		"empty file":                   {map[string]string{"e": ""}, tgz(file("p/e", ""))},
		"empty gzip member":            {a, append(gz(nil), tgz(good)...)},
		"ustar prefix":                 {map[string]string{"deep/er/a": "1"}, tgz(entry{name: "a", prefix: "package/deep/er", body: "1"})},
		"pax path":                     {map[string]string{long100 + "/ü": "a"}, tgz(pax("path", "package/"+long100+"/ü"), good)},
		"pax size":                     {map[string]string{"a.js": "pax "}, tgz(pax("size", "4"), entry{name: "package/a.js", body: "pax ", size: "00000000000"}, dir("package/d/"))},
		"gnu long name":                {map[string]string{long100 + "/b": "a"}, tgz(long('L', "package/"+long100+"/b"), good)},
		"global header":                {a, tgz(entry{name: "pax_global_header", kind: 'g', body: pax("comment", "0123456789abcdef").body}, good)},
		"global header with a path":    {a, tgz(entry{name: "g", kind: 'g', body: pax("path", "../../x").body}, good)},
		"unknown pax keys":             {a, tgz(pax("LIBARCHIVE.creationtime", "1", "SCHILY.dev", "2"), good)},
		"longest component":            {map[string]string{strings.Repeat("n", 255): "a"}, tgz(pax("path", "p/"+strings.Repeat("n", 255)), good)},
		"longest path":                 {map[string]string{strings.Repeat(strings.Repeat("n", 203)+"/", 5) + "1234": "a"}, tgz(pax("path", "p/"+strings.Repeat(strings.Repeat("n", 203)+"/", 5)+"1234"), good)},
		"no end marker":                {a, gz(good.bytes())},
		"half an end marker":           {a, gz(append(good.bytes(), make([]byte, 512)...))},
		"padded to a record":           {a, gz(append(tarOf(good), make([]byte, 9000)...))},
		"something behind the end":     {a, gz(append(tarOf(good), tarOf(file("package/hidden", "x"))...))},
		"two gzip members":             {a, append(gz(tarOf(good)[:700]), gz(tarOf(good)[700:])...)},
		"zeros behind gzip":            {a, append(tgz(good), make([]byte, 200_000)...)},
		"one zero behind gzip":         {a, append(tgz(good), 0)},
		"setuid":                       {a, tgz(entry{name: "package/a.js", body: "a", mode: "0006755"})},
		"no permissions":               {a, tgz(entry{name: "package/a.js", body: "a", mode: "0000000"})},
		"larger than all buffers":      {map[string]string{"big": strings.Repeat("0123456789", 200_000), "z": "1"}, tgz(file("p/big", strings.Repeat("0123456789", 200_000)), file("p/z", "1"))},
	}
}

func TestTarball_Accepts_PF4(t *testing.T) {
	t.Parallel()
	for name, tt := range odd() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := unpacked(t, bytes.NewReader(tt.archive), narrow)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
