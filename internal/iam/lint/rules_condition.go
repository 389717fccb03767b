package lint

import (
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/nearest"
)

func conditionRules() []Rule {
	return []Rule{
		{
			ID: "operator-unknown", Severity: Error, Title: "A condition operator that does not exist", Mechanical: true,
			Why:   "AWS refuses the document. Null, in particular, has no IfExists.",
			Fix:   "Write the operator as AWS names it.",
			check: checkOperators,
		},
		{
			ID: "value-type", Severity: Error, Title: "A value that does not fit its operator",
			Why:   "AWS refuses the document: numbers, dates, addresses, booleans, base64 and ARNs are read when it is saved.",
			Fix:   "Write a value of the operator's type, or use an operator for text.",
			check: checkValueTypes,
		},
		{
			ID: "wildcard-literal", Severity: Error, Title: "A wildcard under an operator that takes it literally", Mechanical: true,
			Why:   "StringEquals compares letter by letter: * matches only an asterisk, so the condition never holds (\"Not authorized to perform sts:AssumeRoleWithWebIdentity\").",
			Fix:   "Use StringLike (StringNotLike for StringNotEquals).",
			check: checkLiteralWildcards,
		},
		{
			ID: "for-all-values", Severity: Warning, Title: "Allow under ForAllValues",
			Why:   "ForAllValues holds when the key is absent or empty, so the statement also allows requests that do not carry the key at all.",
			Fix:   "Drop ForAllValues where the key has one value; otherwise add a Null condition that demands the key.",
			check: checkForAllValues,
		},
		{
			ID: "condition-key-unknown", Severity: Warning, Title: "A condition key that ECR and STS do not set",
			Why:   "The key is never there: a positive operator then never holds, a negated one or …IfExists always does.",
			Fix:   "ECR sets ecr:ResourceTag/KEY, aws:ResourceTag/KEY, aws:RequestTag/KEY and aws:TagKeys. Repositories are told apart by Resource.",
			check: checkConditionKeys,
		},
		{
			ID: "variable-version", Severity: Error, Title: "A policy variable in an old document", Mechanical: true,
			Why:   "Before 2012-10-17, ${…} is plain text and matches only itself.",
			Fix:   "Write \"Version\": \"2012-10-17\".",
			check: checkVariableVersion,
		},
		{
			ID: "variable-misplaced", Severity: Warning, Title: "A policy variable where AWS does not expand variables",
			Why:   "Variables are replaced in conditions, and in a Resource behind the fifth colon. Elsewhere ${…} is plain text or refused.",
			Fix:   "Write the value itself.",
			check: checkVariablePlaces,
		},
	}
}

func checkValueTypes(p *pass) {
	p.each(func(s *statement) {
		for _, c := range s.conditions {
			for _, v := range c.values {
				if c.known && placeholder(v.text) == "" && !c.parsed.Fits(v.text, p.variables()) {
					p.report(v, quoted(v.text)+" is not "+c.parsed.Type()+", which "+c.parsed.Name+" compares")
				}
			}
		}
	})
}

func checkOperators(p *pass) {
	p.each(func(s *statement) {
		m := s.element("Condition")
		if m == nil {
			return
		}
		for _, operator := range m.value.members {
			if _, known := iam.ParseOperator(operator.name); known || p.full() {
				continue
			}
			detail := "there is no operator " + quoted(operator.name)
			near := nearestOperator(operator.name)
			if near == "" || m.value.member(near) != nil {
				p.report(operator.key, detail)
				continue
			}
			p.report(operator.key, detail+", but "+near, replaceString(operator.key, near))
		}
	})
}

// nearestOperator corrects the base name and keeps quantifier and IfExists.
// It does not touch Null: NullIfExists may have meant either.
func nearestOperator(name string) string {
	prefix, base, found := strings.Cut(name, ":")
	if !found {
		prefix, base = "", name
	} else {
		prefix = nearest.Word(prefix, []string{"ForAllValues", "ForAnyValue"}) + ":"
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	if strings.EqualFold(base, "Null") {
		return ""
	}
	near := spelling(base, iam.Operators())
	if near == "" || prefix == ":" {
		return ""
	}
	if ifExists {
		near += "IfExists"
	}
	if _, ok := iam.ParseOperator(prefix + near); !ok {
		return ""
	}
	return prefix + near
}

func checkLiteralWildcards(p *pass) {
	p.each(func(s *statement) {
		for _, c := range s.conditions {
			like := map[string]string{"StringEquals": "StringLike", "StringNotEquals": "StringNotLike"}[c.parsed.Name]
			for _, v := range c.values {
				if !c.known || like == "" || !strings.Contains(withoutEscapes(v.text), "*") {
					continue
				}
				operator := strings.Replace(c.parsed.Canonical(), c.parsed.Name, like, 1)
				detail := quoted(v.text) + " under " + c.parsed.Name + " matches only itself"
				p.suggest(v, detail, quoted(operator)+`: {`+quoted(c.key.name)+`: …}`, c.moveTo(operator)...)
				break // one correction moves all values of the key
			}
		}
	})
}

// withoutEscapes removes what stands for a literal character.
func withoutEscapes(s string) string {
	return strings.NewReplacer("${*}", "", "${?}", "", "${$}", "").Replace(s)
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

// moveTo moves the condition's key under another operator. It gives no edits
// where that one has the key already: both conditions would have to hold.
func (c condition) moveTo(operator string) []edit {
	block := c.statement.element("Condition").value
	target := block.member(operator)
	alone := len(c.operator.value.members) == 1
	switch {
	case target != nil && (target.value.kind != '{' || target.value.member(c.key.name) != nil):
		return nil
	case target == nil && alone:
		return []edit{replaceString(c.operator.key, operator)}
	}
	text := c.statementText()
	if target == nil {
		return []edit{
			removeMember(c.operator.value, c.key),
			insert(c.operator.value.end, ", "+quoted(operator)+": {"+text+"}"),
		}
	}
	remove := removeMember(c.operator.value, c.key)
	if alone {
		remove = removeMember(block, c.operator)
	}
	return []edit{remove, addMember(target.value, text)}
}

// statementText is the source of the key and its values.
func (c condition) statementText() string {
	return quoted(c.key.name) + ": " + c.valueText()
}

// valueText rebuilds the values; conditions hold strings, numbers and booleans.
func (c condition) valueText() string {
	if len(c.values) == 1 && c.key.value.kind == '"' {
		return quoted(c.values[0].text)
	}
	words := make([]string, len(c.values))
	for i, v := range c.values {
		words[i] = quoted(v.text)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// isClaim reports whether the key is a claim of a web identity, which has
// rules of its own.
func (c condition) isClaim() bool {
	_, _, ok := c.claim()
	return ok
}

// claim splits an OIDC condition key at its last colon.
func (c condition) claim() (issuer, claim string, ok bool) {
	i := strings.LastIndexByte(c.key.name, ':')
	if i < 0 {
		return "", "", false
	}
	issuer, claim = c.key.name[:i], c.key.name[i+1:]
	return issuer, claim, strings.Contains(issuer, ".")
}

func checkForAllValues(p *pass) {
	p.each(func(s *statement) {
		for _, c := range s.conditions {
			if s.allows() && c.parsed.Quantifier == iam.ForAllValues && !c.isClaim() && !s.demands(c.key.name) {
				p.suggest(c.operator.key, "ForAllValues also holds without "+c.key.name,
					`"Null": {`+quoted(c.key.name)+`: "false"}`)
			}
		}
	})
}

func checkConditionKeys(p *pass) {
	p.each(func(s *statement) {
		for _, c := range s.conditions {
			service, name, _ := strings.Cut(strings.ToLower(c.key.name), ":")
			switch service {
			case "ecr":
				if !strings.HasPrefix(name, "resourcetag/") {
					p.report(c.key.key, "ECR has no key "+c.key.name)
				}
			case "sts":
				if !isSTSKey(name) {
					p.report(c.key.key, "STS has no key "+c.key.name)
				}
			}
		}
	})
}

func isSTSKey(name string) bool {
	switch name {
	case "externalid", "rolesessionname", "sourceidentity", "transitivetagkeys", "awsservicename", "durationseconds",
		"requestcontextproviders", "taskpolicyarn", "identitytokenaudience", "signingalgorithm":
		return true
	}
	return strings.HasPrefix(name, "requestcontext/")
}

// variable finds a policy variable other than the escapes and CloudFormation's
// substitutions.
func variable(s string) string {
	_, rest, found := strings.Cut(withoutEscapes(s), "${")
	if !found || strings.HasPrefix(rest, "AWS::") {
		return ""
	}
	inner, _, closed := strings.Cut(rest, "}")
	if !closed || inner == "" {
		return ""
	}
	return "${" + inner + "}"
}

func checkVariableVersion(p *pass) {
	if p.variables() {
		return
	}
	var first *node
	text := ""
	p.each(func(s *statement) {
		values := s.resources
		for _, c := range s.conditions {
			values = append(values[:len(values):len(values)], c.values...)
		}
		for _, v := range values {
			if found := variable(v.text); found != "" && first == nil {
				first, text = v, found
			}
		}
	})
	if first == nil {
		return
	}
	detail := text + " is plain text in this version"
	if p.version == nil || p.version.value.kind != '"' {
		p.report(first, detail) // rule version adds the element
		return
	}
	p.report(first, detail, replaceString(p.version.value, iam.Version2012))
}

func checkVariablePlaces(p *pass) {
	p.each(func(s *statement) {
		look := func(at located, text, place string) {
			if found := variable(text); found != "" {
				p.report(at, found+" stands in "+place+", where it is plain text")
			}
		}
		for _, a := range s.actions {
			look(a, a.text, "an action")
		}
		for _, principal := range s.principals {
			look(principal, principal.text, "a principal")
		}
		for _, r := range s.resources {
			if parts := strings.SplitN(r.text, ":", 6); len(parts) == 6 {
				look(r, strings.Join(parts[:5], ":"), "front of the fifth colon")
			}
		}
	})
}
