package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v4"
)

// maxNodes bounds a document after its aliases are resolved: ten aliases of ten
// aliases, nine times, are a billion values.
const maxNodes = 100_000

var errTooManyNodes = fmt.Errorf("it has more than %d values once its aliases are resolved", maxNodes)

// yamlDocuments reads the documents of a YAML file.
func yamlDocuments(file string, text []byte) ([]*node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var documents []*node
	c := converter{file: file}
	for {
		var doc yaml.Node
		if err := loader.Load(&doc); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return documents, err
		}
		n, err := c.yaml(&doc, 0)
		if err != nil {
			return documents, err
		}
		documents = append(documents, n)
	}
}

// converter makes nodes of another library's.
type converter struct {
	file string
	made int
}

func (c *converter) count(depth int) error {
	if c.made++; c.made > maxNodes || depth > 200 {
		return errTooManyNodes
	}
	return nil
}

func (c *converter) yaml(y *yaml.Node, depth int) (*node, error) {
	if err := c.count(depth); err != nil {
		return nil, err
	}
	n := &node{at: Position{c.file, y.Line, y.Column}}
	switch y.Kind {
	case yaml.DocumentNode:
		if len(y.Content) == 0 {
			return n, nil
		}
		return c.yaml(y.Content[0], depth+1)
	case yaml.AliasNode:
		return c.yaml(y.Alias, depth+1)
	case yaml.SequenceNode:
		n.kind = nodeList
		if y.Tag == "!reference" {
			n.kind = nodeReference
		}
		for _, item := range y.Content {
			value, err := c.yaml(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, value)
		}
		return n, nil
	case yaml.MappingNode:
		return n, c.mapping(n, y, depth)
	case yaml.ScalarNode:
		n.text = y.Value
		switch y.ShortTag() {
		case "!!null":
			n.kind, n.text = nodeNull, ""
		case "!!int", "!!float", "!!bool":
			n.kind = nodeNumber
		default:
			n.kind = nodeString
		}
	}
	return n, nil
}

// mapping fills n with the keys of a mapping. The keys of a merge (<<) stand behind
// those that are written out, and the first of several merges wins.
func (c *converter) mapping(n *node, y *yaml.Node, depth int) error {
	n.kind = nodeMap
	var merged []*node
	seen := map[string]int{} // key → line; the last of two would win, and nobody would know
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		v, err := c.yaml(value, depth+1)
		if err != nil {
			return err
		}
		if key.ShortTag() == "!!merge" {
			if v.is(nodeList) {
				merged = append(merged, v.items...)
			} else {
				merged = append(merged, v)
			}
			continue
		}
		if first, there := seen[key.Value]; there {
			return fmt.Errorf("line %d, column %d: duplicate key %q, first in line %d", key.Line, key.Column, key.Value, first)
		}
		seen[key.Value] = key.Line
		n.keys = append(n.keys, entry{key.Value, Position{c.file, key.Line, key.Column}, v})
	}
	for _, m := range merged {
		for _, e := range m.entries() {
			if n.get(e.key) == nil {
				n.keys = append(n.keys, e)
			}
		}
	}
	return nil
}

// jsonDocument reads JSON with comments and trailing commas, as devcontainer.json is written.
func jsonDocument(file string, text []byte) (*node, error) {
	value, err := hujson.Parse(text)
	if err != nil {
		return nil, err
	}
	c := converter{file: file}
	return c.json(&value, newLines(text), 0)
}

func (c *converter) json(v *hujson.Value, lines lines, depth int) (*node, error) {
	if err := c.count(depth); err != nil {
		return nil, err
	}
	n := &node{at: lines.position(c.file, v.StartOffset)}
	switch value := v.Value.(type) {
	case *hujson.Object:
		n.kind = nodeMap
		for i := range value.Members {
			m := &value.Members[i]
			name, _ := m.Name.Value.(hujson.Literal)
			member, err := c.json(&m.Value, lines, depth+1)
			if err != nil {
				return nil, err
			}
			n.keys = append(n.keys, entry{name.String(), lines.position(c.file, m.Name.StartOffset), member})
		}
	case *hujson.Array:
		n.kind = nodeList
		for i := range value.Elements {
			item, err := c.json(&value.Elements[i], lines, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
	case hujson.Literal:
		switch value.Kind() {
		case 'n':
			n.kind = nodeNull
		case '"':
			n.kind, n.text = nodeString, value.String()
		default:
			n.kind, n.text = nodeNumber, string(value)
		}
	}
	return n, nil
}

// lines tells lines and columns from offsets.
type lines []int

func newLines(text []byte) lines {
	starts := lines{0}
	for i, b := range text {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func (l lines) position(file string, offset int) Position {
	low, high := 0, len(l)
	for low+1 < high { // the last line that starts at or before the offset
		if mid := (low + high) / 2; l[mid] <= offset {
			low = mid
		} else {
			high = mid
		}
	}
	return Position{file, low + 1, offset - l[low] + 1}
}

var lineOf = regexp.MustCompile(`(?:line |:)(\d+)(?:, column |:)?(\d*)`)
