package lint

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

func accountRules() []Rule {
	return []Rule{
		{
			ID: "provider-account", Severity: Error, Title: "The identity provider lies in another account", Kinds: []Kind{Trust},
			Mechanical: true, Needs: "account",
			Why:   "AWS looks for the provider in the role's own account, wherever the platform that issues the tokens lives (\"No OpenIDConnect provider found in your account\").",
			Fix:   "Create the provider in the role's account and name that one.",
			check: checkProviderAccounts,
		},
		{
			ID: "provider-account-unknown", Severity: Info, Title: "Is the identity provider in the role's account?", Kinds: []Kind{Trust},
			Why:   "It must be. Published examples have the platform's account here.",
			Fix:   "Compare the account with the role's, or give the role's account.",
			check: checkProviderAccountUnknown,
		},
		{
			ID: "caller-missing", Severity: Error, Title: "A role that is to assume this one is not named", Kinds: []Kind{Trust},
			Needs: "assumed-by",
			Why:   "A trust policy must allow explicitly, also inside one account, and also where a role assumes itself.",
			Fix:   "Add a statement that allows that role sts:AssumeRole.",
			check: checkCallers,
		},
		{
			ID: "self-assumption", Severity: Info, Title: "The role assumes itself", Kinds: []Kind{Identity}, Needs: "role",
			Why:   "This half does not suffice: the role's trust policy must name the role itself, too, and a session that comes from a session lasts at most 1 h.",
			Fix:   "Add a statement to the trust policy that allows the role's own ARN sts:AssumeRole.",
			check: checkSelfAssumption,
		},
		{
			ID: "external-id-missing", Severity: Info, Title: "Another account without an external id", Kinds: []Kind{Trust}, Needs: "account",
			Why:   "Where the other account works for many customers, one of them could make it use this role (the confused deputy).",
			Fix:   "If the other account is a service provider's, add a StringEquals condition on sts:ExternalId.",
			check: checkExternalIDs,
		},
		{
			ID: "cross-account", Severity: Info, Title: "The other account needs its half", Kinds: []Kind{Identity, Session, Repository},
			Needs: "account",
			Why:   "Between accounts both sides must allow: the caller's identity policy and the repository's policy. With one half, ECR answers \"no identity-based policy allows\" or \"no resource-based policy allows\".",
			Fix:   "Add the other half in the account that is named.",
			check: checkOtherHalf,
		},
	}
}

func checkProviderAccounts(p *pass) {
	account := p.facts.account()
	if account == "" {
		return
	}
	p.each(func(s *statement) {
		for _, pr := range s.providers() {
			if pr.arn.Resource == "" || pr.arn.Account == account {
				continue
			}
			arn := pr.arn
			arn.Account = account
			p.report(
				pr.at,
				"the provider lies in account "+pr.arn.Account+", the role in "+account,
				replaceString(pr.at, arn.String()),
			)
		}
	})
}

func checkProviderAccountUnknown(p *pass) {
	if p.facts.account() != "" {
		return
	}
	p.each(func(s *statement) {
		for _, pr := range s.providers() {
			if pr.arn.Resource != "" {
				p.report(pr.at, "the provider must be in the account that has the role: here it is "+pr.arn.Account)
			}
		}
	})
}

func checkCallers(p *pass) {
	for _, caller := range p.facts.AssumedBy {
		if p.namesCaller(caller) || len(p.statements) == 0 {
			continue
		}
		detail := caller + " is not named"
		if caller == p.facts.Role {
			detail = "the role itself is not named, and it is to assume itself"
		}
		p.suggest(p.statements[len(p.statements)-1].head(), detail,
			`{"Effect":"Allow","Principal":{"AWS":`+quoted(caller)+`},"Action":"sts:AssumeRole"}`)
	}
}

// namesCaller reports whether a statement lets the role in: by its ARN, or by
// its account.
func (p *pass) namesCaller(arn string) bool {
	caller, err := iam.ParsePrincipal(arn)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(p.statements, func(s *statement) bool {
		return s.allows() && s.grants("sts:AssumeRole") && s.element("Principal") != nil &&
			slices.ContainsFunc(s.principals, func(pr principal) bool {
				return (pr.kind == "AWS" || pr.kind == "*") &&
					(pr.text == arn || pr.text == "*" || pr.text == caller.Account || pr.text == caller.RootARN)
			})
	})
}

func checkSelfAssumption(p *pass) {
	if p.facts.Role == "" {
		return
	}
	p.each(func(s *statement) {
		for _, r := range s.resources {
			if s.allows() && s.grants("sts:AssumeRole") && r.text == p.facts.Role {
				p.suggest(r, "the role assumes itself: its trust policy must name "+p.facts.Role,
					`{"Effect":"Allow","Principal":{"AWS":`+quoted(p.facts.Role)+`},"Action":"sts:AssumeRole"}`)
			}
		}
	})
}

func checkExternalIDs(p *pass) {
	account := p.facts.account()
	if account == "" {
		return
	}
	p.each(func(s *statement) {
		for _, c := range s.conditions {
			if strings.EqualFold(c.key.name, "sts:ExternalId") ||
				strings.HasPrefix(strings.ToLower(c.key.name), "aws:principalorg") {
				return
			}
		}
		for _, principal := range s.principals {
			caller, err := iam.ParsePrincipal(principal.text)
			if s.allows() && err == nil && principal.kind == "AWS" && caller.Account != account && caller.Account != "" {
				p.suggest(principal, "account "+caller.Account+" may assume the role without an external id",
					`"Condition": {"StringEquals": {"sts:ExternalId": "…"}}`)
			}
		}
	})
}

// checkOtherHalf speaks once about each account.
func checkOtherHalf(p *pass) {
	account := p.facts.account()
	if account == "" {
		return
	}
	told := map[string]bool{account: true, "": true}
	p.each(func(s *statement) {
		if !s.allows() || !s.grants(manifestAction) && !s.grants("ecr:PutImage") {
			return
		}
		for _, r := range s.resources {
			if arn, ok := repositoryARN(r.text); ok && iam.IsAccountID(arn.Account) && !told[arn.Account] {
				told[arn.Account] = true
				p.report(r, "account "+arn.Account+" needs a repository policy that names this identity")
			}
		}
		for _, principal := range s.principals {
			if caller, err := iam.ParsePrincipal(principal.text); err == nil && !told[caller.Account] {
				told[caller.Account] = true
				p.report(principal, "account "+caller.Account+" needs an identity policy on the caller that allows the same")
			}
		}
	})
}
