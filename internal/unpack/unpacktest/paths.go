package unpacktest

import (
	"strings"
)

// escapes are names that lead out of the archive.
func escapes() []Case {
	g := good()
	up := strings.Repeat("../", 12)
	return []Case{
		refused("dot dot", "path", Tgz(g, File("package/../x", "x")), "x", "../x"),
		refused("dot dot first", "path", Tgz(g, File("../x", "x")), "x", "../x"),
		refused("dot dot before good", "path", Tgz(File("../x", "x"), g), "x"),
		refused("dot dot deep", "path", Tgz(g, File("package/a/../../../etc/passwd", "x")), "etc/passwd"),
		refused("dot dot to the root", "path", Tgz(g, File("package/"+up+"tmp/registryd-corpus", "x")), up+"tmp/registryd-corpus"),
		refused("dot dot last", "path", Tgz(g, File("package/..", "x"))),
		refused("dot dot within", "path", Tgz(g, File("package/a/../b", "x")), "b", "a/../b"),
		refused("dot dot alone", "path", Tgz(g, File("..", "x"))),
		refused("dot dot after empty segments", "path", Tgz(g, File("package//..//x", "x")), "x"),
		refused("dot dot after a dot", "path", Tgz(g, File("./package/./../x", "x")), "x"),
		refused("dot dot as directory", "path", Tgz(g, Dir("package/../../x/"))),
		refused("dot dot of backslashes", "path", Tgz(g, File(`package\..\..\x`, "x")), `..\..\x`, "x"),
		refused("dot dot of mixed separators", "path", Tgz(g, File(`package/..\x`, "x")), "x"),
		refused("dot dot in a left out name", "path", Tgz(g, File("package/\x01/../../x", "x")), "x"),
		refused("dot dot below a drive", "path", Tgz(g, File("C:/../x", "x")), "x"),
		refused("dot dot to the neighbour", "path", Tgz(g, File("package/../../plain/1.0.0/a.js", "x")), "../../plain/1.0.0/a.js"),
		refused("dot dot to a manifest", "path", Tgz(g, File("package/../../../../state/packages/plain/releases/1.0.0.jsonl", "x"))),
		refused("dot dot in pax", "path", Tgz(Pax("path", "package/../../x"), g), "x", "a.js"),
		refused("dot dot in a gnu name", "path", Tgz(Long('L', "package/../../x"), g), "x", "a.js"),
		refused("dot dot in a ustar prefix", "path", Tgz(Entry{Name: "x", Prefix: "package/../.."}, g), "x"),
		refused("dot dot in an old header", "path", Tgz(g, Entry{Name: "../x", Raw: true, Body: "x", Magic: oldMagic}), "x"),
		refused("absolute", "path", Tgz(g, File("/etc/passwd", "x")), "etc/passwd", "passwd"),
		refused("absolute in pax", "path", Tgz(Pax("path", "/etc/passwd"), g), "etc/passwd"),
		refused("absolute in a gnu name", "path", Tgz(Long('L', "/etc/passwd"), g), "etc/passwd"),
		refused("absolute in a ustar prefix", "path", Tgz(g, Entry{Name: "passwd", Prefix: "/etc"}), "etc/passwd"),
		refused("absolute of backslashes", "path", Tgz(g, File(`\\host\share`, "x"))),
		refused("absolute of one backslash", "path", Tgz(g, File(`\x`, "x"))),
		refused("absolute once stripped", "path", Tgz(g, File("package//abs/path", "x")), "abs/path", "/abs/path"),
		refused("absolute once stripped of more", "path", Tgz(g, File("package////abs/path", "x")), "abs/path"),
		refused("absolute twice", "path", Tgz(g, File("//etc/passwd", "x")), "etc/passwd"),
		refused("absolute behind an empty root", "path", Tgz(g, File("/./etc/passwd", "x")), "etc/passwd"),
		refused("absolute directory", "path", Tgz(g, Dir("/"))),
		refused("directory name with data", "path", Tgz(g, Entry{Name: "package/d/", Body: strings.Repeat("x", 512)}), "d"),
		refused("directory name with data in pax", "path", Tgz(g, Pax("path", "package/d/"), File("package/d", strings.Repeat("x", 512))), "d"),
	}
}

// oldMagic is that of headers older than ustar.
const oldMagic = "\x00\x00\x00\x00\x00\x00\x00\x00"

// lengths are paths beyond the limits.
func lengths() []Case {
	g := good()
	deep := strings.Repeat("d/", 129)
	return []Case{
		refused("component of 256 bytes", "length", Tgz(Pax("path", "package/"+strings.Repeat("n", 256)), g), strings.Repeat("n", 256)),
		refused("directory of 256 bytes", "length", Tgz(Pax("path", "package/"+strings.Repeat("n", 256)+"/a"), g)),
		refused("component of 256 bytes in few letters", "length", Tgz(Pax("path", "package/"+strings.Repeat("\U0001f600", 64)), g)),
		refused("path of 1025 bytes", "length", Tgz(Pax("path", "package/"+strings.Repeat("ab/", 342)[:1025]), g)),
		refused("path of 1 mib", "length", Tgz(Pax("path", "package/"+strings.Repeat("ab/", 340_000)+"x"), g)),
		refused("deeper than 128", "length", Tgz(Pax("path", "package/"+deep+"a"), g)),
		refused("deeper than 128 in a gnu name", "length", Tgz(Long('L', "package/"+deep+"a"), g)),
		refused("deep directory", "length", Tgz(Pax("path", "package/"+deep+"a/"), Dir("x/"))),
		refused("long left out name", "length", Tgz(Pax("path", "package/\\"+strings.Repeat("n", 256)), g)),
	}
}

// conflicts are paths that cannot both exist.
func conflicts() []Case {
	return []Case{
		refused("file then directory", "conflict", Tgz(File("package/a", "x"), File("package/a/b", "x")), "a", "a/b"),
		refused("directory then file", "conflict", Tgz(File("package/a/b", "x"), File("package/a", "x")), "a", "a/b"),
		refused("file and empty directory", "conflict", Tgz(File("package/a", "x"), Dir("package/a/")), "a"),
		refused("file and deep directory", "conflict", Tgz(File("package/a", "x"), File("package/a/b/c/d/e", "x")), "a"),
		refused("conflict across a near name", "conflict", Tgz(File("p/a", "x"), File("p/a-b", "x"), File("p/a/b/c", "x")), "a-b"),
		refused("conflict by another spelling", "conflict", Tgz(File("package/a", "x"), File("package/./a//b", "x")), "a"),
		refused("conflict across leading names", "conflict", Tgz(File("one/a", "x"), File("two/a/b", "x")), "a"),
		refused("conflict of many", "conflict", Tgz(File("p/a", "1"), File("p/a", "2"), Dir("p/a"), File("p/a", "3")), "a"),
		refused("package json as both", "conflict", Tgz(File("p/package.json", "{}"), File("p/package.json/x", "x")), "package.json"),
	}
}
