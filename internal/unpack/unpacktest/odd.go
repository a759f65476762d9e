package unpacktest

import (
	"strings"
)

// roots are leading directories of all kinds, and none.
func roots() []Case {
	g := good()
	return []Case{
		accepted("plain", onlyGood(), Tgz(g), "package/a.js", "package"),
		accepted("other leading directory", list{"a": "1", "b/c": "2"}, Tgz(File("lodash-4/a", "1"), File("lodash-4/b/c", "2")), "lodash-4/a"),
		accepted("several leading directories", list{"a": "1", "b": "2"}, Tgz(File("one/a", "1"), File("two/b", "2")), "one/a"),
		accepted("several roots with one path", list{"a": "2"}, Tgz(File("one/a", "1"), File("two/a", "2"))),
		accepted("leading dot", list{"package/a": "1", "b": "2"}, Tgz(File("./package/a", "1"), File("./b", "2")), "a"),
		accepted("leading dot as directory", list{"a": "1"}, Tgz(Dir("./"), File("./a", "1"))),
		accepted("file at the top is left out", onlyGood(), Tgz(g, File("README", "x"), File("package.json", "{}")), "README", "package.json"),
		accepted("drive as leading directory", list{"x": "1"}, Tgz(File("C:/x", "1"))),
		accepted("version as leading directory", list{"x": "1"}, Tgz(File("1.0.0/x", "1")), "1.0.0/x"),
		accepted("blank as leading directory", list{"x": "1"}, Tgz(File(" /x", "1"))),
		accepted("three dots as leading directory", list{"x": "1"}, Tgz(File(".../x", "1"))),
		accepted("control byte as leading directory", onlyGood(), Tgz(g, File("\x01/x", "1")), "x"),
		accepted("name that is empty", onlyGood(), Tgz(g, File("", "x"))),
		accepted("package within package", list{"package/a": "1"}, Tgz(File("package/package/a", "1")), "a"),
	}
}

// spellings are names that are written in an odd way, or written twice.
func spellings() []Case {
	return []Case{
		accepted("dot segments", list{"a/b": "1", "c": "2", ".d": "3", "e.": "4"}, Tgz(File("p/./a/./b", "1"), File("p/./c", "2"), File("p/.d", "3"), File("p/e.", "4"))),
		accepted("empty segments", list{"a/b": "1"}, Tgz(File("package/a//b", "1"))),
		accepted("three dots", list{".../a": "1", "..b": "2", "c..": "3"}, Tgz(File("p/.../a", "1"), File("p/..b", "2"), File("p/c..", "3"))),
		accepted("last of two wins", list{"a": "second"}, Tgz(File("p/a", "first"), File("p/a", "second"))),
		accepted("last of two wins though shorter", list{"a": ""}, Tgz(File("p/a", "first"), File("p/a", ""))),
		accepted("last of three spellings wins", list{"a": "3"}, Tgz(File("p/a", "1"), File("q/a", "2"), File("p/./a", "3"))),
		accepted("last of a thousand wins", list{"a": "last"}, Tgz(append(thousand(), File("p/a", "last"))...)),
		accepted("directory twice", list{"d/a": "1"}, Tgz(Dir("p/d"), Dir("p/d/"), File("p/d/a", "1"), Dir("p/d"))),
		accepted("names that differ in case", list{"A": "1", "a": "2", "D/x": "3", "d/x": "4"}, Tgz(File("p/A", "1"), File("p/a", "2"), File("p/D/x", "3"), File("p/d/x", "4"))),
		accepted("names that differ in form", list{"\u00e9": "1", "e\u0301": "2", "ß": "3", "ss": "4", "ﬁ": "5", "fi": "6"},
			Tgz(File("p/\u00e9", "1"), File("p/e\u0301", "2"), File("p/ß", "3"), File("p/ss", "4"), File("p/ﬁ", "5"), File("p/fi", "6"))),
		accepted("names that look alike", list{"а.js": "1", "a.js": "2", "a\u200b.js": "3"}, Tgz(File("p/а.js", "1"), File("p/a.js", "2"), File("p/a\u200b.js", "3"))),
		accepted("turkish letters", list{"İ": "1", "i": "2", "ı": "3", "I": "4"}, Tgz(File("p/İ", "1"), File("p/i", "2"), File("p/ı", "3"), File("p/I", "4"))),
		alone("longest component", strings.Repeat("n", 255)),
		alone("longest component in few letters", strings.Repeat("\U0001f600", 63)),
		alone("longest path", strings.Repeat(strings.Repeat("n", 203)+"/", 5)+"1234"),
		alone("path of 900 bytes", strings.Repeat(strings.Repeat("n", 224)+"/", 3)+strings.Repeat("m", 225)),
		alone("as deep as allowed", strings.Repeat("d/", 128)+"x"),
	}
}

// alone is a case of one file with a long path.
func alone(name, path string) Case {
	return accepted(name, list{path: "a"}, Tgz(Pax("path", "package/"+path), good()))
}

// thousand are versions of one file.
func thousand() []Entry {
	entries := make([]Entry, 1000)
	for i := range entries {
		entries[i] = File("p/a", strings.Repeat("x", i%7))
	}
	return entries
}

// alphabets are names of letters that some system or protocol gives a meaning.
func alphabets() []Case {
	g := good()
	return []Case{
		accepted("url characters", list{"a b%2f?#&+;'\".js": "1"}, Tgz(File("p/a b%2f?#&+;'\".js", "1"))),
		accepted("escapes as a name", list{"%2e%2e/x": "1", "%41": "2", "%": "3", "%00": "4", "%zz": "5", "%252e": "6"},
			Tgz(File("p/%2e%2e/x", "1"), File("p/%41", "2"), File("p/%", "3"), File("p/%00", "4"), File("p/%zz", "5"), File("p/%252e", "6")), "A", "x"),
		accepted("variables as a name", list{"$uri": "1", "${x}": "2", "`id`": "3", "a;b|c&d>e": "4", "{{x}}": "5"},
			Tgz(File("p/$uri", "1"), File("p/${x}", "2"), File("p/`id`", "3"), File("p/a;b|c&d>e", "4"), File("p/{{x}}", "5"))),
		accepted("markup as a name", list{"<img src=x onerror=alert(1)>": "1", "\"><script>": "2", "'--": "3"},
			Tgz(File("p/<img src=x onerror=alert(1)>", "1"), File("p/\"><script>", "2"), File("p/'--", "3"))),
		accepted("dashes as a name", list{"-rf": "1", "--help": "2", "-": "3", "~": "4", "*": "5", "~root/x": "6"},
			Tgz(File("p/-rf", "1"), File("p/--help", "2"), File("p/-", "3"), File("p/~", "4"), File("p/*", "5"), File("p/~root/x", "6"))),
		accepted("names of windows", list{"con": "1", "NUL.txt": "2", "aux/x": "3", "COM1": "4", "c:x": "5", "C:/x": "6", "a.js::$DATA": "7", "PROGRA~1": "8"},
			Tgz(File("p/con", "1"), File("p/NUL.txt", "2"), File("p/aux/x", "3"), File("p/COM1", "4"), File("p/c:x", "5"), File("p/C:/x", "6"), File("p/a.js::$DATA", "7"), File("p/PROGRA~1", "8"))),
		accepted("trailing dots and blanks", list{"a.": "1", "a ": "2", "a. .": "3", "d./x": "4", "d /x": "5", " a": "6", "a": "7"},
			Tgz(File("p/a.", "1"), File("p/a ", "2"), File("p/a. .", "3"), File("p/d./x", "4"), File("p/d /x", "5"), File("p/ a", "6"), File("p/a", "7"))),
		accepted("letters of both directions", list{"a\u202esj.x": "1", "\u2066x\u2069": "2", "\ufeffb": "3", "שלום": "4"},
			Tgz(File("p/a\u202esj.x", "1"), File("p/\u2066x\u2069", "2"), File("p/\ufeffb", "3"), File("p/שלום", "4"))),
		accepted("separators of other scripts", list{"\u2024\u2024/x": "1", "a\uff0fb": "2", "\uff0e\uff0e/x": "3", "a\u2215b": "4", "\u2028": "5", "\u0085": "6"},
			Tgz(File("p/\u2024\u2024/x", "1"), File("p/a\uff0fb", "2"), File("p/\uff0e\uff0e/x", "3"), File("p/a\u2215b", "4"), File("p/\u2028", "5"), File("p/\u0085", "6")), "x", "a/b"),
		accepted("letters beyond the first plane", list{"😀/👩‍👩‍👧": "1", "𝒂": "2", "\U0010ffff": "3", "\ufffd": "4"},
			Tgz(File("p/😀/👩‍👩‍👧", "1"), File("p/𝒂", "2"), File("p/\U0010ffff", "3"), File("p/\ufffd", "4"))),
		accepted("backslash is left out", onlyGood(), Tgz(g, File(`package/a\b`, "x"), File(`package\c`, "x"), File(`C:\x`, "x")), `a\b`, "b", "c", "x"),
		accepted("control bytes are left out", onlyGood(), Tgz(g, File("package/a\nb", "x"), File("package/\x1b[31m", "x"), File("package/\x7f", "x"), File("package/a\tb\r", "x")), "a\nb", "\x7f"),
		accepted("no utf 8 is left out", onlyGood(), Tgz(g, File("package/\xff\xfe", "x"), File("package/caf\xe9", "x"), File("package/\xc0\xae\xc0\xae/x", "x"), File("package/\xed\xa0\x80", "x")),
			"\xff\xfe", "caf\xe9", "\xc0\xae\xc0\xae/x", "x"),
		accepted("left out with much data", onlyGood(), Tgz(File("package/a\nb", strings.Repeat("x", 70_000)), g), "a\nb"),
	}
}
