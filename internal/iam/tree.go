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
