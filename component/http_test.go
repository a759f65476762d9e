package component_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
	"github.com/registryd/registryd/store"
)

func good(t *testing.T) []byte {
	return tgz(t, map[string]string{"package.json": `{"name":"widget","version":"1.0.0","main":"./main.js"}`, "main.js": "1"})
}

func text(s string) *string { return &s }

// Every row of the contract's table.
func TestErrors_Section4_CP1_CP5_CP6_CP8_CH4_CH5_CG6(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.publish("there", "1.0.0", `{}`)
	big := tgz(t, map[string]string{"package.json": "{}", "index.js": strings.Repeat("x", 2<<20)})
	pack := func(files map[string]string) func() answer {
		return func() answer { return s.upload("/widget/1.0.0", tgz(t, files), text("{}"), nil) }
	}
	post := func(body, kind string) func() answer {
		return func() answer {
			return s.do("POST", "/widget/1.0.0", strings.NewReader(body), map[string]string{"Content-Type": kind})
		}
	}
	for name, test := range map[string]struct {
		ask    func() answer
		status int
		kind   string
	}{
		"unknown host":              {func() answer { return s.get("/there?hostId=77") }, 404, "UnknownHostIdError"},
		"no host":                   {func() answer { return s.get("/there") }, 404, "UnknownHostIdError"},
		"host that is no number":    {func() answer { return s.get("/there?hostId=x") }, 404, "UnknownHostIdError"},
		"no such component":         {func() answer { return s.get("/nothing?componentVersion=1.0.0") }, 404, "NoComponentError"},
		"no such version":           {func() answer { return s.get("/there?componentVersion=1.0.1") }, 404, "NoComponentError"},
		"no such file":              {func() answer { return s.get("/there/1.0.0/other.js") }, 404, "NoComponentError"},
		"asked for a range":         {func() answer { return s.get("/there?componentVersion=1.x") }, 400, "InvalidVersionError"},
		"published as a range":      {func() answer { return s.publish("widget", "1.x", `{}`) }, 400, "InvalidVersionError"},
		"exists":                    {func() answer { return s.publish("there", "1.0.0", `{}`) }, 409, "ComponentExistsError"},
		"exists, spelled otherwise": {func() answer { return s.publish("THERE", "v1.0.0", `{}`) }, 409, "ComponentExistsError"},
		"C-P6 no package.json":      {pack(map[string]string{"main.js": "1"}), 422, "NoPackageError"},
		"C-P6 two directories":      {pack(map[string]string{"a/package.json": "{}", "b/index.js": "1"}), 422, "NoPackageError"},
		"no package":                {func() answer { return s.upload("/widget/1.0.0", nil, text("{}"), nil) }, 400, "malformedRequest"},
		"not multipart":             {post("{}", "application/json"), 400, "malformedRequest"},
		"broken multipart":          {post("--x\r\nnonsense", "multipart/form-data; boundary=x"), 400, "malformedRequest"},
		"unknown part":              {post("--x\r\nContent-Disposition: form-data; name=\"other\"; filename=\"a\"\r\n\r\n1\r\n--x--\r\n", "multipart/form-data; boundary=x"), 400, "malformedRequest"},
		"not gzip":                  {func() answer { return s.upload("/widget/1.0.0", []byte("PK\x03\x04"), text("{}"), nil) }, 400, "malformedRequest"},
		"truncated":                 {func() answer { return s.upload("/widget/1.0.0", good(t)[:40], text("{}"), nil) }, 400, "malformedRequest"},
		"peers are no JSON":         {func() answer { return s.upload("/widget/1.0.0", good(t), text("{"), nil) }, 400, "malformedRequest"},
		"peers are no object":       {func() answer { return s.upload("/widget/1.0.0", good(t), text("[]"), nil) }, 400, "invalidDependencies"},
		"C-P8 invalid range":        {func() answer { return s.upload("/widget/1.0.0", good(t), text(`{"react":"latest"}`), nil) }, 400, "invalidDependencies"},
		"C-P8 package.json no JSON": {pack(map[string]string{"package.json": "{", "index.js": "1"}), 422, "InvalidPackageError"},
		"C-P8 package.json null":    {pack(map[string]string{"package.json": "null", "index.js": "1"}), 422, "InvalidPackageError"},
		"C-P8 main is missing":      {pack(map[string]string{"package.json": `{"main":"x.js"}`, "index.js": "1"}), 422, "InvalidPackageError"},
		"C-P8 main leads out":       {pack(map[string]string{"package.json": `{"main":"../x.js"}`, "index.js": "1"}), 422, "InvalidPackageError"},
		"C-P8 other name":           {pack(map[string]string{"package.json": `{"name":"gadget"}`, "index.js": "1"}), 422, "InvalidPackageError"},
		"C-P8 other version":        {pack(map[string]string{"package.json": `{"version":"1.0.1"}`, "index.js": "1"}), 422, "InvalidPackageError"},
		"C-P8 own range invalid": {func() answer {
			return s.upload("/widget/1.0.0", tgz(t, map[string]string{"package.json": `{"peerDependencies":{"a":"??"}}`, "index.js": "1"}), nil, nil)
		}, 400, "invalidDependencies"},
		"hidden file":      {pack(map[string]string{"package.json": "{}", "index.js": "1", ".npmrc": "x"}), 422, "InvalidPackageError"},
		"too large a body": {func() answer { return s.do("POST", "/widget/1.0.0", bytes.NewReader(make([]byte, 2<<20)), nil) }, 413, "tooLarge"},
		"too large without a length": {func() answer {
			return s.do("POST", "/host/register", io.MultiReader(bytes.NewReader(make([]byte, 2<<20))), nil)
		}, 413, "tooLarge"},
		"too large when unpacked": {func() answer { return s.upload("/widget/1.0.0", big, nil, nil) }, 413, "tooLarge"},
		"C-H4 no JSON":            {func() answer { return s.register("{") }, 400, "malformedRequest"},
		"C-H4 list":               {func() answer { return s.register("[]") }, 400, "invalidDependencies"},
		"C-H4 null":               {func() answer { return s.register("null") }, 400, "invalidDependencies"},
		"C-H4 number":             {func() answer { return s.register(`{"react":16}`) }, 400, "invalidDependencies"},
		"C-H4 null value":         {func() answer { return s.register(`{"react":null}`) }, 400, "invalidDependencies"},
		"C-H5 register by GET":    {func() answer { return s.get("/host/register") }, 404, "NoComponentError"},
		"C-G6 named host":         {func() answer { return s.publish("host", "1.0.0", `{}`) }, 404, "NoComponentError"},
		"C-G6 named Host":         {func() answer { return s.publish("Host", "1.0.0", `{}`) }, 400, "malformedRequest"},
		"named after the index":   {func() answer { return s.publish("index.json", "1.0.0", `{}`) }, 400, "malformedRequest"},
		"no name at all":          {func() answer { return s.publish("%2e%2e", "1.0.0", `{}`) }, 400, "malformedRequest"},
		"encoded slash":           {func() answer { return s.get("/there/1.0.0/a%2f..%2fmain.js") }, 404, "NoComponentError"},
		"wrong method":            {func() answer { return s.do("DELETE", "/there", nil, nil) }, 405, "method-not-allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := test.ask()
			if a.status != test.status || a.kind() != test.kind {
				t.Errorf("%d %s, want %d %s", a.status, a.body, test.status, test.kind)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a page of another origin cannot read why")
			}
		})
	}
	if _, _, versions := s.registry.Index().Size(); versions != 1 {
		t.Errorf("%d versions", versions)
	}
	leftAlone(t, s.store, "there/1.0.0/main.js", "there/1.0.0/package.json")
}

// leftAlone checks that a store has these keys and no others.
func leftAlone(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	var got []string
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Key)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the store has %q, want %q", got, want)
	}
}

// Whatever the corpus refuses is refused here too, and what upstream may have
// and nobody needs.
func TestPublish_CorpusIsRefused_CP6(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	tried, reasons := 0, map[string]int{}
	for _, c := range unpacktest.Cases() {
		if reasons[c.Reason]++; c.Reason == "" || len(c.Archive) > 64<<10 || reasons[c.Reason] > 4 {
			continue // the corpus as a whole is a test of its own
		}
		tried++
		if a := s.upload("/widget/1.0.0", c.Archive, text("{}"), nil); a.status != 400 && a.status != 413 && a.status != 422 {
			t.Errorf("%s: %d %s", c.Name, a.status, a.body)
		}
	}
	if tried < 20 {
		t.Errorf("only %d cases", tried)
	}
	leftAlone(t, s.store)
	for name, entries := range map[string][]unpacktest.Entry{
		"control byte": {unpacktest.File("package.json", "{}"), unpacktest.File("index.js", "1"), unpacktest.File("a\x01b", "1")},
		"backslash":    {unpacktest.File("package.json", "{}"), unpacktest.File("index.js", "1"), unpacktest.File(`a\b`, "1")},
		"twice":        {unpacktest.File("package.json", "{}"), unpacktest.File("index.js", "1"), unpacktest.File("index.js", "2")},
	} {
		if a := s.upload("/widget/1.0.0", unpacktest.Tgz(entries...), text("{}"), nil); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// A disk without room for an upload is our fault and not the archive's; the
// upload leaves nothing, and gives back what it took.
func TestPublish_CP10_NoRoomForTheUpload(t *testing.T) {
	t.Parallel()
	var taken, closed atomic.Int64
	full := errors.New("no space left on device")
	for name, scratch := range map[string]func() (component.Scratch, error){
		"no file":  func() (component.Scratch, error) { return nil, full },
		"no room":  func() (component.Scratch, error) { taken.Add(1); return noRoom{full, nil, &closed}, nil },
		"bad disk": func() (component.Scratch, error) { taken.Add(1); return noRoom{nil, full, &closed}, nil },
	} {
		s := newSite(t, options{http: component.HandlerConfig{Scratch: scratch}})
		a := s.publish("widget", "1.0.0", `{}`)
		if a.status != 503 || a.kind() != "storageError" || strings.Contains(a.body, "space") || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		leftAlone(t, s.store)
	}
	if taken.Load() != 2 || closed.Load() != 2 {
		t.Errorf("%d files of %d were closed", closed.Load(), taken.Load())
	}
}

// noRoom is a file that cannot be written, or not read.
type noRoom struct {
	write, read error
	closed      *atomic.Int64
}

func (n noRoom) Write(p []byte) (int, error)           { return len(p), n.write }
func (n noRoom) ReadAt(_ []byte, _ int64) (int, error) { return 0, n.read }
func (n noRoom) Close() error                          { n.closed.Add(1); return nil }

func TestPublish_CP1_CP2_CP6_CP7_CG4_WhatIsAccepted(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.register(`{"react":"^16.0.0"}`)
	id := fmt.Sprint(component.HostID(component.Dependencies{"react": "^16.0.0"}))
	for name, test := range map[string]struct {
		path  string
		files map[string]string
		peers *string
		moves bool
	}{
		"one leading directory":   {"/a/1.0.0", map[string]string{"package/package.json": `{"peerDependencies":{"react":"16"}}`, "package/index.js": "code"}, nil, true},
		"peers of package.json":   {"/b/1.0.0", map[string]string{"package.json": `{"peerDependencies":{"react":"17"}}`, "index.js": "code"}, nil, false},
		"field before file":       {"/c/1.0.0", map[string]string{"package.json": `{"peerDependencies":{"react":"17"}}`, "index.js": "code"}, text(`{"react":"16"}`), true},
		"nested main, no ending":  {"/d/1.0.0", map[string]string{"package.json": `{"main":"./dist/out"}`, "dist/out.js": "code"}, nil, true},
		"main is a directory":     {"/e/1.0.0", map[string]string{"package.json": `{"main":"lib"}`, "lib/index.js": "code"}, nil, true},
		"scope":                   {"/@acme/button/v1.0.0", map[string]string{"package.json": `{"name":"@acme/Button","version":"v1.0.0"}`, "index.js": "code"}, nil, true},
		"scope, encoded":          {"/@acme%2Fother/1.0.0", map[string]string{"package.json": `{"name":"@acme/other"}`, "index.js": "code"}, nil, true},
		"scope of old, sanitised": {"/@acmethird/1.0.0", map[string]string{"package.json": `{"name":"@acme/third"}`, "index.js": "code"}, nil, true},
		"build metadata":          {"/f/1.0.0+build.1", map[string]string{"package.json": `{"version":"1.0.0"}`, "index.js": "code"}, nil, true},
	} {
		a := s.upload(test.path, tgz(t, test.files), test.peers, nil)
		if a.status != 200 || strings.Contains(a.body, id) != test.moves {
			t.Errorf("%s: %d %s", name, a.status, a.body)
			continue
		}
		base := test.path[:strings.LastIndex(test.path, "/")]
		if a := s.get(base + "?componentVersion=1.0.0"); a.status != 200 || a.body != "code" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, path := range []string{"/@acme/button", "/@acme%2Fbutton", "/@ACME%2fButton"} {
		if a := s.get(path + "?hostId=" + id); a.status != 200 || a.body != "code" {
			t.Errorf("C-G4 %s: %d %s", path, a.status, a.body)
		}
	}
}

func TestGet_CG3_CG6_Headers(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.publish("widget", "1.0.0", `{}`)
	a := s.get("/widget?componentVersion=1.0.0")
	for header, want := range map[string]string{
		"Content-Type": "application/javascript; charset=utf-8", "Dynamico-Component-Version": "1.0.0", "Cache-Control": "no-cache",
		"Access-Control-Expose-Headers": "Dynamico-Component-Version, X-Integrity, ETag", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if got := a.header.Get("X-Integrity"); !strings.HasPrefix(got, "sha256-") || len(got) != 51 {
		t.Errorf("integrity %q", got)
	}
	tag := a.header.Get("ETag")
	if again := s.do("GET", "/widget?componentVersion=1.0.0", nil, map[string]string{"If-None-Match": tag}); tag == "" || again.status != 304 || again.body != "" {
		t.Errorf("conditional with %q: %d %q", tag, again.status, again.body)
	}
	if head := s.do("HEAD", "/widget?componentVersion=1.0.0", nil, nil); head.status != 200 || head.body != "" || head.header.Get("ETag") != tag {
		t.Errorf("HEAD: %d %q %v", head.status, head.body, head.header)
	}
	if direct := s.get("/widget/1.0.0/main.js"); direct.body != codeOf("widget", "1.0.0") || !strings.Contains(direct.header.Get("Cache-Control"), "immutable") {
		t.Errorf("direct: %d %v", direct.status, direct.header)
	}
	if p := s.do("OPTIONS", "/host/register", nil, map[string]string{"Origin": "http://a.example", "Access-Control-Request-Method": "POST"}); p.status != 204 ||
		!strings.Contains(p.header.Get("Access-Control-Allow-Methods"), "POST") || !strings.Contains(p.header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("preflight: %d %v", p.status, p.header)
	}
}

func TestGet_CN1_NginxSendsTheFile(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{http: component.HandlerConfig{Nginx: true}})
	s.upload("/@acme/b%20c/1.0.0", tgz(t, map[string]string{"package.json": `{"main":"a+b%.js"}`, "a+b%.js": "1"}), text("{}"), nil)
	a := s.get("/@acme/b%20c?componentVersion=1.0.0")
	if got, want := a.header.Get("X-Accel-Redirect"), "/ilib/.components/%40acme/b%20c/1.0.0/a%2Bb%25.js"; a.status != 200 || got != want {
		t.Errorf("%d %q", a.status, got)
	}
	if a.body != "" || a.header.Get("Content-Type") != "" || a.header.Get("Dynamico-Component-Version") != "1.0.0" || a.header.Get("X-Integrity") == "" || a.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%q %v", a.body, a.header)
	}
}

func TestPublish_CN2_Token(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{http: component.HandlerConfig{Token: "sesame"}})
	for name, test := range map[string]struct {
		header string
		status int
	}{"none": {"", 401}, "wrong": {"Bearer open", 403}, "other scheme": {"Basic sesame", 401}, "empty": {"Bearer ", 401}, "right": {"Bearer sesame", 200}} {
		header := map[string]string{}
		if test.header != "" {
			header["Authorization"] = test.header
		}
		a := s.upload("/widget/1.0.0", good(t), text("{}"), header)
		if a.status != test.status || a.status != 200 && a.kind() != "unauthorized" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if got := fmt.Sprintf("%+v", s.audit.records); len(s.audit.records) != 1 || !strings.Contains(got, "widget@1.0.0") || strings.Contains(got, "sesame") {
		t.Errorf("audit: %s", got)
	}
	local := newSite(t, options{})
	if a := local.upload("/widget/1.0.0", good(t), text("{}"), map[string]string{"X-Forwarded-For": "127.0.0.1"}); a.status != 401 {
		t.Errorf("through a front without a token: %d %s", a.status, a.body)
	}
	for _, name := range []string{"X-Real-IP", "Forwarded", "Via", "Origin", "Sec-Fetch-Site"} {
		if a := local.upload("/widget/1.0.0", good(t), text("{}"), map[string]string{name: "null"}); a.status != 401 {
			t.Errorf("a page or a front that sends %s: %d %s", name, a.status, a.body)
		}
	}
	if a := local.upload("/widget/1.0.0", good(t), text("{}"), nil); a.status != 200 {
		t.Errorf("from this machine: %d %s", a.status, a.body)
	}
}

// The answer comes while the body has not even begun.
func TestPublish_CN2_RefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{http: component.HandlerConfig{Token: "sesame"}})
	var read atomic.Int64
	body, w := io.Pipe()
	defer w.Close()
	go func() {
		n, _ := w.Write(make([]byte, 1<<20))
		read.Add(int64(n))
	}()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/widget/1.0.0", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 1 << 40}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	client.CloseIdleConnections()
	if res.StatusCode != 401 || read.Load() != 0 {
		t.Errorf("%d after %d bytes", res.StatusCode, read.Load())
	}
}

// The answer comes to who does not wait for leave to send the body, too.
func TestPublish_CN2_AnsweredBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{http: component.HandlerConfig{Token: "sesame"}})
	s.registry.Obey(component.Rules{Gate: denied{"gone@1.0.0"}})
	for name, test := range map[string]struct {
		what, token string
		status      int
	}{"wrong token": {"widget/1.0.0", "open", 403}, "denied": {"gone/1.0.0", "sesame", 403}, "no version": {"widget/one", "sesame", 400}} {
		address := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/api/components")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(conn, "POST /api/components/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n", test.what, address, test.token)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: no answer: %v", name, err)
			continue
		}
		res.Body.Close()
		if res.StatusCode != test.status {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

func TestReadOnly_CP9(t *testing.T) {
	t.Parallel()
	first := newSite(t, options{})
	first.publish("widget", "1.0.0", `{"react":"*"}`)
	first.registry.Close()
	s := newSite(t, options{store: first.store, http: component.HandlerConfig{ReadOnly: true}})
	if a := s.publish("widget", "2.0.0", `{}`); a.status != 404 {
		t.Errorf("publish: %d", a.status)
	}
	a := s.register(`{"react":"^16.0.0"}`)
	if !strings.Contains(a.body, `"widget":"1.0.0"`) {
		t.Errorf("register: %s", a.body)
	}
	if data, _, err := s.store.Get(t.Context(), "index.json"); err != nil || !strings.Contains(string(data), "^16.0.0") {
		t.Errorf("index: %s %v", data, err)
	}
}

func TestRegister_CH4_CR6_AbsentOrInvalid(t *testing.T) {
	t.Parallel()
	var log syncbuf.Buffer
	s := newSite(t, options{log: &log})
	a := s.do("POST", "/host/register", nil, nil)
	sameJSON(t, "absent", a.body, `{"id":2231318396,"issues":{},"index":{}}`)
	s.publish("widget", "1.0.0", `{"react":"^16.0.0"}`)
	latest := s.register(`{"react":"latest"}`)
	if latest.status != 200 || strings.Contains(latest.body, "widget") {
		t.Errorf("C-R6: %d %s", latest.status, latest.body)
	}
	if text := log.String(); !strings.Contains(text, "react") || !strings.Contains(text, "level=WARN") {
		t.Errorf("C-R6: the log does not name the dependency: %s", text)
	}
}

func TestRegister_CID7_Collision(t *testing.T) {
	t.Parallel()
	one, other := collidingMaps(t)
	s := newSite(t, options{})
	s.register(fmt.Sprintf(`{"react":%q}`, one["react"]))
	if a := s.register(fmt.Sprintf(`{"react":%q}`, other["react"])); a.status != 409 || a.kind() != "HostIdCollisionError" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// failing is a store that can be away.
type failing struct {
	store.Store
	away   atomic.Bool
	readOK atomic.Bool
}

var errAway = outcome.Wrap(outcome.Busy, errors.New("connection refused to 10.0.0.1"), "the store is away")

func (f *failing) Get(ctx context.Context, key string) ([]byte, store.Object, error) {
	if f.away.Load() && !f.readOK.Load() {
		return nil, store.Object{}, errAway
	}
	return f.Store.Get(ctx, key)
}

func (f *failing) Head(ctx context.Context, key string) (store.Object, error) {
	if f.away.Load() {
		return store.Object{}, errAway
	}
	return f.Store.Head(ctx, key)
}

func (f *failing) Put(ctx context.Context, key string, v []byte, c store.Condition) (store.Object, error) {
	if f.away.Load() {
		return store.Object{}, errAway
	}
	return f.Store.Put(ctx, key, v, c)
}

func (f *failing) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	if f.away.Load() {
		return func(yield func(store.Object, error) bool) { yield(store.Object{}, errAway) }
	}
	return f.Store.List(ctx, prefix)
}

func TestStoreIsAway_CN5(t *testing.T) {
	t.Parallel()
	f := &failing{Store: openFile(t, t.TempDir())}
	s := newSite(t, options{store: f})
	s.register(`{"react":"^16.0.0"}`)
	id := fmt.Sprint(component.HostID(component.Dependencies{"react": "^16.0.0"}))
	s.publish("widget", "1.0.0", `{}`)
	s.get("/widget?hostId=" + id)
	f.away.Store(true)
	if a := s.get("/widget?hostId=" + id); a.status != 200 || a.body != codeOf("widget", "1.0.0") {
		t.Errorf("a known component: %d %s", a.status, a.body)
	}
	if a := s.register(`{"react":"^16.0.0"}`); a.status != 200 {
		t.Errorf("a known host: %d %s", a.status, a.body)
	}
	for name, a := range map[string]answer{"publish": s.publish("widget", "2.0.0", `{}`), "register": s.register(`{"react":"^17.0.0"}`)} {
		if a.status != 503 || a.kind() != "storageError" || strings.Contains(a.body, "10.0.0.1") || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	f.away.Store(false)
	if a := s.publish("widget", "2.0.0", `{}`); a.status != 200 {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
	// The host that was refused is registered, not only known, once it asks again.
	s.register(`{"react":"^17.0.0"}`)
	if data, _, err := f.Get(t.Context(), "index.json"); err != nil || !strings.Contains(string(data), "^17.0.0") {
		t.Errorf("%s %v", data, err)
	}
}
