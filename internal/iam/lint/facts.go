package lint

import (
	"encoding/json"
	"fmt"
	"slices"

	pullpass "github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/iam"
)

// Facts are what a document does not tell about itself. All are optional:
// rules that need a fact are silent without it.
type Facts struct {
	Account     string   // the account that owns the document: the role's, the repository's
	Role        string   // ARN of the role whose trust or identity policy this is
	AssumedBy   []string // ARNs of the roles that are to assume Role, itself perhaps included
	Roles       []string // ARNs of all roles known to exist in their accounts
	Token       *Token   // a token that is to assume Role
	PullThrough bool     // the repositories come from a pull-through cache
}

// Token holds the claims of an OIDC token, never the token itself.
type Token struct {
	Issuer          string
	Subject         string
	Audience        []string
	AuthorizedParty string
}

// ParseClaims reads the claims of a decoded token, as JSON: iss, sub, aud (one
// or several) and azp. It takes no token: those are secrets, and nothing of the
// input is repeated in errors.
func ParseClaims(data []byte) (Token, error) {
	var claims struct {
		Issuer          string   `json:"iss"`
		Subject         string   `json:"sub"`
		Audience        audience `json:"aud"`
		AuthorizedParty string   `json:"azp"`
	}
	if err := json.Unmarshal(data, &claims); err != nil || claims.Issuer == "" {
		return Token{}, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "token_claims", What: "cannot read the token's claims",
			Cause: "this is not a JSON object with iss, sub and aud",
			Hint:  "decode the token first: pullpass idp token --audience AUDIENCE --decode",
		}
	}
	return Token{claims.Issuer, claims.Subject, claims.Audience, claims.AuthorizedParty}, nil
}

// audience is one string or a list of them.
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

func checkArguments(kind Kind, facts Facts) error {
	problem := ""
	switch {
	case kind != Unknown && !isKind(kind):
		problem = fmt.Sprintf("%q is not a kind of policy", kind)
	case facts.Account != "" && !iam.IsAccountID(facts.Account):
		problem = fmt.Sprintf("account %q is not 12 digits", facts.Account)
	}
	for _, arn := range slices.Concat(facts.AssumedBy, facts.Roles, []string{facts.Role}) {
		if p, err := iam.ParsePrincipal(arn); arn != "" && (err != nil || p.Kind != iam.Role) {
			problem = fmt.Sprintf("%q is not the ARN of a role", arn)
		}
	}
	if problem == "" {
		return nil
	}
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "lint_options", What: "cannot lint the policy", Cause: problem,
		Hint: "kinds: identity, repository, registry, trust, boundary, session, scp",
	}
}

// account is the owner's account, from either fact that tells it.
func (f Facts) account() string {
	if f.Account != "" || f.Role == "" {
		return f.Account
	}
	p, err := iam.ParsePrincipal(f.Role)
	if err != nil {
		return ""
	}
	return p.Account
}
