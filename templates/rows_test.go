package templates_test

import (
	"slices"
	"strings"
)

// headers is a short spelling of a row's wanted headers.
type headers = map[string]string

// table returns every row. Rows run in order, and each has a package of its
// own unless it is on disk, so that none sees another's cache.
func table() []row {
	return slices.Concat(hitRows(), typeRows(), specRows(), conditionRows(), missRows(), errorRows(),
		directoryRows(), metaRows(), atRows(), guardRows(), methodRows(), privacyRows(), routeRows(), cacheRows())
}

// hitRows are files of the view: the daemon never hears of them.
func hitRows() []row {
	view := headers{"Cache-Control": forever, "X-Registryd-Cache": "view", "Content-Security-Policy": ""}
	return []row{
		{name: "hit_P-H2", target: "/lib/disk/1.0.0/a.js", status: 200, want: view, text: "disk js"},
		{name: "hit by HEAD_P-H2", method: "HEAD", target: "/lib/disk/1.0.0/a.js", status: 200, want: view},
		{name: "hit with query_P-H1", target: "/lib/disk/1.0.0/a.js?v=1", status: 200, want: view, text: "disk js"},
		{name: "hit with another query_P-H1", target: "/lib/disk/1.0.0/a.js?meta=1", status: 200, want: view, text: "disk js"},
		{name: "hit with an empty query_P-H1", target: "/lib/disk/1.0.0/a.js?", status: 200, want: view, text: "disk js"},
		{name: "hit in the deep_P-H2", target: "/lib/disk/1.0.0/sub/dir/deep.js", status: 200, want: view, text: "deep"},
		{name: "hit below x.svg_P-H2", target: "/lib/disk/1.0.0/x.svg/y.js", status: 200, want: view},
		{name: "hit with an odd name_P-H2", target: "/lib/disk/1.0.0/sp%20ace%25%3F%23%C3%A9.js", status: 200, want: view, text: "odd"},
		{name: "hit scoped_P-VT1", target: "/lib/@sc/disk/1.0.0/a.js", status: 200, want: view, text: "scoped"},
		{name: "hit scoped by %40_P-VT1", target: "/lib/%40sc/disk/1.0.0/a.js", status: 200, want: view, text: "scoped"},
		{name: "hit scoped by %2f_P-VT1", target: "/lib/@sc%2fdisk/1.0.0/a.js", status: 200, want: view, text: "scoped"},
		{name: "hit scoped by %2F and %40_P-VT1", target: "/lib/%40sc%2Fdisk/1.0.0/a.js", status: 200, want: view, text: "scoped"},
		{name: "hit legacy name_P-VT1", target: "/lib/JSONStream/1.0.0/a.js", status: 200, want: view, text: "legacy"},
		{name: "hit escaped letter_P-H1", target: "/lib/disk/1.0.0/%61.js", status: 200, want: view, text: "disk js"},
		{name: "hit main_P-H6", target: "/lib/disk/main/a.js", status: 200,
			want: headers{"Cache-Control": short, "X-Registryd-Cache": "view"}, text: "disk js"},
	}
}

// typeRows are media types with their charset and sandbox.
func typeRows() []row {
	types := []struct{ ext, kind, policy string }{
		{"js", "text/javascript; charset=utf-8", ""}, {"mjs", "text/javascript; charset=utf-8", ""},
		{"cjs", "text/javascript; charset=utf-8", ""}, {"css", "text/css; charset=utf-8", ""},
		{"html", "text/html; charset=utf-8", "sandbox"}, {"htm", "text/html; charset=utf-8", "sandbox"},
		{"svg", "image/svg+xml", "sandbox"}, {"xml", "text/xml; charset=utf-8", "sandbox"},
		{"xhtml", "application/xhtml+xml", "sandbox"}, {"pdf", "application/pdf", "sandbox"},
		{"json", "application/json; charset=utf-8", ""}, {"map", "application/json; charset=utf-8", ""},
		{"wasm", "application/wasm", ""}, {"ts", "text/plain; charset=utf-8", ""},
		{"d.ts", "text/plain; charset=utf-8", ""}, {"mts", "text/plain; charset=utf-8", ""},
		{"tsx", "text/plain; charset=utf-8", ""}, {"md", "text/plain; charset=utf-8", ""},
		{"txt", "text/plain; charset=utf-8", ""}, {"yml", "text/plain; charset=utf-8", ""},
		{"png", "image/png", ""}, {"jpg", "image/jpeg", ""}, {"webp", "image/webp", ""}, {"avif", "image/avif", ""},
		{"ico", "image/x-icon", ""}, {"woff2", "font/woff2", ""}, {"ttf", "font/ttf", ""},
		{"bin", "application/octet-stream", ""},
	}
	rows := []row{{name: "type of LICENSE_N10", target: "/lib/disk/1.0.0/LICENSE", status: 200,
		want: headers{"Content-Type": "application/octet-stream"}}}
	for _, k := range types {
		rows = append(rows, row{name: "type of " + k.ext + "_N10", target: "/lib/disk/1.0.0/a." + k.ext, status: 200,
			want: headers{"Content-Type": k.kind, "Content-Security-Policy": k.policy, "X-Content-Type-Options": "nosniff"}})
	}
	return append(rows,
		row{name: "sandbox below main_N10", target: "/lib/disk/main/a.svg", status: 200,
			want: headers{"Content-Security-Policy": "sandbox", "Cache-Control": short}},
		row{name: "sandbox on what was just made_N10", target: "/lib/made-svg/1.0.0/a.svg", status: 200,
			want:   headers{"Content-Type": "image/svg+xml", "Content-Security-Policy": "sandbox", "Cache-Control": forever},
			daemon: "/lib/made-svg/1.0.0/a.svg"},
		row{name: "sandbox on capitals_N10", target: "/lib/made-caps/1.0.0/A.SVG", status: 200,
			want: headers{"Content-Security-Policy": "sandbox"}, daemon: "/lib/made-caps/1.0.0/A.SVG"},
		row{name: "no sandbox on a script just made_N10", target: "/lib/made-js/1.0.0/a.mjs", status: 200,
			want:   headers{"Content-Type": "text/javascript; charset=utf-8", "Content-Security-Policy": ""},
			daemon: "/lib/made-js/1.0.0/a.mjs"},
	)
}

// specRows are the spellings of versions.
func specRows() []row {
	found := headers{"Cache-Control": "", "Location": "/lib/range/1.2.3/a.js", "X-Registryd-Cache": "daemon"}
	rows := []row{
		{name: "prerelease_P-VT3", target: "/lib/disk/2.0.0-rc.1/a.js", status: 200, want: headers{"Cache-Control": forever}},
		{name: "build metadata_P-VT3", target: "/lib/disk/1.3.0+build.7/a.js", status: 200, want: headers{"Cache-Control": forever}, text: "build"},
		{name: "build metadata escaped_P-VT3", target: "/lib/disk/1.3.0%2Bbuild.7/a.js", status: 200, want: headers{"Cache-Control": forever}, text: "build"},
		{name: "prerelease and build_P-VT3", target: "/lib/disk/1.3.0-a.b+c-d/a.js", status: 200, want: headers{"Cache-Control": forever}},
		{name: "build metadata on a miss_P-VT3", target: "/lib/made-plus/1.3.0+b/a.js", status: 200,
			want: headers{"Cache-Control": forever}, daemon: "/lib/made-plus/1.3.0+b/a.js"},
	}
	for spec, seen := range map[string]string{
		"3": "3", "3.1": "3.1", "3.x": "3.x", "next": "next", "latest": "latest", "*": "*", "v1.3.0": "v1.3.0", "=1.3.0": "=1.3.0",
		"^7": "%5E7", "%5E7": "%5E7", "~7.8": "~7.8", "%3E%3D1%20%3C2": "%3E=1%20%3C2", "%5E5%20%7C%7C%20%5E6": "%5E5%20%7C%7C%20%5E6",
		">=1": "%3E=1", "1.2%20-%202": "1.2%20-%202",
	} {
		rows = append(rows, row{name: "spec " + spec + "_P-H5", target: "/lib/range-" + word(spec) + "/" + spec + "/a.js", status: 302,
			want: found, daemon: "/lib/range-" + word(spec) + "/" + seen + "/a.js"})
	}
	return append(rows,
		row{name: "no spec_P-H5", target: "/lib/range-bare", status: 302, want: found, daemon: "/lib/range-bare"},
		row{name: "no spec but a slash_P-H5", target: "/lib/range-slash/", status: 302, want: found, daemon: "/lib/range-slash/"},
		row{name: "the query stays here_P-H1", target: "/lib/range-query/^1/a.js?x=/../", status: 302, want: found, daemon: "/lib/range-query/%5E1/a.js"},
	)
}

// word makes a name out of a spec.
func word(spec string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz.", r) {
			return r
		}
		return '_'
	}, strings.ToLower(spec))
}

// conditionRows are ranges, conditions and precompressed siblings.
func conditionRows() []row {
	return []row{
		{name: "range_N2", target: "/lib/disk/1.0.0/a.js", headers: []string{"Range: bytes=0-3"}, status: 206,
			want: headers{"Content-Range": "bytes 0-3/7", "Cache-Control": forever}, text: "disk"},
		{name: "range out of reach_N2", target: "/lib/disk/1.0.0/a.js", headers: []string{"Range: bytes=100-"}, status: 416},
		{name: "range on a miss_N2", target: "/lib/made-part/1.0.0/a.js", headers: []string{"Range: bytes=0-3"}, status: 206,
			text: "made", daemon: "/lib/made-part/1.0.0/a.js"},
		{name: "gzip sibling_N2", target: "/lib/packed/1.0.0/a.js", headers: []string{"Accept-Encoding: gzip"}, status: 200,
			want: headers{"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Content-Type": "text/javascript; charset=utf-8"}, text: "zipped"},
		{name: "no sibling for identity_N2", target: "/lib/packed/1.0.0/a.js", status: 200, want: headers{"Content-Encoding": "", "Vary": "Accept-Encoding"}, text: "plain"},
		{name: "part of what was packed_N2", target: "/lib/packed/1.0.0/a.js", headers: []string{"Range: bytes=0-4"}, status: 206, want: headers{"Vary": "Accept-Encoding"}, text: "plain"},
		{name: "client headers stay here_P-H1", target: "/lib/made-clean/1.0.0/a.js",
			headers: []string{"Cookie: a=b", "X-Original-URL: /-/metrics", "Authorization: Bearer x"}, status: 200, daemon: "/lib/made-clean/1.0.0/a.js"},
	}
}

// missRows are first requests.
func missRows() []row {
	made := headers{"Cache-Control": forever, "X-Registryd-Cache": "daemon", "X-Accel-Redirect": ""}
	return []row{
		{name: "miss_P-H2", target: "/lib/made-a/1.0.0/a.js", status: 200, want: made, text: "made a.js", daemon: "/lib/made-a/1.0.0/a.js"},
		{name: "miss once_P-H2", target: "/lib/made-a/1.0.0/a.js", status: 200, want: headers{"X-Registryd-Cache": "view"}, text: "made a.js"},
		{name: "miss by HEAD_P-H2", method: "HEAD", target: "/lib/made-head/1.0.0/a.js", status: 200, want: made, daemon: "/lib/made-head/1.0.0/a.js"},
		{name: "miss of main_P-M4", target: "/lib/made-b/main/a.js", status: 200, want: headers{"Cache-Control": short}, daemon: "/lib/made-b/main/a.js"},
		{name: "index in place_P-H3", target: "/lib/made-c/1.0.0/", status: 200,
			want:   headers{"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "sandbox", "Cache-Control": forever},
			daemon: "/lib/made-c/1.0.0/"},
		{name: "miss with a blank_N6", target: "/lib/made-d/1.0.0/a%20b.js", status: 200, text: "made a b.js", daemon: "/lib/made-d/1.0.0/a%20b.js"},
		{name: "miss with a percent sign_N6", target: "/lib/made-d/1.0.0/a%25b%2541.js", status: 200, text: "made a%b%41.js", daemon: "/lib/made-d/1.0.0/a%25b%2541.js"},
		{name: "miss with a question mark_N6", target: "/lib/made-d/1.0.0/a%3Fb.js", status: 200, text: "made a?b.js", daemon: "/lib/made-d/1.0.0/a%3Fb.js"},
		{name: "miss with a hash_N6", target: "/lib/made-d/1.0.0/a%23b.js", status: 200, text: "made a#b.js", daemon: "/lib/made-d/1.0.0/a%23b.js"},
		{name: "miss in UTF-8_N6", target: "/lib/made-d/1.0.0/%C3%A9%E2%82%AC.js", status: 200, text: "made é€.js", daemon: "/lib/made-d/1.0.0/%C3%A9%E2%82%AC.js"},
		{name: "miss in raw UTF-8_N6", target: "/lib/made-d/1.0.0/raw-é.js", status: 200, text: "made raw-é.js", daemon: "/lib/made-d/1.0.0/raw-%C3%A9.js"},
		{name: "miss with signs_N6", target: "/lib/made-d/1.0.0/a;b&c=d+e,f'g(h)[i]!$.js", status: 200, text: "made a;b&c=d+e,f'g(h)[i]!$.js",
			daemon: "/lib/made-d/1.0.0/a;b&c=d+e,f'g(h)[i]!$.js"},
		{name: "miss scoped by %2f_P-VT1", target: "/lib/@sc%2fabsent/1.0.0/a.js", status: 404, daemon: "/lib/@sc/absent/1.0.0/a.js"},
		{name: "shipped sibling_P-H4", target: "/lib/gz/1.0.0/a.js.gz", status: 200, text: "shipped",
			want:   headers{"Content-Type": "application/gzip", "Cache-Control": forever, "Content-Encoding": "", "X-Registryd-Cache": "daemon", "Content-Security-Policy": ""},
			daemon: "/lib/gz/1.0.0/a.js.gz"},
		{name: "shipped sibling is not kept_P-H4", target: "/lib/gz/1.0.0/a.js.gz", status: 200, daemon: "/lib/gz/1.0.0/a.js.gz"},
	}
}

// errorRows are answers that are none.
func errorRows() []row {
	none := headers{"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
	var rows []row
	for _, e := range []struct {
		word   string
		status int
	}{{"denied", 403}, {"conceal", 404}, {"broken", 500}, {"bad", 502}, {"busy", 503}, {"slow", 504}} {
		target := "/lib/" + e.word + "/1.0.0/a.js"
		rows = append(rows,
			row{name: e.word + "_N2", target: target, status: e.status, want: none, daemon: target},
			row{name: e.word + " is not kept_N2", target: target, status: e.status, want: none, daemon: target})
	}
	return append(rows,
		row{name: "absent_P-H4", target: "/lib/gone-a/1.0.0/a.js", status: 404, want: headers{"Cache-Control": "", "X-Accel-Expires": ""}, daemon: "/lib/gone-a/1.0.0/a.js"},
		row{name: "absent is kept_P-H4", target: "/lib/gone-a/1.0.0/a.js", status: 404, want: headers{"X-Registryd-Cache": "cache"}},
		row{name: "absent is kept whatever the query_P-H4", target: "/lib/gone-a/1.0.0/a.js?1", status: 404, want: headers{"X-Registryd-Cache": "cache"}},
		row{name: "absent by a tag_P-H4", target: "/lib/gone-b/next/a.js", status: 404, daemon: "/lib/gone-b/next/a.js"},
		row{name: "absent by a tag is kept_P-H4", target: "/lib/gone-b/next/a.js", status: 404, want: headers{"X-Registryd-Cache": "cache"}},
		row{name: "absent for now_P-H4", target: "/lib/never/1.0.0/a.js", status: 404, daemon: "/lib/never/1.0.0/a.js"},
		row{name: "absent for now is not kept_P-H4", target: "/lib/never/1.0.0/a.js", status: 404, daemon: "/lib/never/1.0.0/a.js"},
	)
}

// directoryRows are paths that name a directory of the view.
func directoryRows() []row {
	list := headers{"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "sandbox", "Cache-Control": forever, "X-Registryd-Cache": "daemon"}
	return []row{
		{name: "package root_P-H3", target: "/lib/dir-a/1.0.0/", status: 200, want: list, daemon: "/lib/dir-a/1.0.0/"},
		{name: "package root without slash_P-H3", target: "/lib/dir-a/1.0.0", status: 302, want: headers{"Location": "/lib/dir-a/1.0.0/", "Cache-Control": ""}, daemon: "/lib/dir-a/1.0.0"},
		{name: "directory_P-H3", target: "/lib/dir-a/1.0.0/dist/", status: 200, want: list, daemon: "/lib/dir-a/1.0.0/dist/"},
		{name: "directory without slash_P-H3", target: "/lib/dir-a/1.0.0/dist", status: 302, want: headers{"Location": "/lib/dir-a/1.0.0/dist/"}, daemon: "/lib/dir-a/1.0.0/dist"},
		{name: "directory without slash is kept_N11", target: "/lib/dir-a/1.0.0/dist", status: 302, want: headers{"X-Registryd-Cache": "cache"}},
		{name: "directory of a name_P-H3", target: "/lib/dir-a/", status: 200, want: list, daemon: "/lib/dir-a/"},
		{name: "file with a slash_P-H3", target: "/lib/disk/1.0.0/a.js/", status: 404, daemon: "/lib/disk/1.0.0/a.js/"},
		{name: "the prefix_P-H3", target: "/lib/", status: 404, daemon: "/lib/"},
	}
}

// metaRows are about ?meta.
func metaRows() []row {
	kind := headers{"Content-Type": "application/json", "Cache-Control": forever, "X-Registryd-Cache": "daemon"}
	return []row{
		{name: "meta of a file in the view_N7", target: "/lib/disk/1.0.0/a.js?meta", status: 200, want: kind,
			text: `"/lib/disk/1.0.0/a.js"`, daemon: "/lib/disk/1.0.0/a.js?meta"},
		{name: "meta of an exact version is kept_N7", target: "/lib/disk/1.0.0/a.js?meta", status: 200,
			want: headers{"X-Registryd-Cache": "cache", "Cache-Control": forever, "Access-Control-Allow-Origin": "*"}, text: `"/lib/disk/1.0.0/a.js"`},
		{name: "the file itself after its meta_N7", target: "/lib/disk/1.0.0/a.js", status: 200, text: "disk js"},
		{name: "meta of a document_N7", target: "/lib/disk/1.0.0/a.html?meta", status: 200, want: kind, daemon: "/lib/disk/1.0.0/a.html?meta"},
		{name: "meta of a directory_N7", target: "/lib/disk/1.0.0/?meta", status: 200, want: kind, daemon: "/lib/disk/1.0.0/?meta"},
		{name: "meta of main_N7", target: "/lib/disk/main/a.js?meta", status: 200, want: kind, daemon: "/lib/disk/main/a.js?meta"},
		{name: "meta of main is not kept_N7", target: "/lib/disk/main/a.js?meta", status: 200, want: kind, daemon: "/lib/disk/main/a.js?meta"},
		{name: "meta of a range_N7", target: "/lib/range-m/^1/a.js?meta", status: 200, daemon: "/lib/range-m/%5E1/a.js?meta"},
		{name: "meta of name@version_N7", target: "/lib/disk@1.0.0/a.css?meta", status: 200, daemon: "/lib/disk/1.0.0/a.css?meta"},
		{name: "meta of an odd name_N7", target: "/lib/disk/1.0.0/a%20%3F%25.js?meta", status: 200, daemon: "/lib/disk/1.0.0/a%20%3F%25.js?meta"},
		{name: "meta is guarded_N10", target: "/lib/disk/1.0.0/%2fa.js?meta", status: 400},
		{name: "meta by POST_P-H8", method: "POST", target: "/lib/disk/1.0.0/a.js?meta", status: 405},
	}
}

// atRows are the spelling name@version.
func atRows() []row {
	return []row{
		{name: "at on disk_N7", target: "/lib/disk@1.0.0/a.js", status: 200, want: headers{"X-Registryd-Cache": "view", "Cache-Control": forever}, text: "disk js"},
		{name: "at on disk sandboxed_N7", target: "/lib/disk@1.0.0/a.svg", status: 200, want: headers{"Content-Security-Policy": "sandbox", "Cache-Control": forever}},
		{name: "at with %40_N7", target: "/lib/disk%401.0.0/a.js", status: 200, text: "disk js"},
		{name: "at scoped_N7", target: "/lib/@sc/disk@1.0.0/a.js", status: 200, text: "scoped"},
		{name: "at scoped by %2f_N7", target: "/lib/@sc%2fdisk@1.0.0/a.js", status: 200, text: "scoped"},
		{name: "at with build metadata_N7", target: "/lib/disk@1.3.0+build.7/a.js", status: 200, text: "build"},
		{name: "at on a miss_N7", target: "/lib/made-at@1.0.0/a.js", status: 200, want: headers{"Cache-Control": forever}, daemon: "/lib/made-at/1.0.0/a.js"},
		{name: "at with an odd name_N7", target: "/lib/made-at@1.0.0/a%20%25%3Fb.js", status: 200, text: "made a %?b.js", daemon: "/lib/made-at/1.0.0/a%20%25%3Fb.js"},
		{name: "at alone_N7", target: "/lib/dir-at@1.0.0", status: 302, want: headers{"Location": "/lib/dir-at/1.0.0/"}, daemon: "/lib/dir-at/1.0.0"},
		{name: "at with a range_P-VT4", target: "/lib/range-at@^1/a.js", status: 302, daemon: "/lib/range-at@%5E1/a.js"},
		{name: "at main_P-VT4", target: "/lib/range-at@main/a.js", status: 302, daemon: "/lib/range-at@main/a.js"},
	}
}

// guardRows are refused before disk and daemon are looked at; another test
// compares the guard with the parser's own at length.
func guardRows() []row {
	var rows []row
	for name, target := range map[string]string{
		"encoded slash": "/lib/disk/1.0.0/sub%2fdir/deep.js", "encoded slash at the end": "/lib/disk/1.0.0/a.js%2f",
		"encoded slash in the name": "/lib/disk%2f1.0.0/a.js", "second encoded slash": "/lib/@sc%2fdisk%2f1.0.0/a.js",
		"encoded dots": "/lib/disk/1.0.0/%2e%2e/1.0.0/a.js", "dots": "/lib/disk/1.0.0/../1.0.0/a.js", "dot": "/lib/./disk/1.0.0/a.js",
		"dots by an encoded slash": "/lib/disk/1.0.0/..%2f1.0.0/a.js", "mixed dots": "/lib/disk/1.0.0/.%2E/1.0.0/a.js",
		"empty segment": "/lib/disk//1.0.0/a.js", "empty segment in front": "//lib/disk/1.0.0/a.js",
		"backslash": `/lib/disk/1.0.0\a.js`, "encoded backslash": "/lib/disk/1.0.0/%5Ca.js",
		"encoded newline": "/lib/disk/1.0.0/a%0d%0aX:y.js", "NUL": "/lib/disk/1.0.0/a%00.js", "delete": "/lib/disk/1.0.0/a%7f.js",
		"malformed escape": "/lib/disk/1.0.0/a%zz.js", "half an escape": "/lib/disk/1.0.0/a%4",
		"hash": "/lib/disk/1.0.0/a.js#b", "length": "/lib/disk/1.0.0/" + strings.Repeat("a", 1024),
	} {
		rows = append(rows, row{name: "guard: " + name + "_P-H1", target: target, status: 400})
	}
	return append(rows,
		row{name: "guard leaves the query alone_P-H1", target: "/lib/disk/1.0.0/a.js?x=%2f//..%00\\&y=" + strings.Repeat("a", 1200), status: 200, text: "disk js"},
		row{name: "guard lets %25 and %2e pass_N13", target: "/lib/disk/1.0.0/a%2ejs", status: 200, text: "disk js"},
		row{name: "guard lets dots in a segment pass_N13", target: "/lib/made-dots/1.0.0/..a/...", status: 200, daemon: "/lib/made-dots/1.0.0/..a/..."},
		row{name: "guard: service worker_P-H1", target: "/lib/disk/1.0.0/a.js", headers: []string{"Service-Worker: script"}, status: 400},
	)
}

// methodRows are verbs besides GET and HEAD.
func methodRows() []row {
	allow := headers{"Allow": "GET, HEAD, OPTIONS"}
	preflight := headers{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS", "Access-Control-Allow-Headers": "*", "Access-Control-Max-Age": "86400"}
	rows := []row{
		{name: "OPTIONS on disk_P-H8", method: "OPTIONS", target: "/lib/disk/1.0.0/a.js", status: 204, want: preflight},
		{name: "OPTIONS on a document_P-H8", method: "OPTIONS", target: "/lib/disk/1.0.0/a.html", status: 204, want: preflight},
		{name: "OPTIONS on a miss_P-H8", method: "OPTIONS", target: "/lib/made-o/1.0.0/a.js", status: 204, want: preflight},
		{name: "OPTIONS on a range_P-H8", method: "OPTIONS", target: "/lib/range-o/^1/a.js", status: 204, want: preflight},
		{name: "OPTIONS is guarded_N10", method: "OPTIONS", target: "/lib/disk/1.0.0/%2fa.js", status: 400},
	}
	for _, m := range []string{"POST", "PUT", "DELETE", "PATCH", "PROPFIND"} {
		rows = append(rows,
			row{name: m + " on disk_P-H8", method: m, target: "/lib/disk/1.0.0/a.js", status: 405, want: allow},
			row{name: m + " on a miss_P-H8", method: m, target: "/lib/made-v/1.0.0/a.js", status: 405, want: allow})
	}
	return rows
}

// privacyRows are things that nobody may see.
func privacyRows() []row {
	var rows []row
	for _, target := range []string{
		"/ilib/disk/1.0.0/a.js", "/ilib/", "/ilib/.verb", "/ilib/.meta/lib/disk/1.0.0/a.js", "/ilib/.meta-exact/lib/disk/1.0.0/a.js",
		"/ilib/.components/card/1.0.0/c.js", "/%69lib/disk/1.0.0/a.js", "/state/secret", "/secret", "/lib", "/lib../secret", "/lib%2e%2e/secret",
		"/-/metrics", "/-/livez", "/nothing",
	} {
		rows = append(rows, row{name: "private " + target + "_N2", target: target, status: 404})
	}
	return rows
}

// routeRows are components, modules and admin.
func routeRows() []row {
	return []row{
		{name: "component on disk_C-G6", target: "/api/components/card/1.0.0/c.js", status: 200,
			want: headers{"Cache-Control": forever, "Access-Control-Allow-Origin": "*", "X-Registryd-Cache": "view", "Content-Type": "text/javascript; charset=utf-8"}, text: "card"},
		{name: "component sandboxed_C-G6", target: "/api/components/card/1.0.0/c.svg", status: 200, want: headers{"Content-Security-Policy": "sandbox", "Cache-Control": forever}},
		{name: "component by host_C-N1", target: "/api/components/held?hostId=1", status: 200,
			want: headers{"Cache-Control": "no-cache", "X-Integrity": "sha256-abc", "Dynamico-Component-Version": "1.0.0", "Access-Control-Allow-Origin": "*"},
			text: "held", daemon: "/api/components/held?hostId=1"},
		{name: "component directory_N9", target: "/api/components/card", status: 200, text: "GET", daemon: "/api/components/card"},
		{name: "component DELETE on disk_N9", method: "DELETE", target: "/api/components/card/1.0.0/c.js", status: 200, text: "DELETE", daemon: "/api/components/card/1.0.0/c.js"},
		{name: "component POST on a document_N9", method: "POST", target: "/api/components/card/1.0.0/c.svg?a=b", status: 200, text: "POST", daemon: "/api/components/card/1.0.0/c.svg?a=b"},
		{name: "component OPTIONS_N9", method: "OPTIONS", target: "/api/components/x", status: 200, daemon: "/api/components/x"},
		{name: "component raw path_N9", target: "/api/components/@a%2fb?x=%20", status: 200, daemon: "/api/components/@a%2fb?x=%20"},
		{name: "module_N9", target: "/api/modules/m/op?a=1&a=2", status: 200, want: headers{"Cache-Control": "no-cache", "X-Registryd-Cache": "daemon"}, daemon: "/api/modules/m/op?a=1&a=2"},
		{name: "module PATCH_N9", method: "PATCH", target: "/api/modules/m/op", status: 200, text: "PATCH", daemon: "/api/modules/m/op"},
		{name: "module through another prefix_N9", target: "/-/metrics/../../api/modules/m", status: 400},
		{name: "module through an encoded slash_N9", target: "/-/metrics/..%2f..%2fapi/modules/m", status: 400},
		{name: "component through another prefix_N9", target: "/-/metrics/../../api/components/m", status: 400},
		{name: "admin_N9", method: "POST", target: "/staff/registry/flush/x", headers: []string{"Authorization: Bearer x"}, status: 200, daemon: "/staff/registry/flush/x"},
	}
}

// cacheRows show what is kept, and under which key.
func cacheRows() []row {
	return []row{
		{name: "redirect_P-H5", target: "/lib/range-kept/^1/a.js", status: 302, want: headers{"X-Registryd-Cache": "daemon"}, daemon: "/lib/range-kept/%5E1/a.js"},
		{name: "redirect is kept_P-H5", target: "/lib/range-kept/^1/a.js", status: 302,
			want: headers{"X-Registryd-Cache": "cache", "Location": "/lib/range/1.2.3/a.js", "Cache-Control": "", "ETag": "", "Last-Modified": "", "Expires": ""}},
		{name: "redirect is kept for another spelling_P-H5", target: "/lib/range-kept/%5e1/a.js", status: 302, want: headers{"X-Registryd-Cache": "cache"}},
		{name: "redirect is kept whatever the query_P-H5", target: "/lib/range-kept/^1/a.js?bust=1", status: 302, want: headers{"X-Registryd-Cache": "cache"}},
		{name: "redirect is kept for HEAD_P-H5", method: "HEAD", target: "/lib/range-kept/^1/a.js", status: 302, want: headers{"X-Registryd-Cache": "cache"}},
	}
}
