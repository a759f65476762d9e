package archtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/registryd/registryd"

// Floors that have no number of their own in the map of packages.
const (
	roof    = 100 // the commands: they import what they need, nobody imports them
	outside = -1  // tools and tests about the module: as the roof
)

// floors is the map of packages. A package imports only floors below its own.
var floors = map[string]int{
	"pkgref":               0,
	"internal/outcome":     0,
	"internal/httpx":       0,
	"internal/unpack":      0,
	"internal/durable":     0,
	"internal/flight":      0,
	"internal/fetch":       0,
	"internal/jsonstream":  0,
	"internal/urltemplate": 0,
	"internal/lru":         0,
	"internal/quantity":    0,
	"internal/freeport":    0,
	"internal/testenv":     0,
	"internal/syncbuf":     0,
	"internal/crowd":       0,
	"internal/mediatype":   0,
	"internal/worker":      0,
	"internal/safetext":    0,

	"internal/unpack/unpacktest": 0,

	"internal/accesslog": 1,

	"provider":              1,
	"provider/npm":          1,
	"provider/dir":          1,
	"provider/jsdelivr":     1,
	"provider/url":          1,
	"provider/github":       1,
	"provider/providertest": 1,
	"cache":                 1,
	"config":                1,
	"store":                 1,
	"store/file":            1,
	"store/s3":              1,
	"store/storetest":       1,
	"plugin":                1,
	"internal/status":       1,
	"plugin/plugintest":     1,
	"plugin/js":             1,
	"plugin/process":        1,

	"operation":       2,
	"registry":        2,
	"provider/plugin": 2,

	"accel":  3,
	"module": 3,

	"module/plugin": 3,
	"module/client": 3,
	"component":     3,
	"templates":     3,

	"internal/daemon": 4,
	"internal/proof":  4,

	"internal/cli":     5,
	"internal/command": 6,
	"server":           7,

	"cmd/registryd":      roof,
	"cmd/registry-nginx": roof,

	"internal/gen/configdoc": outside,
	"internal/archtest":      outside,
	"internal/docs":          outside,
	"internal/bench":         outside,
	"internal/e2e":           outside,
	"internal/faults":        outside,
}

// ground is what its neighbours on floor 0 may import too.
const ground = "internal/outcome"

// meeting lists the packages in which provider and cache may meet.
var meeting = map[string]bool{"registry": true, "internal/daemon": true}

// testOnly lists the packages that only tests may import.
var testOnly = map[string]bool{
	"provider/providertest": true, "internal/unpack/unpacktest": true, "plugin/plugintest": true, "internal/freeport": true,
	"store/storetest": true, "internal/testenv": true, "internal/syncbuf": true, "internal/crowd": true,
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// path returns the package's path within the module.
func (p pkg) path() string { return local(p.ImportPath) }

// local returns a path within the module, "" for one from elsewhere.
func local(path string) string {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	return rest
}

// packages lists all packages of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		list = append(list, p)
	}
	if len(list) < 5 {
		t.Fatalf("go list knows only %d packages", len(list))
	}
	return list
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if _, ok := floors[p.path()]; !ok {
			t.Errorf("%s has no floor: give it one in the table of this test", p.ImportPath)
			continue
		}
		for _, problem := range judge(p.path(), p.Imports) {
			t.Errorf("%s %s", p.path(), problem)
		}
	}
}

// judge returns what is wrong with the imports of a package.
func judge(from string, imports []string) (problems []string) {
	sides := map[string]bool{}
	for _, path := range imports {
		to := local(path)
		if to == "" {
			continue
		}
		side, _, _ := strings.Cut(to, "/")
		sides[side] = true
		if problem := edge(from, to); problem != "" {
			problems = append(problems, "imports "+to+": "+problem)
		}
	}
	if sides["provider"] && sides["cache"] && !meeting[from] && floors[from] != roof && floors[from] != outside {
		problems = append(problems, "imports both provider and cache: they meet only in registry")
	}
	return problems
}

// edge says why one package may not import another, "" if it may.
func edge(from, to string) string {
	above, below := floors[from], floors[to]
	if _, ok := floors[to]; !ok {
		return "it has no floor"
	}
	switch {
	case testOnly[to] && !testOnly[from] && above != outside:
		return "it is for tests alone"
	case below == roof || below == outside:
		return "nobody may"
	case above == outside || above == roof:
		return ""
	case above == 0 && to == ground:
		return ""
	case strings.HasPrefix(from, to+"/"):
		return "" // its parent
	case above == below:
		return "they are on one floor"
	case above < below:
		return "it is on a higher floor"
	}
	return ""
}

// The rules themselves, so that a mistake in judge does not let everything pass.
func TestJudge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		from string
		to   []string
		ok   bool
	}{
		"below":               {"registry", []string{"provider", "cache", "pkgref"}, true},
		"standard library":    {"pkgref", []string{}, true},
		"parent":              {"provider/npm", []string{"provider", "internal/fetch"}, true},
		"outcome on floor 0":  {"internal/unpack", []string{"internal/outcome"}, true},
		"config from above":   {"internal/daemon", []string{"config", "registry", "provider/npm", "cache"}, true},
		"roof":                {"cmd/registryd", []string{"internal/daemon", "provider", "cache"}, true},
		"siblings":            {"provider/npm", []string{"provider/dir"}, false},
		"child":               {"provider", []string{"provider/npm"}, false},
		"neighbours":          {"cache", []string{"provider"}, false},
		"config beside":       {"provider", []string{"config"}, false},
		"floor 0 to floor 0":  {"internal/fetch", []string{"pkgref"}, false},
		"upwards":             {"cache", []string{"registry"}, false},
		"both sides":          {"accel", []string{"provider", "cache"}, false},
		"both sides by child": {"templates", []string{"provider/npm", "cache"}, false},
		"a command":           {"internal/daemon", []string{"internal/command"}, false},
		"a tool":              {"server", []string{"internal/gen/configdoc"}, false},
		"a test's helper":     {"server", []string{"provider/providertest"}, false},
		"an unknown one":      {"server", []string{"unheard/of"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imports := []string{"io"}
			for _, to := range tt.to {
				imports = append(imports, module+"/"+to)
			}
			if problems := judge(tt.from, imports); (len(problems) == 0) != tt.ok {
				t.Errorf("got %q", problems)
			}
		})
	}
}
