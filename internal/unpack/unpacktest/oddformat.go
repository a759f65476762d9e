package unpacktest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// formats are the ways in which tars were written over the years.
func formats() []Case {
	g := good()
	long100 := strings.Repeat("n", 100)
	return []Case{
		accepted("old directory", onlyGood(), Tgz(Entry{Name: "package/d/", Raw: true}, g)),
		accepted("old file", list{"o": "1"}, Tgz(Entry{Name: "package/o", Raw: true, Body: "1", Magic: oldMagic})),
		accepted("old file with bytes behind", list{"o": "1"}, Tgz(Entry{Name: "package/o", Raw: true, Body: "1", Magic: oldMagic, Prefix: "../.."})),
		accepted("contiguous file", list{"o": "1"}, Tgz(Entry{Name: "package/o", Kind: '7', Body: "1"})),
		accepted("gnu file", list{"o": "1"}, Tgz(Entry{Name: "package/o", Body: "1", Magic: gnuMagic})),
		accepted("name that fills its field", list{long100[:92]: "1"}, Tgz(File("package/"+long100[:92], "1"))),
		accepted("prefix that fills its field", list{strings.Repeat("d/", 73) + "a": "1"}, Tgz(Entry{Name: "a", Prefix: "package/" + strings.Repeat("d/", 73)[:145], Body: "1"})),
		accepted("ustar prefix", list{"deep/er/a": "1"}, Tgz(Entry{Name: "a", Prefix: "package/deep/er", Body: "1"})),
		accepted("name that a nul ends", list{"a": "1"}, Tgz(File("package/a\x00/../../x", "1")), "x"),
		accepted("gnu name that a nul ends", list{"b": "a"}, Tgz(Long('L', "package/b\x00/../../x"), g), "x", "a.js"),
		accepted("gnu name without a nul", list{"b": "a"}, Tgz(Entry{Name: "x", Kind: 'L', Magic: gnuMagic, Body: "package/b"}, g), "a.js"),
		accepted("gnu long name", list{long100 + "/b": "a"}, Tgz(Long('L', "package/"+long100+"/b"), g), "a.js"),
		accepted("gnu long link of a file", onlyGood(), Tgz(Long('K', "/etc/passwd"), g)),
		accepted("gnu name of nothing", onlyGood(), Tgz(g, Long('L', "package/x")), "x"),
		accepted("gnu name that hides an escape", list{"b": "x"}, Tgz(Long('L', "package/b"), File("../x", "x")), "x"),
		accepted("pax path", list{long100 + "/ü": "a"}, Tgz(Pax("path", "package/"+long100+"/ü"), g), "a.js"),
		accepted("pax path of nothing", onlyGood(), Tgz(Pax("path", ""), g)),
		accepted("pax path that hides an escape", list{"b": "x"}, Tgz(Pax("path", "package/b"), File("../x", "x")), "x"),
		accepted("pax path counts for one member", list{"b": "a", "a.js": "a"}, Tgz(Pax("path", "package/b"), g, g)),
		accepted("pax path is not for meta members", list{"long": "a"}, Tgz(Pax("path", "package/x"), Long('L', "package/long"), g), "x"),
		accepted("pax size", list{"a.js": "pax "}, Tgz(Pax("size", "4"), Entry{Name: "package/a.js", Body: "pax ", Size: "00000000000"}, Dir("package/d/"))),
		accepted("pax size hides a tar", list{"inner": string(Tar(File("package/evil", "x")))}, Tgz(hidden(Tar(File("package/evil", "x")))...), "evil"),
		accepted("pax size is not for meta members", list{"long": "a"}, Tgz(Pax("size", "1"), Long('L', "package/long"), g)),
		accepted("pax link of a file", onlyGood(), Tgz(Pax("linkpath", "/etc/passwd"), g)),
		accepted("pax of nothing", onlyGood(), Tgz(rawPax(""), g)),
		accepted("pax of other tools", onlyGood(), Tgz(Pax("LIBARCHIVE.creationtime", "1", "SCHILY.dev", "2", "SCHILY.xattr.user.x", "\x00", "hdrcharset", "BINARY", "charset", "x"), g)),
		accepted("pax record twice", list{"b": "a"}, Tgz(Pax("path", "package/../x", "path", "package/b"), g), "x"),
		accepted("pax header twice", list{"b": "a"}, Tgz(Pax("path", "package/../x"), Pax("path", "package/b"), g), "x"),
		accepted("times and owners in pax", onlyGood(), Tgz(Pax("mtime", "-1.5", "atime", "99999999999.9", "uid", "4294967296", "uname", "root"), g)),
		accepted("global header", onlyGood(), Tgz(global("comment", "0123456789abcdef"), g)),
		accepted("global header with a path", onlyGood(), Tgz(global("path", "../../x"), g), "x"),
		accepted("global header with a size", onlyGood(), Tgz(global("size", "100000"), g)),
		accepted("global header with a link", onlyGood(), Tgz(global("linkpath", "/etc/passwd"), g)),
		accepted("global header last", onlyGood(), Tgz(g, global("path", "../../x"))),
	}
}

// hidden are members that put a whole tar into the data of a file, whose header
// says that there is no data.
func hidden(inner []byte) []Entry {
	return []Entry{
		Pax("size", "2048"),
		{Name: "package/inner", Body: string(inner), Size: "00000000000"},
	}
}

// headers are fields that have no effect.
func headers() []Case {
	g := good()
	field := func(change func(*Entry)) []byte {
		e := good()
		change(&e)
		return Tgz(e)
	}
	return []Case{
		accepted("explicit directories", list{"d/a": "1"}, Tgz(Dir("p/"), Dir("p/d/"), Dir("p/empty"), File("p/d/a", "1")), "d/"+"b"),
		accepted("directory with a slash", onlyGood(), Tgz(File("package/d/", ""), g), "d/x"),
		accepted("directory with a size", onlyGood(), Tgz(Entry{Name: "package/d", Kind: '5', Size: "00000010000"}, g)),
		accepted("directory without permissions", list{"d/a": "1"}, Tgz(Entry{Name: "package/d", Kind: '5', Mode: "0000000"}, File("package/d/a", "1"))),
		accepted("directory with a sticky bit", list{"d/a": "1"}, Tgz(Entry{Name: "package/d", Kind: '5', Mode: "0001777"}, File("package/d/a", "1"))),
		accepted("setuid", onlyGood(), field(func(e *Entry) { e.Mode = "0004755" })),
		accepted("setgid and sticky", onlyGood(), field(func(e *Entry) { e.Mode = "0003777" })),
		accepted("no permissions", onlyGood(), field(func(e *Entry) { e.Mode = "0000000" })),
		accepted("write for all", onlyGood(), field(func(e *Entry) { e.Mode = "0000222" })),
		accepted("mode of a directory", onlyGood(), field(func(e *Entry) { e.Mode = "0040755" })),
		accepted("mode of a device", onlyGood(), field(func(e *Entry) { e.Mode = "0060666" })),
		accepted("owner of 32 bits", onlyGood(), field(func(e *Entry) { e.Owner = "\x80\x00\x00\x00\xff\xff\xff\xfe\x80\x00\x00\x00\xff\xff\xff\xfe" })),
		accepted("time before all", onlyGood(), field(func(e *Entry) { e.Time = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00" })),
		accepted("time after all", onlyGood(), field(func(e *Entry) { e.Time = "77777777777" })),
		accepted("numbers of blanks", onlyGood(), field(func(e *Entry) { e.Mode, e.Time = "       ", "           " })),
		accepted("size with blanks", onlyGood(), field(func(e *Entry) { e.Size = "         1 " })),
		accepted("size in base 256", onlyGood(), field(func(e *Entry) { e.Size = "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" })),
		accepted("link of a file", onlyGood(), field(func(e *Entry) { e.Link = "/etc/passwd" })),
		accepted("checksum of unsigned bytes", list{"café": "1"}, Tgz(File("package/café", "1"))),
		accepted("checksum of signed bytes", list{"café": "1"}, Tgz(Entry{Name: "package/café", Body: "1", Signed: true})),
	}
}

// framed are ends of the tar and ways of gzip that are in use.
func framed() []Case {
	g := good()
	whole := Tar(g)
	return []Case{
		accepted("no end marker", onlyGood(), Gzip(g.Bytes())),
		accepted("padding cut", onlyGood(), Gzip(g.Bytes()[:600])),
		accepted("no padding", onlyGood(), Gzip(g.Bytes()[:block+1])),
		accepted("half an end marker", onlyGood(), Gzip(append(g.Bytes(), make([]byte, block)...))),
		accepted("padded to a record", onlyGood(), Gzip(append(whole, make([]byte, 9000)...))),
		accepted("padded by an odd number", onlyGood(), Gzip(append(whole, make([]byte, 777)...))),
		accepted("something behind the end", onlyGood(), Gzip(append(whole, Tar(File("package/hidden", "x"))...)), "hidden"),
		accepted("link behind the end", onlyGood(), Gzip(append(whole, Tar(Symlink("package/l", "/etc/passwd"))...)), "l"),
		accepted("garbage within the end", onlyGood(), Gzip(append(whole, noise(3000)...))),
		accepted("two gzip members", onlyGood(), slices.Concat(Gzip(whole[:700]), Gzip(whole[700:]))),
		accepted("a gzip member for each byte", onlyGood(), eachByte(whole)),
		accepted("second archive in a second member", onlyGood(), slices.Concat(Tgz(g), Tgz(File("package/hidden", "x"))), "hidden"),
		accepted("empty gzip member first", onlyGood(), slices.Concat(Gzip(nil), Tgz(g))),
		accepted("empty gzip member last", onlyGood(), slices.Concat(Tgz(g), Gzip(nil))),
		accepted("zeros behind gzip", onlyGood(), append(Tgz(g), make([]byte, 200_000)...)),
		accepted("one zero behind gzip", onlyGood(), append(Tgz(g), 0)),
		accepted("gzip with a name", onlyGood(), withHeader(Tgz(g), 8, "../../etc/passwd\x00"), "etc/passwd"),
		accepted("gzip with a comment", onlyGood(), withHeader(Tgz(g), 16, "caf\xe9\n\x1b[31m\x00")),
		accepted("gzip with an extra field", onlyGood(), withHeader(Tgz(g), 4, "\x04\x00abcd")),
		accepted("gzip with an empty extra field", onlyGood(), withHeader(Tgz(g), 4, "\x00\x00")),
		accepted("gzip with everything", onlyGood(), withHeader(Tgz(g), 4|8|16, "\x02\x00ab"+"name\x00"+"comment\x00")),
		accepted("gzip that says text", onlyGood(), withHeader(Tgz(g), 1, "")),
		accepted("stored and not compressed", onlyGood(), stored(whole)),
	}
}

// eachByte compresses every byte alone.
func eachByte(data []byte) []byte {
	var b bytes.Buffer
	w := newWriter(&b, gzip.BestSpeed)
	for i := range data {
		w.Reset(&b)
		finish(w, data[i:i+1])
	}
	return b.Bytes()
}
