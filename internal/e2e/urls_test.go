package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
)

// urlCase is one request and what every front must answer.
type urlCase struct {
	path     string
	status   int
	location string
	body     string // "": not compared
	kind     string // prefix of Content-Type
	cache    string // Cache-Control; "-": none
}

const (
	forEver = "public, max-age=31536000, immutable"
	aMinute = "public, max-age=60, stale-while-revalidate=600"
)

var urlTable = map[string]urlCase{
	"exact":                       {path: "/lib/widget/1.0.0/lib/widget.js", status: 200, body: "module.exports = 'widget 1.0.0'\n", kind: "text/javascript", cache: forEver},
	"exact with build metadata":   {path: "/lib/widget/1.3.0+build.5/index.js", status: 200, kind: "text/javascript", cache: forEver},
	"no alias without build":      {path: "/lib/widget/1.3.0/index.js", status: 404},
	"exact prerelease":            {path: "/lib/widget/3.0.0-rc.1/index.js", status: 200, cache: forEver},
	"range":                       {path: "/lib/widget/%5E1/lib/widget.js", status: 302, location: "/lib/widget/1.3.0%2Bbuild.5/lib/widget.js", cache: "-"},
	"raw range":                   {path: "/lib/widget/^1.0/index.js", status: 302, location: "/lib/widget/1.3.0%2Bbuild.5/index.js", cache: "-"},
	"major":                       {path: "/lib/widget/1/index.js", status: 302, location: "/lib/widget/1.3.0%2Bbuild.5/index.js"},
	"x range":                     {path: "/lib/widget/1.2.x/index.js", status: 302, location: "/lib/widget/1.2.0/index.js"},
	"comparators":                 {path: "/lib/widget/%3E%3D1%20%3C1.1/index.js", status: 302, location: "/lib/widget/1.0.0/index.js"},
	"alternatives":                {path: "/lib/widget/%5E5%20%7C%7C%20%5E2/index.js", status: 302, location: "/lib/widget/2.0.0/index.js"},
	"star":                        {path: "/lib/widget/*/index.js", status: 302, location: "/lib/widget/2.0.0/index.js"},
	"v prefix":                    {path: "/lib/widget/v1.2.0/index.js", status: 302, location: "/lib/widget/1.2.0/index.js"},
	"latest":                      {path: "/lib/widget/latest/index.js", status: 302, location: "/lib/widget/2.0.0/index.js", cache: "-"},
	"tag":                         {path: "/lib/widget/next/index.js", status: 302, location: "/lib/widget/3.0.0-rc.1/index.js"},
	"no spec":                     {path: "/lib/widget", status: 302, location: "/lib/widget/2.0.0/"},
	"no spec with slash":          {path: "/lib/widget/", status: 302, location: "/lib/widget/2.0.0/"},
	"unknown tag":                 {path: "/lib/widget/nightly/index.js", status: 404},
	"range without match":         {path: "/lib/widget/%5E9/index.js", status: 404},
	"unknown version":             {path: "/lib/widget/9.9.9/index.js", status: 404, cache: "-"},
	"unknown package":             {path: "/lib/no-such-package/1.0.0/index.js", status: 404},
	"unknown file":                {path: "/lib/widget/1.0.0/nope.js", status: 404, cache: "-"},
	"bad range":                   {path: "/lib/widget/%5Ebad/index.js", status: 400},
	"leading zero":                {path: "/lib/widget/01.3.0/index.js", status: 400},
	"at spelling":                 {path: "/lib/widget@1.0.0/index.js", status: 200, body: "export default 'index of 1.0.0'\n", cache: forEver},
	"at spelling of a range":      {path: "/lib/widget@^1/index.js", status: 302, location: "/lib/widget/1.3.0%2Bbuild.5/index.js"},
	"at spelling of a scope":      {path: "/lib/@acme/tool@1.0.0/index.js", status: 200, body: "1\n"},
	"scope":                       {path: "/lib/@acme/tool/1.0.0/index.js", status: 200, body: "1\n"},
	"scope encoded":               {path: "/lib/%40acme/tool/1.0.0/index.js", status: 200, body: "1\n"},
	"scope slash encoded":         {path: "/lib/@acme%2ftool/1.0.0/index.js", status: 200, body: "1\n"},
	"legacy name":                 {path: "/lib/JSONStream/1.3.5/index.js", status: 200, body: "2\n"},
	"root":                        {path: "/lib/widget/1.0.0/", status: 302, location: "/lib/widget/1.0.0/lib/widget.js"},
	"root without slash":          {path: "/lib/widget/1.0.0", status: 302, location: "/lib/widget/1.0.0/"},
	"directory without slash":     {path: "/lib/widget/1.0.0/docs", status: 302, location: "/lib/widget/1.0.0/docs/"},
	"directory with index":        {path: "/lib/widget/1.0.0/docs/", status: 200, body: "<!doctype html><title>docs</title>\n", kind: "text/html", cache: forEver},
	"directory with minified":     {path: "/lib/widget/1.0.0/dist/", status: 302, location: "/lib/widget/1.0.0/dist/index.min.js"},
	"directory listing":           {path: "/lib/widget/1.0.0/types/", status: 200, kind: "text/html"},
	"odd name":                    {path: "/lib/widget/1.0.0/lib/a%20b%2541%3f.js", status: 200, body: "odd name\n"},
	"unicode name":                {path: "/lib/widget/1.0.0/lib/%c3%bcn%c3%af.mjs", status: 200, body: "export {}\n", kind: "text/javascript"},
	"declarations":                {path: "/lib/widget/1.0.0/types/index.d.ts", status: 200, kind: "text/plain; charset=utf-8"},
	"query does not matter":       {path: "/lib/widget/1.0.0/index.js?x=1&y=2", status: 200, body: "export default 'index of 1.0.0'\n", cache: forEver},
	"file behind a file":          {path: "/lib/widget/1.0.0/index.js/", status: 404},
	"shipped sibling":             {path: "/lib/widget/1.0.0/dist/app.js.gz", status: 200, body: "shipped by the package, not gzip at all\n", cache: forEver},
	"dot segment":                 {path: "/lib/widget/1.0.0/../2.0.0/index.js", status: 400},
	"encoded dot segment":         {path: "/lib/widget/1.0.0/%2e%2e/index.js", status: 400},
	"encoded slash":               {path: "/lib/widget/1.0.0/lib%2fwidget.js", status: 400},
	"backslash":                   {path: "/lib/widget/1.0.0/lib%5cwidget.js", status: 400},
	"control byte":                {path: "/lib/widget/1.0.0/%0d%0aX:1", status: 400},
	"double slash":                {path: "/lib/widget//1.0.0/index.js", status: 400},
	"internal prefix":             {path: "/ilib/widget/1.0.0/index.js", status: 404},
	"state":                       {path: "/state/format", status: 404},
	"main":                        {path: "/lib/widget/main/lib/widget.js", status: 200, body: "module.exports = 'widget 2.0.0'\n", cache: aMinute},
	"main of a directory":         {path: "/lib/widget/main/docs/", status: 200, kind: "text/html"},
	"main root":                   {path: "/lib/widget/main/", status: 302, location: "/lib/widget/main/lib/widget.js"},
	"at spelling of main":         {path: "/lib/widget@main/index.js", status: 302, location: "/lib/widget/main/index.js"},
	"meta of a file":              {path: "/lib/widget/1.0.0/index.js?meta", status: 200, kind: "application/json"},
	"meta of a directory":         {path: "/lib/widget/1.0.0/?meta", status: 200, kind: "application/json"},
	"meta of a range":             {path: "/lib/widget/^1/index.js?meta", status: 302, location: "/lib/widget/1.3.0%2Bbuild.5/index.js?meta"},
	"long path":                   {path: "/lib/widget/1.0.0/" + strings.Repeat("a", 1100), status: 400},
	"a route of nobody":           {path: "/other", status: 404},
	"admin never through a front": {path: "/staff/registry/packages", status: 0},
}

// TestURLs_PH1_PH2_PH3_PH4_PH5_PH6_PVT asks every front the same, twice: the second answer, from
// disk or from nginx's cache, must not differ.
func TestURLs_PH1_PH2_PH3_PH4_PH5_PH6_PVT(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Include, e2e.Direct} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s := e2e.Start(t, e2e.Options{Front: front, Packages: packages()})
			for _, round := range []string{"first", "again"} {
				for name, c := range urlTable {
					t.Run(round+" "+name, func(t *testing.T) { checkURL(t, s, front, c) })
				}
			}
		})
	}
}

func checkURL(t *testing.T, s *e2e.Stack, front e2e.Front, c urlCase) {
	if c.status == 0 { // the daemon itself has admin routes, nginx does not
		c.status = http.StatusNotFound
		if front == e2e.Direct {
			c.status = http.StatusUnauthorized
		}
	}
	a := rawGet(t, s, c.path)
	if a.Status != c.status {
		t.Fatalf("status %d, want %d: %.200s", a.Status, c.status, a.Body)
	}
	if got := a.Header.Get("Location"); got != c.location {
		t.Errorf("Location %q, want %q", got, c.location)
	}
	if c.body != "" && string(a.Body) != c.body {
		t.Errorf("body %.100q, want %.100q", a.Body, c.body)
	}
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, c.kind) {
		t.Errorf("Content-Type %q, want %q", got, c.kind)
	}
	switch got := strings.Join(a.Header.Values("Cache-Control"), " | "); {
	case c.cache == "-" && got != "":
		t.Errorf("Cache-Control %q, want none", got)
	case c.cache != "" && c.cache != "-" && got != c.cache:
		t.Errorf("Cache-Control %q, want %q", got, c.cache)
	}
	if strings.HasPrefix(c.path, "/lib/") && a.Status != http.StatusNotFound {
		checkSafety(t, a)
	}
}

// checkSafety checks the headers that every answer must have.
func checkSafety(t *testing.T, a e2e.Answer) {
	t.Helper()
	for key, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin",
	} {
		if got := a.Header.Values(key); a.Status != http.StatusBadRequest && (len(got) != 1 || got[0] != want) {
			t.Errorf("%s is %q, want %q once", key, got, want)
		}
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") && a.Status == http.StatusOK && a.Header.Get("Content-Security-Policy") != "sandbox" {
		t.Error("HTML without a sandbox")
	}
}

func rawGet(t *testing.T, s *e2e.Stack, path string) e2e.Answer {
	t.Helper()
	a, err := s.Raw(http.MethodGet, path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
