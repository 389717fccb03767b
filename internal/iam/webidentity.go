package iam

import (
	"fmt"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// MappedClaims are the claims of an OIDC token that become condition keys,
// each named <issuer without https://>:<claim>.
func MappedClaims() []string { return []string{"aud", "sub", "amr", "azp"} }

// ProviderName is an issuer's URL as IAM writes it in ARNs and condition keys.
func ProviderName(issuer string) string { return strings.TrimPrefix(issuer, "https://") }

// ProviderARN is where STS looks for an issuer's provider: in the account of
// the role that is asked for.
func ProviderARN(partition, account, issuer string) string {
	return awsname.Partition(partition).IAM(account, "oidc-provider/"+ProviderName(issuer))
}

// WebIdentityContext turns a token's claims into the condition keys that STS
// makes of them. A token that has azp gives it as its audience.
func WebIdentityContext(issuer string, claims map[string]any) (map[string][]string, error) {
	context := map[string][]string{}
	for _, name := range MappedClaims() {
		claim, there := claims[name]
		if !there {
			continue
		}
		values, err := claimValues(claim)
		if err != nil {
			return nil, fmt.Errorf("claim %s: %w", name, err)
		}
		context[ProviderName(issuer)+":"+name] = values
		if name == "azp" && len(values) > 0 && values[0] != "" {
			context[ProviderName(issuer)+":aud"] = values
		}
	}
	return context, nil
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
