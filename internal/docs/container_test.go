package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/config"
)

const containers = "deploy/container"

// compose is what the tests read of compose.yaml.
type compose struct {
	Services map[string]struct {
		Image      string
		Build      struct{ Context, Dockerfile string }
		Entrypoint []string
		Command    []string
		Volumes    []string
		DependsOn  map[string]struct{ Condition string } `yaml:"depends_on"`
		ReadOnly   bool                                  `yaml:"read_only"`
		CapDrop    []string                              `yaml:"cap_drop"`
	}
	Volumes map[string]any
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, containers+"/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 3 {
		t.Fatalf("%d services", len(c.Services))
	}
	return c
}

// mounts returns where each volume of a service is mounted, by its source.
func (c compose) mounts(service string) map[string]string {
	m := map[string]string{}
	for _, v := range c.Services[service].Volumes {
		parts := strings.Split(v, ":")
		m[parts[0]] = parts[1]
	}
	return m
}

// Everything that the containers share is where each of them looks for it.
func TestComposeFitsConfiguration(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	cfg, err := config.Load(config.Options{File: "registryd.yaml", Dir: filepath.Join(root, containers), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	for service := range c.Services {
		for source := range c.mounts(service) {
			_, volume := c.Volumes[source]
			_, err := os.Stat(filepath.Join(root, containers, source))
			if !volume && (err != nil || !strings.HasPrefix(source, "./")) {
				t.Errorf("%s mounts %s, which is neither a volume nor a file here", service, source)
			}
		}
		for other, on := range c.Services[service].DependsOn {
			if _, ok := c.Services[other]; !ok || on.Condition == "" {
				t.Errorf("%s waits for %q to be %q", service, other, on.Condition)
			}
		}
	}
	socket := strings.TrimPrefix(cfg.Listen[0].String(), "unix:")
	for _, service := range []string{"registryd", "nginx"} {
		m := c.mounts(service)
		if m["data"] != cfg.Root.FS || m["run"] != filepath.Dir(socket) {
			t.Errorf("%s has data at %s and the socket below %s", service, m["data"], m["run"])
		}
	}
	generate := c.Services["generate"]
	if out := generate.Command[len(generate.Command)-1]; out != c.mounts("nginx")["set"] || out != c.mounts("generate")["set"] {
		t.Errorf("the set is written to %s, and nginx has it at %s", out, c.mounts("nginx")["set"])
	}
	if r := c.Services["registryd"]; !r.ReadOnly || len(r.CapDrop) != 1 || r.CapDrop[0] != "ALL" {
		t.Error("the daemon's container may do more than it needs")
	}
	if _, version, _ := strings.Cut(c.Services["nginx"].Image, ":"); version == "" || !strings.HasPrefix(cfg.Nginx.Version, version+".") {
		t.Errorf("the image is nginx %s, the configuration is for %s", version, cfg.Nginx.Version)
	}
}

// The image makes what its volumes are to belong to, and its commands exist.
func TestContainerfile(t *testing.T) {
	t.Parallel()
	c, text := readCompose(t), read(t, containers+"/Containerfile")
	build := c.Services["registryd"].Build
	if file := filepath.Join(root, containers, build.Context, build.Dockerfile); filepath.Clean(file) != filepath.Join(root, containers, "Containerfile") {
		t.Errorf("compose builds %s", file)
	}
	for _, service := range []string{"registryd", "generate"} {
		for source, target := range c.mounts(service) {
			if _, volume := c.Volumes[source]; volume && !regexp.MustCompile(`(?m)^COPY .*--chown=65532:65532 \S+ `+regexp.QuoteMeta(target)+`$`).MatchString(text) {
				t.Errorf("nobody owns %s when it is mounted first", target)
			}
		}
	}
	from := regexp.MustCompile(`FROM golang:(\S+) AS build`).FindStringSubmatch(text)
	if want := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(read(t, "go.mod")); from == nil || from[1] != want[1] {
		t.Errorf("the image is built by %v, go.mod wants %s", from, want[1])
	}
	for _, program := range []string{"registryd", "registry-nginx"} {
		if !strings.Contains(text, "./cmd/"+program) {
			t.Errorf("%s is not in the image", program)
		}
	}
}
