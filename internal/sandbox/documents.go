package sandbox

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/issuer"
)

// policyDocument is a policy as it was saved and as it is evaluated.
type policyDocument struct {
	text   string
	policy *iam.Policy
}

// replacePrincipal rewrites the document's text, in Principal elements only: a
// condition on the ARN keeps its words.
func (d policyDocument) replacePrincipal(arn, id string) policyDocument {
	var places []iam.Position
	for _, st := range d.policy.Statements {
		for _, set := range []*iam.Principals{st.Principals, st.NotPrincipals} {
			if set == nil {
				continue
			}
			for _, v := range set.AWS {
				if v.Text == arn {
					places = append(places, v.Pos)
				}
			}
		}
	}
	// From the end to the start, so that no position moves before its turn.
	slices.SortFunc(places, func(a, b iam.Position) int {
		return cmp.Or(cmp.Compare(b.Line, a.Line), cmp.Compare(b.Column, a.Column))
	})
	lines := strings.Split(d.text, "\n")
	for _, at := range places {
		replaceAt(lines, at, arn, id)
	}
	next, err := parsePolicy(strings.Join(lines, "\n"))
	if len(places) == 0 || err != nil {
		return d
	}
	return next
}

// parsePolicy reads a policy of any kind.
func parsePolicy(text string) (policyDocument, *apiError) {
	p, err := iam.Parse([]byte(text))
	if err != nil {
		var syntax *iam.SyntaxError
		if errors.As(err, &syntax) {
			// AWS answers with one sentence; the position helps more.
			return policyDocument{}, errMalformedPolicy("Syntax errors in policy. " + printable(syntax.Error()))
		}
		return policyDocument{}, errMalformedPolicy("Syntax errors in policy.")
	}
	return policyDocument{text: text, policy: p}, nil
}

// identityPolicyFault returns AWS's complaint about an identity policy, "" for none.
func identityPolicyFault(p *iam.Policy) string {
	if fault := iam.SaveFault(p, iam.IdentityPolicy); fault != "" {
		return printable(fault)
	}
	for _, s := range p.Statements {
		switch {
		case s.Principals != nil || s.NotPrincipals != nil:
			return "Policy document should not specify a principal."
		case s.Resources == nil && s.NotResources == nil:
			return "Policy statement must contain resources."
		case s.Actions == nil && s.NotActions == nil:
			return "Policy statement must contain actions."
		case strings.ContainsFunc(s.Sid, notAlphanumeric):
			return "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
		}
		for _, v := range append(append([]iam.Value(nil), s.Resources...), s.NotResources...) {
			if v.Text != "*" && !strings.HasPrefix(v.Text, "arn:") && !strings.HasPrefix(v.Text, "*") {
				return "Resource " + printable(v.Text) + " must be in ARN format or \"*\"."
			}
		}
		if reason := actionFault(s); reason != "" {
			return reason
		}
	}
	return duplicateSid(p)
}

// trustPolicyFault returns AWS's complaint about a role's trust policy.
func trustPolicyFault(p *iam.Policy) string {
	if fault := iam.SaveFault(p, iam.TrustPolicy); fault != "" {
		return printable(fault)
	}
	for _, s := range p.Statements {
		switch {
		case s.Resources != nil || s.NotResources != nil:
			return "Has prohibited field Resource"
		case s.NotPrincipals != nil:
			return "Has prohibited field NotPrincipal"
		case s.Principals == nil:
			return "Missing required field Principal"
		case s.Actions == nil && s.NotActions == nil:
			return "Missing required field Action"
		}
		for _, a := range s.Actions {
			if !strings.HasPrefix(strings.ToLower(a.Text), "sts:") && a.Text != "*" {
				return "AssumeRole policy may only specify STS AssumeRole actions."
			}
		}
		for _, f := range s.Principals.Federated {
			if !strings.HasPrefix(f.Text, "arn:") && !strings.Contains(f.Text, ".") {
				return "Federated principals must be valid domain names or SAML metadata ARNs"
			}
		}
	}
	if key := untestedIssuerKey(p); key != "" {
		return "The trust policy must test " + key + ": the identity provider signs tokens for everybody who has an account with it"
	}
	return duplicateSid(p)
}

// untestedIssuerKey returns the condition key that AWS wants of a trust in a shared
// issuer and that a statement does not test, "" for none:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
func untestedIssuerKey(p *iam.Policy) string {
	for _, s := range p.Statements {
		if s.Effect != iam.Allow || s.Principals == nil {
			continue
		}
		for _, f := range s.Principals.Federated {
			_, url, _ := strings.Cut(f.Text, ":oidc-provider/")
			shared, found := issuer.Shared(url)
			if !found || shared.Required == "" {
				continue
			}
			key := shared.Required
			if !strings.Contains(key, ":") {
				key = shared.URL + ":" + key
			}
			tests := func(c iam.Condition) bool { return strings.EqualFold(c.Key.Text, key) && c.Operator.Demands() }
			if !slices.ContainsFunc(s.Conditions, tests) {
				return key
			}
		}
	}
	return ""
}

// resourcePolicyFault says why a repository policy (or, with resources, a
// registry policy) cannot be saved.
func resourcePolicyFault(p *iam.Policy, resources bool) string {
	if len(p.Statements) == 0 {
		return "no statement"
	}
	kind := iam.RepositoryPolicy
	if resources {
		kind = iam.RegistryPolicy
	}
	if fault := iam.SaveFault(p, kind); fault != "" {
		return printable(fault)
	}
	for _, s := range p.Statements {
		hasResource := s.Resources != nil || s.NotResources != nil
		switch {
		case s.Principals == nil && s.NotPrincipals == nil:
			return "a statement without a principal"
		case hasResource && !resources:
			return "a repository policy has no Resource element"
		case !hasResource && resources:
			return "a registry policy needs a Resource element"
		}
		for _, a := range append(append([]iam.Value(nil), s.Actions...), s.NotActions...) {
			if !strings.HasPrefix(strings.ToLower(a.Text), "ecr:") && a.Text != "*" {
				return "an action of another service"
			}
		}
	}
	return ""
}

func actionFault(s iam.Statement) string {
	for _, a := range append(append([]iam.Value(nil), s.Actions...), s.NotActions...) {
		if a.Text == "*" {
			continue
		}
		vendor, name, ok := strings.Cut(a.Text, ":")
		if !ok || vendor == "" || name == "" {
			return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
		}
	}
	return ""
}

func duplicateSid(p *iam.Policy) string {
	seen := map[string]bool{}
	for _, s := range p.Statements {
		if s.Sid != "" && seen[s.Sid] {
			return "Statement IDs (SID) in a single policy must be unique."
		}
		seen[s.Sid] = true
	}
	return ""
}

func notAlphanumeric(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// unknownPrincipal returns a principal of p that does not exist, "" for none.
// Accounts that the sandbox does not hold do not exist in it, unless its
// configuration says that they do.
func (b *Sandbox) unknownPrincipal(p *iam.Policy) string {
	for _, st := range p.Statements {
		for _, set := range []*iam.Principals{st.Principals, st.NotPrincipals} {
			if set == nil {
				continue
			}
			for _, v := range set.AWS {
				if !b.principalExists(v.Text) {
					b.log.Warn("a policy names a principal that does not exist", "principal", printable(v.Text),
						"hint", "if its account exists elsewhere, add the account to otherAccounts in the sandbox's configuration")
					return v.Text
				}
			}
		}
	}
	return ""
}

func (b *Sandbox) principalExists(text string) bool {
	if text == "*" {
		return true
	}
	if awsname.ValidAccount(text) {
		return b.state.accounts[text] != nil || b.existsElsewhere(text)
	}
	arn, ok := awsname.ParseARN(text)
	if !ok || arn.Region != "" {
		return false
	}
	a := b.state.accounts[arn.Account]
	if a == nil {
		_, err := iam.ParsePrincipal(text)
		return err == nil && b.existsElsewhere(arn.Account)
	}
	if arn.Partition != string(a.partition) {
		return false
	}
	return a.holds(arn, text)
}

// existsElsewhere reports whether the configuration says that an account exists
// which the sandbox does not hold. Who is in it is believed.
func (b *Sandbox) existsElsewhere(id string) bool {
	return slices.Contains(b.cfg.OtherAccounts, id) || slices.Contains(b.cfg.OtherAccounts, "*")
}

// holds reports whether a principal of this account exists.
func (a *account) holds(arn awsname.ARN, text string) bool {
	kind, rest, _ := strings.Cut(arn.Resource, "/")
	name := rest[strings.LastIndex(rest, "/")+1:]
	switch arn.Service + ":" + kind {
	case "iam:root":
		return true
	case "iam:user":
		u := a.users[name]
		return u != nil && u.arn == text
	case "iam:role":
		r := a.roles[name]
		return r != nil && r.arn == text
	case "sts:assumed-role":
		role, _, _ := strings.Cut(rest, "/")
		return a.roles[role] != nil
	case "sts:federated-user":
		return true
	}
	return false
}
