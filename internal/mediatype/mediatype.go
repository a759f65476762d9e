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

// Type is one content type and the file name extensions that have it.
type Type struct {
	Name       string   // without parameters
	Extensions []string // lower case, without a dot
}

// Default is the type of everything that the table does not know.
const Default = "application/octet-stream"

// utf8Types are the types that are sent with charset=utf-8.
var utf8Types = []string{
	"text/javascript", "text/css", "text/html", "text/plain", "text/xml", "application/json", "image/svg+xml",
}

var types = []Type{
	{"text/javascript", []string{"js", "mjs", "cjs"}},
	{"text/css", []string{"css"}},
	{"text/html", []string{"html", "htm"}},
	{"application/json", []string{"json", "map"}},
	{"application/wasm", []string{"wasm"}},
	// Sources are for reading: a type that a browser would run or play helps nobody.
	{"text/plain", []string{"ts", "mts", "cts", "tsx", "jsx", "txt", "md", "markdown", "flow", "ls", "coffee", "yml", "yaml"}},
	{"text/xml", []string{"xml"}},
	{"application/xhtml+xml", []string{"xhtml"}},
	{"application/pdf", []string{"pdf"}},
	{"image/svg+xml", []string{"svg"}},
	{"image/png", []string{"png"}},
	{"image/jpeg", []string{"jpg", "jpeg"}},
	{"image/gif", []string{"gif"}},
	{"image/webp", []string{"webp"}},
	{"image/avif", []string{"avif"}},
	{"image/x-icon", []string{"ico"}},
	{"font/woff2", []string{"woff2"}},
	{"font/woff", []string{"woff"}},
	{"font/ttf", []string{"ttf"}},
	{"font/otf", []string{"otf"}},
	{"application/vnd.ms-fontobject", []string{"eot"}},
	{"video/mp4", []string{"mp4"}},
	{"audio/mpeg", []string{"mp3"}},
}

// Types returns the table. The caller does not change it.
func Types() []Type { return types }

// UTF8 returns the types that are sent with charset=utf-8. The caller does not
// change it.
func UTF8() []string { return utf8Types }

// Scripted is a pattern, for Go and for nginx, of the content types that a
// browser runs scripts of when it shows them as a document. They are sent with
// a sandbox, since anybody may publish a package.
const Scripted = `^(?:text/html|image/svg|text/xml|application/(?:xml|xhtml|pdf))`

var scripted = regexp.MustCompile(Scripted)

// Scripts reports whether a document of this content type could run scripts.
func Scripts(contentType string) bool { return scripted.MatchString(contentType) }

var byExtension = index()

func index() map[string]string {
	m := map[string]string{}
	for _, t := range types {
		name := t.Name
		for _, u := range utf8Types {
			if u == name {
				name += "; charset=utf-8"
			}
		}
		for _, e := range t.Extensions {
			m[e] = name
		}
	}
	return m
}

// Of returns the content type of a file name, with its charset.
func Of(name string) string {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if t, ok := byExtension[ext]; ok {
		return t
	}
	return Default
}
