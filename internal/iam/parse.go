package iam

import (
	"fmt"

	"github.com/pullpass/pullpass/internal/nearest"
)

var policyElements = []string{"Version", "Id", "Statement"}

var statementElements = []string{
	"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}

var principalElements = []string{"AWS", "Service", "Federated", "CanonicalUser"}

// Parse reads a policy document of any kind. It accepts exactly the grammar of
// the language: unknown and repeated elements are refused with a
// *SyntaxError, as is everything that is not strict JSON. What AWS refuses
// only for one kind of policy (a Principal in an identity policy, say) is not
// Parse's business.
func Parse(data []byte) (*Policy, error) {
	root, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	return policyFromNode(root)
}

func policyFromNode(root node) (*Policy, error) {
	if root.kind != objectNode {
		return nil, syntaxf(root.pos, "", "a policy is an object, this is %s", root.kind)
	}
	p := &Policy{Pos: root.pos}
	found := false
	for _, m := range root.members {
		var err error
		switch m.key {
		case "Version":
			p.VersionPos = m.value.pos
			if p.Version, err = stringFrom(m); err == nil && p.Version != Version2008 && p.Version != Version2012 {
				err = syntaxf(m.value.pos, "use "+quote(Version2012), "no such policy language version: %s", quote(p.Version))
			}
		case "Id":
			p.IDPos = m.value.pos
			p.ID, err = stringFrom(m)
		case "Statement":
			found = true
			p.Statements, err = statementsFrom(m.value)
		default:
			err = syntaxf(m.pos, didYouMean(m.key, policyElements), "a policy has no element %s", quote(m.key))
		}
		if err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, syntaxf(root.pos, "", "the policy has no Statement")
	}
	return p, nil
}

func statementsFrom(n node) ([]Statement, error) {
	items := []node{n}
	if n.kind == arrayNode {
		items = n.items
	}
	statements := make([]Statement, 0, len(items))
	for _, item := range items {
		s, err := statementFrom(item)
		if err != nil {
			return nil, err
		}
		statements = append(statements, s)
	}
	return statements, nil
}

func statementFrom(n node) (Statement, error) {
	s := Statement{Pos: n.pos}
	if n.kind != objectNode {
		return s, syntaxf(n.pos, "", "a statement is an object, this is %s", n.kind)
	}
	s.Elements = make([]Element, 0, len(n.members))
	for _, m := range n.members {
		s.Elements = append(s.Elements, Element{Name: m.key, Pos: m.pos})
		if err := s.set(m); err != nil {
			return s, err
		}
	}
	return s, s.complete()
}

func stringFrom(m member) (string, error) {
	if m.value.kind != stringNode {
		return "", syntaxf(m.value.pos, "", "%s is a string, this is %s", m.key, m.value.kind)
	}
	return m.value.text, nil
}

// stringsFrom reads one string or a list of strings; the result is never nil.
func stringsFrom(m member) ([]Value, error) {
	return valuesFrom(m, func(k nodeKind) bool { return k == stringNode })
}

func valuesFrom(m member, allowed func(nodeKind) bool) ([]Value, error) {
	items := []node{m.value}
	if m.value.kind == arrayNode {
		items = m.value.items
	}
	values := make([]Value, 0, len(items))
	for _, item := range items {
		if !allowed(item.kind) {
			hint := ""
			if item.kind == numberNode {
				hint = "put it in double quotes"
			}
			return nil, syntaxf(item.pos, hint, "%s holds %s where a string belongs", quote(m.key), item.kind)
		}
		values = append(values, Value{Text: item.text, Pos: item.pos})
	}
	return values, nil
}

func principalsFrom(m member) (*Principals, error) {
	p := &Principals{Pos: m.value.pos}
	switch m.value.kind {
	case stringNode:
		if m.value.text != "*" {
			return nil, syntaxf(m.value.pos, fmt.Sprintf(`{"AWS": %s}`, quote(m.value.text)),
				`%s is "*" or an object with AWS, Service, Federated or CanonicalUser`, m.key)
		}
		p.Any = true
		return p, nil
	case objectNode:
	default:
		return nil, syntaxf(m.value.pos, "", `%s is "*" or an object, this is %s`, m.key, m.value.kind)
	}
	for _, kind := range m.value.members {
		values, err := stringsFrom(kind)
		if err != nil {
			return nil, err
		}
		switch kind.key {
		case "AWS":
			p.AWS = values
		case "Service":
			p.Service = values
		case "Federated":
			p.Federated = values
		case "CanonicalUser":
			p.CanonicalUser = values
		default:
			return nil, syntaxf(
				kind.pos,
				didYouMean(kind.key, principalElements),
				"no such kind of principal: %s",
				quote(kind.key),
			)
		}
	}
	return p, nil
}

func conditionsFrom(m member) ([]Condition, error) {
	if m.value.kind != objectNode {
		return nil, syntaxf(m.value.pos, "", "a Condition is an object of operators, this is %s", m.value.kind)
	}
	conditions := make([]Condition, 0, len(m.value.members))
	for _, o := range m.value.members {
		operator, ok := ParseOperator(o.key)
		if !ok {
			return nil, syntaxf(o.pos, operatorHint(o.key), "no such condition operator: %s", quote(o.key))
		}
		if o.value.kind != objectNode {
			return nil, syntaxf(o.value.pos, "", "%s holds an object of keys, this is %s", quote(o.key), o.value.kind)
		}
		for _, k := range o.value.members {
			values, err := valuesFrom(k, func(k nodeKind) bool {
				return k == stringNode || k == numberNode || k == boolNode
			})
			if err != nil {
				return nil, err
			}
			if k.key == "" {
				return nil, syntaxf(k.pos, "", "a condition key without a name")
			}
			conditions = append(conditions, Condition{
				Operator: operator, Key: Value{Text: k.key, Pos: k.pos}, Values: values, Pos: o.pos,
			})
		}
	}
	return conditions, nil
}

func operatorHint(text string) string {
	if _, null := cutPrefixFold(text, "NullIfExists"); null {
		return "Null has no IfExists"
	}
	prefix, base, suffix := "", text, ""
	for _, q := range [...]Quantifier{ForAllValues, ForAnyValue} {
		if after, found := cutPrefixFold(base, q.String()+":"); found {
			prefix, base = q.String()+":", after
		}
	}
	if before, found := cutSuffixFold(base, "IfExists"); found {
		suffix, base = "IfExists", before
	}
	if near := nearest.Word(base, Operators()); near != "" {
		return "did you mean " + quote(prefix+near+suffix) + "?"
	}
	return ""
}

func didYouMean(word string, candidates []string) string {
	if near := nearest.Word(word, candidates); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	return ""
}
