package templates

import (
	"strings"

	"github.com/registryd/registryd/internal/mediatype"
)

// charsetTypes lists the types sent with a charset, text/html apart, which
// nginx always includes and refuses to see twice.
func charsetTypes() string {
	var names []string
	for _, t := range mediatype.Types() {
		if t.Charset && t.Name != "text/html" {
			names = append(names, t.Name)
		}
	}
	return strings.Join(names, " ")
}

// plainTypes lists the types that are no documents.
func plainTypes() []string {
	var names []string
	for _, t := range mediatype.Types() {
		if !t.Document {
			names = append(names, t.Name)
		}
	}
	return names
}

// documentPaths is a PCRE for URLs that may be answered with a document, the
// map-less form of mediatype.Scripted: a directory is answered with its index or a
// listing.
func documentPaths() string { return `(?:/|` + strings.TrimSuffix(documentExtensions(), "$") + `)$` }

// documentExtensions is a PCRE for the extension of a document.
func documentExtensions() string {
	var extensions []string
	for _, t := range mediatype.Types() {
		if t.Document {
			extensions = append(extensions, strings.Fields(t.Extensions)...)
		}
	}
	return `\.(?:` + strings.Join(extensions, "|") + `)$`
}
