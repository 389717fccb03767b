package lint

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/issuer"
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
			Why: "Everyone who can get a token of this issuer can take the role: with a public issuer, everyone. AWS refuses to save such a " +
				"trust policy for the shared issuers that it knows.",
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
			Why: "The wildcard stands where the owner should be named in full, up to the separator behind it: strangers, or everyone at this " +
				"issuer, match. repo:acme*/app lets in acme-evil, too.",
			Fix:   "Write the owner out, with the separator behind it, in front of the first wildcard: repo:acme/*.",
			check: checkBroadSubjects,
		},
		{
			ID: "subject-without-ids", Severity: Info, Title: "GitHub's subjects with ids do not match", Kinds: kinds,
			Why: "For repositories created, renamed or transferred since " + issuer.ImmutableSince + " GitHub writes " + issuer.ImmutableForm +
				": a pattern with names only misses their tokens.",
			Fix: "Allow both forms, or the one that the repository's tokens have: pullpass policy trust --account ACCOUNT " +
				"--issuer https://token.actions.githubusercontent.com --form github --source ORG/REPOSITORY --owner-id ID --repository-id ID.",
			check: checkSubjectForms,
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
			Why: "aud, sub, amr and azp of a token become keys, and a few claims more of GitHub, GitLab, Buildkite, Google, CircleCI and Oracle " +
				"Cloud. Any other is never there, so the condition never holds.",
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
				p.report(
					principal,
					"the issuer in "+quoted(text)+" has https:// or a slash too many",
					replaceString(principal, arn.String()),
				)
			}
		}
	})
}

func canonicalIssuer(s string) string {
	return strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://"), "/")
}

// tenancy is the claim that says whose token it is: the subject, but for the shared
// issuers that write it into the audience.
func (pr provider) tenancy() string {
	if shared, found := issuer.Shared(pr.issuer); found && shared.Required != "" {
		return shared.Required
	}
	return "sub"
}

func checkSubjects(p *pass) {
	p.eachProvider(func(s *statement, pr provider) {
		claim := pr.tenancy()
		if s.restricts(claim) || strings.Contains(claim, ":") && s.restrictsKey(claim) ||
			pr.byApplication() && s.namesOwner(pr.issuer) {
			return
		}
		value := quoted("…")
		if t := p.facts.Token; t != nil && t.Subject != "" && claim == "sub" {
			value = quoted(t.Subject)
		}
		key := canonicalIssuer(pr.issuer) + ":" + claim
		if strings.Contains(claim, ":") {
			key = claim
		}
		p.suggest(
			pr.at,
			"no condition on "+key+": any token of this issuer will do",
			`"StringEquals": {`+quoted(key)+": "+value+"}",
		)
	})
}

// byApplication knows the issuers of people's logins, whose tokens are told apart by
// the application that they were made for.
func (pr provider) byApplication() bool {
	shared, found := issuer.Shared(pr.issuer)
	return found && shared.Required == "" && !shared.Decides("sub")
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

// checkBroadSubjects asks of a shared issuer that a condition names the owner, and
// of any other that the subject's pattern names somebody.
func checkBroadSubjects(p *pass) {
	p.each(func(s *statement) {
		if !s.allows() {
			return
		}
		for _, pr := range s.providers() {
			shared, found := issuer.Shared(pr.issuer)
			if found && s.namesOwner(pr.issuer) {
				continue
			}
			for _, c := range s.conditions {
				host, claim, ok := c.claim()
				if !ok || c.parsed.Family != iam.StringFamily || c.parsed.Negated ||
					!strings.EqualFold(canonicalIssuer(host), canonicalIssuer(pr.issuer)) {
					continue
				}
				claim = strings.ToLower(claim)
				for _, v := range c.values {
					switch {
					case found && shared.Decides(claim) && !shared.NamesOwner(claim, withoutVariables(v.text)):
						p.report(v, quoted(v.text)+" does not name the owner: strangers' tokens of "+shared.Name+" match")
					case !found && claim == "sub" && c.parsed.Name == "StringLike" && broad(v.text):
						p.report(v, quoted(v.text)+" matches everyone's tokens")
					}
				}
			}
		}
	})
}

// withoutVariables replaces a policy variable by the wildcard that it amounts to.
func withoutVariables(s string) string {
	for found := variable(s); found != ""; found = variable(s) {
		s = strings.ReplaceAll(s, found, "*")
	}
	return strings.NewReplacer("${*}", "\x00", "${?}", "\x00", "${$}", "$").Replace(s)
}

// checkSubjectForms finds patterns of names only, where neither a pattern with ids
// stands beside them nor the repository's id fixes what is meant.
func checkSubjectForms(p *pass) {
	const gitHub = "token.actions.githubusercontent.com"
	p.each(func(s *statement) {
		if !s.allows() ||
			!slices.ContainsFunc(s.providers(), func(pr provider) bool { return canonicalIssuer(pr.issuer) == gitHub }) {
			return
		}
		var names []*node
		for _, c := range s.claims(gitHub, "sub") {
			if c.parsed.Family != iam.StringFamily || c.parsed.Negated {
				continue
			}
			for _, v := range c.values {
				if !issuer.NamesWithoutIDs(v.text) {
					return
				}
				names = append(names, v)
			}
		}
		for _, v := range names {
			p.report(
				v,
				quoted(v.text)+" misses the tokens of repositories created, renamed or transferred since "+issuer.ImmutableSince+
					", whose subject is "+issuer.ImmutableForm,
			)
		}
	})
}

// broad reports whether the text in front of the first wildcard names nobody: only
// a scheme or a marker such as repo:, project_path: or https://HOST/.
func broad(pattern string) bool {
	plain := withoutEscapes(pattern)
	i := strings.IndexAny(plain, "*?")
	if i < 0 {
		return false
	}
	head, tail := plain[:i], plain[i:]
	if strings.HasPrefix(head, "referrer:jetbrains-gateway:") {
		// Editors' prefixes: the address behind the wildcard has to name somebody.
		_, address, found := strings.Cut(tail, "https://")
		return !found || broad("https://"+address)
	}
	if after, isURL := strings.CutPrefix(head, "https://"); isURL {
		_, path, hasPath := strings.Cut(after, "/")
		return !hasPath || path == ""
	}
	for _, marker := range []string{"repo:", "project_path:", "system:serviceaccount:", "organization:", "org:", "org/", "account:", "owner:"} {
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
		if name := canonicalIssuer(issuer); !iam.MappedClaim(name, claim) {
			p.report(
				c.key.key,
				quoted(c.key.name)+" is not a condition key: AWS maps "+strings.Join(iam.MappedClaims(name), ", "),
			)
		}
	})
}

func checkClaimIssuers(p *pass) {
	p.each(func(s *statement) {
		providers := s.providers()
		if len(providers) == 0 {
			return
		}
		for _, c := range s.conditions {
			issuer, claim, ok := c.claim()
			if !ok || placeholder(issuer) != "" || namesIssuer(providers, issuer) ||
				!iam.MappedClaim(canonicalIssuer(issuer), claim) {
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
