package iam

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// commonClaims become condition keys whoever the issuer is.
func commonClaims() []string { return []string{"aud", "sub", "amr", "azp"} }

// providerClaims lists further claims that STS makes condition keys of, by issuer:
// those of AWS STS in the Service Authorization Reference
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html)
// and the keys for OIDC federation of the IAM user guide. A * in the issuer is one
// label or one path segment.
var providerClaims = []struct {
	issuer string
	claims []string
}{
	{"token.actions.githubusercontent.com", gitHubClaims()},
	{"token.actions.githubusercontent.com/*", gitHubClaims()},
	{"token.actions.*.ghe.com", gitHubClaims()},
	{"github.com/enterprises/*", gitHubClaims()},
	{"gitlab.com", []string{
		"namespace_id", "pipeline_source", "project_id", "ref_protected", "runner_environment",
		"user_access_level", "user_email", "user_id", "user_login",
	}},
	{"agent.buildkite.com", buildkiteClaims()},
	{"agent.*.buildkite.dev", buildkiteClaims()},
	{"agent.*.buildkite.site", buildkiteClaims()},
	{"accounts.google.com", []string{"oaud", "google/organization_number"}},
	{"oidc.circleci.com/org/*", []string{"oidc.circleci.com/project-id"}},
	{"idcs-*.identity.oraclecloud.com", []string{"rpst_id"}},
	{"graph.facebook.com", []string{"app_id", "id"}},
	{"www.amazon.com", []string{"app_id", "user_id"}},
}

func gitHubClaims() []string {
	return []string{
		"actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref",
		"repository", "repository_id", "repository_owner_id", "workflow",
	}
}

func buildkiteClaims() []string {
	return []string{
		"build_branch", "cluster_id", "cluster_name", "organization_id", "organization_slug", "pipeline_id", "pipeline_slug",
	}
}

// MappedClaims are the claims of an issuer's tokens that become condition keys,
// each named <issuer without https://>:<claim>. iss is never one.
func MappedClaims(issuer string) []string {
	name := ProviderName(issuer)
	claims := commonClaims()
	for _, row := range providerClaims {
		if sameIssuer(row.issuer, name) {
			claims = append(claims, row.claims...)
		}
	}
	return claims
}

// MappedClaim reports whether STS makes a condition key of the claim. Letter case
// does not matter, as in all condition keys.
func MappedClaim(issuer, claim string) bool {
	return slices.ContainsFunc(MappedClaims(issuer), func(c string) bool { return equalFold(c, claim) })
}

// sameIssuer compares a row of the table with an issuer's name.
func sameIssuer(row, name string) bool {
	before, after, wild := strings.Cut(row, "*")
	if !wild {
		return equalFold(row, name)
	}
	if len(name) <= len(before)+len(after) || !equalFold(name[:len(before)], before) ||
		!equalFold(name[len(name)-len(after):], after) {
		return false
	}
	return !strings.ContainsAny(name[len(before):len(name)-len(after)], "/.")
}

// ProviderName is an issuer's URL as IAM writes it in ARNs and condition keys.
func ProviderName(issuer string) string { return strings.TrimPrefix(issuer, "https://") }

// ProviderARN is where STS looks for an issuer's provider: in the account of
// the role that is asked for.
func ProviderARN(partition, account, issuer string) string {
	return awsname.Partition(partition).IAM(account, "oidc-provider/"+ProviderName(issuer))
}

// WebIdentityContext turns a token's claims into the condition keys that STS
// makes of them. A token that has azp gives it as its audience; Google's then
// keep the aud as oaud.
func WebIdentityContext(issuer string, claims map[string]any) (map[string][]string, error) {
	context := map[string][]string{}
	prefix := ProviderName(issuer) + ":"
	for _, name := range MappedClaims(issuer) {
		claim, there := claimAt(claims, name)
		if !there {
			continue
		}
		values, err := claimValues(claim)
		if number, ok := scalarClaim(claim); ok && !slices.Contains(commonClaims(), name) {
			values, err = []string{number}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("claim %s: %w", name, err)
		}
		context[prefix+name] = values
	}
	if party := context[prefix+"azp"]; len(party) > 0 && party[0] != "" {
		if aud := context[prefix+"aud"]; aud != nil && MappedClaim(issuer, "oaud") {
			context[prefix+"oaud"] = aud
		}
		context[prefix+"aud"] = party
	}
	return context, nil
}

// claimAt finds a claim by its name, or in the object in front of the slash:
// google/organization_number is a member of google.
func claimAt(claims map[string]any, name string) (any, bool) {
	if claim, there := claims[name]; there {
		return claim, true
	}
	outer, inner, nested := strings.Cut(name, "/")
	object, ok := claims[outer].(map[string]any)
	if !nested || !ok {
		return nil, false
	}
	claim, there := object[inner]
	return claim, there
}

// scalarClaim writes numbers and booleans as they stand in the token.
func scalarClaim(claim any) (string, bool) {
	switch claim := claim.(type) {
	case bool:
		return strconv.FormatBool(claim), true
	case float64:
		return strconv.FormatFloat(claim, 'f', -1, 64), true
	case json.Number:
		return claim.String(), true
	}
	return "", false
}

func claimValues(claim any) ([]string, error) {
	switch claim := claim.(type) {
	case string:
		return []string{claim}, nil
	case []string:
		return claim, nil
	case []any:
		values := make([]string, 0, len(claim))
		for _, item := range claim {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("a list of strings is expected, it holds %T", item)
			}
			values = append(values, text)
		}
		return values, nil
	}
	return nil, fmt.Errorf("a string or a list of strings is expected, not %T", claim)
}
