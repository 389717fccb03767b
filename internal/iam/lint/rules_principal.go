package lint

import (
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/nearest"
)

func principalRules() []Rule {
	return []Rule{
		{
			ID: "placeholder", Severity: Error, Title: "A placeholder is left in",
			Why:   "Guides write <account>, [region] or XXXXX where your own value belongs. AWS refuses it, or it matches nothing.",
			Fix:   "Put your own value there.",
			check: checkPlaceholders,
		},
		{
			ID: "not-principal", Severity: Error, Title: "NotPrincipal where it is not allowed", Kinds: principalKinds(),
			Why:   "NotPrincipal belongs to Deny. With Allow it lets in everyone else in the world, and a trust policy may not have it at all.",
			Fix:   "Name the principals that may.",
			check: checkNotPrincipal,
		},
		{
			ID: "principal-invalid", Severity: Error, Title: "Not a principal", Kinds: principalKinds(), Mechanical: true,
			Why:   "AWS refuses the document (\"Invalid principal in policy\"): a principal is an account, the ARN of a role, user or session, a service, or an identity provider.",
			Fix:   "Write the full ARN, under AWS, Service or Federated.",
			check: checkPrincipals,
		},
		{
			ID: "principal-wildcard", Severity: Error, Title: "A wildcard inside a principal", Kinds: principalKinds(),
			Why:   "In a principal, only a lone * is a wildcard. A part of an ARN never is, so AWS refuses this one.",
			Fix:   "Name the account, and narrow it by an ArnLike condition on aws:PrincipalArn.",
			check: checkPrincipalWildcards,
		},
		{
			ID: "principal-anyone", Severity: Warning, Title: "Anyone may", Kinds: []Kind{Repository, Registry},
			Why:   "Every principal of every AWS account can use what this statement allows.",
			Fix:   "Name the principals, or add a condition that says who: StringEquals on aws:PrincipalOrgID or aws:PrincipalAccount.",
			check: func(p *pass) { p.anyone() },
		},
		{
			ID: "service-anyone", Severity: Warning, Title: "A service, for whomever it works", Kinds: []Kind{Repository, Registry},
			Why: "An AWS service works for every account. Without a condition on the account or resource that it works for, anybody can have it " +
				"use what this statement allows.",
			Fix:   "Add a condition such as StringEquals on aws:SourceAccount, or ArnLike on aws:SourceArn with the account in it.",
			check: checkServices,
		},
		{
			ID: "trust-anyone", Severity: Error, Title: "Anyone may assume the role", Kinds: []Kind{Trust},
			Why:   "Every principal of every AWS account can take this role.",
			Fix:   "Name the principals, or add a condition that says who: StringEquals on aws:PrincipalOrgID or aws:PrincipalAccount.",
			check: func(p *pass) { p.anyone() },
		},
		{
			ID: "not-principal-account", Severity: Warning, Title: "NotPrincipal without the account", Kinds: []Kind{Repository, Registry},
			Why: "A Deny may hit a listed user, role or session whose account, or whose role, is not listed beside it; it always hits those " +
				"with a permissions boundary.",
			Fix:   "Deny everyone, with ArnNotLike on aws:PrincipalArn for those who are spared.",
			check: checkNotPrincipalAccounts,
		},
		{
			ID: "principal-account", Severity: Info, Title: "A whole account is named", Kinds: principalKinds(),
			Why:   "The account's administrators decide who of it may: every principal that its identity policies let through. That is delegation, and often what is meant.",
			Fix:   "Name a role, if only that one is meant.",
			check: checkAccounts,
		},
		{
			ID: "principal-unique-id", Severity: Warning, Title: "A principal that was deleted", Kinds: principalKinds(),
			Why:   "When a role or user is deleted, AWS shows its unique id in place of its ARN. A new one of the same name is not it: this entry matches nobody.",
			Fix:   "Write the ARN of the role that exists now.",
			check: checkUniqueIDs,
		},
		{
			ID: "principal-session", Severity: Info, Title: "One session is named", Kinds: principalKinds(),
			Why:   "The entry matches only sessions that carry this very name; CI systems and EC2 choose the name anew.",
			Fix:   "Name the role.",
			check: checkSessions,
		},
		{
			ID: "principal-unknown", Severity: Error, Title: "A role that does not exist", Kinds: principalKinds(), Needs: "roles",
			Why:   "AWS refuses to save a policy that names a role that does not exist (\"Principal not found\").",
			Fix:   "Create the role first, or correct its name.",
			check: checkUnknownRoles,
		},
	}
}

// placeholder finds <text>, [text], {{text}}, XXXX and CloudFormation's own
// substitutions.
func placeholder(s string) string {
	for _, pair := range [][2]string{{"<", ">"}, {"[", "]"}, {"{{", "}}"}, {"${AWS::", "}"}} {
		if _, rest, found := strings.Cut(s, pair[0]); found {
			if inner, _, closed := strings.Cut(rest, pair[1]); closed && inner != "" {
				return pair[0] + inner + pair[1]
			}
		}
	}
	if strings.Contains(s, "XXXX") {
		return "XXXX"
	}
	return ""
}

func checkPlaceholders(p *pass) {
	look := func(at located, text string) {
		if found := placeholder(text); found != "" {
			p.report(at, quoted(found)+" is a placeholder")
		}
	}
	p.each(func(s *statement) {
		for _, principal := range s.principals {
			look(principal, principal.text)
		}
		for _, r := range s.resources {
			look(r, r.text)
		}
		for _, c := range s.conditions {
			look(c.key.key, c.key.name)
			for _, v := range c.values {
				look(v, v.text)
			}
		}
	})
}

func checkNotPrincipal(p *pass) {
	p.each(func(s *statement) {
		m := s.element("NotPrincipal")
		switch {
		case m == nil:
		case p.kind == Trust:
			p.report(m, "a trust policy may not have NotPrincipal")
		case s.allows():
			p.report(m, "Allow with NotPrincipal lets in everyone else")
		}
	})
}

// checkPrincipals leaves placeholders, wildcards and unique ids to their own
// rules.
func checkPrincipals(p *pass) {
	p.each(func(s *statement) {
		for _, principal := range s.principals {
			text := principal.text
			if placeholder(text) != "" || text == "*" || hasWildcard(text) || isUniqueID(text) {
				continue
			}
			parsed, err := iam.ParsePrincipal(text)
			switch {
			case principal.kind == "*":
				p.report(principal, quoted(text)+" stands where only \"*\" or an object may")
			case principal.kind == "AWS" && err == nil && parsed.Kind == iam.Service:
				p.report(principal, text+" is a service: it belongs under Service")
			case principal.kind == "AWS" && (err != nil || parsed.Kind == iam.Federated):
				p.awsPrincipal(principal, text, err)
			case principal.kind == "Service" && (err != nil || parsed.Kind != iam.Service):
				p.report(principal, quoted(text)+" is not a service such as ec2.amazonaws.com")
			case principal.kind == "Federated" && p.kind != Trust:
				p.report(
					principal,
					"an identity provider is a principal in trust policies only: name the role that its users assume",
				)
			}
		}
	})
}

func (p *pass) awsPrincipal(at principal, text string, err error) {
	// The commonest slips: an account id that lost its quotes' worth of care,
	// and a colon where a slash belongs.
	if trimmed := strings.TrimSpace(text); trimmed != text {
		if _, err := iam.ParsePrincipal(trimmed); err == nil {
			p.report(at, quoted(text)+" has white space around it", replaceString(at, trimmed))
			return
		}
	}
	if account, name, found := strings.Cut(text, ":role:"); found {
		if right := account + ":role/" + name; isRoleARN(right) {
			p.report(at, quoted(text)+" has a colon where a slash belongs", replaceString(at, right))
			return
		}
	}
	detail := quoted(text) + " is an identity provider: it belongs under Federated"
	if err != nil {
		detail = quoted(text) + " is not an account or the ARN of a role, user or session"
	}
	p.report(at, detail)
}

func isRoleARN(s string) bool {
	p, err := iam.ParsePrincipal(s)
	return err == nil && p.Kind == iam.Role
}

func checkPrincipalWildcards(p *pass) {
	p.each(func(s *statement) {
		for _, principal := range s.principals {
			text := principal.text
			if principal.kind == "*" || text == "*" || !hasWildcard(text) || placeholder(text) != "" {
				continue
			}
			p.suggest(principal, quoted(text)+" has a wildcard that matches nothing", patternForm(text))
		}
	})
}

// patternForm says by account and condition what a wildcard in a role's ARN
// was meant to say.
func patternForm(text string) string {
	arn, ok := iam.ParseARN(text)
	if !ok || !iam.IsAccountID(arn.Account) || arn.Service != "iam" {
		return ""
	}
	return `"Principal": {"AWS": ` + quoted(awsname.Partition(arn.Partition).IAM(arn.Account, "root")) +
		`}, "Condition": {"ArnLike": {"aws:PrincipalArn": ` + quoted(text) + `}}`
}

func (p *pass) anyone() {
	p.each(func(s *statement) {
		if !s.allows() || s.saysWho(principalKeys) || s.element("Principal") == nil {
			return
		}
		for _, principal := range s.principals {
			if principal.text == "*" && principal.kind != "Federated" && principal.kind != "Service" {
				p.report(principal, "anyone may "+actionList(s)+s.figLeaf())
			}
		}
	})
}

func checkServices(p *pass) {
	p.each(func(s *statement) {
		if !s.allows() || s.saysWho(sourceKeys) {
			return
		}
		for _, principal := range s.principals {
			if parsed, err := iam.ParsePrincipal(principal.text); principal.kind == "Service" &&
				(err == nil && parsed.Kind == iam.Service || principal.text == "*") {
				account := p.facts.account()
				if account == "" {
					account = "ACCOUNT"
				}
				p.suggest(principal, principal.text+" may "+actionList(s)+" for every account"+s.figLeaf(),
					`"StringEquals": {"aws:SourceAccount": `+quoted(account)+"}")
			}
		}
	})
}

// checkNotPrincipalAccounts wants the account beside each identity that a Deny spares,
// and the role beside each session.
func checkNotPrincipalAccounts(p *pass) {
	p.each(func(s *statement) {
		if s.allows() || s.element("NotPrincipal") == nil {
			return
		}
		listed := map[string]bool{}
		for _, principal := range s.principals {
			parsed, err := iam.ParsePrincipal(principal.text)
			if err == nil && parsed.Kind == iam.Root {
				listed[parsed.Account] = true
			}
			listed[principal.text] = true
		}
		for _, principal := range s.principals {
			parsed, err := iam.ParsePrincipal(principal.text)
			switch {
			case err != nil || principal.kind != "AWS" || parsed.Kind == iam.Root || !iam.IsAccountID(parsed.Account):
			case !listed[parsed.Account]:
				p.report(principal, "account "+parsed.Account+" is not listed beside "+principal.text)
			case parsed.Kind == iam.RoleSession && !listed[parsed.RoleARN]:
				p.report(principal, "the role "+parsed.RoleARN+" is not listed beside its session")
			}
		}
	})
}

func actionList(s *statement) string {
	var names []string
	for i, a := range s.actions {
		if i == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, a.text)
	}
	return strings.Join(names, ", ")
}

// checkAccounts is silent where a condition says who of the account.
func checkAccounts(p *pass) {
	p.each(func(s *statement) {
		if !s.allows() || s.narrowsPrincipal() {
			return
		}
		for _, principal := range s.principals {
			if parsed, err := iam.ParsePrincipal(principal.text); err == nil && principal.kind == "AWS" &&
				parsed.Kind == iam.Root {
				p.report(
					principal,
					"everyone in account "+parsed.Account+" whom its identity policies allow it, may "+actionList(s),
				)
			}
		}
	})
}

// isUniqueID knows what AWS shows for deleted roles and users.
func isUniqueID(s string) bool {
	if len(s) < 16 || len(s) > 32 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return false
	}
	return strings.HasPrefix(s, "AROA") || strings.HasPrefix(s, "AIDA")
}

func checkUniqueIDs(p *pass) {
	p.each(func(s *statement) {
		for _, principal := range s.principals {
			if isUniqueID(principal.text) {
				p.report(principal, principal.text+" is the id of a deleted role or user")
			}
		}
	})
}

func checkSessions(p *pass) {
	p.each(func(s *statement) {
		for _, principal := range s.principals {
			if parsed, err := iam.ParsePrincipal(principal.text); err == nil && parsed.Kind == iam.RoleSession && s.allows() {
				p.suggest(principal, "only sessions named "+quoted(parsed.Session)+" match", quoted(parsed.RoleARN))
			}
		}
	})
}

// checkUnknownRoles speaks only about accounts of which a role is known.
func checkUnknownRoles(p *pass) {
	known, accounts := map[string]bool{}, map[string]bool{}
	for _, arn := range p.facts.Roles {
		known[arn] = true
		if role, err := iam.ParsePrincipal(arn); err == nil {
			accounts[role.Account] = true
		}
	}
	p.each(func(s *statement) {
		for _, principal := range s.principals {
			role, err := iam.ParsePrincipal(principal.text)
			if err == nil && role.Kind == iam.Role && accounts[role.Account] && !known[principal.text] {
				p.suggest(principal, principal.text+" does not exist", nearestRole(principal.text, p.facts.Roles))
			}
		}
	})
}

func nearestRole(arn string, roles []string) string {
	if near := nearest.Word(arn, roles); near != "" {
		return quoted(near)
	}
	return ""
}
