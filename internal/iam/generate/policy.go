package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// policyVersion is the only version under which policy variables, and so the
// escapes of wildcards, mean anything.
const policyVersion = "2012-10-17"

// PolicyKind says where a policy is attached, in the words of package lint.
type PolicyKind string

// The kinds of policy that are generated.
const (
	IdentityPolicy   PolicyKind = "identity"
	RepositoryPolicy PolicyKind = "repository"
	RegistryPolicy   PolicyKind = "registry"
	TrustPolicy      PolicyKind = "trust"
)

// Policy is a policy document to be written. Order is kept everywhere, so that
// the same options give the same bytes.
type Policy struct {
	Kind       PolicyKind
	Statements []Statement

	// What a policy in force had, which Merged keeps in front.
	version, id string
	before      []object
	extended    int // statements of before that got further principals
}

// Statement is one statement. Empty parts are left out.
type Statement struct {
	Sid        string
	Principals []Principal
	Actions    []string
	Resources  []string
	Conditions []Condition
}

// Principal is one kind of principal with its identifiers: AWS, Federated or
// Service.
type Principal struct {
	Type string
	IDs  []string
}

// Condition is one operator and key with the values, any of which matches.
type Condition struct {
	Operator string
	Key      string
	Values   []string
}

// JSON gives the document indented by two spaces, with a final newline.
func (p Policy) JSON() []byte { return indented(p.tree()) }

// Compact gives the document without white space: quotas count every character
// of some kinds of policy.
func (p Policy) Compact() []byte { return encode(p.tree()) }

func (p Policy) tree() object {
	statements := make(list, 0, len(p.before)+len(p.Statements))
	for _, s := range p.before {
		statements = append(statements, s)
	}
	for _, s := range p.Statements {
		statements = append(statements, s.tree())
	}
	version := p.version
	if version == "" {
		version = policyVersion
	}
	out := object{{"Version", version}}
	if p.id != "" {
		out = append(out, member{"Id", p.id})
	}
	return append(out, member{"Statement", statements})
}

// extend adds the statement's principals to one that allows the same, if there is one.
func (p *Policy) extend(s Statement) bool {
	for i, before := range p.before {
		if !sameButPrincipals(before, s.tree()) {
			continue
		}
		names := before.value("Principal").(object).strings("AWS")
		missing := slices.DeleteFunc(
			slices.Clone(s.Principals[0].IDs),
			func(id string) bool { return slices.Contains(names, id) },
		)
		if len(missing) > 0 {
			p.extended++
			p.before[i] = before.with("Principal", object{{"AWS", oneOrList(append(names, missing...))}})
		}
		return true
	}
	return false
}

func (s Statement) tree() object {
	var o object
	if s.Sid != "" {
		o = append(o, member{"Sid", s.Sid})
	}
	o = append(o, member{"Effect", "Allow"})
	if len(s.Principals) > 0 {
		var principals object
		for _, p := range s.Principals {
			principals = append(principals, member{p.Type, oneOrList(p.IDs)})
		}
		o = append(o, member{"Principal", principals})
	}
	o = append(o, member{"Action", oneOrList(s.Actions)})
	if len(s.Resources) > 0 {
		o = append(o, member{"Resource", oneOrList(s.Resources)})
	}
	if len(s.Conditions) > 0 {
		o = append(o, member{"Condition", conditionTree(s.Conditions)})
	}
	return o
}

func conditionTree(conditions []Condition) object {
	var out object
	at := map[string]int{}
	for _, c := range conditions {
		i, known := at[c.Operator]
		if !known {
			i = len(out)
			at[c.Operator] = i
			out = append(out, member{c.Operator, object(nil)})
		}
		out[i].value = append(out[i].value.(object), member{c.Key, oneOrList(c.Values)})
	}
	return out
}

func oneOrList(values []string) any {
	if len(values) == 1 {
		return values[0]
	}
	l := make(list, len(values))
	for i, v := range values {
		l[i] = v
	}
	return l
}

// object and list are JSON values that keep their order. A leaf is a string, a
// bool, an int or, for Terraform only, an expression.
type (
	member struct {
		name  string
		value any
	}
	object     []member
	list       []any
	expression string
)

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(m.name))
		b.WriteByte(':')
		b.Write(encode(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o object) value(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func (o object) text(name string) string {
	text, _ := o.value(name).(string)
	return text
}

// strings reads one string or a list of them.
func (o object) strings(name string) []string {
	switch v := o.value(name).(type) {
	case string:
		return []string{v}
	case list:
		var out []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

func (o object) with(name string, value any) object {
	out := slices.Clone(o)
	for i := range out {
		if out[i].name == name {
			out[i].value = value
		}
	}
	return out
}

// encode writes v as compact JSON without escaping <, > and &, which mean
// nothing special in a policy.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Only strings, bools, ints, lists and objects are ever passed.
		panic(fmt.Sprintf("generate: encoding %T: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func indented(v any) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, encode(v), "", "  "); err != nil {
		panic(fmt.Sprintf("generate: indenting our own JSON: %v", err))
	}
	b.WriteByte('\n')
	return b.Bytes()
}
