package spec

import (
	"slices"
	"strings"
)

// node is a value of a document, YAML or JSON, with its place. A nil node is one that
// is not there; every method takes it.
type node struct {
	kind  nodeKind
	text  string  // of a scalar, as it is meant: unquoted, unescaped
	items []*node // of a list, or of a !reference
	keys  []entry // of a mapping, in the order of the file
	at    Position
}

type entry struct {
	key   string
	at    Position
	value *node
}

type nodeKind uint8

const (
	nodeNull nodeKind = iota
	nodeString
	nodeNumber // numbers and booleans: text that nobody quoted
	nodeList
	nodeMap
	nodeReference // GitLab's !reference [.job, key]
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "text", "a number or a boolean", "a list", "a mapping", "a !reference"}[k]
}

// get returns the value of a key; the path goes down mappings.
func (n *node) get(keys ...string) *node {
	for _, key := range keys {
		if n == nil || n.kind != nodeMap {
			return nil
		}
		i := slices.IndexFunc(n.keys, func(e entry) bool { return e.key == key })
		if i < 0 {
			return nil
		}
		n = n.keys[i].value
	}
	return n
}

// is reports the kind; a node that is not there is of none.
func (n *node) is(kinds ...nodeKind) bool { return n != nil && slices.Contains(kinds, n.kind) }

// isScalar reports whether the node has a text.
func (n *node) isScalar() bool { return n.is(nodeString, nodeNumber) }

// str is the text of a scalar, "" of anything else.
func (n *node) str() string {
	if n.isScalar() {
		return n.text
	}
	return ""
}

// where is the place of a node, or of its parent where it is not there.
func (n *node) where(parent Position) Position {
	if n == nil {
		return parent
	}
	return n.at
}

// entries are the keys of a mapping, none of anything else.
func (n *node) entries() []entry {
	if n.is(nodeMap) {
		return n.keys
	}
	return nil
}

// list are the items of a list, none of anything else.
func (n *node) list() []*node {
	if n.is(nodeList) {
		return n.items
	}
	return nil
}

// words are the texts of a list of scalars, or the words of one text, as shells and
// exec forms take them.
func (n *node) words() []string {
	if n.isScalar() {
		return []string{n.text}
	}
	var words []string
	for _, i := range n.list() {
		if i.isScalar() {
			words = append(words, i.text)
		}
	}
	return words
}

// overlay is n with the keys of over in place of its own, mappings merged, everything
// else replaced.
func (n *node) overlay(over *node) *node {
	if !n.is(nodeMap) || !over.is(nodeMap) {
		if over == nil {
			return n
		}
		return over
	}
	merged := &node{kind: nodeMap, at: over.at, keys: slices.Clone(n.keys)}
	for _, e := range over.keys {
		if i := slices.IndexFunc(merged.keys, func(o entry) bool { return o.key == e.key }); i >= 0 {
			e.value = merged.keys[i].value.overlay(e.value)
			merged.keys[i] = e
			continue
		}
		merged.keys = append(merged.keys, e)
	}
	return merged
}

// pairs reads a mapping, or a list of K=V, as a mapping.
func pairs(n *node) []entry {
	if n.is(nodeMap) {
		return n.keys
	}
	var entries []entry
	for _, item := range n.list() {
		key, value, ok := strings.Cut(item.str(), "=")
		v := &node{kind: nodeNull, at: item.at}
		if ok {
			v.kind, v.text = nodeString, value
		}
		entries = append(entries, entry{key, item.at, v})
	}
	return entries
}
