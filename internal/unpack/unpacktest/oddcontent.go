package unpacktest

import (
	"bytes"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// stored frames data without compressing it.
func stored(data []byte) []byte {
	var b bytes.Buffer
	finish(newWriter(&b, gzip.NoCompression), data)
	return b.Bytes()
}

// contents are files whose names or bytes could mean something to a cache, a
// web server or an extractor.
func contents() []Case {
	script := strings.Repeat("console.log('text that compresses well');\n", 100)
	digits := strings.Repeat("0123456789", 200_000)
	return []Case{
		accepted("empty file", list{"e": ""}, Tgz(File("p/e", ""))),
		accepted("larger than all buffers", list{"big": digits, "z": "1"}, Tgz(File("p/big", digits), File("p/z", "1"))),
		accepted("file of a whole block", list{"a": strings.Repeat("x", block), "b": "1"}, Tgz(File("p/a", strings.Repeat("x", block)), File("p/b", "1"))),
		accepted("file of zeros", list{"a": strings.Repeat("\x00", 3*block), "b": "1"}, Tgz(File("p/a", strings.Repeat("\x00", 3*block)), File("p/b", "1"))),
		accepted("file that is a tar", list{"t.tar": string(Tar(File("package/x", "x")))}, Tgz(File("p/t.tar", string(Tar(File("package/x", "x"))))), "x"),
		accepted("file that is a tarball", list{"t.tgz": string(Tgz(File("package/x", "x")))}, Tgz(File("p/t.tgz", string(Tgz(File("package/x", "x"))))), "x"),
		accepted("dotfiles", list{".npmignore": "1", ".git/config": "2", ".htaccess": "3", ".env": "4", "..a": "5"},
			Tgz(File("p/.npmignore", "1"), File("p/.git/config", "2"), File("p/.htaccess", "3"), File("p/.env", "4"), File("p/..a", "5"))),
		accepted("markers of a cache", list{".reg.version": "9.9.9", ".reg.404": "1", "x/.reg.404": "2", ".registryd": "3", "main": "4", "1.0.0/x": "5"},
			Tgz(File("p/.reg.version", "9.9.9"), File("p/.reg.404", "1"), File("p/x/.reg.404", "2"), File("p/.registryd", "3"), File("p/main", "4"), File("p/1.0.0/x", "5"))),
		accepted("whiteouts of a layer", list{"a.js": "a", ".wh.a.js": "1", ".wh..wh..opq": "2", ".wh..wh.plnk/x": "3"},
			Tgz(good(), File("p/.wh.a.js", "1"), File("p/.wh..wh..opq", "2"), File("p/.wh..wh.plnk/x", "3"))),
		accepted("paths of the front", list{"ilib/x": "1", "lib/y/1.0.0/a": "2", "-/healthz": "3", "staff/registry/flush": "4"},
			Tgz(File("p/ilib/x", "1"), File("p/lib/y/1.0.0/a", "2"), File("p/-/healthz", "3"), File("p/staff/registry/flush", "4"))),
		accepted("shipped precompressed", list{"x.js": script, "x.js.gz": "2", "x.js.br": "3"}, Tgz(File("p/x.js", script), File("p/x.js.gz", "2"), File("p/x.js.br", "3"))),
		accepted("shipped precompressed of something else", list{"x.js": script, "x.js.gz": string(Gzip([]byte("evil")))},
			Tgz(File("p/x.js", script), File("p/x.js.gz", string(Gzip([]byte("evil")))))),
		accepted("shipped precompressed alone", list{"x.js.gz": "2", "y.gz.gz": "3", "y.gz": "4"}, Tgz(File("p/x.js.gz", "2"), File("p/y.gz.gz", "3"), File("p/y.gz", "4")), "x.js", "y"),
		accepted("directory in the place of a sibling", list{"x.js": script, "x.js.gz/y": "2", "x.js.br/z": "3"}, Tgz(File("p/x.js", script), File("p/x.js.gz/y", "2"), File("p/x.js.br/z", "3"))),
		accepted("index of a directory as directory", list{"index.html/index.html": "1", "d/index.html/x": "2"}, Tgz(File("p/index.html/index.html", "1"), File("p/d/index.html/x", "2"))),
	}
}

// manifests are package.json files that no tool wrote.
func manifests() []Case {
	g := good()
	with := func(text string, more ...Entry) []byte {
		return Tgz(append([]Entry{g, File("package/package.json", text)}, more...)...)
	}
	plain := func(name, text string) Case {
		return accepted(name, list{"a.js": "a", "package.json": text}, with(text))
	}
	huge := `{"main":"` + strings.Repeat("a", 2<<20) + `"}`
	return []Case{
		accepted("package json missing", onlyGood(), Tgz(g), "package.json"),
		accepted("package json as directory", list{"a.js": "a", "package.json/x": "1"}, Tgz(g, File("package/package.json/x", "1"))),
		accepted("package json as empty directory", onlyGood(), Tgz(g, Dir("package/package.json"))),
		plain("package json empty", ""),
		plain("package json broken", `{"main": "a.js"`),
		plain("package json of a bom", "\ufeff{\"main\":\"a.js\"}"),
		plain("package json of zeros", strings.Repeat("\x00", 4096)),
		plain("package json huge", huge),
		plain("package json deep", `{"main":`+strings.Repeat("[", 400_000)),
		plain("package json deep in objects", strings.Repeat(`{"browser":`, 9000)+"1"+strings.Repeat("}", 9000)),
		plain("package json wide", `{"browser":[`+strings.Repeat(`{"":0},`, 140_000)+`0],"main":"a.js"}`),
		plain("package json of other types", `{"jsdelivr":1,"unpkg":[],"browser":{},"module":null,"main":true}`),
		plain("package json of an array", `["a.js"]`),
		plain("package json with one key often", `{`+strings.Repeat(`"main":"x",`, 1000)+`"main":"a.js"}`),
		plain("main that leads out", `{"main":"../../../../etc/passwd","module":"/etc/passwd","unpkg":"..\\..\\x"}`),
		plain("main that is another host", `{"main":"//evil.example/x","unpkg":"https://evil.example/"}`),
		plain("main of control bytes", `{"main":"a.js\r\nX-Evil: 1"}`),
		plain("main that is a directory", `{"main":"./","unpkg":"."}`),
	}
}
