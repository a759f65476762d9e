package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/quantity"
)

// manifestText is a manifest as it is written.
type manifestText struct {
	APIVersion   string         `yaml:"apiVersion"`
	Name         string         `yaml:"name"`
	Kind         string         `yaml:"kind"`
	Engine       string         `yaml:"engine"`
	Main         string         `yaml:"main"`
	Command      []string       `yaml:"command"`
	Capabilities capabilityText `yaml:"capabilities"`
	Limits       limitText      `yaml:"limits"`
	Config       map[string]any `yaml:"config"`
	ConfigSchema any            `yaml:"configSchema"`
}

type capabilityText struct {
	HTTP    []string `yaml:"http"`
	Secrets []string `yaml:"secrets"`
	Cache   bool     `yaml:"cache"`
}

type limitText struct {
	CPU       string       `yaml:"cpu"`
	Wall      string       `yaml:"wall"`
	Memory    string       `yaml:"memory"`
	Instances instanceText `yaml:"instances"`
	Queue     string       `yaml:"queue"`
	Fetches   *int         `yaml:"fetches"`
	Body      string       `yaml:"body"`
}

type instanceText struct {
	Min *int `yaml:"min"`
	Max *int `yaml:"max"`
}

// ParseManifest reads a manifest, YAML or JSON, checks it and fills in the defaults. name is what the plugin is called
// where the manifest does not say. Kind stays empty where it does not say that.
// Errors: outcome.Invalid, all problems in one line each, those of the notation with their line.
func ParseManifest(data []byte, name string) (Manifest, error) {
	var text manifestText
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&text); err != nil && !errors.Is(err, io.EOF) {
		return Manifest{}, outcome.New(outcome.Invalid, "%s", notation(err))
	}
	problems := problems{lines: linesOf(data)}
	m := text.manifest(name, &problems)
	if len(problems.list) > 0 {
		return Manifest{}, outcome.New(outcome.Invalid, "%s", strings.Join(problems.list, "; "))
	}
	return m, nil
}

// notation says what is wrong with YAML in words that speak of a manifest.
func notation(err error) string {
	unknown := regexp.MustCompile(`field (\S+) not found in type \S+`)
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	text = unknown.ReplaceAllString(text, "unknown key $1")
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

// problems collects what is wrong with a manifest.
type problems struct {
	list  []string
	lines map[string]int // of keys, "limits.cpu"; nil: nobody knows
}

// add notes a problem of a key, which its text begins with.
func (p *problems) add(key, format string, args ...any) {
	text := key + ": " + fmt.Sprintf(format, args...)
	for at := key; at != ""; at = parentKey(at) {
		if n := p.lines[at]; n > 0 {
			text = fmt.Sprintf("line %d: %s", n, text)
			break
		}
	}
	p.list = append(p.list, text)
}

func parentKey(key string) string {
	if i := strings.LastIndexByte(key, '.'); i > 0 {
		return key[:i]
	}
	return ""
}

// linesOf tells where the keys of a manifest stand, nil for one that is no text of a person.
func linesOf(data []byte) map[string]int {
	var doc yaml.Node
	if !bytes.ContainsRune(data, '\n') || yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	lines := map[string]int{}
	var walk func(n *yaml.Node, above string)
	walk = func(n *yaml.Node, above string) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := above + n.Content[i].Value
			lines[key] = n.Content[i].Line
			walk(n.Content[i+1], key+".")
		}
	}
	walk(doc.Content[0], "")
	return lines
}

func (t *manifestText) manifest(name string, p *problems) Manifest {
	m := Manifest{
		APIVersion: or(t.APIVersion, APIVersion), Name: or(t.Name, name), Kind: Kind(t.Kind),
		Engine: or(t.Engine, EngineJS), Main: t.Main, Command: t.Command,
		Capabilities: Capabilities{HTTP: t.Capabilities.HTTP, Secrets: t.Capabilities.Secrets, Cache: t.Capabilities.Cache},
		Limits:       DefaultLimits(), Config: json.RawMessage("{}"),
	}
	if m.APIVersion != APIVersion {
		p.add("apiVersion", "%q is not understood, %s is", m.APIVersion, APIVersion)
	}
	if !nameRule().MatchString(m.Name) {
		p.add("name", "%q must be letters, digits, dots, dashes and _, at most 64, with a letter or digit first", m.Name)
	}
	if m.Kind != "" && m.Kind != KindProvider && m.Kind != KindModule {
		p.add("kind", "must be provider or module, not %q", t.Kind)
	}
	t.checkCode(&m, p)
	t.checkCapabilities(&m, p)
	t.Limits.apply(&m.Limits, p)
	if m.Engine == EngineProcess {
		m.Limits.CPU, m.Limits.Memory = 0, 0
	}
	t.applyConfig(&m, p)
	return m
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func nameRule() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) }

func (t *manifestText) checkCode(m *Manifest, p *problems) {
	switch m.Engine {
	case EngineJS:
		if len(t.Command) > 0 {
			p.add("command", "is for engine process")
		}
		if m.Main != "" && (path.IsAbs(m.Main) || !localPath(m.Main)) {
			p.add("main", "%q must be a file below the plugin's directory", m.Main)
		}
	case EngineProcess:
		if len(t.Command) == 0 || t.Command[0] == "" {
			p.add("command", "is missing, engine process needs one")
		}
		if m.Main != "" {
			p.add("main", "is for engine js")
		}
		if t.Capabilities.Cache || t.Limits.CPU != "" || t.Limits.Memory != "" || t.Limits.Fetches != nil {
			p.add("engine", "process has no host: capabilities.cache, limits.cpu, memory and fetches are not for it")
		}
	default:
		p.add("engine", "must be js or process, not %q", t.Engine)
	}
}

// localPath reports whether a slash path stays below where it starts.
func localPath(name string) bool {
	clean := path.Clean(name)
	return clean != ".." && !strings.HasPrefix(clean, "../") && !strings.Contains(name, "\\")
}

func (t *manifestText) checkCapabilities(m *Manifest, p *problems) {
	for _, text := range m.Capabilities.HTTP {
		if _, err := parsePlace(text); err != nil {
			p.add("capabilities.http", "%v", err)
		}
	}
	secret := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	for _, name := range m.Capabilities.Secrets {
		if !secret.MatchString(name) {
			p.add("capabilities.secrets", "%q is no name of an environment variable", name)
		}
	}
}

func (t *limitText) apply(l *Limits, p *problems) {
	duration := func(key, text string, at *time.Duration, high time.Duration) {
		if text == "" {
			return
		}
		d, ok := quantity.Duration(text)
		if !ok || d <= 0 || d > high {
			p.add("limits."+key, "%q must be a duration above 0 and at most %s", text, quantity.FormatDuration(high))
			return
		}
		*at = d
	}
	size := func(key, text string, at *int64, low, high int64) {
		if text == "" {
			return
		}
		n, ok := quantity.Size(text)
		if !ok || n < low || n > high {
			p.add("limits."+key, "%q must be a size from %s to %s", text, quantity.FormatSize(low), quantity.FormatSize(high))
			return
		}
		*at = n
	}
	number := func(key string, n *int, at *int, low, high int) {
		if n == nil {
			return
		}
		if *n < low || *n > high {
			p.add("limits."+key, "%d must be from %d to %d", *n, low, high)
			return
		}
		*at = *n
	}
	duration("cpu", t.CPU, &l.CPU, time.Minute)
	duration("wall", t.Wall, &l.Wall, 10*time.Minute)
	duration("queue", t.Queue, &l.Queue, time.Minute)
	size("memory", t.Memory, &l.Memory, 1<<20, 16<<30)
	size("body", t.Body, &l.Body, 1<<10, 1<<30)
	number("fetches", t.Fetches, &l.Fetches, 0, 10_000)
	number("instances.max", t.Instances.Max, &l.MaxInstances, 1, 1024)
	l.MinInstances = min(l.MinInstances, l.MaxInstances)
	number("instances.min", t.Instances.Min, &l.MinInstances, 0, l.MaxInstances)
}

func (t *manifestText) applyConfig(m *Manifest, p *problems) {
	if t.Config != nil {
		data, err := json.Marshal(t.Config)
		if err != nil {
			p.add("config", "is no JSON: %v", err)
			return
		}
		m.Config = data
	}
	if t.ConfigSchema == nil {
		return
	}
	data, err := json.Marshal(t.ConfigSchema)
	if err != nil {
		p.add("configSchema", "is no JSON: %v", err)
		return
	}
	m.ConfigSchema = data
	if err := checkSchema(data, m.Config); err != nil {
		key, text, _ := strings.Cut(err.Error(), ": ")
		p.add(key, "%s", text)
	}
}

// secrets reads the environment variables that a manifest names.
func (m *Manifest) secrets(env func(string) (string, bool)) map[string]string {
	values := map[string]string{}
	for _, name := range m.Capabilities.Secrets {
		if v, ok := env(name); ok && v != "" {
			values[name] = v
		}
	}
	return values
}

// attachContext is the argument of attach.
func (m *Manifest) attachContext(secrets map[string]string) (json.RawMessage, error) {
	return json.Marshal(map[string]any{"name": m.Name, "config": m.Config, "secrets": secrets})
}

// sortedNames returns the keys of a map, sorted.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
