package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/pullpass/pullpass/internal/iam"
)

// node is a JSON value that knows where it stands, in bytes. Package iam keeps
// lines and columns only, and refuses at the first mistake: corrections need
// the exact text, and a linter all mistakes.
type node struct {
	span
	kind    byte // '{', '[', '"' or 0 for numbers, booleans and null
	text    string
	members []*member
	items   []*node
}

// member is one name and value of an object.
type member struct {
	name  string
	key   span
	value *node
}

// span is a half-open range of bytes.
type span struct{ start, end int }

func (s span) location() span { return s }

// whole is the span of the name and the value.
func (m *member) location() span { return span{m.key.start, m.value.end} }

// located is a part of the document that a finding can point at.
type located interface{ location() span }

var errTree = errors.New("not a JSON document")

// parseTree reads one JSON document. Repeated names are kept: they are a
// finding, not a failure.
func parseTree(data []byte) (*node, error) {
	r := &reader{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	root, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errTree
	}
	return root, nil
}

type reader struct {
	data    []byte
	decoder *json.Decoder
}

// token reads one token and where it stands: before it lie only white space,
// a comma or a colon.
func (r *reader) token() (json.Token, span, error) {
	start := int(r.decoder.InputOffset())
	t, err := r.decoder.Token()
	if err != nil {
		return nil, span{}, errTree
	}
	end := int(r.decoder.InputOffset())
	for start < end && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[start]) >= 0 {
		start++
	}
	return t, span{start, end}, nil
}

func (r *reader) value(depth int) (*node, error) {
	t, at, err := r.token()
	if err != nil {
		return nil, err
	}
	return r.valueFrom(t, at, depth)
}

func (r *reader) valueFrom(t json.Token, at span, depth int) (*node, error) {
	n := &node{span: at}
	switch t := t.(type) {
	case string:
		n.kind, n.text = '"', t
		return n, nil
	case json.Delim:
		if depth >= iam.MaxDepth {
			return nil, errTree
		}
		n.kind = byte(t) //nolint:gosec // G115: a delimiter of JSON is ASCII
		var err error
		if t == '{' {
			err = r.object(n, depth)
		} else {
			err = r.array(n, depth)
		}
		return n, err
	}
	return n, nil
}

func (r *reader) object(n *node, depth int) error {
	for {
		t, at, err := r.token()
		if err != nil {
			return err
		}
		name, isName := t.(string)
		if !isName {
			n.end = at.end
			return nil
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.members = append(n.members, &member{name: name, key: at, value: value})
	}
}

func (r *reader) array(n *node, depth int) error {
	for {
		t, at, err := r.token()
		if err != nil {
			return err
		}
		if t == json.Delim(']') {
			n.end = at.end
			return nil
		}
		item, err := r.valueFrom(t, at, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
}

// member returns the first member of that name, or nil.
func (n *node) member(name string) *member {
	for _, m := range n.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// values gives the strings of a value that is one string or a list of them.
func (n *node) values() []*node {
	if n == nil {
		return nil
	}
	if n.kind == '[' {
		var out []*node
		for _, item := range n.items {
			if item.kind == '"' {
				out = append(out, item)
			}
		}
		return out
	}
	if n.kind == '"' {
		return []*node{n}
	}
	return nil
}
