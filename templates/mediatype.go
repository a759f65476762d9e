package templates

import "strings"

// mediaType maps file extensions to a type.
type mediaType struct {
	Name       string
	Extensions string // separated by blanks
	Charset    bool   // sent with charset=utf-8
	Document   bool   // a browser may run scripts in it when it is navigated to
}

// mediaTypes lists every type nginx will send: its types block replaces the
// inherited one as a whole. With nosniff a wrong type breaks a module script,
// so the list is part of the contract.
func mediaTypes() []mediaType {
	return []mediaType{
		{Name: "text/javascript", Extensions: "js mjs cjs", Charset: true},
		{Name: "text/css", Extensions: "css", Charset: true},
		{Name: "text/html", Extensions: "html htm", Charset: true, Document: true},
		{Name: "application/xhtml+xml", Extensions: "xhtml xht", Document: true},
		{Name: "text/xml", Extensions: "xml xsd xsl xslt rss atom", Charset: true, Document: true},
		{Name: "image/svg+xml", Extensions: "svg", Document: true},
		{Name: "application/pdf", Extensions: "pdf", Document: true},
		{Name: "application/json", Extensions: "json map json5 geojson", Charset: true},
		{Name: "application/manifest+json", Extensions: "webmanifest"},
		{Name: "application/wasm", Extensions: "wasm"},
		{Name: "text/plain", Extensions: "ts mts cts tsx jsx vue svelte txt md markdown flow ls coffee yml yaml toml scss sass less styl", Charset: true},
		{Name: "image/png", Extensions: "png"},
		{Name: "image/jpeg", Extensions: "jpg jpeg"},
		{Name: "image/gif", Extensions: "gif"},
		{Name: "image/webp", Extensions: "webp"},
		{Name: "image/avif", Extensions: "avif"},
		{Name: "image/x-icon", Extensions: "ico"},
		{Name: "font/woff2", Extensions: "woff2"},
		{Name: "font/woff", Extensions: "woff"},
		{Name: "font/ttf", Extensions: "ttf"},
		{Name: "font/otf", Extensions: "otf"},
		{Name: "application/vnd.ms-fontobject", Extensions: "eot"},
		{Name: "audio/mpeg", Extensions: "mp3"},
		{Name: "audio/ogg", Extensions: "ogg oga"},
		{Name: "video/mp4", Extensions: "mp4"},
		{Name: "video/webm", Extensions: "webm"},
	}
}

// charsetTypes lists the types sent with a charset, text/html apart, which
// nginx always includes and refuses to see twice.
func charsetTypes() string {
	var names []string
	for _, t := range mediaTypes() {
		if t.Charset && t.Name != "text/html" {
			names = append(names, t.Name)
		}
	}
	return strings.Join(names, " ")
}

// documentTypes is a PCRE for the Content-Type of a document.
const documentTypes = `^(?:text/(?:html|xml)|image/svg|application/(?:[a-z.-]+\+)?(?:xml|xhtml|pdf))`

// documentPaths is a PCRE for URLs that may be answered with a document, the
// map-less form of documentTypes: a directory is answered with its index or a
// listing.
func documentPaths() string { return `(?:/|` + strings.TrimSuffix(documentExtensions(), "$") + `)$` }

// documentExtensions is a PCRE for the extension of a document.
func documentExtensions() string {
	var extensions []string
	for _, t := range mediaTypes() {
		if t.Document {
			extensions = append(extensions, strings.Fields(t.Extensions)...)
		}
	}
	return `\.(?:` + strings.Join(extensions, "|") + `)$`
}
