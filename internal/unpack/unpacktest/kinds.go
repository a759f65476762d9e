package unpacktest

import (
	"fmt"
	"slices"
	"strings"
)

// links are members that stand for something else.
func links() []Case {
	g := good()
	return []Case{
		refused("symlink", "link", Tgz(g, Symlink("package/l", "a.js")), "l"),
		refused("symlink to the outside", "link", Tgz(g, Symlink("package/l", "/etc/passwd")), "l"),
		refused("symlink upwards", "link", Tgz(g, Symlink("package/l", "../../../../../../../etc/passwd")), "l"),
		refused("symlink to the data directory", "link", Tgz(g, Symlink("package/l", "../../../../state/audit.jsonl")), "l"),
		refused("symlink to nothing", "link", Tgz(g, Symlink("package/l", "")), "l"),
		refused("symlink to itself", "link", Tgz(g, Symlink("package/l", "l"), File("package/l/x", "x")), "l", "l/x"),
		refused("symlink to the release", "link", Tgz(g, Symlink("package/l", "."), File("package/l/l/l/x", "x")), "l/x"),
		refused("symlink then file below", "link", Tgz(Symlink("package/l", "/tmp"), File("package/l/x", "x")), "l/x"),
		refused("symlink then file in its place", "link", Tgz(Symlink("package/l", "/tmp/registryd-corpus"), File("package/l", "x")), "l"),
		refused("file then symlink in its place", "link", Tgz(File("package/a.js", "a"), Symlink("package/a.js", "/etc/passwd")), "a.js"),
		refused("directory then symlink in its place", "link", Tgz(Dir("package/d"), Symlink("package/d", "/tmp"), File("package/d/x", "x")), "d/x"),
		refused("symlink chain", "link", Tgz(Symlink("package/a", "b"), Symlink("package/b", ".."), g), "a", "b"),
		refused("symlink chain of two hops", "link", Tgz(Symlink("package/a", "."), Symlink("package/a/b", ".."), File("package/b/x", "x")), "b/x"),
		refused("symlink ring", "link", Tgz(Symlink("package/a", "b"), Symlink("package/b", "a"), File("package/a/x", "x")), "a/x"),
		refused("symlink as leading directory", "link", Tgz(Symlink("package", "/tmp"), g), "package"),
		refused("symlink by a twin in case", "link", Tgz(Dir("package/D"), Symlink("package/d", "/tmp"), File("package/D/x", "x")), "D/x"),
		refused("symlink by a twin in form", "link", Tgz(Symlink("package/caf\u00e9", "/tmp"), File("package/cafe\u0301/x", "x"))),
		refused("symlink by a twin of sharp s", "link", Tgz(Symlink("package/ß", "/tmp"), File("package/ss/x", "x")), "ss/x"),
		refused("symlink with a left out name", "link", Tgz(g, Symlink("package/a\nb", "x"))),
		refused("symlink outside the root", "link", Tgz(g, Symlink("l", "x"))),
		refused("symlink in an old header", "link", Tgz(g, Entry{Name: "package/l", Kind: '2', Link: "/etc/passwd", Magic: oldMagic}), "l"),
		refused("symlink with a long target", "link", Tgz(g, Long('K', strings.Repeat("../", 300)+"etc/passwd"), Symlink("package/l", "x")), "l"),
		refused("symlink behind a duplicate", "link", Tgz(Symlink("package/a.js", "/etc/passwd"), g), "a.js"),
		refused("hard link", "link", Tgz(g, HardLink("package/l", "package/a.js")), "l"),
		refused("hard link to the outside", "link", Tgz(g, HardLink("package/l", "/etc/passwd")), "l"),
		refused("hard link upwards", "link", Tgz(g, HardLink("package/l", "package/../../../x")), "l"),
		refused("hard link then file", "link", Tgz(HardLink("package/l", "../x"), File("package/l", "x")), "l"),
		refused("hard link through a symlink", "link", Tgz(Symlink("package/s", "/etc"), HardLink("package/l", "package/s/passwd")), "l"),
		refused("hard link to a symlink", "link", Tgz(Symlink("package/s", "/etc/passwd"), HardLink("package/l", "package/s")), "l"),
		refused("hard link to itself", "link", Tgz(g, HardLink("package/l", "package/l")), "l"),
		refused("hard link in pax", "link", Tgz(g, Pax("linkpath", "../../x"), HardLink("package/l", "")), "l"),
		refused("hard link by a long name", "link", Tgz(g, Long('K', "/"+strings.Repeat("x", 200)), HardLink("package/l", "x")), "l"),
		refused("hard link with data", "link", Tgz(g, Entry{Name: "package/l", Kind: '1', Link: "x", Body: "data"}), "l"),
		refused("hard link in an old header", "link", Tgz(g, Entry{Name: "package/l", Kind: '1', Link: "/etc/passwd", Magic: oldMagic}), "l"),
	}
}

// specials are members that are no file at all.
func specials() []Case {
	g := good()
	cases := []Case{
		refused("character device", "special", Tgz(g, Entry{Name: "package/null", Kind: '3'}), "null"),
		refused("block device", "special", Tgz(g, Entry{Name: "package/sda", Kind: '4'}), "sda"),
		refused("fifo", "special", Tgz(g, Entry{Name: "package/pipe", Kind: '6'}), "pipe"),
		refused("fifo in an old header", "special", Tgz(g, Entry{Name: "package/pipe", Kind: '6', Magic: oldMagic}), "pipe"),
		refused("fifo then file", "special", Tgz(Entry{Name: "package/a.js", Kind: '6'}, g), "a.js"),
		refused("device first", "special", Tgz(Entry{Name: "package/null", Kind: '3'}, g), "null"),
		refused("device outside the root", "special", Tgz(g, Entry{Name: "null", Kind: '3'})),
		refused("reserved kind", "special", Tgz(g, Entry{Name: "package/u", Kind: '8'}), "u"),
		refused("unknown kind", "special", Tgz(g, Entry{Name: "package/u", Kind: 'Z'}), "u"),
		refused("unknown kind with data", "special", Tgz(g, Entry{Name: "package/u", Kind: 'Q', Body: "data"}), "u"),
		refused("control byte as kind", "special", Tgz(g, Entry{Name: "package/u", Kind: 0x1b}), "u"),
		refused("last byte as kind", "special", Tgz(g, Entry{Name: "package/u", Kind: 0xff}), "u"),
	}
	// Sockets have no kind of their own: tools that keep them use 's'.
	for _, kind := range "sADEIMNVX" {
		name := fmt.Sprintf("kind %c", kind)
		if kind < 'a' {
			name = fmt.Sprintf("kind upper %c", kind|0x20)
		}
		cases = append(cases, refused(name, "special", Tgz(g, Entry{Name: "package/u", Kind: byte(kind), Magic: gnuMagic}), "u"))
	}
	return cases
}

// sparse are files with holes, which grow while they are read.
func sparse() []Case {
	g, s := good(), File("package/s", "x")
	return []Case{
		refused("sparse of 1 tib", "sparse", Tgz(g, Pax("GNU.sparse.major", "0", "GNU.sparse.minor", "1", "GNU.sparse.name", "package/s",
			"GNU.sparse.map", "0,1", "GNU.sparse.numblocks", "1", "GNU.sparse.size", "1099511627776"), s), "s"),
		refused("sparse of the first format", "sparse", Tgz(g, Pax("GNU.sparse.size", "1000000", "GNU.sparse.numblocks", "1",
			"GNU.sparse.offset", "0", "GNU.sparse.numbytes", "1"), s), "s"),
		refused("sparse of the last format", "sparse", Tgz(g, Pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name", "package/s",
			"GNU.sparse.realsize", "1099511627776"), File("package/GNUSparseFile.0/s", "1\n0\n1\n"+strings.Repeat("\x00", 506)+"x")), "s"),
		refused("sparse under another name", "sparse", Tgz(g, Pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name", "../../x",
			"GNU.sparse.realsize", "1"), File("package/s", "1\n0\n1\n"+strings.Repeat("\x00", 506)+"x")), "s", "x"),
		refused("sparse with an odd key", "sparse", Tgz(g, Pax("GNU.sparse.odd", "1"), s), "s"),
		refused("sparse of an unknown format", "sparse", Tgz(g, Pax("GNU.sparse.major", "7", "GNU.sparse.minor", "0"), s), "s"),
		refused("sparse in an old header", "sparse", Gzip(slices.Concat(g.Bytes(), oldSparse(0, 1<<40), make([]byte, 3*block))), "s"),
		refused("sparse chain without end", "tar", repeated(slices.Concat(g.Bytes(), oldSparse(1, 1<<40)), sparseBlock(), 60_000), "s"),
		refused("sparse map without end", "tar", often(slices.Concat(g.Bytes(), Pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0").Bytes(),
			Entry{Name: "package/s", Size: "00400000000"}.Bytes()), []byte(strings.Repeat("9\n", 1<<18)), 60), "s"),
		refused("sparse map of letters", "tar", Tgz(g, Pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0"), File("package/s", strings.Repeat("letters\n", 64))), "s"),
		refused("sparse map that overlaps", "tar", Tgz(g, Pax("GNU.sparse.map", "0,10,5,10", "GNU.sparse.numblocks", "2", "GNU.sparse.size", "100"), s), "s"),
		refused("sparse size below zero", "tar", Tgz(g, Pax("GNU.sparse.map", "0,1", "GNU.sparse.numblocks", "1", "GNU.sparse.size", "-5"), s), "s"),
	}
}

// oldSparse is a header of GNU tar's own sparse format; more tells that blocks
// with further entries follow.
func oldSparse(more byte, size int64) []byte {
	e := Entry{Name: "package/s", Kind: 'S', Magic: gnuMagic, Size: "00000000001"}
	h := e.header()
	copy(h[386:], "00000000000\x0000000000001\x00")
	h[482] = more
	copy(h[483:], fmt.Sprintf("%011o\x00", min(size, 1<<33-1)))
	return e.sum(h)
}

// sparseBlock is one that announces another one.
func sparseBlock() []byte {
	b := make([]byte, block)
	for i := range 21 {
		copy(b[24*i:], "00000000000\x0000000000001\x00")
	}
	b[504] = 1
	return b
}
