package providertest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The kinds of request that a GitHub receives, beside Tarball and Other.
const (
	Releases     Kind = "releases"       // a page of the list of releases
	ReleaseByTag Kind = "release by tag" // one release
	Tags         Kind = "tags"           // a page of the list of tags
	Ref          Kind = "ref"            // one tag
	Download     Kind = "download"       // a tarball, from the host that packs it
)

// GitHub is a fake of GitHub's REST API, and of the other host that it sends
// clients to for tarballs. Like the original it reads names without regard to
// case, answers 404 for what the token may not see, and packs tarballs on
// request, with a member for the commit before the files. Safe for concurrent
// use.
type GitHub struct {
	front
	repos   map[string]*repo
	tokens  map[string]bool // that exist; empty: all do
	packing int             // how often Repack was called
}

// repo is one repository.
type repo struct {
	id       int
	name     string // "owner/repo" as it spells itself
	releases []*GitHubRelease
	tags     []*GitHubRelease // plain ones
	tokens   []string         // of those who may see it; none: everybody
}

// GitHubRelease is a package published as a release or as a plain tag.
type GitHubRelease struct {
	Package
	Tag        string // "" is "v" and the version
	Draft      bool   // not published
	Prerelease bool   // marked as such
	// Created is when its commit was made; zero: Package.Published, or a fixed
	// day in 2020.
	Created time.Time
}

// NewGitHub starts both hosts; the test's end stops them. Each package is
// published as a release, the first one as the newest; one whose version is a
// prerelease is marked so.
func NewGitHub(t testing.TB, packages ...Package) *GitHub {
	t.Helper()
	g := &GitHub{repos: make(map[string]*repo), tokens: make(map[string]bool)}
	g.listen(t, g.serveAPI)
	g.listen(t, g.serveCodeload)
	for i := range packages {
		g.Release(t, GitHubRelease{
			Package:    packages[i],
			Created:    packages[i].published().Add(-time.Duration(i) * time.Hour),
			Prerelease: strings.Contains(packages[i].Version, "-"),
		})
	}
	return g
}

// URL is the base of the API, without a slash at its end.
func (g *GitHub) URL() string { return g.servers[0].URL }

// Hosts are the host:port of the API and of the host that packs tarballs.
func (g *GitHub) Hosts() (api, codeload string) {
	hosts := g.front.Hosts()
	return hosts[0], hosts[1]
}

// Release publishes a package as a release; another one of the same tag is
// replaced.
func (g *GitHub) Release(t testing.TB, r GitHubRelease) {
	t.Helper()
	g.publish(t, r, func(o *repo) *[]*GitHubRelease { return &o.releases })
}

// Tag publishes a package as a plain tag.
func (g *GitHub) Tag(t testing.TB, r GitHubRelease) {
	t.Helper()
	g.publish(t, r, func(o *repo) *[]*GitHubRelease { return &o.tags })
}

func (g *GitHub) publish(t testing.TB, r GitHubRelease, where func(*repo) *[]*GitHubRelease) {
	t.Helper()
	if r.Tag == "" {
		r.Tag = "v" + r.Version
	}
	if r.Created.IsZero() {
		r.Created = r.published()
	}
	if _, err := r.pack("test", 0); err != nil {
		t.Fatalf("building %s@%s: %v", r.Name, r.Version, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	all := where(g.repo(r.Name))
	*all = slices.DeleteFunc(*all, func(o *GitHubRelease) bool { return o.Tag == r.Tag })
	*all = append(*all, &r)
	// Newest first, as the API lists them.
	slices.SortStableFunc(*all, func(a, b *GitHubRelease) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.Tag, a.Tag))
	})
}

// repo returns the repository of a package, and makes it where there is none.
func (g *GitHub) repo(name string) *repo {
	key := strings.ToLower(strings.TrimPrefix(name, "@"))
	o := g.repos[key]
	if o == nil {
		o = &repo{id: 1000 + len(g.repos), name: strings.TrimPrefix(name, "@")}
		g.repos[key] = o
	}
	return o
}

// Create makes a repository without anything in it.
func (g *GitHub) Create(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.repo(name)
}

// Remove takes a release back, or a plain tag.
func (g *GitHub) Remove(name, tag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.repo(name)
	gone := func(r *GitHubRelease) bool { return r.Tag == tag }
	o.releases, o.tags = slices.DeleteFunc(o.releases, gone), slices.DeleteFunc(o.tags, gone)
}

// Private hides a repository from all but those who have one of the tokens.
// From the first call on, tokens that were never named are bad credentials.
func (g *GitHub) Private(name string, tokens ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.repo(name).tokens = tokens
	for _, token := range tokens {
		g.tokens[token] = true
	}
}

// Rename gives a repository another name; the old one redirects to it.
func (g *GitHub) Rename(from, to string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.repo(from)
	o.name = strings.TrimPrefix(to, "@")
	g.repos[strings.ToLower(o.name)] = o
}

// Repack makes tarballs come compressed in another way from now on: other
// bytes, the same content.
func (g *GitHub) Repack() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.packing++
}

// Count returns how many requests of a kind (Any: all) were received.
func (g *GitHub) Count(kind Kind) int { return g.front.Count(kind, "") }

// Await blocks until n requests of the kind were received.
func (g *GitHub) Await(kind Kind, n int) { g.front.Await(kind, "", n) }

// RateLimited answers as GitHub does once the limit is used up, with 403 or
// 429: the window ends after the delay.
func RateLimited(status int, delay time.Duration) Fault {
	reset := time.Now().Add(delay).Unix()
	f := Status(status, "X-Ratelimit-Limit", "60", "X-Ratelimit-Remaining", "0", "X-Ratelimit-Used", "60",
		"X-Ratelimit-Resource", "core", "X-Ratelimit-Reset", fmt.Sprint(reset), "Content-Type", jsonType)
	f.Body = problem(status, "API rate limit exceeded for 192.0.2.1. (But here's the good news: Authenticated requests get a higher rate limit.)")
	return f
}

// SecondaryLimit answers as GitHub does to who asks too fast; header are pairs
// of key and value, such as Retry-After.
func SecondaryLimit(status int, header ...string) Fault {
	f := Status(status, append(header, "X-Ratelimit-Remaining", "42", "Content-Type", jsonType)...)
	f.Body = problem(status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	return f
}
