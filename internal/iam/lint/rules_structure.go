package lint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/nearest"
)

// syntaxRules stand first: the first row is what a text without any structure
// gets, and the grammar of package iam comes after all that is more precise.
func syntaxRules() []Rule {
	return []Rule{
		{
			ID: "not-json", Severity: Error, Title: "The document is not JSON",
			Why: "AWS refuses the document with MalformedPolicyDocument.",
			Fix: "Correct the JSON at this position.",
		},
		{
			ID: "duplicate-element", Severity: Error, Title: "Duplicate element in one object",
			Why:   "Parsers disagree about which of the two counts; AWS refuses the document.",
			Fix:   "Merge the two, or make two statements of them.",
			check: checkDuplicates,
		},
		{
			ID: "unknown-element", Severity: Error, Title: "An element that policies do not have", Mechanical: true,
			Why:   "AWS refuses the document with MalformedPolicyDocument.",
			Fix:   "Spell the element as AWS does.",
			check: checkElements,
		},
	}
}

var (
	policyElements    = []string{"Version", "Id", "Statement"}
	statementElements = []string{
		"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
	}
)

func checkDuplicates(p *pass) {
	var walk func(n *node)
	walk = func(n *node) {
		seen := map[string]bool{}
		for _, m := range n.members {
			if seen[m.name] {
				p.report(m.key, fmt.Sprintf("duplicate element %s in one object", quoted(m.name)))
			}
			seen[m.name] = true
			walk(m.value)
		}
		for _, item := range n.items {
			walk(item)
		}
	}
	walk(p.root)
}

func checkElements(p *pass) {
	check := func(n *node, known []string) {
		for _, m := range n.members {
			if p.full() || contains(known, m.name) {
				continue
			}
			detail := fmt.Sprintf("there is no element %s", quoted(m.name))
			near := nearest.Word(m.name, known)
			if near == "" || n.member(near) != nil {
				p.report(m.key, detail)
				continue
			}
			p.report(m.key, detail+", but "+near, replaceString(m.key, near))
		}
	}
	check(p.root, policyElements)
	p.each(func(s *statement) { check(s.node, statementElements) })
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// structureRules are AWS's save-time rules about the document as a whole.
func structureRules() []Rule {
	return []Rule{
		{
			ID: "version", Severity: Warning, Title: "Not the current version of the policy language", Mechanical: true,
			Why:   "Without \"Version\": \"2012-10-17\" a document is of 2008-10-17: policy variables are plain text there. AWS refuses it for an identity policy, and any third version everywhere.",
			Fix:   "Write \"Version\": \"2012-10-17\".",
			check: checkVersion,
		},
		{
			ID: "statement-missing", Severity: Error, Title: "No statement",
			Why:   "A policy without statements is refused.",
			Fix:   "Add a Statement.",
			check: checkStatements,
		},
		{
			ID: "effect", Severity: Error, Title: "The Effect is missing or misspelt", Mechanical: true,
			Why:   "AWS compares Effect with Allow and Deny, letter by letter.",
			Fix:   "Write Allow or Deny.",
			check: checkEffect,
		},
		{
			ID: "action-missing", Severity: Error, Title: "A statement without an action",
			Why:   "AWS refuses the document.",
			Fix:   "Add an Action.",
			check: func(p *pass) { p.missing("Action", "NotAction") },
		},
		{
			ID: "resource-missing", Severity: Error, Title: "A statement without a resource",
			Kinds: []Kind{Identity, Boundary, Session, SCP, Registry},
			Why:   "AWS refuses the document: only repository and trust policies stand with their resource already.",
			Fix:   "Add a Resource: the repository's ARN, or \"*\" for ecr:GetAuthorizationToken.",
			check: func(p *pass) { p.missing("Resource", "NotResource") },
		},
		{
			ID: "principal-missing", Severity: Error, Title: "A statement without a principal", Kinds: principalKinds(),
			Why:   "A resource's policy has to say for whom it is; AWS refuses the document.",
			Fix:   "Add a Principal: {\"AWS\": \"arn:aws:iam::111111111111:role/name\"}.",
			check: func(p *pass) { p.missing("Principal", "NotPrincipal") },
		},
		{
			ID: "element-conflict", Severity: Error, Title: "An element together with its negation",
			Why:   "A statement has Action or NotAction, Resource or NotResource, Principal or NotPrincipal. AWS refuses both.",
			Fix:   "Split the statement in two.",
			check: checkConflicts,
		},
		{
			ID: "resource-not-allowed", Severity: Error, Title: "A Resource where the resource is fixed", Mechanical: true,
			Kinds: []Kind{Repository, Trust},
			Why:   "A repository policy and a trust policy are about the repository or role to which they are attached. AWS refuses a Resource there (\"Invalid repository policy provided\", \"Has prohibited field Resource\").",
			Fix:   "Drop the Resource.",
			check: func(p *pass) { p.prohibited("Resource", "NotResource") },
		},
		{
			ID: "principal-not-allowed", Severity: Error, Title: "A principal in an identity policy", Mechanical: true,
			Kinds: identityKinds(),
			Why:   "An identity policy is about the identity to which it is attached. AWS refuses a Principal there.",
			Fix:   "Drop the Principal, or put the statement into the repository policy or trust policy.",
			check: func(p *pass) { p.prohibited("Principal", "NotPrincipal") },
		},
		{
			ID: "document-size", Severity: Error, Title: "The document is larger than AWS accepts", Mechanical: true,
			Why:   "AWS counts characters: without white space for identity and trust policies, with it for the others.",
			Fix:   "Shorten names with wildcards, or split the policy. White space that counts is dropped mechanically.",
			check: checkSize,
		},
		{
			ID: "characters", Severity: Error, Title: "A character that IAM refuses", Kinds: []Kind{Identity, Boundary, Session, Trust},
			Why:   "IAM and STS accept tab, line breaks and the characters from space to ÿ (U+0020 to U+00FF), also in names and Sids.",
			Fix:   "Replace the character: dashes and quotation marks from a word processor are the usual ones.",
			check: checkCharacters,
		},
		{
			ID: "grammar", Severity: Error, Title: "Not a policy by AWS's grammar",
			Why:   "AWS refuses the document with MalformedPolicyDocument.",
			Fix:   "Correct the document at this position.",
			check: checkGrammar,
		},
	}
}

func checkVersion(p *pass) {
	switch v := p.version; {
	case v == nil:
		text := `"Version": "` + iam.Version2012 + `"`
		if len(p.root.members) > 0 {
			text += ", "
		}
		p.suggest(
			span{p.root.start, p.root.start + 1},
			"the document has no Version",
			`"Version": "2012-10-17"`,
			insert(p.root.start+1, text),
		)
		p.refusedInIdentityPolicies()
	case v.value.text == iam.Version2012:
	case v.value.text == iam.Version2008:
		p.report(v.value, "version 2008-10-17 is the old one", replaceString(v.value, iam.Version2012))
		p.refusedInIdentityPolicies()
	default:
		p.report(v.value, "there is no such version", replaceString(v.value, iam.Version2012))
		p.findings[len(p.findings)-1].Severity = Error
	}
}

// refusedInIdentityPolicies: IAM saves an identity policy in the current version only.
func (p *pass) refusedInIdentityPolicies() {
	if slices.Contains(identityKinds(), p.kind) {
		f := &p.findings[len(p.findings)-1]
		f.Severity = Error
		f.Detail += `; AWS refuses to save it: "Policy document must be version 2012-10-17 or greater."`
	}
}

func checkStatements(p *pass) {
	if len(p.statements) == 0 {
		p.report(span{p.root.start, p.root.start + 1}, "the document has no statement")
	}
}

func checkEffect(p *pass) {
	p.each(func(s *statement) {
		m := s.element("Effect")
		switch {
		case m == nil:
			p.report(s.head(), "the statement has no Effect")
		case m.value.text == "Allow" || m.value.text == "Deny":
		default:
			for _, right := range []string{"Allow", "Deny"} {
				if strings.EqualFold(m.value.text, right) {
					p.report(m.value, "the Effect is "+quoted(m.value.text), replaceString(m.value, right))
					return
				}
			}
			p.report(m.value, "the Effect is neither Allow nor Deny")
		}
	})
}

func (p *pass) missing(name, negation string) {
	p.each(func(s *statement) {
		if s.element(name) == nil && s.element(negation) == nil {
			p.report(s.head(), "the statement has neither "+name+" nor "+negation)
		}
		for _, n := range []string{name, negation} {
			if m := s.element(n); m != nil && m.value.kind == '[' && len(m.value.items) == 0 {
				p.report(m, n+" is an empty list")
			}
		}
	})
}

func checkConflicts(p *pass) {
	p.each(func(s *statement) {
		for _, name := range []string{"Action", "Resource", "Principal"} {
			if m := s.element("Not" + name); m != nil && s.element(name) != nil {
				p.report(m, name+" and Not"+name+" stand in one statement")
			}
		}
	})
}

// prohibited reports elements that this kind of policy may not have. Dropping
// a negation would turn its meaning around, so that is left to people.
func (p *pass) prohibited(name, negation string) {
	p.each(func(s *statement) {
		if m := s.element(name); m != nil {
			p.report(m, "a "+string(p.kind)+" policy has no "+name, removeMember(s.node, m))
		}
		if m := s.element(negation); m != nil {
			p.report(m, "a "+string(p.kind)+" policy has no "+negation)
		}
	})
}

// sizeLimit is what AWS accepts for a kind of policy, in characters.
type sizeLimit struct {
	usual, most int  // beyond usual a warning, beyond most an error
	spaces      bool // white space counts
	note        string
}

func limitOf(k Kind) sizeLimit {
	switch k {
	case Identity:
		return sizeLimit{
			6144,
			10240,
			false,
			"a managed policy may have 6144 characters, the inline policies of a role 10240 together",
		}
	case Boundary:
		return sizeLimit{6144, 6144, false, "a managed policy may have 6144 characters"}
	case Trust:
		return sizeLimit{2048, 4096, false, "2048 characters unless the account's quota was raised, at most to 4096"}
	case Session:
		return sizeLimit{2048, 2048, true, "a session policy may have 2048 characters, and a packed size besides"}
	case SCP:
		return sizeLimit{5120, 10240, true, "5120 characters where the organization has no higher quota"}
	}
	return sizeLimit{10240, 10240, true, "a repository or registry policy may have 10240 characters"}
}

func checkSize(p *pass) {
	limit := limitOf(p.kind)
	compact := withoutSpace(p.data, p.root)
	size, small := utf8.RuneCount(p.data), utf8.RuneCountInString(compact)
	if !limit.spaces {
		size = small
	}
	if size <= limit.usual {
		return
	}
	var edits []edit
	if limit.spaces && small <= limit.usual && small < size {
		edits = append(edits, edit{span: span{0, len(p.data)}, text: compact})
	}
	p.report(p.root, fmt.Sprintf("%d characters: %s", size, limit.note), edits...)
	last := &p.findings[len(p.findings)-1]
	last.Corrected = "" // a copy of the whole document would help nobody
	if size <= limit.most {
		last.Severity = Warning
	}
}

func checkCharacters(p *pass) {
	for i := 0; i < len(p.data) && !p.full(); {
		r, size := utf8.DecodeRune(p.data[i:])
		if r > 0xFF || r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			p.report(span{i, i + size}, fmt.Sprintf("the document holds %U", r))
		}
		i += size
	}
}

// withoutSpace copies the document without the white space between tokens, and
// with every token as it stands.
func withoutSpace(data []byte, root *node) string {
	var b strings.Builder
	inside, escaped := false, false
	for _, c := range data[root.start:root.end] {
		switch {
		case inside:
			if c == '"' && !escaped {
				inside = false
			}
			escaped = c == '\\' && !escaped
		case c == '"':
			inside = true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// checkGrammar reports what package iam refuses, unless a more precise rule
// has said so already.
func checkGrammar(p *pass) {
	var at *iam.SyntaxError
	if p.syntax == nil || p.failed() || !errors.As(p.syntax, &at) {
		return
	}
	p.report(span{}, at.What)
	last := &p.findings[len(p.findings)-1]
	last.Position, last.End = at.Position, at.Position
	if at.Hint != "" {
		last.Fix = at.Hint
	}
}
