package lint

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
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

// demands reports whether a Null condition makes the key compulsory.
func (s *statement) demands(key string) bool {
	for _, c := range s.conditions {
		if c.parsed.Name == "Null" && strings.EqualFold(c.key.name, key) && len(c.values) == 1 &&
			c.values[0].text == "false" {
			return true
		}
	}
	return false
}

// boundToARN reports whether the statement names resources, and "*" is not
// among them. Placeholders count as ARNs: they stand for one.
func (s *statement) boundToARN() bool {
	return len(s.resources) > 0 && !slices.ContainsFunc(s.resources, func(r *node) bool {
		return strings.Trim(r.text, "*") == ""
	})
}

func (s *statement) logins() []*node {
	var out []*node
	for _, a := range s.actions {
		if strings.EqualFold(a.text, loginAction) {
			out = append(out, a)
		}
	}
	return out
}

// onResourceTag returns the statement's first condition on a resource's tag.
func (s *statement) onResourceTag() *condition {
	for i, c := range s.conditions {
		key := strings.ToLower(c.key.name)
		if strings.HasPrefix(key, "ecr:resourcetag/") || strings.HasPrefix(key, "aws:resourcetag/") {
			return &s.conditions[i]
		}
	}
	return nil
}

// figLeaf names the conditions that look like a limit and say nothing about who.
func (s *statement) figLeaf() string {
	if len(s.conditions) == 0 {
		return ""
	}
	return ": the condition on " + s.conditions[0].key.name + " does not say who"
}

func (s *statement) narrowsPrincipal() bool {
	for _, c := range s.conditions {
		switch strings.ToLower(c.key.name) {
		case "aws:principalarn", "aws:userid", "aws:username", "aws:principaltype":
			return true
		}
	}
	return false
}

// head is where a statement begins: findings about the whole point there.
func (s *statement) head() span { return span{s.start, s.start + 1} }

// providers gives the OIDC providers of a statement that allows their users in.
// A SAML provider is none, nor is a malformed one.
func (s *statement) providers() []provider {
	var out []provider
	for _, p := range s.principals {
		if p.kind != "Federated" || !s.allows() {
			continue
		}
		if strings.Contains(p.text, ":oidc-provider/") {
			arn, _ := iam.ParseARN(p.text)
			_, issuer, _ := strings.Cut(p.text, ":oidc-provider/")
			out = append(out, provider{p, arn, issuer})
		} else if awsname.IsProvider(p.text) {
			out = append(out, provider{at: p, issuer: p.text})
		}
	}
	return out
}

// claims gives the statement's conditions on one claim of an issuer, by the
// issuer in canonical form: how keys are spelt is another rule's matter.
func (s *statement) claims(issuer, claim string) []condition {
	var out []condition
	for _, c := range s.conditions {
		keyIssuer, keyClaim, ok := c.claim()
		if ok && strings.EqualFold(keyClaim, claim) &&
			strings.EqualFold(canonicalIssuer(keyIssuer), canonicalIssuer(issuer)) {
			out = append(out, c)
		}
	}
	return out
}

// restricts reports whether some condition on the claim can fail: a positive
// comparison with strings. Whose claim does not matter: under another issuer's
// key it always fails, and claim-issuer says so.
func (s *statement) restricts(claim string) bool {
	for _, c := range s.conditions {
		if _, key, ok := c.claim(); ok && strings.EqualFold(key, claim) && c.parsed.Family == iam.StringFamily &&
			!c.parsed.Negated {
			return true
		}
	}
	return false
}

func (s *statement) takesTokens() bool { return s.grants("sts:AssumeRoleWithWebIdentity") }

// restrictsKey is restricts for a key that is no claim of the token.
func (s *statement) restrictsKey(key string) bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool {
		return strings.EqualFold(c.key.name, key) && c.known && c.parsed.Demands()
	})
}

// namesOwner asks package iam, so that the linter and the evaluator agree.
func (s *statement) namesOwner(url string) bool {
	var out iam.Statement
	for _, c := range s.conditions {
		if !c.known {
			continue
		}
		values := make([]iam.Value, len(c.values))
		for i, v := range c.values {
			values[i].Text = v.text
		}
		key := c.key.name
		if issuer, claim, ok := c.claim(); ok {
			key = canonicalIssuer(issuer) + ":" + claim
		}
		out.Conditions = append(out.Conditions, iam.Condition{Operator: c.parsed, Key: iam.Value{Text: key}, Values: values})
	}
	return out.NamesOwner(url)
}

// saysWho reports whether a condition of the statement restricts who is meant: a
// positive operator that a request without the key fails, and only values with a
// literal organization or account. Network, transport and time say nothing about who.
func (s *statement) saysWho(keys map[string]func(text string, like bool) bool) bool {
	for _, c := range s.conditions {
		literal, known := keys[strings.ToLower(c.key.name)]
		if !known || !c.known || !c.parsed.Demands() || len(c.values) == 0 {
			continue
		}
		all := true
		for _, v := range c.values {
			all = all && literal(v.text, c.parsed.Family == iam.StringFamily)
		}
		if all {
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

// addStatement puts a statement behind another, indented like that one.
func (d *document) addStatement(s *statement, text string) []edit {
	line := d.data[d.lines[d.position(s.start).Line-1]:s.start]
	separator := ", "
	if len(bytes.TrimSpace(line)) == 0 {
		indent := string(line)
		unit := "  "
		if strings.Contains(indent, "\t") {
			unit = "\t"
		}
		var b bytes.Buffer
		if json.Indent(&b, []byte(text), indent, unit) == nil {
			text, separator = b.String(), ",\n"+indent
		}
	}
	list := d.root.member("Statement").value
	if list.kind == '[' {
		return []edit{insert(s.end, separator+text)}
	}
	return []edit{insert(s.start, "["), insert(s.end, separator+text+"]")}
}

// sids collects the Sids in use.
func (d *document) sids() map[string]bool {
	used := map[string]bool{}
	for _, s := range d.statements {
		if m := s.element("Sid"); m != nil {
			used[m.value.text] = true
		}
	}
	return used
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
