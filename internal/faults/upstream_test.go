package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// goroutines is how many the daemon has.
func (r *recorder) goroutines() int { return int(r.Metric("go_goroutines")) }

// An upstream that says nothing, and one that stops in the middle: all who wait
// are told together, nobody else is held up, and nothing is left behind.
func TestUpstreamHangs_Fault11_Fault12(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	for name, c := range map[string]struct {
		kind  providertest.Kind
		fault providertest.Fault
	}{
		"before the header of a document": {providertest.Any, providertest.Hang(never)},
		"before the header of a tarball":  {providertest.Tarball, providertest.Hang(never)},
		"in the middle of a tarball":      {providertest.Tarball, providertest.Fault{Stall: never}},
		"byte by byte":                    {providertest.Tarball, providertest.Fault{Drip: 100 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, other := some("slow"), some("held")
			// Directly: nginx keeps connections, which have goroutines of their own.
			r := start(t, e2e.Options{Front: e2e.Direct, Packages: []providertest.Package{p, other}, Timeouts: quick, LogLevel: "info"})
			r.must(paths(other)[0], http.StatusOK)
			baseline := r.goroutines()
			remove := r.Upstream.Fault(c.kind, "", c.fault)
			statuses := make(chan int)
			for _, path := range paths(p) {
				go func() { statuses <- r.ask(path) }()
			}
			for _, path := range paths(other) { // meanwhile
				r.must(path, http.StatusOK)
			}
			for range p.Files {
				if got := <-statuses; got != http.StatusGatewayTimeout {
					t.Errorf("who waited got %d", got)
				}
			}
			remove()
			r.nothingStaged()
			eventually(t, "goroutines stay", func() bool {
				r.Client.CloseIdleConnections()
				return r.goroutines() <= baseline+5
			})
			r.heals(paths(p)[0])
			r.nothingLost()
		})
	}
}

// An upstream that fails in all the ways it can: what is held goes on, the rest
// is the fault of upstream and not remembered.
func TestUpstreamFails_Fault13_Fault15(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind  providertest.Kind
		fault providertest.Fault
	}{
		"500":                       {providertest.Any, providertest.Status(500)},
		"502":                       {providertest.Any, providertest.Status(502)},
		"503":                       {providertest.Any, providertest.Status(503)},
		"500 for the tarball":       {providertest.Tarball, providertest.Status(500)},
		"reset in a document":       {providertest.Any, providertest.Fault{Reset: true}},
		"reset in a tarball":        {providertest.Tarball, providertest.Fault{Reset: true}},
		"truncated document":        {providertest.Any, providertest.Truncated()},
		"truncated tarball":         {providertest.Tarball, providertest.Truncated()},
		"shorter than announced":    {providertest.Tarball, providertest.Fault{Rewrite: func(b []byte) []byte { return b[:len(b)-9] }}},
		"longer than published":     {providertest.Tarball, providertest.Fault{Oversize: 512}},
		"one bit differs":           {providertest.Tarball, providertest.Corrupt()},
		"said to be gzip once more": {providertest.Tarball, providertest.Fault{Header: http.Header{"Content-Encoding": {"gzip"}}, Rewrite: func([]byte) []byte { return []byte("not gzip") }}},
		"a web page":                {providertest.Any, providertest.HTML()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, held := some("cold"), some("held")
			r := start(t, e2e.Options{Packages: []providertest.Package{p, held}, Timeouts: quick, LogLevel: "info", Config: "negative_cachetime: 1s\n"})
			r.must(paths(held)[0], http.StatusOK)
			remove := r.Upstream.Fault(c.kind, "", c.fault)
			if got := r.ask(paths(p)[0]); got != http.StatusBadGateway && got != http.StatusServiceUnavailable {
				t.Errorf("status %d", got)
			}
			r.must(paths(held)[1], http.StatusOK)
			if n := r.Upstream.Count(c.kind, ""); n > 12 {
				t.Errorf("upstream was asked %d times for one file", n)
			}
			remove()
			r.heals(paths(p)[0])
			r.nothingStaged()
			r.nothingLost()
		})
	}
}

// Half of the answers fail: clients that try again get everything.
func TestUpstreamFlaps_Fault13(t *testing.T) {
	t.Parallel()
	var pkgs []providertest.Package
	for i := range 20 {
		pkgs = append(pkgs, providertest.Generate(fmt.Sprintf("flap-%d", i), "1.0.0", 3, 500))
	}
	r := start(t, e2e.Options{Packages: pkgs, Timeouts: quick, LogLevel: "info", Config: "negative_cachetime: 1s\n"})
	for i := 0; i < 20; i += 2 {
		r.Upstream.Fault(providertest.Any, "/"+pkgs[i].Name+"/1.0.0", providertest.Fault{Times: 1, Status: 500})
		r.Upstream.Fault(providertest.Tarball, "/"+pkgs[i].Name+"/-/"+pkgs[i].Name+"-1.0.0.tgz", providertest.Fault{Times: 2, Reset: true})
	}
	var all sync.WaitGroup
	for _, p := range pkgs {
		all.Go(func() {
			for _, path := range paths(p) {
				r.heals(path)
			}
		})
	}
	all.Wait()
	r.nothingLost()
}

// Upstream asks to be left alone: it is, for as long as it said, and clients are
// told when to come back.
func TestUpstreamThrottles_Fault14(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after string // value of Retry-After
		heals bool   // within the test's patience
	}{
		"seconds":  {"1", true},
		"a date":   {time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat), true},
		"absurd":   {"1000000000", false},
		"negative": {"-5", true},
		"garbage":  {"soon", true},
		"nothing":  {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, held := some("cold"), some("held")
			r := start(t, e2e.Options{Packages: []providertest.Package{p, held}, Timeouts: quick, LogLevel: "info"})
			r.must(paths(held)[0], http.StatusOK)
			remove := r.Upstream.Fault(providertest.Any, "", providertest.Status(429, "Retry-After", c.after))
			path := paths(p)[0]
			r.busy(path)
			asked := r.Upstream.Count(providertest.Any, "")
			a := r.Get(path)
			if wait := atoi(t, a.Header.Get("Retry-After")); wait < 1 || wait > 3600 {
				t.Errorf("the client is to wait %d s", wait)
			}
			if c.after == "1000000000" {
				if n := r.Upstream.Count(providertest.Any, ""); n != asked {
					t.Errorf("upstream was asked again %d times", n-asked)
				}
			}
			remove()
			r.must(paths(held)[1], http.StatusOK)
			if c.heals {
				r.heals(path)
			} else {
				r.busy(path)
			}
			r.nothingLost()
		})
	}
}

// Documents that lie: what is truly absent is 404, nonsense is 502; never 500,
// and never remembered beyond negative_cachetime.
func TestUpstreamLies_Fault16(t *testing.T) {
	t.Parallel()
	tarball := func(url string) string {
		return `{"name":"liar","version":"1.0.0","dist":{"tarball":"` + url + `","integrity":"sha512-` + strings.Repeat("A", 86) + `=="}}`
	}
	for name, c := range map[string]struct {
		document string
		path     string
		want     int
	}{
		"empty object":            {`{}`, "1.0.0/package.json", 502},
		"empty object, a range":   {`{}`, "^1/package.json", 502},
		"null":                    {`null`, "1.0.0/package.json", 502},
		"a list":                  {`[]`, "1.0.0/package.json", 502},
		"not JSON":                {`{"name":`, "1.0.0/package.json", 502},
		"another name":            {strings.Replace(tarball("http://127.0.0.1:1/x.tgz"), "liar", "honest", 1), "1.0.0/package.json", 502},
		"no tarball":              {`{"name":"liar","version":"1.0.0","dist":{}}`, "1.0.0/package.json", 502},
		"tarball is no URL":       {tarball("::"), "1.0.0/package.json", 502},
		"tarball is a file":       {tarball("file:///etc/passwd"), "1.0.0/package.json", 502},
		"deep":                    {strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000), "1.0.0/package.json", 502},
		"no versions":             {`{"name":"liar","dist-tags":{},"versions":{}}`, "^1/package.json", 404},
		"a tag to nowhere":        {`{"name":"liar","dist-tags":{"latest":"9.9.9"},"versions":{"1.0.0":{"name":"liar","version":"1.0.0","dist":{"tarball":"x"}}}}`, "latest/package.json", 404},
		"versions that are words": {`{"name":"liar","dist-tags":{"latest":"new"},"versions":{"new":{}}}`, "latest/package.json", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, e2e.Options{Packages: []providertest.Package{some("liar")}, Timeouts: quick, LogLevel: "info", Config: "negative_cachetime: 1s\n", Nginx: "  cache: {period: 1s}\n"})
			remove := r.Upstream.Fault(providertest.Any, "", providertest.Text(c.document))
			if a := r.Get("/lib/liar/" + c.path); a.Status != c.want {
				t.Errorf("status %d, want %d: %.200s", a.Status, c.want, a.Body)
			}
			remove()
			r.heals(paths(some("liar"))[0])
			if strings.Contains(r.Log(), "panic") {
				t.Errorf("it panicked:\n%s", tail(r.Log()))
			}
		})
	}
}

// Where a redirect from upstream may not lead.
func TestUpstreamRedirects_Fault17(t *testing.T) {
	t.Parallel()
	touched := make(chan string, 100)
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		touched <- r.URL.Path
	}))
	t.Cleanup(inside.Close)
	port := inside.URL[strings.LastIndexByte(inside.URL, ':')+1:]
	for name, target := range map[string]string{
		"itself, for ever":    "",
		"a file":              "file:///etc/passwd",
		"data":                "data:text/plain,hello",
		"ftp":                 "ftp://127.0.0.1/x",
		"loopback":            "http://127.0.0.1:" + port + "/a",
		"loopback, mapped":    "http://[::ffff:127.0.0.1]:" + port + "/b",
		"loopback, decimal":   "http://2130706433:" + port + "/c",
		"loopback, octal":     "http://0177.0.0.1:" + port + "/d",
		"loopback, hex":       "http://0x7f000001:" + port + "/e",
		"everywhere":          "http://0.0.0.0:" + port + "/f",
		"version 6":           "http://[::1]:" + port + "/g",
		"a name of this host": "http://localhost:" + port + "/h",
		"link-local metadata": "http://169.254.169.254/latest/meta-data/",
		"a private range":     "http://10.0.0.1/x",
		"a user":              "http://user:secret@127.0.0.1:" + port + "/i",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := some("away")
			r := start(t, e2e.Options{Packages: []providertest.Package{p}, Timeouts: quick, LogLevel: "info", Config: "negative_cachetime: 1s\n"})
			if target == "" {
				target = r.Upstream.URL() + "/away/1.0.0"
			}
			remove := r.Upstream.Fault(providertest.Any, "", providertest.Redirect(target))
			if got := r.ask(paths(p)[0]); got != http.StatusBadGateway {
				t.Errorf("status %d", got)
			}
			if n := r.Upstream.Count(providertest.Any, ""); n > 18 {
				t.Errorf("%d requests", n)
			}
			remove()
			r.heals(paths(p)[0])
		})
	}
	t.Cleanup(func() {
		select {
		case path := <-touched:
			t.Errorf("a redirect led inside, to %s", path)
		default:
		}
	})
}

// A token goes to the registry that it was given for, and to nobody that this
// one names.
func TestTokenStaysHome_Fault18(t *testing.T) {
	t.Parallel()
	const secret = "token-of-home-1f2e3d"
	var mu sync.Mutex
	var seen []http.Header
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Clone())
	}))
	t.Cleanup(other.Close)
	p := some("private")
	home := providertest.NewRegistry(t, p)
	r := start(t, e2e.Options{
		Packages: []providertest.Package{some("public")}, Timeouts: quick,
		Providers: fmt.Sprintf("  - {type: npm, name: home, registry: %q, token: %s, names: [private]}\n"+
			"  - {type: url, name: known, url: %q, names: [known]}\n", home.URL(), secret, other.URL+"/{name}/{version}/{path}"),
	})
	remove := home.Fault(providertest.Tarball, "", providertest.Redirect(other.URL+"/elsewhere.tgz"))
	r.ask(paths(p)[0])
	remove()
	remove = home.Fault(providertest.Version, "", providertest.Fault{Rewrite: func(b []byte) []byte {
		var d map[string]any
		if err := json.Unmarshal(b, &d); err != nil {
			t.Error(err)
		}
		d["dist"].(map[string]any)["tarball"] = other.URL + "/named.tgz"
		b, _ = json.Marshal(d)
		return b
	}})
	r.ask(paths(p)[0])
	remove()
	mu.Lock()
	for _, h := range seen {
		if h.Get("Authorization") != "" || h.Get("Cookie") != "" || strings.Contains(fmt.Sprint(h), secret) {
			t.Errorf("somebody else got %v", h)
		}
	}
	if len(seen) == 0 {
		t.Error("nobody else was asked: this test shows nothing")
	}
	mu.Unlock()
	if strings.Contains(r.Log(), secret) {
		t.Error("the token is in the log")
	}
	for _, q := range r.Upstream.Requests() {
		if strings.Contains(q.Path, "private") {
			t.Errorf("an owned name was asked for elsewhere: %s", q.Path)
		}
	}
}
