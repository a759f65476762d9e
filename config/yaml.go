package config

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	// maxFile is the largest configuration file that is read, in bytes.
	maxFile = 1 << 20
	// maxNodes bounds the values that are looked at, because aliases can make
	// a small file stand for very many.
	maxNodes = 50_000
	// maxValue is the longest single value, in bytes.
	maxValue = 8192
)

// readFile reads a configuration file. Errors: outcome.Invalid together with
// what the system said.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "read the configuration")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return data, outcome.Wrap(outcome.Invalid, err, "read the configuration")
}

// parseYAML returns the top of the only document of data; nil for an empty
// one.
func parseYAML(data []byte) (*yaml.Node, *Problem) {
	if len(data) > maxFile {
		return nil, &Problem{Text: "is larger than 1 MiB, which is the limit of a configuration file"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxProblem(data, err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, &Problem{Line: second.Line, Text: "begins a second document; put everything into one"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(data, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntaxProblem finds the line in the parser's message. The message of an
// alias without an anchor is replaced, as it quotes the value: a token that
// begins with an asterisk, say.
func syntaxProblem(data []byte, err error) *Problem {
	const unknown = "unknown anchor '"
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if name, ok := strings.CutPrefix(text, unknown); ok {
		name, _, _ = strings.Cut(name, "'")
		line := 1 + bytes.Count(data[:max(0, bytes.Index(data, []byte("*"+name)))], []byte("\n"))
		return &Problem{Line: line, Text: "refers to an anchor that does not exist; put a value that begins with * into quotes"}
	}
	if m := regexp.MustCompile(`^line ([0-9]+): (.*)$`).FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &Problem{Line: line, Text: "is not YAML: " + m[2]}
	}
	return &Problem{Text: "is not YAML: " + text}
}

// describe says in words what a node is.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	default:
		return "a single value"
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// follow returns what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// child returns the value of a mapping's key; nil if there is none.
func child(n *yaml.Node, name string) *yaml.Node {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return follow(n.Content[i+1])
		}
	}
	return nil
}
