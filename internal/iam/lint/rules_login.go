package lint

import (
	"strings"
)

func loginRules() []Rule {
	return []Rule{
		{
			ID: "login-resource", Severity: Error, Title: "GetAuthorizationToken limited to a repository", Mechanical: true,
			Kinds: []Kind{Identity, Boundary, Session, SCP},
			Why:   "The token is for the whole registry, so the action has no resource: it is asked for \"*\", which no ARN matches. The login fails with \"not authorized to perform: ecr:GetAuthorizationToken on resource: *\".",
			Fix:   "Allow it in a statement of its own with \"Resource\": \"*\".",
			check: checkLoginResources,
		},
		{
			ID: "login-condition", Severity: Error, Title: "GetAuthorizationToken under a condition on a resource's tag",
			Kinds: []Kind{Identity, Session},
			Why:   "The action has no resource, so it has no resource's tag: the condition never holds and the login fails.",
			Fix:   "Allow it in a statement of its own without that condition.",
			check: checkLoginConditions,
		},
		{
			ID: "login-in-repository-policy", Severity: Warning, Title: "GetAuthorizationToken in a resource's policy", Mechanical: true,
			Kinds: []Kind{Repository, Registry},
			Why:   "The token belongs to the caller's own account, which asks only its own identity policies: here the action has no effect.",
			Fix:   "Drop it here; allow it on \"*\" in the caller's identity policy.",
			check: checkLoginInResourcePolicy,
		},
		{
			ID: "login-missing", Severity: Info, Title: "Pulls without GetAuthorizationToken", Kinds: []Kind{Identity, Session},
			Why:   "Docker logs in with a token from ecr:GetAuthorizationToken before it pulls. Another policy of the same identity may allow it.",
			Fix:   "Add a statement that allows ecr:GetAuthorizationToken on \"*\".",
			check: checkLoginMissing,
		},
	}
}

const loginStatement = `{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`

func checkLoginResources(p *pass) {
	p.each(func(s *statement) {
		logins := s.logins()
		if len(logins) == 0 || !s.allows() || !s.boundToARN() {
			return
		}
		p.suggest(logins[0], "GetAuthorizationToken is allowed for repositories only, where nothing asks for it",
			loginStatement, p.splitLogin(s)...)
	})
}

// splitLogin moves the action into a statement with Resource "*". Conditions
// go with it, unless they are about the resource and would never hold.
func (p *pass) splitLogin(s *statement) []edit {
	action, others := s.element("Action").value, withoutLogin(s.actions)
	if len(others) == 0 {
		return []edit{replaceString(s.element("Resource").value, "*")}
	}
	if s.onResourceTag() != nil {
		return nil
	}
	text := strings.TrimSuffix(loginStatement, "}")
	if m := s.element("Condition"); m != nil {
		text += `,"Condition":` + string(p.data[m.value.start:m.value.end])
	}
	return append(p.addStatement(s, text+"}"), removeLogin(action, s)...)
}

// removeLogin takes the action out of its list without touching the rest.
func removeLogin(action *node, s *statement) []edit {
	logins := s.logins()
	if len(logins) == 1 {
		return []edit{removeItem(action.items, logins[0])}
	}
	return []edit{keepItems(action, withoutLogin(s.actions))}
}

func withoutLogin(actions []*node) []string {
	var out []string
	for _, a := range actions {
		if !strings.EqualFold(a.text, loginAction) {
			out = append(out, a.text)
		}
	}
	return out
}

func checkLoginConditions(p *pass) {
	p.each(func(s *statement) {
		c := s.onResourceTag()
		if c == nil || !s.allows() || len(s.logins()) == 0 || c.parsed.Negated || c.parsed.IfExists {
			return
		}
		p.suggest(c.key.key, "GetAuthorizationToken has no resource, so "+c.key.name+" is never there", loginStatement)
	})
}

func checkLoginInResourcePolicy(p *pass) {
	p.each(func(s *statement) {
		logins := s.logins()
		if len(logins) == 0 {
			return
		}
		detail := "GetAuthorizationToken has no effect in a " + string(p.kind) + " policy"
		switch {
		case len(withoutLogin(s.actions)) > 0:
			p.report(logins[0], detail, removeLogin(s.element("Action").value, s)...)
		case len(p.statements) > 1 && p.onlyInert() < len(p.statements):
			list := p.root.member("Statement").value
			p.report(logins[0], detail, removeItem(list.items, s.node))
		default:
			p.report(logins[0], detail) // removing it would leave no statement
		}
	})
}

// onlyInert counts the statements that hold nothing but this action.
func (p *pass) onlyInert() int {
	n := 0
	for _, s := range p.statements {
		if len(s.actions) > 0 && len(withoutLogin(s.actions)) == 0 {
			n++
		}
	}
	return n
}

func checkLoginMissing(p *pass) {
	pulls := p.where(manifestAction)
	if pulls == nil || p.granted(loginAction) {
		return
	}
	p.suggest(pulls, "images may be read, but no statement allows "+loginAction, loginStatement)
}
