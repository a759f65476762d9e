package unpacktest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// sizes are numbers that cannot be, or must not.
func sizes() []Case {
	g := good()
	sized := func(size string) []byte { return Tgz(g, Entry{Name: "package/big", Size: size}) }
	return []Case{
		refused("claims a petabyte", "unpacked", sized("\x80\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00"), "big"),
		refused("claims the largest number", "unpacked", sized("\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"), "big"),
		refused("claims nearly the largest number", "unpacked", sized("\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\x00"), "big"),
		refused("claims the largest octal number", "unpacked", sized("77777777777"), "big"),
		refused("claims twelve octal digits", "unpacked", sized("777777777777"), "big"),
		refused("claims more than 63 bits", "tar", sized("\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"), "big"),
		refused("claims 95 bits", "tar", sized("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "big"),
		refused("claims the sign bit", "tar", sized("\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00"), "big"),
		refused("claims more in pax", "unpacked", Tgz(Pax("size", "9223372036854775807"), g), "a.js"),
		refused("claims too much in pax", "tar", Tgz(Pax("size", "9223372036854775808"), g), "a.js"),
		refused("claims more than there is", "truncated", Tgz(Entry{Name: "package/a", Body: "x", Size: "00000100000"}), "a"),
		refused("claims more in pax than there is", "truncated", Tgz(Pax("size", "100000"), g), "a.js"),
		refused("negative size", "tar", sized("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), "big"),
		refused("most negative size", "tar", sized("\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00"), "big"),
		refused("negative size in octal", "tar", sized("-0000000001"), "big"),
		refused("negative size in pax", "tar", Tgz(Pax("size", "-1"), g), "a.js"),
		refused("negative size of an extended header", "tar", Tgz(Entry{Name: "p", Kind: 'x', Size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"}, g), "a.js"),
		refused("negative size of a gnu name", "tar", Tgz(Entry{Name: "p", Kind: 'L', Magic: gnuMagic, Size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"}, g), "a.js"),
		refused("fraction as size in pax", "tar", Tgz(Pax("size", "1.5"), g), "a.js"),
		refused("hexadecimal size in pax", "tar", Tgz(Pax("size", "0x1"), g), "a.js"),
		refused("size of letters", "tar", sized("hello world"), "big"),
		refused("size of eights", "tar", sized("00000000088"), "big"),
		refused("mode of letters", "tar", Tgz(g, Entry{Name: "package/m", Mode: "rwxr-xr"}), "m"),
		refused("owner of letters", "tar", Tgz(g, Entry{Name: "package/m", Owner: "somebody"}), "m"),
		refused("time of letters", "tar", Tgz(g, Entry{Name: "package/m", Time: "yesterday.."}), "m"),
	}
}

// structure is what is no tar, or a damaged one.
func structure() []Case {
	g := good()
	return []Case{
		refused("wrong header checksum", "tar", Tgz(g, Entry{Name: "package/n", Checksum: "000001"}), "n"),
		refused("no header checksum", "tar", Tgz(g, Entry{Name: "package/n", Checksum: "\x00\x00\x00\x00\x00\x00\x00\x00"}), "n"),
		refused("header checksum of letters", "tar", Tgz(g, Entry{Name: "package/n", Checksum: "letters\x00"}), "n"),
		refused("wrong first header checksum", "tar", Tgz(Entry{Name: "package/n", Checksum: "000001"}, g), "n"),
		refused("one zero block inside", "tar", Gzip(slices.Concat(g.Bytes(), make([]byte, block), Tar(g))), "a.js"),
		refused("one zero block first", "tar", Gzip(slices.Concat(make([]byte, block), Tar(g))), "a.js"),
		refused("directory with a body", "tar", Tgz(g, Entry{Name: "package/d/", Kind: '5', Body: strings.Repeat("x", 512)}), "d"),
		refused("fields shifted by one", "tar", Gzip(append([]byte("x"), Tar(g)...)), "a.js"),
		refused("not a tar", "truncated", Gzip([]byte("hello"))),
		refused("not a tar of some length", "tar", Gzip(bytes.Repeat([]byte("hello "), 1000))),
		refused("html", "tar", Gzip([]byte("<!doctype html><title>404</title>"+strings.Repeat("<p>not found", 100)))),
		refused("zip archive", "gzip", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"+strings.Repeat("\x00", 100))),
		refused("tar cut in a header", "truncated", Gzip(Tar(g)[:1024+100]), "a.js"),
		refused("tar cut in a file", "truncated", Gzip(File("package/a", strings.Repeat("x", 2000)).Bytes()[:1000]), "a"),
		refused("tar cut in a pax record", "truncated", Gzip(slices.Concat(g.Bytes(), Pax("path", "package/b").Bytes()[:520])), "a.js"),
		refused("garbage after a member", "tar", Gzip(append(g.Bytes(), bytes.Repeat([]byte("\xde\xad\xbe\xef"), 300)...)), "a.js"),
		refused("no member", "empty", Tgz()),
		refused("nothing compressed", "empty", Gzip(nil)),
		refused("only zeros", "empty", Gzip(make([]byte, 100*block))),
		refused("only directories", "empty", Tgz(Dir("package/"), Dir("package/a/"))),
		refused("only files at the top", "empty", Tgz(File("README", "x"), File("package.json", "{}")), "README", "package.json"),
		refused("only left out names", "empty", Tgz(File("package/a\\b", "x"), File("package/\xff", "x"))),
		refused("only an extended header", "empty", Tgz(Pax("path", "package/x"))),
		refused("only a global header", "empty", Tgz(global("path", "package/x"))),
	}
}

// records are extended headers that readers disagree about.
func records() []Case {
	g := good()
	broken := func(records string) []byte { return Tgz(rawPax(records), g) }
	return []Case{
		refused("pax record that is too long", "tar", broken("99 path=x\n"), "x", "a.js"),
		refused("pax record that is too short", "tar", broken("5 path=package/x\n"), "x", "a.js"),
		refused("pax record without length", "tar", broken("path=x\n"), "x", "a.js"),
		refused("pax record of length zero", "tar", broken("0 path=x\n"), "x", "a.js"),
		refused("pax record of negative length", "tar", broken("-10 path=x\n"), "x", "a.js"),
		refused("pax record of absurd length", "tar", broken("99999999999999999999 path=x\n"), "x", "a.js"),
		refused("pax record without newline", "tar", broken("10 path=xx"), "xx", "a.js"),
		refused("pax record without equals", "tar", broken("9 pathxx\n"), "a.js"),
		refused("pax record without key", "tar", broken("9 =value\n"), "a.js"),
		refused("pax record of blanks", "tar", broken(strings.Repeat(" ", 100)), "a.js"),
		refused("pax without any meaning", "tar", broken("\x00\x01\x02\xff"), "a.js"),
		refused("nul in pax", "tar", Tgz(Pax("path", "package/a\x00/../x"), g), "a", "x", "a.js"),
		refused("nul last in pax", "tar", Tgz(Pax("path", "package/x\x00"), g), "x", "a.js"),
		refused("nul in a pax link", "tar", Tgz(Pax("linkpath", "a\x00b"), Symlink("package/l", "x")), "l"),
		refused("nul in a pax key", "tar", Tgz(Pax("pa\x00th", "x"), g), "a.js"),
		refused("owner of letters in pax", "tar", Tgz(Pax("uid", "root"), g), "a.js"),
		refused("time of letters in pax", "tar", Tgz(Pax("mtime", "yesterday"), g), "a.js"),
		refused("two pax names of which the last escapes", "path", Tgz(Pax("path", "package/x"), Pax("path", "package/../x"), g), "x"),
		refused("two records of which the last escapes", "path", Tgz(Pax("path", "package/x", "path", "package/../x"), g), "x"),
		refused("pax name and gnu name that escapes", "path", Tgz(Pax("path", "package/x"), Long('L', "../x"), g), "x"),
		refused("gnu name that escapes and pax name", "path", Tgz(Long('L', "../x"), Pax("path", "package/x"), g), "x"),
		refused("two gnu names of which the last escapes", "path", Tgz(Long('L', "package/x"), Long('L', "../x"), g), "x"),
		refused("pax of 2 mib", "tar", Tgz(Pax("comment", strings.Repeat("c", 2<<20)), g), "a.js"),
		refused("global pax of 2 mib", "tar", Tgz(global("comment", strings.Repeat("c", 2<<20)), g), "a.js"),
		refused("gnu name of 2 mib", "tar", Tgz(Long('L', strings.Repeat("c", 2<<20)), g), "a.js"),
		refused("gnu link of 2 mib", "tar", Tgz(Long('K', strings.Repeat("c", 2<<20)), g), "a.js"),
		refused("pax that claims a petabyte", "truncated", Tgz(Entry{Name: "p", Kind: 'x', Size: "\x80\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00"}, g), "a.js"),
		refused("endless extended headers", "meta", Tgz(slices.Repeat([]Entry{Pax("comment", strings.Repeat("c", 100_000))}, 60)...)),
		refused("endless gnu names", "meta", Tgz(slices.Repeat([]Entry{Long('L', strings.Repeat("c", 100_000))}, 60)...)),
		refused("many pax records", "meta", Tgz(slices.Repeat([]Entry{manyRecords(60_000)}, 5)...)),
	}
}

// manyRecords is an extended header that costs a reader more than its bytes.
func manyRecords(n int) Entry {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "14 k.%06x=v\n", i)
	}
	return rawPax(b.String())
}
