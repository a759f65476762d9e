package operation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// jsonNode reads JSON as a tree that keeps the order of members. Errors: those of json.Decoder.
func jsonNode(data []byte) (*yaml.Node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := nextNode(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return n, nil
}

func nextNode(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		return nestedNode(d, t)
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: t}, nil
	case json.Number:
		tag := "!!int"
		if bytes.ContainsAny([]byte(t), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: string(t)}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

func nestedNode(d *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for d.More() {
		child, err := nextNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err := d.Token()
	return n, err
}

// reader walks a tree and collects what is wrong with it.
type reader struct {
	strict   bool // unknown members are wrong
	problems []error
}

func (r *reader) add(n *yaml.Node, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if n != nil && n.Line > 0 {
		text = fmt.Sprintf("line %d: %s", n.Line, text)
	}
	r.problems = append(r.problems, errors.New(text))
}

// members hands the members of a mapping to those who know them, in their order.
func (r *reader) members(n *yaml.Node, known map[string]func(*yaml.Node)) {
	r.each(n, func(key, value *yaml.Node) {
		if f, ok := known[key.Value]; ok {
			f(value)
		} else if r.strict {
			r.add(key, "unknown key %s", key.Value)
		}
	})
}

// each hands all members of a mapping over, in their order.
func (r *reader) each(n *yaml.Node, f func(key, value *yaml.Node)) {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		r.add(n, "must be a mapping")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i], resolved(n.Content[i+1]))
	}
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// text, truth, count and milliseconds read a scalar.
func (r *reader) text(at *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			r.add(n, "must be a text")
			return
		}
		*at = n.Value
	}
}

func (r *reader) truth(at *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if err := n.Decode(at); err != nil {
			r.add(n, "must be true or false")
		}
	}
}

func (r *reader) count(at *int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if err := n.Decode(at); err != nil {
			r.add(n, "must be a number")
		}
	}
}

func (r *reader) milliseconds(at *time.Duration, problem string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var ms float64
		err := n.Decode(&ms)
		if err != nil && !r.strict { // in code a text of digits is as good
			ms, err = strconv.ParseFloat(n.Value, 64)
		}
		if err != nil || !(ms >= 0 && ms < 1e12) {
			r.add(n, "%s", problem)
			return
		}
		*at = time.Duration(ms * float64(time.Millisecond))
	}
}

// texts reads a list of texts, or one.
func (r *reader) texts(at *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			*at = []string{n.Value}
			return
		}
		for _, e := range n.Content {
			if e = resolved(e); e.Kind == yaml.ScalarNode {
				*at = append(*at, e.Value)
			}
		}
	}
}

// value reads anything.
func (r *reader) value(n *yaml.Node) any {
	var v any
	if err := n.Decode(&v); err != nil {
		r.add(n, "%v", err)
		return nil
	}
	data, err := json.Marshal(v) // YAML knows more than JSON
	if err != nil {
		r.add(n, "is no JSON: %v", err)
		return nil
	}
	out, err := DecodeJSON(data)
	if err != nil {
		r.add(n, "is no JSON: %v", err)
	}
	return out
}

// function returns the name of a function that code declared, "" for what is none.
func function(n *yaml.Node) (name, builtin string) {
	if n.Kind != yaml.MappingNode {
		return "", ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "$func":
			name = n.Content[i+1].Value
		case "$builtin":
			builtin = n.Content[i+1].Value
		}
	}
	return name, builtin
}

// ignore passes a member over.
func ignore(*yaml.Node) {}
