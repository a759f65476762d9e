package unpacktest

import "strings"

// Aimed returns cases that try to write, link to or read the files of dir, an
// absolute path of at most 60 bytes in the ways that a lexical check alone
// would miss, and relative to a directory five levels below dir.
func Aimed(dir string) []Case {
	g := good()
	file := dir + "/victim.txt"
	up := strings.Repeat("../", 5)
	return []Case{
		refused("aimed absolute", "path", Tgz(g, File(file, "hit"))),
		refused("aimed absolute once stripped", "path", Tgz(g, File("package/"+file, "hit"))),
		refused("aimed absolute in pax", "path", Tgz(g, Pax("path", file), File("package/x", "hit")), "x"),
		refused("aimed absolute in a gnu name", "path", Tgz(g, Long('L', file), File("package/x", "hit")), "x"),
		refused("aimed upwards", "path", Tgz(g, File("package/"+up+"victim.txt", "hit")), up+"victim.txt"),
		refused("aimed upwards without a root", "path", Tgz(g, File(up+"victim.txt", "hit")), up+"victim.txt"),
		refused("aimed upwards by a directory", "path", Tgz(g, Entry{Name: "package/" + up + "victim", Kind: '5', Mode: "0000777"})),
		refused("aimed symlink", "link", Tgz(g, Symlink("package/l", file)), "l"),
		refused("aimed symlink then file", "link", Tgz(g, Symlink("package/l", file), File("package/l", "hit")), "l"),
		refused("aimed symlink then file below", "link", Tgz(g, Symlink("package/l", dir), File("package/l/victim.txt", "hit")), "l/victim.txt"),
		refused("aimed symlink upwards", "link", Tgz(g, Symlink("package/l", up), File("package/l/victim.txt", "hit")), "l/victim.txt"),
		refused("aimed symlink of two hops", "link", Tgz(g, Dir("package/d"), Symlink("package/d/a", up+".."), Symlink("package/b", "d/a/"+up), File("package/b/victim.txt", "hit")), "b/victim.txt"),
		refused("aimed symlink in the place of a directory", "link", Tgz(g, Dir("package/d"), Symlink("package/d", dir), File("package/d/victim.txt", "hit")), "d/victim.txt"),
		refused("aimed symlink in the place of the root", "link", Tgz(Dir("package"), Symlink("package", dir), File("package/victim.txt", "hit")), "victim.txt"),
		refused("aimed hard link", "link", Tgz(g, HardLink("package/l", file)), "l"),
		refused("aimed hard link then file", "link", Tgz(g, HardLink("package/l", file), File("package/l", "hit")), "l"),
		refused("aimed hard link with data", "link", Tgz(g, Entry{Name: "package/l", Kind: '1', Link: file, Body: "hit"}), "l"),
		refused("aimed hard link through a symlink", "link", Tgz(g, Symlink("package/s", dir), HardLink("package/l", "package/s/victim.txt"), File("package/l", "hit")), "l"),
		refused("aimed hard link upwards", "link", Tgz(g, HardLink("package/l", up+"victim.txt"), File("package/l", "hit")), "l"),
		accepted("aimed link of a file", onlyGood(), Tgz(Entry{Name: "package/a.js", Body: "a", Link: file})),
		accepted("aimed behind the end", onlyGood(), Gzip(append(Tar(g), Tar(Symlink("package/l", file), File("package/l", "hit"))...)), "l"),
	}
}
