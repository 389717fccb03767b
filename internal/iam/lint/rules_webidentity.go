package lint

import (
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
)

func webIdentityRules() []Rule {
	kinds := []Kind{Trust}
	return []Rule{
		{
			ID: "provider-invalid", Severity: Error, Title: "Not an identity provider", Kinds: kinds, Mechanical: true,
			Why:   "Federated takes the ARN of an OIDC or SAML provider. In it the issuer stands without https:// and without a slash at the end.",
			Fix:   "Write arn:aws:iam::ACCOUNT:oidc-provider/ISSUER.",
			check: checkProviders,
		},
		{
			ID: "subject-missing", Severity: Error, Title: "No condition on the token's subject", Kinds: kinds,
			Why:   "Everyone who can get a token of this issuer can take the role: with a public issuer, everyone.",
			Fix:   "Add a StringEquals or StringLike condition on ISSUER:sub.",
			check: checkSubjects,
		},
		{
			ID: "audience-missing", Severity: Warning, Title: "No condition on the token's audience", Kinds: kinds,
			Why:   "A token that was issued for another client of this provider can take the role.",
			Fix:   "Add a StringEquals condition on ISSUER:aud, usually sts.amazonaws.com.",
			check: checkAudiences,
		},
		{
			ID: "subject-too-broad", Severity: Error, Title: "The subject's pattern lets in everyone", Kinds: kinds,
			Why:   "The wildcard begins before the organization or repository is named, so everyone at this issuer matches.",
			Fix:   "Name the organization and the repository in front of the first wildcard.",
			check: checkBroadSubjects,
		},
		{
			ID: "claim-if-exists", Severity: Error, Title: "…IfExists on a token's claim", Kinds: kinds, Mechanical: true,
			Why:   "With IfExists the condition holds when the claim is absent: a token without it takes the role.",
			Fix:   "Use the plain operator.",
			check: checkClaimIfExists,
		},
		{
			ID: "claim-for-all-values", Severity: Error, Title: "ForAllValues on a token's claim", Kinds: kinds, Mechanical: true,
			Why:   "ForAllValues holds when the claim is absent or empty: a token without it takes the role.",
			Fix:   "Use the plain operator; aud, sub, amr and azp need no quantifier.",
			check: checkClaimForAllValues,
		},
		{
			ID: "claim-unmapped", Severity: Error, Title: "A claim that AWS does not make a condition key", Kinds: kinds,
			Why:   "Only aud, sub, amr and azp of a token become keys. Any other is never there, so the condition never holds.",
			Fix:   "Put what matters into the subject. The issuer needs no condition: it is the provider's.",
			check: checkUnmappedClaims,
		},
		{
			ID: "claim-issuer", Severity: Error, Title: "The condition is about another issuer", Kinds: kinds, Mechanical: true,
			Why:   "Condition keys begin with the provider's issuer, without https://. A key of another issuer is never there.",
			Fix:   "Begin the key with the issuer of the Federated principal.",
			check: checkClaimIssuers,
		},
	}
}

// provider is an OIDC provider as a trust policy names it.
type provider struct {
	at     principal
	arn    iam.ARN
	issuer string // without https://
}

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

func checkProviders(p *pass) {
	p.each(func(s *statement) {
		for _, principal := range s.principals {
			text := principal.text
			if principal.kind != "Federated" || text == "*" && s.element("NotPrincipal") != nil || awsname.IsProvider(text) {
				continue
			}
			arn, ok := iam.ParseARN(text)
			resource, issuer, _ := strings.Cut(arn.Resource, "/")
			known := placeholder(text) != "" || iam.IsAccountID(arn.Account)
			switch {
			case !ok || arn.Service != "iam" || !known || resource != "oidc-provider" && resource != "saml-provider" || issuer == "":
				p.report(principal, quoted(text)+" is not the ARN of an identity provider")
			case resource == "oidc-provider" && issuer != canonicalIssuer(issuer) && canonicalIssuer(issuer) != "":
				arn.Resource = resource + "/" + canonicalIssuer(issuer)
				p.report(principal, "the issuer in "+quoted(text)+" has https:// or a slash too many", replaceString(principal, arn.String()))
			}
		}
	})
}

func canonicalIssuer(s string) string {
	return strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://"), "/")
}

// claims gives the statement's conditions on one claim of an issuer, by the
// issuer in canonical form: how keys are spelt is another rule's matter.
func (s *statement) claims(issuer, claim string) []condition {
	var out []condition
	for _, c := range s.conditions {
		keyIssuer, keyClaim, ok := c.claim()
		if ok && strings.EqualFold(keyClaim, claim) && strings.EqualFold(canonicalIssuer(keyIssuer), canonicalIssuer(issuer)) {
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
		if _, key, ok := c.claim(); ok && strings.EqualFold(key, claim) && c.parsed.Family == iam.StringFamily && !c.parsed.Negated {
			return true
		}
	}
	return false
}

func (s *statement) takesTokens() bool { return s.grants("sts:AssumeRoleWithWebIdentity") }

func checkSubjects(p *pass) {
	p.eachProvider(func(s *statement, pr provider) {
		if s.restricts("sub") {
			return
		}
		value := quoted("…")
		if t := p.facts.Token; t != nil && t.Subject != "" {
			value = quoted(t.Subject)
		}
		p.suggest(pr.at, "no condition on "+pr.issuer+":sub: any token of this issuer will do",
			`"StringEquals": {`+quoted(canonicalIssuer(pr.issuer)+":sub")+": "+value+"}")
	})
}

func checkAudiences(p *pass) {
	p.eachProvider(func(s *statement, pr provider) {
		if s.restricts("aud") {
			return
		}
		value := "sts.amazonaws.com"
		if t := p.facts.Token; t != nil && len(t.Audience) == 1 {
			value = t.Audience[0]
		}
		p.suggest(pr.at, "no condition on "+pr.issuer+":aud",
			`"StringEquals": {`+quoted(canonicalIssuer(pr.issuer)+":aud")+": "+quoted(value)+"}")
	})
}

// eachProvider calls check for every OIDC provider whose tokens are taken.
func (p *pass) eachProvider(check func(s *statement, pr provider)) {
	p.each(func(s *statement) {
		if !s.takesTokens() {
			return
		}
		for _, pr := range s.providers() {
			check(s, pr)
		}
	})
}

// eachClaim calls check for every condition on a web identity's claim in a
// statement that allows.
func (p *pass) eachClaim(check func(s *statement, c condition, claim string)) {
	p.each(func(s *statement) {
		if !s.allows() || len(s.providers()) == 0 {
			return
		}
		for _, c := range s.conditions {
			if _, claim, ok := c.claim(); ok {
				check(s, c, strings.ToLower(claim))
			}
		}
	})
}

func checkBroadSubjects(p *pass) {
	p.eachClaim(func(_ *statement, c condition, claim string) {
		if claim != "sub" || c.parsed.Name != "StringLike" || c.parsed.Negated {
			return
		}
		for _, v := range c.values {
			if broad(v.text) {
				p.report(v, quoted(v.text)+" matches everyone's tokens")
			}
		}
	})
}

// broad reports whether the text in front of the first wildcard names nobody:
// only a scheme or a marker such as repo:, project_path: or https://HOST/.
func broad(pattern string) bool {
	plain := withoutEscapes(pattern)
	i := strings.IndexAny(plain, "*?")
	if i < 0 {
		return false
	}
	head, tail := plain[:i], strings.Trim(plain[i:], "*?/:")
	if tail != "" && strings.ContainsAny(tail, "/:") && len(tail) > 8 {
		return false // names somebody behind the wildcard, as editors' prefixes need it
	}
	if after, isURL := strings.CutPrefix(head, "https://"); isURL {
		_, path, hasPath := strings.Cut(after, "/")
		return !hasPath || path == ""
	}
	for _, marker := range []string{"repo:", "project_path:", "system:serviceaccount:", "organization:", "org:", "referrer:jetbrains-gateway:"} {
		if head == marker {
			return true
		}
	}
	return strings.Trim(head, ":/") == ""
}

func checkClaimIfExists(p *pass) {
	p.eachClaim(func(_ *statement, c condition, claim string) {
		if !c.parsed.IfExists {
			return
		}
		operator := strings.TrimSuffix(c.parsed.Canonical(), "IfExists")
		p.suggest(c.operator.key, c.operator.name+" holds for tokens without "+claim, quoted(operator), c.moveTo(operator)...)
	})
}

func checkClaimForAllValues(p *pass) {
	p.eachClaim(func(_ *statement, c condition, claim string) {
		if c.parsed.Quantifier != iam.ForAllValues {
			return
		}
		operator := strings.TrimPrefix(c.parsed.Canonical(), "ForAllValues:")
		p.suggest(c.operator.key, c.operator.name+" holds for tokens without "+claim, quoted(operator), c.moveTo(operator)...)
	})
}

func checkUnmappedClaims(p *pass) {
	p.eachClaim(func(_ *statement, c condition, claim string) {
		issuer, _, _ := c.claim()
		if !mappedClaim(issuer, claim) {
			p.report(c.key.key, quoted(c.key.name)+" is no condition key: AWS maps aud, sub, amr and azp")
		}
	})
}

// mappedClaim knows the claims that become condition keys, and those of the
// public providers besides.
func mappedClaim(issuer, claim string) bool {
	switch claim {
	case "aud", "sub", "amr", "azp":
		return true
	case "oaud", "email":
		return issuer == "accounts.google.com"
	case "app_id", "id":
		return issuer == "graph.facebook.com"
	case "user_id":
		return issuer == "www.amazon.com"
	}
	return false
}

func checkClaimIssuers(p *pass) {
	p.each(func(s *statement) {
		providers := s.providers()
		if len(providers) == 0 {
			return
		}
		for _, c := range s.conditions {
			issuer, claim, ok := c.claim()
			if !ok || placeholder(issuer) != "" || namesIssuer(providers, issuer) || !mappedClaim(issuer, strings.ToLower(claim)) {
				continue
			}
			p.claimIssuer(c, providers, issuer, claim)
		}
	})
}

func namesIssuer(providers []provider, issuer string) bool {
	for _, pr := range providers {
		if strings.EqualFold(pr.issuer, issuer) {
			return true
		}
	}
	return false
}

func (p *pass) claimIssuer(c condition, providers []provider, issuer, claim string) {
	detail := quoted(c.key.name) + " is about " + issuer + ", the provider is " + providers[0].issuer
	right := canonicalIssuer(providers[0].issuer) + ":" + claim
	same := strings.EqualFold(canonicalIssuer(issuer), canonicalIssuer(providers[0].issuer))
	// Another host may be a mistake in either place: people decide.
	if len(providers) != 1 || !same || c.operator.value.member(right) != nil || placeholder(right) != "" {
		p.suggest(c.key.key, detail, quoted(right))
		return
	}
	p.report(c.key.key, detail, replaceString(c.key.key, right))
}
