package bench_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/module"
	moduleplugin "github.com/registryd/registryd/module/plugin"
	"github.com/registryd/registryd/operation"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/plugintest"
)

const (
	operationBudget = 1.5
	operationRounds = 60
	operationCalls  = 2000
	scriptCalls     = 50
)

// operations compares an operation with three checked parameters to the same handler on a bare router.
func operations(b *testing.B, t *table) {
	bare, engine := bareHandler(), moduleServer(b, goUnit(b))
	script := moduleServer(b, scriptUnit(b))
	for _, h := range []http.Handler{bare, engine, script} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, operationRequest())
		if w.Code != http.StatusOK || w.Body.String() != `{"area":7.5,"name":"abc"}` {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	r := operationRequest()
	least := func(h http.Handler, calls int, best time.Duration) time.Duration {
		start := time.Now()
		for range calls {
			h.ServeHTTP(&sink{header: http.Header{}}, r)
		}
		return min(best, time.Since(start)/time.Duration(calls))
	}
	direct, checked, scripted := time.Hour, time.Hour, time.Hour
	for range operationRounds { // alternating: a machine that is busy for a while is so for all
		direct = least(bare, operationCalls, direct)
		checked = least(engine, operationCalls, checked)
		scripted = least(script, scriptCalls, scripted)
	}
	t.atMost("operation with 3 parameters in Go, against the handler on httprouter", float64(checked)/float64(direct), operationBudget, "×")
	t.info("the handler on httprouter", float64(direct.Nanoseconds())/1000, "µs")
	t.info("the same operation in JavaScript", float64(scripted.Nanoseconds())/1000, "µs")
}

// sink takes an answer and forgets it.
type sink struct{ header http.Header }

// Header is part of http.ResponseWriter.
func (s *sink) Header() http.Header { return s.header }

// Write is part of http.ResponseWriter.
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader is part of http.ResponseWriter.
func (s *sink) WriteHeader(int) {}

func operationRequest() *http.Request {
	return httptest.NewRequest(http.MethodGet, "/m/area/abc?width=2.5&height=3", nil)
}

// bareHandler does by hand what the operation declares.
func bareHandler() http.Handler {
	router := httprouter.New()
	router.GET("/m/area/:name", func(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
		query := r.URL.Query()
		side := func(name string) float64 {
			n, err := strconv.ParseFloat(query.Get(name), 64)
			if err != nil || n < 0 || n > 1000 {
				http.Error(w, `{"type":"invalid","param":"`+name+`"}`, http.StatusBadRequest)
				panic(http.ErrAbortHandler)
			}
			return n
		}
		data, err := json.Marshal(map[string]any{"area": side("width") * side("height"), "name": p.ByName("name")})
		if err != nil {
			http.Error(w, "internal", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data)
	})
	return router
}

func moduleServer(b *testing.B, u *module.Unit) http.Handler {
	b.Helper()
	table, err := module.NewTable([]*module.Unit{u})
	if err != nil {
		b.Fatal(err)
	}
	api := module.NewAPI()
	api.Swap(table)
	return &module.Server{API: api, Prefix: "/m/", Adapter: &httpx.Adapter{}, Observe: func(string, string, string, time.Duration) {}}
}

// area is the module in Go.
type area struct{}

// Operations is part of module.Module.
func (area) Operations() []module.Operation {
	side := map[string]any{"type": "number", "minimum": 0.0, "maximum": 1000.0}
	return []module.Operation{{
		Descriptor: operation.Descriptor{Path: "/area/{name}", Method: "GET", Response: operation.Response{Serialize: operation.SerializeJSON}, Params: []operation.Param{
			{Name: "name", In: operation.InPath, Type: "string"}, {Name: "width", Schema: side}, {Name: "height", Schema: side},
		}},
		Implementation: operation.Implementation{Handle: func(_ context.Context, c *operation.Call) (operation.Answer, error) {
			return operation.Answer{Value: map[string]any{"area": c.Number("width") * c.Number("height"), "name": c.Text("name")}}, nil
		}},
	}}
}

func goUnit(b *testing.B) *module.Unit {
	b.Helper()
	api := module.NewAPI()
	set := module.NewSet(module.SetConfig{
		API: api, Options: func() operation.Options { return operation.Options{} },
		Factories: map[string]module.Factory{"area": func(context.Context) (module.Module, error) { return area{}, nil }},
	})
	c, err := set.Prepare(b.Context(), func(string) bool { return true })
	if err != nil || len(c.Failed) > 0 {
		b.Fatal(err, c.Failed)
	}
	c.Commit()
	return c.Units()[0]
}

const areaScript = `exports['/area/:name'] = {method: 'get', serialize: true, synchronous: true, params: {name: {}, width: {type: 'number', schema: {type: 'number', minimum: 0, maximum: 1000}}, height: {schema: {type: 'number', minimum: 0, maximum: 1000}}},
  handler: (name, width, height) => ({area: width * height, name})}`

func scriptUnit(b *testing.B) *module.Unit {
	b.Helper()
	dir := b.TempDir()
	plugintest.Write(b, dir, map[string]string{"area.js": areaScript})
	m := plugin.NewManager(plugin.Config{Engines: map[string]plugin.Engine{plugin.EngineJS: &js.Engine{}}})
	b.Cleanup(m.Revoke)
	if _, err := m.Reload(b.Context(), plugin.Settings{Modules: dir, StrictModules: true}, plugin.Reload{}); err != nil {
		b.Fatal(err)
	}
	c := m.Loaded()[0]
	u, err := moduleplugin.New(moduleplugin.Config{Options: func() operation.Options { return operation.Options{} }}).Unit(b.Context(), &c)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// BenchmarkOperation prints the rows of operations alone.
func BenchmarkOperation(b *testing.B) {
	var t table
	operations(b, &t)
	b.Log(t.String())
}
