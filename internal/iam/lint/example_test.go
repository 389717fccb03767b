package lint_test

import (
	"fmt"

	"github.com/pullpass/pullpass/internal/iam/lint"
)

func ExampleDocument() {
	policy := []byte(`{
  "Version": "2012-10-17",
  "Statement": {
    "Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/services.acme.gitpod.cloud/idp"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {
      "StringEquals": {"services.acme.gitpod.cloud/idp:aud": "sts.amazonaws.com"},
      "StringLikeIfExists": {"services.acme.gitpod.cloud/idp:sub": "https://github.com/acme/app/tree/*"}
    }
  }
}`)
	report, err := lint.Document(policy, lint.Unknown, lint.Facts{Account: "222222222222"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		fmt.Printf("%s: %s: %s [%s]\n", f.Position, f.Severity, f.Detail, f.ID)
	}
	// Output:
	// 5:32: error: the provider lies in account 111111111111, the role in 222222222222 [provider-account]
	// 9:7: error: StringLikeIfExists holds for tokens without sub [claim-if-exists]
}
