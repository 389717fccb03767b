package iam

// Bounds of a document. AWS's own largest policy is 20 KiB; a document beyond
// these is not a policy, and refusing it bounds memory and stack.
const (
	MaxSize   = 1 << 20
	MaxDepth  = 32
	maxValues = 1 << 17
)

type nodeKind uint8

const (
	objectNode nodeKind = iota + 1
	arrayNode
	stringNode
	numberNode
	boolNode
	nullNode
)

func (k nodeKind) String() string {
	switch k {
	case objectNode:
		return "an object"
	case arrayNode:
		return "a list"
	case stringNode:
		return "a string"
	case numberNode:
		return "a number"
	case boolNode:
		return "true or false"
	}
	return "null"
}

// node is a JSON value with its position. encoding/json keeps neither
// positions nor duplicate keys, and both matter here.
type node struct {
	kind    nodeKind
	pos     Position
	text    string // decoded string, or the literal of a number or bool
	members []member
	items   []node
}

type member struct {
	key   string
	pos   Position
	value node
}

// parseTree reads one JSON document, strictly.
func parseTree(data []byte) (node, error) {
	s, err := newScanner(data)
	if err != nil {
		return node{}, err
	}
	root, err := s.value(0)
	if err != nil {
		return node{}, err
	}
	s.space()
	if s.more() {
		return node{}, syntaxf(s.pos, "one document only", "text after the end of the document")
	}
	return root, nil
}

func (s *scanner) value(depth int) (node, error) {
	s.space()
	at := s.pos
	if !s.more() {
		return node{}, syntaxf(at, "", "the document ends where a value is expected")
	}
	if s.values++; s.values > maxValues {
		return node{}, syntaxf(at, "", "more than %d values in one document", maxValues)
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		text, err := s.str()
		return node{kind: stringNode, pos: at, text: text}, err
	case c == '-' || '0' <= c && c <= '9':
		text, err := s.number()
		return node{kind: numberNode, pos: at, text: text}, err
	}
	for _, literal := range [...]struct {
		text string
		kind nodeKind
	}{{"true", boolNode}, {"false", boolNode}, {"null", nullNode}} {
		if s.literal(literal.text) {
			return node{kind: literal.kind, pos: at, text: literal.text}, nil
		}
	}
	return node{}, syntaxf(at, "strings stand in double quotes; JSON has no comments", "not a JSON value")
}

func (s *scanner) object(depth int) (node, error) {
	n := node{kind: objectNode, pos: s.pos}
	if depth > MaxDepth {
		return n, syntaxf(n.pos, "", "nested deeper than %d levels", MaxDepth)
	}
	s.step()
	var seen names
	for {
		s.space()
		if len(n.members) == 0 && s.accept('}') {
			return n, nil
		}
		at := s.pos
		if !s.more() || s.peek() != '"' {
			return n, syntaxf(at, "a trailing comma is not JSON", "a member's name in double quotes is expected")
		}
		key, err := s.str()
		if err != nil {
			return n, err
		}
		if seen.twice(n.members, key) {
			return n, syntaxf(at, "merge the two: parsers disagree about which one counts", "%s stands twice in one object", quote(key))
		}
		s.space()
		if !s.accept(':') {
			return n, syntaxf(s.pos, "", "a colon is expected after %s", quote(key))
		}
		value, err := s.value(depth)
		if err != nil {
			return n, err
		}
		if n.members == nil {
			n.members = make([]member, 0, 4) // as many as a statement has
		}
		n.members = append(n.members, member{key: key, pos: at, value: value})
		s.space()
		if s.accept('}') {
			return n, nil
		}
		if !s.accept(',') {
			return n, syntaxf(s.pos, "", "a comma or } is expected")
		}
	}
}

// names finds a name that an object has twice: by looking at each while they
// are few, as in any real policy, and in a map from then on.
type names map[string]struct{}

func (seen *names) twice(before []member, key string) bool {
	const few = 16
	if len(before) < few {
		for i := range before {
			if before[i].key == key {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(names, 2*few)
		for i := range before {
			(*seen)[before[i].key] = struct{}{}
		}
	}
	_, found := (*seen)[key]
	(*seen)[key] = struct{}{}
	return found
}

func (s *scanner) array(depth int) (node, error) {
	n := node{kind: arrayNode, pos: s.pos}
	if depth > MaxDepth {
		return n, syntaxf(n.pos, "", "nested deeper than %d levels", MaxDepth)
	}
	s.step()
	s.space()
	if s.accept(']') {
		return n, nil
	}
	for {
		item, err := s.value(depth)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
		s.space()
		if s.accept(']') {
			return n, nil
		}
		if !s.accept(',') {
			return n, syntaxf(s.pos, "", "a comma or ] is expected")
		}
	}
}
