package lint

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullpass/pullpass/internal/iam"
)

// TestTokenAgreesWithEvaluator: the token rules find something exactly when
// the role would refuse the token.
func TestTokenAgreesWithEvaluator(t *testing.T) {
	const provider = "arn:aws:iam::222222222222:oidc-provider/id.example.com"
	word := rapid.StringMatching(`(repo:|team|/|\*|\?|\$\{\*\}|\$\{\?\}|\$\{\$\}|a|B|main){1,5}`)
	rapid.Check(t, func(t *rapid.T) {
		operator := rapid.SampledFrom([]string{
			"StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLikeIfExists",
		})
		condition := func(claim string) string {
			return `"` + operator.Draw(t, "operator") + `":{"id.example.com:` + claim + `":["` + word.Draw(t, "pattern") + `","` + word.Draw(t, "pattern") + `"]}`
		}
		version := rapid.SampledFrom([]string{iam.Version2012, iam.Version2008}).Draw(t, "version")
		text := `{"Version":"` + version + `","Statement":[{` + webAllow + `,"Condition":{` + condition("sub") + `}}]}`
		token := Token{Issuer: "https://id.example.com", Subject: word.Draw(t, "subject")}

		policy, err := iam.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		principal, err := iam.ParsePrincipal(provider)
		if err != nil {
			t.Fatal(err)
		}
		decision := iam.Evaluate(iam.Request{
			Action: "sts:AssumeRoleWithWebIdentity", Resource: "arn:aws:iam::222222222222:role/r", ResourceAccount: "222222222222",
			Principal: principal, Context: map[string][]string{"id.example.com:sub": {token.Subject}},
		}, iam.Policies{Resource: []*iam.Policy{policy}})
		report, err := Document([]byte(text), Trust, Facts{Account: "222222222222", Token: &token})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := slices.Contains(ids(report.Findings), "token-subject"), decision.Effect != iam.Allowed; got != want {
			t.Errorf("sub %q in %s: found %v, evaluator says %s", token.Subject, text, got, decision.Effect)
		}
	})
}
