package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/issuer"
)

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

// MarshalJSON writes the canonical document: elements in the order of AWS's
// own examples, one value as a string, several as a list, and condition values
// always as strings.
func (p *Policy) MarshalJSON() ([]byte, error) {
	w := &objectWriter{}
	w.begin()
	if p.Version != "" {
		w.text("Version", p.Version)
	}
	if p.ID != "" {
		w.text("Id", p.ID)
	}
	w.name("Statement")
	w.WriteByte('[')
	for i := range p.Statements {
		if i > 0 {
			w.WriteByte(',')
		}
		if err := p.Statements[i].write(w); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i, err)
		}
	}
	w.WriteByte(']')
	w.end()
	return w.Bytes(), nil
}

// String returns the canonical document, indented by two spaces.
func (p *Policy) String() string { return indented(p.MarshalJSON()) }

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

// NamesOwner reports whether the statement's conditions say whose tokens of this
// issuer are meant. An issuer that signs for one owner only needs none.
func (s *Statement) NamesOwner(url string) bool {
	shared, found := issuer.Shared(url)
	if !found || len(shared.Owners) == 0 {
		return true
	}
	for _, c := range s.Conditions {
		claim, ofToken := cutPrefixFold(c.Key.Text, ProviderName(shared.URL)+":")
		if !ofToken || !c.Operator.Demands() || len(c.Values) == 0 {
			continue
		}
		open := slices.ContainsFunc(
			c.Values,
			func(v Value) bool { return !shared.NamesOwner(strings.ToLower(claim), c.Operator.pattern(v.Text)) },
		)
		if !open {
			return true
		}
	}
	return false
}

// MarshalJSON writes the statement as it stands in a canonical document.
func (s Statement) MarshalJSON() ([]byte, error) {
	w := &objectWriter{}
	if err := s.write(w); err != nil {
		return nil, err
	}
	return w.Bytes(), nil
}

// String returns the canonical statement, indented by two spaces.
func (s Statement) String() string { return indented(s.MarshalJSON()) }

func (s *Statement) write(w *objectWriter) error {
	w.begin()
	if s.Sid != "" {
		w.text("Sid", s.Sid)
	}
	w.text("Effect", string(s.Effect))
	w.principals("Principal", s.Principals)
	w.principals("NotPrincipal", s.NotPrincipals)
	w.values("Action", s.Actions)
	w.values("NotAction", s.NotActions)
	w.values("Resource", s.Resources)
	w.values("NotResource", s.NotResources)
	if s.Conditions != nil {
		w.name("Condition")
		if err := w.conditions(s.Conditions); err != nil {
			return err
		}
	}
	w.end()
	return nil
}

func (s *Statement) set(m member) (err error) {
	switch m.key {
	case "Sid":
		s.SidPos = m.value.pos
		s.Sid, err = stringFrom(m)
	case "Effect":
		err = s.setEffect(m)
	case "Principal":
		s.Principals, err = principalsFrom(m)
	case "NotPrincipal":
		s.NotPrincipals, err = principalsFrom(m)
	case "Action":
		s.Actions, err = stringsFrom(m)
	case "NotAction":
		s.NotActions, err = stringsFrom(m)
	case "Resource":
		s.Resources, err = stringsFrom(m)
	case "NotResource":
		s.NotResources, err = stringsFrom(m)
	case "Condition":
		s.Conditions, err = conditionsFrom(m)
	default:
		err = syntaxf(m.pos, didYouMean(m.key, statementElements), "a statement has no element %s", quote(m.key))
	}
	return err
}

func (s *Statement) setEffect(m member) error {
	text, err := stringFrom(m)
	if err != nil {
		return err
	}
	s.Effect, s.EffectPos = Effect(text), m.value.pos
	if s.Effect != Allow && s.Effect != Deny {
		hint := didYouMean(text, []string{string(Allow), string(Deny)})
		return syntaxf(m.value.pos, hint, "an Effect is Allow or Deny, not %s", quote(text))
	}
	return nil
}

// complete checks what only the whole statement shows.
func (s *Statement) complete() error {
	if s.Effect == "" {
		return syntaxf(s.Pos, "", "the statement has no Effect")
	}
	for _, pair := range [...]struct {
		name           string
		has, hasNot    bool
		neitherIsWrong bool
	}{
		{"Action", s.Actions != nil, s.NotActions != nil, true},
		{"Resource", s.Resources != nil, s.NotResources != nil, false},
		{"Principal", s.Principals != nil, s.NotPrincipals != nil, false},
	} {
		if pair.has && pair.hasNot {
			return syntaxf(s.ElementPos("Not"+pair.name), "split it into two statements",
				"a statement has %s or Not%s, not both", pair.name, pair.name)
		}
		if pair.neitherIsWrong && !pair.has && !pair.hasNot {
			return syntaxf(s.Pos, "", "the statement has neither %s nor Not%s", pair.name, pair.name)
		}
	}
	return nil
}

// controlFault is AWS's refusal of a trust policy for a shared issuer that does not
// test the claim by which that issuer tells its customers apart.
func (s *Statement) controlFault() string {
	if s.Effect != Allow || s.Principals == nil {
		return ""
	}
	for _, f := range s.Principals.Federated {
		_, url, found := strings.Cut(f.Text, ":oidc-provider/")
		if !found {
			url = f.Text
		}
		shared, known := issuer.Shared(url)
		if !known || shared.Required == "" {
			continue
		}
		key := shared.Required
		if !strings.Contains(key, ":") {
			key = shared.URL + ":" + key
		}
		tested := slices.ContainsFunc(s.Conditions, func(c Condition) bool {
			return equalFold(c.Key.Text, key) && !c.Operator.Negated && c.Operator.Family == StringFamily && len(c.Values) > 0 &&
				!slices.ContainsFunc(c.Values, func(v Value) bool { return strings.Trim(v.Text, "*") == "" })
		})
		if !tested {
			return "The trust policy of an OpenID Connect provider that many customers share must evaluate " + key + ", not scoped to all."
		}
	}
	return ""
}

// UnmarshalJSON reads what MarshalJSON wrote, so that a decision can travel.
// The statement is parsed as strictly as in a document.
func (s *Statement) UnmarshalJSON(data []byte) error {
	policy, err := Parse(slices.Concat([]byte(`{"Statement":`), data, []byte(`}`)))
	if err != nil {
		return err
	}
	if len(policy.Statements) != 1 {
		return errors.New("not one policy statement")
	}
	*s = policy.Statements[0]
	return nil
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

// opens reports whether the condition is about the owner of the token and leaves
// it open.
func (c Condition) opens(shared issuer.Issuer) bool {
	claim, ofToken := cutPrefixFold(c.Key.Text, shared.URL+":")
	return ofToken && shared.Decides(strings.ToLower(claim))
}
