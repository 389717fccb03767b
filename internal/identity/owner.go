package identity

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// sharedIssuers sign for everybody who has an account with them: a trust that does
// not say whose job it is trusts strangers. Each has the claims of which at least
// one must be tested.
var sharedIssuers = map[string][]string{
	"https://token.actions.githubusercontent.com": {"sub", "repository", "repository_id", "repository_owner", "repository_owner_id"},
	"https://gitlab.com":                          {"sub", "project_path", "project_id", "namespace_path", "namespace_id"},
	"https://agent.buildkite.com":                 {"sub", "organization_slug", "organization_id", "pipeline_id"},
	"https://accounts.google.com":                 {"sub", "email"},
	"https://app.terraform.io":                    {"sub", "terraform_organization_id", "terraform_organization_name", "terraform_workspace_id"},
}

// CheckOwner refuses a trust in a shared issuer that accepts anybody's tokens.
func CheckOwner(t Trust) error {
	claims, shared := sharedIssuers[strings.TrimSuffix(t.Issuer, "/")]
	if !shared || slices.ContainsFunc(t.Conditions, func(c Condition) bool { return slices.Contains(claims, c.Claim) && c.narrows() }) {
		return nil
	}
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "trust_too_wide", What: "cannot trust the issuer",
		Cause: "it signs for everybody who has an account there, and no condition says whose tokens are meant",
		Hint:  "test one of the claims " + strings.Join(claims, ", "),
	}
}

// narrows reports whether the condition fixes whose it is: a pattern has to begin
// with more than the words that every subject begins with.
func (c Condition) narrows() bool {
	if !c.Glob {
		return true
	}
	for _, v := range c.Values {
		fixed, _, _ := strings.Cut(v, "*")
		fixed, _, _ = strings.Cut(fixed, "?")
		fixed, _, _ = strings.Cut(fixed, "[")
		for _, common := range []string{"repo:", "project_path:", "organization:"} {
			fixed = strings.TrimPrefix(fixed, common)
		}
		if fixed == "" {
			return false
		}
	}
	return true
}
