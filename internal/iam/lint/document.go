package lint

import (
	"sort"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

// document is what the rules look at: the tree, and the statements taken
// apart once.
type document struct {
	data       []byte
	lines      []int // offset of each line's first byte
	runes      []int // characters before each block of runeBlock bytes
	root       *node
	version    *member
	statements []*statement
	kind       Kind
	facts      Facts
}

type statement struct {
	*node
	index      int
	actions    []*node
	notActions []*node
	resources  []*node
	principals []principal
	conditions []condition
}

// principal is one value of a Principal or NotPrincipal element.
type principal struct {
	*node
	kind string // AWS, Federated, Service, CanonicalUser, or "*" for the bare star
}

// condition is one key under one operator.
type condition struct {
	statement *statement
	operator  *member // its value is the object of keys
	key       *member
	parsed    iam.Operator
	known     bool
	values    []*node
}

func newDocument(data []byte, root *node, facts Facts) *document {
	d := &document{data: data, root: root, facts: facts, lines: []int{0}, version: root.member("Version")}
	for i, b := range data {
		if b == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	for i, n := 0, 0; i <= len(data); i += runeBlock {
		d.runes = append(d.runes, n)
		n += runeStarts(data[i:min(i+runeBlock, len(data))])
	}
	if m := root.member("Statement"); m != nil {
		items := []*node{m.value}
		if m.value.kind == '[' {
			items = m.value.items
		}
		for _, n := range items {
			if n.kind == '{' {
				d.statements = append(d.statements, newStatement(n, len(d.statements)))
			}
		}
	}
	return d
}

func newStatement(n *node, index int) *statement {
	s := &statement{node: n, index: index}
	s.actions = s.strings("Action")
	s.notActions = s.strings("NotAction")
	s.resources = s.strings("Resource")
	for _, name := range []string{"Principal", "NotPrincipal"} {
		if m := n.member(name); m != nil {
			s.principals = append(s.principals, principalsOf(m.value)...)
		}
	}
	if m := n.member("Condition"); m != nil {
		for _, operator := range m.value.members {
			parsed, known := iam.ParseOperator(operator.name)
			for _, key := range operator.value.members {
				s.conditions = append(s.conditions, condition{
					statement: s, operator: operator, key: key, parsed: parsed, known: known, values: key.value.values(),
				})
			}
		}
	}
	return s
}

func principalsOf(n *node) []principal {
	if n.kind == '"' {
		return []principal{{node: n, kind: "*"}}
	}
	var out []principal
	for _, m := range n.members {
		for _, v := range m.value.values() {
			out = append(out, principal{node: v, kind: m.name})
		}
	}
	return out
}

func (s *statement) element(name string) *member { return s.member(name) }

func (s *statement) strings(name string) []*node {
	if m := s.member(name); m != nil {
		return m.value.values()
	}
	return nil
}

func (s *statement) effect() string {
	if m := s.member("Effect"); m != nil {
		return m.value.text
	}
	return ""
}

func (s *statement) allows() bool { return s.effect() == "Allow" }

// hasAction reports whether the statement lists the action, wildcards apart.
func (s *statement) hasAction(action string) bool {
	for _, a := range s.actions {
		if strings.EqualFold(a.text, action) {
			return true
		}
	}
	return false
}

// grants reports whether some Action of the statement, wildcards included,
// covers the action.
func (s *statement) grants(action string) bool {
	for _, a := range s.actions {
		if iam.MatchAction(a.text, action) {
			return true
		}
	}
	return false
}

// variables reports whether ${…} is a policy variable in this document.
func (d *document) variables() bool {
	return d.version != nil && d.version.value.text == iam.Version2012
}

// runeBlock is how often characters are counted beforehand: a document may be
// one long line with many findings.
const runeBlock = 1024

// position turns an offset into a line and a column of characters.
func (d *document) position(offset int) iam.Position {
	line := sort.Search(len(d.lines), func(i int) bool { return d.lines[i] > offset }) - 1
	return iam.Position{Line: line + 1, Column: d.characters(offset) - d.characters(d.lines[line]) + 1}
}

func (d *document) characters(offset int) int {
	block := offset / runeBlock
	return d.runes[block] + runeStarts(d.data[block*runeBlock:offset])
}

// runeStarts counts characters by their first bytes, so that blocks may begin
// in the middle of one.
func runeStarts(b []byte) int {
	n := 0
	for _, c := range b {
		if c&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

func hasWildcard(s string) bool { return strings.ContainsAny(s, "*?") }
