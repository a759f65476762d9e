package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/crowd"
	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/plugin/plugintest"
)

const modulePrefix = "/own/modules/"

// patientModule lets code take its time, on a machine that is busy.
const patientModule = "exports.manifest = {limits: {cpu: '60s', wall: '90s', queue: '60s', instances: {min: 1, max: 2}}};\n"

// shop is a module that has parameters of all sources.
const shop = `
exports['/sum/:x'] = {method: 'post', serialize: true, description: 'adds <b>three</b> numbers', synchronous: true,
  params: {x: {type: 'number'}, y: {type: 'number'}, dataset: {type: 'number', default: 0}}, handler: (x, y, z) => ({sum: x + y + z})}
exports['/length'] = {method: 'post', synchronous: true, params: {text: {}}, handler: text => text.length + ' characters'}
exports['/locked'] = {method: 'get', auth: 'key', synchronous: true, handler: () => 'open'}
exports['/files'] = 'public'
`

// shopFiles are the module with its directory of files. A directory has its limits in a file of its own.
func shopFiles() map[string]string {
	return map[string]string{
		"shop/module.yaml": "limits: {cpu: 60s, wall: 90s, queue: 60s, instances: {min: 1, max: 2}}\n",
		"shop/index.js":    shop, "shop/public/a.txt": "A", "shop/public/.secret": "S",
	}
}

// startModules starts a stack with files below its directory of modules.
func startModules(t *testing.T, front e2e.Front, files map[string]string) (s *e2e.Stack, dir string) {
	t.Helper()
	dir = t.TempDir()
	plugintest.Write(t, dir, files)
	return e2e.Start(t, e2e.Options{Front: front, Config: fmt.Sprintf("modules: {dir: %q, prefix: %s, api_key: the-key-of-e2e}\n", dir, modulePrefix)}), dir
}

// operate sends one request to a module.
func operate(t *testing.T, s *e2e.Stack, line, body string, header ...string) (status int, h http.Header, text string) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	a, err := s.Send(method, s.URL+modulePrefix+path, []byte(body), header...)
	if err != nil {
		t.Fatal(err)
	}
	return a.Status, a.Header, strings.TrimSpace(string(a.Body))
}

// TestModules_D13_N9 asks modules through both forms of nginx's configuration: the prefix is routed with all methods,
// bodies, queries and headers.
func TestModules_D13_N9(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Include} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s, _ := startModules(t, front, shopFiles())
			const kind, form = "application/json", "application/x-www-form-urlencoded"
			for name, c := range map[string]struct {
				line, body, kind string
				status           int
				part             string
			}{
				"path and query":  {"POST sum/1?y=2", "", "", 200, `{"sum":3}`},
				"path and body":   {"POST sum/1", `{"y":2,"dataset":4}`, kind, 200, `{"sum":7}`},
				"form":            {"POST sum/1", "y=5", form, 200, `{"sum":6}`},
				"wrong type":      {"POST sum/1", `{"y":"2x"}`, kind, 400, `"param":"y"`},
				"malformed":       {"POST sum/1", `{"y":`, kind, 400, `"type":"invalid"`},
				"unknown type":    {"POST sum/1", `<y>1</y>`, "application/xml", 400, `"param":"y"`},
				"large":           {"POST length", `{"text":"` + strings.Repeat("x", 200_000) + `"}`, kind, 200, "200000 characters"},
				"too large":       {"POST length", `{"text":"` + strings.Repeat("x", 3<<20) + `"}`, kind, 413, ""},
				"another method":  {"DELETE sum/1", "", "", 405, `"type":"method-not-allowed"`},
				"nothing":         {"GET nothing", "", "", 404, ""},
				"a file":          {"GET files/a.txt", "", "", 200, "A"},
				"a hidden file":   {"GET files/.secret", "", "", 404, ""},
				"out of the tree": {"GET files/..%2f..%2fshop%2findex.js", "", "", 404, ""},
				"without the key": {"GET locked", "", "", 401, "unauthorized"},
				"other spelling":  {"GET %6cocked", "", "", 404, ""},
				"slashes":         {"GET /locked/", "", "", 404, ""},
				"slash behind":    {"GET locked/", "", "", 401, ""},
				"help":            {"GET ", "", "", 200, modulePrefix + "sum/:x"},
				"document":        {"GET openapi.json", "", "", 200, `"openapi": "3.1`},
			} {
				status, _, body := operate(t, s, c.line, c.body, "Content-Type", c.kind)
				if status != c.status || !strings.Contains(body, c.part) {
					t.Errorf("%s: %d %.300s, want %d %s", name, status, body, c.status, c.part)
				}
			}
			if status, _, body := operate(t, s, "GET locked", "", "Authorization", "the-key-of-e2e"); status != 200 || body != "open" {
				t.Errorf("with the key: %d %s", status, body)
			}
		})
	}
}

// TestModulesUnderLoad_GN2 reloads a module by its name while many ask through nginx: no request fails, none sees two
// versions, and what is broken changes nothing.
func TestModulesUnderLoad_GN2(t *testing.T) {
	t.Parallel()
	version := func(n int) map[string]string {
		return map[string]string{"m.js": patientModule + fmt.Sprintf("exports['/n'] = {synchronous: true, serialize: true, params: {x: {type: 'number', default: %d}}, handler: x => [x, %d]}", n, n)}
	}
	s, dir := startModules(t, e2e.Full, version(1))
	var asked atomic.Int64
	var trouble sync.Map
	stop := crowd.Start(4, func(int, int) {
		a, err := s.Try(http.MethodPost, s.URL+modulePrefix+"n")
		var pair []int
		if err != nil || a.Status != 200 || json.Unmarshal(a.Body, &pair) != nil || len(pair) != 2 || pair[0] != pair[1] {
			trouble.Store(fmt.Sprint(a.Status, " ", string(a.Body), " ", err), true)
		}
		asked.Add(1)
	})
	for n := 2; n <= 6; n++ {
		next, part := version(n), `"reloaded":["m"]`
		if n == 4 {
			next, part = map[string]string{"m.js": "exports['/n'] = {"}, `"failed":[{`
		}
		plugintest.Write(t, dir, next)
		if a := s.Admin(http.MethodPost, "reload?filter=m"); a.Status != 200 || !strings.Contains(string(a.Body), part) {
			t.Errorf("reload %d: %d %s", n, a.Status, a.Body)
		}
		want := n
		if n == 4 {
			want = 3
		}
		if _, _, body := operate(t, s, "GET n", ""); body != fmt.Sprintf("[%d,%d]", want, want) {
			t.Errorf("after reload %d: %s", n, body)
		}
	}
	stop()
	trouble.Range(func(what, _ any) bool {
		t.Errorf("of %d requests one got %s", asked.Load(), what)
		return true
	})
}

// tryIt fills forms in and sends them, as a person would.
const tryIt = `<script>
function fill(path, values) {
  const form = [...document.forms].find(f => f.dataset.path === path)
  for (const [name, value] of Object.entries(values)) form.querySelector('input[data-name="' + name + '"]').value = value
  form.closest('details').open = true
  form.requestSubmit()
}
document.getElementById('key').value = 'the-key-of-e2e'
fill('/sum/:x', {x: '1', y: '2', dataset: '30'})
fill('/length', {text: '<img src=x onerror="document.title=1">'})
fill('/locked', {})
</script>`

// TestModulesInChromium_D10 tries operations on their page in a browser, behind nginx and under the page's own policy.
func TestModulesInChromium_D10(t *testing.T) {
	t.Parallel()
	testenv.Chromium(t)
	s, _ := startModules(t, e2e.Full, shopFiles())
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var policy atomic.Value
	person := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ModifyResponse: func(res *http.Response) error {
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				return nil
			}
			policy.Store(res.Header.Get("Content-Security-Policy"))
			page, err := io.ReadAll(res.Body)
			page = append(page, tryIt...)
			res.Body = io.NopCloser(bytes.NewReader(page))
			res.ContentLength = int64(len(page))
			res.Header.Set("Content-Length", strconv.Itoa(len(page)))
			return err
		},
	}
	front := httptest.NewServer(person)
	t.Cleanup(front.Close)
	dom := e2e.Browse(t, front.URL+modulePrefix, e2e.Look{Width: 800, Height: 900, Scripts: 10 * time.Second})
	for _, part := range []string{`200 OK` + "\n" + `{"sum":33}`, "200 OK\n38 characters", "200 OK\nopen", "adds &lt;b&gt;three&lt;/b&gt; numbers", "<title>Operations</title>"} {
		if !strings.Contains(dom, part) {
			t.Errorf("the document lacks %q:\n%s", part, dom)
		}
	}
	if text, _ := policy.Load().(string); !strings.Contains(text, "default-src 'none'") || !strings.Contains(text, "connect-src 'self'") {
		t.Errorf("Content-Security-Policy %q", text)
	}
}
