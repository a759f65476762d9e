package providertest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	jsonType = "application/json; charset=utf-8"
	// pass is what a private tarball's temporary URL carries.
	pass = "TEMPORARYPASS"
)

// problem is the body of an error.
func problem(status int, message string) []byte {
	return encode(map[string]string{
		"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status),
	})
}

// apiQuery is what a request asks the API for.
type apiQuery struct {
	kind Kind
	repo *repo
	via  string // the path by the repository's number, where the name is an old one
	tag  string
	page func() int
	size int
}

// serveAPI answers one request to the API.
func (g *GitHub) serveAPI(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	q := g.parse(r)
	f := g.record(q.kind, r)
	a := g.answerAPI(q, r)
	g.mu.Unlock()
	h := w.Header()
	for key, value := range map[string]string{
		"Content-Type": jsonType, "X-Github-Media-Type": "github.v3; format=json", "X-Ratelimit-Limit": "60",
		"X-Ratelimit-Remaining": "59", "X-Ratelimit-Resource": "core",
		"X-Ratelimit-Reset": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10),
	} {
		h.Set(key, value)
	}
	if f != nil {
		f.serve(w, r, a.body)
		return
	}
	maps.Copy(h, a.header)
	if a.status == http.StatusOK {
		sum := sha256.Sum256(a.body)
		etag := `W/"` + hex.EncodeToString(sum[:]) + `"`
		h.Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away is no concern
}

// apiReply is an ordinary answer.
type apiReply struct {
	status int
	header http.Header
	body   []byte
}

func apiProblem(status int, message string) apiReply {
	return apiReply{status: status, body: problem(status, message)}
}

// parse finds out what a request asks for.
func (g *GitHub) parse(r *http.Request) apiQuery {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	q := apiQuery{kind: Other, size: 30, page: func() int { return 1 }}
	switch {
	case len(parts) > 3 && parts[0] == "repos":
		q.repo = g.repos[strings.ToLower(parts[1]+"/"+parts[2])]
		if q.repo != nil && !strings.EqualFold(q.repo.name, parts[1]+"/"+parts[2]) {
			q.via = fmt.Sprintf("%s/repositories/%d/%s", g.URL(), q.repo.id, strings.Join(parts[3:], "/"))
		}
		parts = parts[3:]
	case len(parts) > 2 && parts[0] == "repositories":
		for _, o := range g.repos {
			if strconv.Itoa(o.id) == parts[1] {
				q.repo = o
			}
		}
		parts = parts[2:]
	default:
		return q
	}
	path := strings.Join(parts, "/")
	for prefix, kind := range map[string]Kind{"releases/tags/": ReleaseByTag, "git/ref/tags/": Ref, "tarball/refs/tags/": Tarball} {
		if tag, ok := strings.CutPrefix(path, prefix); ok {
			q.kind = kind
			q.tag, _ = url.PathUnescape(tag) // what is no escape is no tag
		}
	}
	if path == "releases" || path == "tags" {
		q.kind = Kind(path)
		if n, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil {
			q.size = min(n, 100)
		}
		if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil {
			q.page = func() int { return n }
		}
	}
	return q
}

// answerAPI is the ordinary answer. The caller holds the lock.
func (g *GitHub) answerAPI(q apiQuery, r *http.Request) apiReply {
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if given && len(g.tokens) > 0 && !g.tokens[token] {
		return apiProblem(http.StatusUnauthorized, "Bad credentials")
	}
	o := q.repo
	if o == nil || len(o.tokens) > 0 && !slices.Contains(o.tokens, token) {
		return apiProblem(http.StatusNotFound, "Not Found")
	}
	if q.via != "" {
		if r.URL.RawQuery != "" {
			q.via += "?" + r.URL.RawQuery
		}
		a := apiProblem(http.StatusMovedPermanently, "Moved Permanently")
		a.header = http.Header{"Location": {q.via}}
		return a
	}
	switch q.kind {
	case Releases:
		return g.list(q, o.releases, func(x *GitHubRelease) any { return x.release(g.URL(), o) })
	case Tags:
		return g.list(q, o.everything(), func(x *GitHubRelease) any { return x.tag(g.URL(), o) })
	case ReleaseByTag:
		if x := named(o.releases, q.tag); x != nil && !x.Draft {
			return apiReply{status: http.StatusOK, body: encode(x.release(g.URL(), o))}
		}
	case Ref:
		if len(o.everything()) == 0 {
			return apiProblem(http.StatusConflict, "Git Repository is empty.")
		}
		if x := named(o.everything(), q.tag); x != nil {
			return apiReply{status: http.StatusOK, body: encode(x.ref(g.URL(), o))}
		}
	case Tarball:
		if named(o.everything(), q.tag) != nil {
			to := g.servers[1].URL + "/" + o.name + "/legacy.tar.gz/refs/tags/" + url.PathEscape(q.tag)
			if len(o.tokens) > 0 {
				to += "?token=" + pass
			}
			return apiReply{status: http.StatusFound, header: http.Header{"Location": {to}}}
		}
	}
	return apiProblem(http.StatusNotFound, "Not Found")
}

// everything is what a repository has tagged: its releases and plain tags.
func (o *repo) everything() []*GitHubRelease {
	var all []*GitHubRelease
	for _, x := range slices.Concat(o.releases, o.tags) {
		if !x.Draft && named(all, x.Tag) == nil {
			all = append(all, x)
		}
	}
	return all
}

func named(all []*GitHubRelease, tag string) *GitHubRelease {
	for _, x := range all {
		if x.Tag == tag {
			return x
		}
	}
	return nil
}

// list is one page, with links to its neighbours. Drafts are listed: the fake
// takes everybody for who may write.
func (g *GitHub) list(q apiQuery, all []*GitHubRelease, render func(*GitHubRelease) any) apiReply {
	n, items := q.page(), []any{}
	for i := (n - 1) * q.size; i < min(n*q.size, len(all)); i++ {
		items = append(items, render(all[i]))
	}
	last := (len(all) + q.size - 1) / q.size
	var links []string
	link := func(rel string, page int) {
		links = append(links, fmt.Sprintf("<%s/repositories/%d/%s?per_page=%d&page=%d>; rel=%q", g.URL(), q.repo.id, q.kind, q.size, page, rel))
	}
	if n > 1 {
		link("prev", n-1)
		link("first", 1)
	}
	if n < last {
		link("next", n+1)
		link("last", last)
	}
	a := apiReply{status: http.StatusOK, body: encode(items), header: http.Header{}}
	if len(links) > 0 {
		a.header.Set("Link", strings.Join(links, ", "))
	}
	return a
}

// release is the document of a release.
func (x *GitHubRelease) release(api string, o *repo) any {
	base := api + "/repos/" + o.name
	var published any
	if !x.Draft {
		published = x.published().UTC().Format(time.RFC3339)
	}
	return map[string]any{
		"url": base + "/releases/1", "assets_url": base + "/releases/1/assets", "id": 1, "node_id": "RE_x",
		"html_url": "https://github.test/" + o.name + "/releases/tag/" + x.Tag, "author": map[string]any{"login": "octocat", "id": 1},
		"tag_name": x.Tag, "target_commitish": "main", "name": nil, "draft": x.Draft, "prerelease": x.Prerelease,
		"created_at": x.Created.UTC().Format(time.RFC3339), "published_at": published, "assets": []any{},
		"tarball_url": base + "/tarball/" + x.Tag, "zipball_url": base + "/zipball/" + x.Tag, "body": "* \"fixed\" \\ things\n",
	}
}

// tag is the entry of a tag in their list.
func (x *GitHubRelease) tag(api string, o *repo) any {
	base := api + "/repos/" + o.name
	return map[string]any{
		"name": x.Tag, "node_id": "REF_x", "commit": map[string]any{"sha": x.commit(), "url": base + "/commits/" + x.commit()},
		"tarball_url": base + "/tarball/refs/tags/" + x.Tag, "zipball_url": base + "/zipball/refs/tags/" + x.Tag,
	}
}

// ref is the document of a tag.
func (x *GitHubRelease) ref(api string, o *repo) any {
	base := api + "/repos/" + o.name
	return map[string]any{
		"ref": "refs/tags/" + x.Tag, "node_id": "REF_x", "url": base + "/git/refs/tags/" + x.Tag,
		"object": map[string]any{"sha": x.commit(), "type": "commit", "url": base + "/git/commits/" + x.commit()},
	}
}

// commit is a hash that follows from the tag.
func (x *GitHubRelease) commit() string {
	sum := sha256.Sum256([]byte(x.Name + " " + x.Tag))
	return hex.EncodeToString(sum[:20])
}

// serveCodeload answers one request for a tarball.
func (g *GitHub) serveCodeload(w http.ResponseWriter, r *http.Request) {
	name, tag, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/legacy.tar.gz/refs/tags/")
	g.mu.Lock()
	f := g.record(Download, r)
	o, packing := g.repos[strings.ToLower(name)], g.packing
	var x *GitHubRelease
	if o != nil && (len(o.tokens) == 0 || r.URL.Query().Get("token") == pass) {
		x = named(o.everything(), tag)
	}
	g.mu.Unlock()
	var body []byte
	if x != nil {
		body, _ = x.pack(strings.ReplaceAll(o.name, "/", "-"), packing) // it was tried when it was published
	}
	switch {
	case f != nil:
		f.serve(w, r, body)
	case x == nil:
		http.Error(w, "404: Not Found", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/x-gzip")
		w.Header().Set("Content-Disposition", "attachment; filename="+x.Tag+".tar.gz")
		_ = http.NewResponseController(w).Flush() // no length is announced, since it packs as it sends
		_, _ = w.Write(body)
	}
}

// pack builds the tarball as git archive does: below a folder that names the
// commit, which a member before it names too. The packing decides on the bytes.
func (x *GitHubRelease) pack(name string, packing int) ([]byte, error) {
	if x.Tarball != nil {
		return x.Tarball, nil
	}
	members := []Member{{Header: tar.Header{
		Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": x.commit()},
	}}}
	root := name + "-" + x.commit()[:7] + "/"
	for _, path := range slices.Sorted(maps.Keys(x.Files)) {
		members = append(members, Member{
			Header: tar.Header{Name: root + path, Mode: 0o644, ModTime: x.Created, Typeflag: tar.TypeReg}, Body: x.Files[path],
		})
	}
	packed, err := Pack(append(members, x.Extra...)...)
	if err != nil || packing == 0 {
		return packed, err
	}
	return repack(packed, packing)
}

// repack compresses a tarball anew.
func repack(packed []byte, packing int) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	zw.Comment = fmt.Sprint("packing ", packing)
	if _, err := io.Copy(zw, zr); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
