package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
)

// components is where the sample client and its components are.
var components = filepath.Join("..", "..", "sample", "components")

// publishSamples publishes both versions of the sample component.
func publishSamples(t *testing.T, s *e2e.Stack) {
	t.Helper()
	for _, dir := range []string{"greeting-1", "greeting-2"} {
		var m struct {
			Version          string
			PeerDependencies json.RawMessage
		}
		data, err := os.ReadFile(filepath.Join(components, dir, "package.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		code, err := os.ReadFile(filepath.Join(components, dir, "main.js"))
		if err != nil {
			t.Fatal(err)
		}
		publishComponent(t, s, "/@acme/greeting/"+m.Version, string(code), string(m.PeerDependencies))
	}
}

// TestComponents_CK1_CK2_DemoPage lets a browser show the sample page: one
// component in two versions, for two hosts, from another origin.
func TestComponents_CK1_CK2_DemoPage(t *testing.T) {
	t.Parallel()
	testenv.Chromium(t)
	s := e2e.Start(t, e2e.Options{Config: "components: {token: " + componentToken + "}\n"})
	publishSamples(t, s)
	page := httptest.NewServer(http.FileServer(http.Dir(components)))
	t.Cleanup(page.Close)
	dom := e2e.Browse(t, page.URL+"/demo.html?registry="+s.URL+componentPrefix, e2e.Look{Width: 800, Height: 600, Scripts: 30 * time.Second})
	for _, want := range []string{"1.0.0: Hello, Ada!", "2.0.0: Good morning, Ada. How are you?"} {
		if !strings.Contains(dom, want) {
			t.Errorf("the page does not show %q:\n%s", want, dom)
		}
	}
}

// offline loads a component, has the registry taken away, and loads it again as a
// page does that was opened anew: with nothing but what the browser keeps.
const offline = `<!doctype html><title>offline</title><output id="said">nothing</output>
<script type="module">
import { ComponentClient } from './client.mjs'
const url = new URLSearchParams(location.search).get('registry')
const host = { url, storage: localStorage, dependencies: { words: '^1.0.0' }, modules: { words: { hello: 'Hello' } } }
const said = []
const load = async (name, client) => {
  try {
    const loaded = await client.load(name)
    said.push(loaded.version + ' ' + loaded.exports(name))
  } catch (problem) {
    said.push('no ' + name)
  }
}
await load('@acme/greeting', new ComponentClient(host))
await fetch('/cut', { method: 'POST' })
const later = new ComponentClient(host)
await load('@acme/greeting', later)
await load('other', later)
await load('@acme/greeting', new ComponentClient({ ...host, dependencies: { words: '^2.0.0' } }))
document.getElementById('said').textContent = said.join('; ')
</script>`

// TestComponents_CK1_BrowserOffline takes the registry away from a page: behind
// nginx, which then answers 502, and altogether.
func TestComponents_CK1_BrowserOffline(t *testing.T) {
	t.Parallel()
	testenv.Chromium(t)
	for _, front := range []e2e.Front{e2e.Full, e2e.Direct} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s := e2e.Start(t, e2e.Options{Front: front, Config: "components: {token: " + componentToken + "}\n"})
			publishSamples(t, s)
			pages := http.NewServeMux()
			pages.Handle("/", http.FileServer(http.Dir(components)))
			pages.HandleFunc("/offline.html", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, offline)
			})
			pages.HandleFunc("POST /cut", func(http.ResponseWriter, *http.Request) { s.KillDaemon() })
			page := httptest.NewServer(pages)
			t.Cleanup(page.Close)
			dom := e2e.Browse(t, page.URL+"/offline.html?registry="+s.URL+componentPrefix, e2e.Look{Width: 800, Height: 600, Scripts: 30 * time.Second})
			const want = "1.0.0 Hello, @acme/greeting!; 1.0.0 Hello, @acme/greeting!; no other; no @acme/greeting"
			if !strings.Contains(dom, want) {
				t.Errorf("the page does not say %q:\n%s", want, dom)
			}
		})
	}
}

// TestComponents_CK1_NodeClient runs the sample client in Node, with and without
// the registry.
func TestComponents_CK1_NodeClient(t *testing.T) {
	t.Parallel()
	node := testenv.Program(t, "node")
	s := e2e.Start(t, e2e.Options{Config: "components: {token: " + componentToken + "}\n"})
	publishSamples(t, s)
	out, err := exec.CommandContext(t.Context(), node, filepath.Join(components, "check.mjs"), s.URL+componentPrefix).CombinedOutput()
	if want := "1.0.0 Hello, Ada!\n1.0.0 Hello, Bob!\nno network\n"; err != nil || string(out) != want {
		t.Errorf("%v\n got %s\nwant %s", err, out, want)
	}
}
