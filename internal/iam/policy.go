package iam

// The two versions of the policy language. A document without a Version is of
// the older one, in which policy variables are plain text.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Policy is a parsed policy document of any kind: identity, resource, trust,
// boundary, session, service control or resource control.
type Policy struct {
	Version    string // empty when the document has none; see Variables
	VersionPos Position
	ID         string
	IDPos      Position
	Statements []Statement
	Pos        Position // of the document's opening brace
}

// Variables reports whether ${…} in this document is a policy variable.
func (p *Policy) Variables() bool { return p.Version == Version2012 }

// Effect is what a matching statement does.
type Effect string

// The effects. AWS compares them case-sensitively.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Statement is one statement of a policy. A nil slice means that the element
// is absent; an empty one that it was written as an empty list.
type Statement struct {
	Sid           string
	SidPos        Position
	Effect        Effect
	EffectPos     Position
	Principals    *Principals
	NotPrincipals *Principals
	Actions       []Value
	NotActions    []Value
	Resources     []Value
	NotResources  []Value
	Conditions    []Condition
	Pos           Position // of the statement's opening brace
	// Elements holds where each element's name stands, in source order.
	Elements []Element
}

// Element is an element's name in the source: "Action", "Condition", ….
type Element struct {
	Name string
	Pos  Position
}

// ElementPos returns where the named element stands in the source, or the
// statement's own position.
func (s *Statement) ElementPos(name string) Position {
	for _, e := range s.Elements {
		if e.Name == name {
			return e.Pos
		}
	}
	return s.Pos
}

// Value is a string of the document with its position.
type Value struct {
	Text string
	Pos  Position
}

// Values makes values without positions, for policies built in code.
func Values(texts ...string) []Value {
	values := make([]Value, len(texts))
	for i, t := range texts {
		values[i] = Value{Text: t}
	}
	return values
}

// Principals is the value of a Principal or NotPrincipal element.
type Principals struct {
	Any           bool // written as the string "*"
	AWS           []Value
	Service       []Value
	Federated     []Value
	CanonicalUser []Value
	Pos           Position
}

// Everyone reports whether the element names everyone: "*" or {"AWS": "*"}.
func (p *Principals) Everyone() bool {
	if p.Any {
		return true
	}
	for _, v := range p.AWS {
		if v.Text == "*" {
			return true
		}
	}
	return false
}

// Condition is one operator applied to one key. Several conditions of a
// statement must all hold.
type Condition struct {
	Operator Operator
	Key      Value
	Values   []Value
	Pos      Position // of the operator's name
}
