package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// slug is what a heading's anchor is called.
func slug(heading string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case c == ' ':
			b.WriteByte('-')
		case c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z':
			b.WriteRune(c)
		}
	}
	return b.String()
}

// prose is a document without its fenced blocks.
func prose(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
}

func anchors(text string) map[string]bool {
	set := map[string]bool{}
	for heading := range matches(`(?m)^#+ (.*)$`, prose(text)) {
		set[slug(heading)] = true
	}
	return set
}

func TestLinks(t *testing.T) {
	t.Parallel()
	found := 0
	for _, name := range documents() {
		for link := range matches(`\]\(([^)\s]+)\)`, prose(read(t, name))) {
			if strings.Contains(link, "://") {
				continue
			}
			found++
			path, anchor, _ := strings.Cut(link, "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, link)
				continue
			}
			if anchor != "" && !anchors(read(t, target))[anchor] {
				t.Errorf("%s links to %s, and there is no such heading", name, link)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d links were found", found)
	}
}

// TestPaths checks that files of the project that the text names in code exist.
func TestPaths(t *testing.T) {
	t.Parallel()
	const top = "accel|cache|cmd|config|deploy|internal|pkgref|provider|registry|sample|scripts|server|templates|tools"
	found := 0
	for _, name := range documents() {
		for path := range matches("`((?:"+top+")/[A-Za-z0-9@._/*-]+)`", prose(read(t, name))) {
			found++
			hits, err := filepath.Glob(filepath.Join(root, path))
			if err != nil || len(hits) == 0 {
				t.Errorf("%s names %s, which does not exist", name, path)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d paths were found", found)
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for heading, want := range map[string]string{
		"main": "main", "A new provider": "a-new-provider", "How long until a change shows": "how-long-until-a-change-shows",
		"What's `new`?": "whats-new",
	} {
		if got := slug(heading); got != want {
			t.Errorf("%q: got %q, want %q", heading, got, want)
		}
	}
}
