// Package mediatype is the one table of content types, for nginx and for a
// daemon that serves files itself. The table of an operating system would do
// neither: it lacks what module scripts need, takes TypeScript for video, and
// differs between machines.
package mediatype

import (
	"path"
	"regexp"
	"strings"
)

// Type is one content type and the files that have it.
type Type struct {
	Name       string // without parameters
	Extensions string // of file names, lower case, separated by blanks
	Charset    bool   // sent with charset=utf-8
	Document   bool   // a browser may run scripts in it when it is navigated to
	// Compressible is set where its files are not compressed by themselves.
	Compressible bool
}

// Default is the type of everything that the table does not know.
const Default = "application/octet-stream"

// Types returns the table. With nosniff a wrong type breaks a module script, so
// the list is part of what is promised. Sources are plain text: a type that a
// browser would run or play helps nobody who reads them.
func Types() []Type {
	return []Type{
		{Name: "text/javascript", Extensions: "js mjs cjs", Charset: true, Compressible: true},
		{Name: "text/css", Extensions: "css", Charset: true, Compressible: true},
		{Name: "text/html", Extensions: "html htm", Charset: true, Document: true, Compressible: true},
		{Name: "application/xhtml+xml", Extensions: "xhtml xht", Document: true, Compressible: true},
		{Name: "text/xml", Extensions: "xml xsd xsl xslt rss atom", Charset: true, Document: true, Compressible: true},
		{Name: "image/svg+xml", Extensions: "svg", Document: true, Compressible: true},
		{Name: "application/pdf", Extensions: "pdf", Document: true},
		{Name: "application/json", Extensions: "json map json5 geojson", Charset: true, Compressible: true},
		{Name: "application/manifest+json", Extensions: "webmanifest", Compressible: true},
		{Name: "application/wasm", Extensions: "wasm", Compressible: true},
		{Name: "text/plain", Extensions: "ts mts cts tsx jsx vue svelte txt md markdown flow ls coffee yml yaml toml scss sass less styl", Charset: true, Compressible: true},
		{Name: "image/png", Extensions: "png"},
		{Name: "image/jpeg", Extensions: "jpg jpeg"},
		{Name: "image/gif", Extensions: "gif"},
		{Name: "image/webp", Extensions: "webp"},
		{Name: "image/avif", Extensions: "avif"},
		{Name: "image/x-icon", Extensions: "ico", Compressible: true},
		{Name: "font/woff2", Extensions: "woff2"},
		{Name: "font/woff", Extensions: "woff"},
		{Name: "font/ttf", Extensions: "ttf", Compressible: true},
		{Name: "font/otf", Extensions: "otf", Compressible: true},
		{Name: "application/vnd.ms-fontobject", Extensions: "eot", Compressible: true},
		{Name: "audio/mpeg", Extensions: "mp3"},
		{Name: "audio/ogg", Extensions: "ogg oga"},
		{Name: "video/mp4", Extensions: "mp4"},
		{Name: "video/webm", Extensions: "webm"},
	}
}

// Scripted is a pattern, for Go and for nginx, of the content types that a
// browser runs scripts of when it shows them as a document. They are sent with
// a sandbox, since anybody may publish a package.
const Scripted = `^(?:text/(?:html|xml)|image/svg|application/(?:[a-z.-]+\+)?(?:xml|xhtml|pdf))`

var scripted = regexp.MustCompile(Scripted)

// Scripts reports whether a document of this content type could run scripts.
func Scripts(contentType string) bool { return scripted.MatchString(contentType) }

// known is what is known of an extension.
type known struct {
	contentType  string // with charset
	compressible bool
}

var byExtension = index()

func index() map[string]known {
	m := map[string]known{}
	for _, t := range Types() {
		name := t.Name
		if t.Charset {
			name += "; charset=utf-8"
		}
		for _, e := range strings.Fields(t.Extensions) {
			m[e] = known{name, t.Compressible}
		}
	}
	return m
}

func extension(name string) string { return strings.ToLower(strings.TrimPrefix(path.Ext(name), ".")) }

// Compressible reports whether files of this name become smaller by
// compression. Where nothing is known of the name it is false.
func Compressible(name string) bool { return byExtension[extension(name)].compressible }

// Of returns the content type of a file name, with its charset.
func Of(name string) string {
	if t, ok := byExtension[extension(name)]; ok {
		return t.contentType
	}
	return Default
}
