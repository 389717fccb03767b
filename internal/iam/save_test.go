package iam

import (
	"strings"
	"testing"
)

// TestSaveFault: what AWS refuses to save, by kind of policy.
func TestSaveFault(t *testing.T) {
	statement := func(rest string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + rest + `}]}`
	}
	with := func(condition string) string {
		return statement(`"Action":"ecr:*","Resource":"*","Condition":{` + condition + `}`)
	}
	resource := func(arn string) string { return statement(`"Action":"ecr:*","Resource":"` + arn + `"`) }
	trust := func(issuer, condition string) string {
		return statement(`"Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/` + issuer + `"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{` + condition + `}`)
	}
	const gitHub = "token.actions.githubusercontent.com"
	for _, c := range []struct {
		kind           Kind
		document, want string
	}{
		{IdentityPolicy, statement(`"Action":"ecr:*","Resource":"*"`), ""},
		{IdentityPolicy, `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, "must be version 2012-10-17"},
		{PermissionsBoundary, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, "must be version 2012-10-17"},
		{RepositoryPolicy, `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`, ""},
		{TrustPolicy, `{"Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`, ""},
		{IdentityPolicy, statement(`"Action":"GetObject","Resource":"*"`), "prefaced by a vendor"},
		{IdentityPolicy, statement(`"Action":"ecr:Batch:Get","Resource":"*"`), "only one colon"},
		{IdentityPolicy, statement(`"Action":"e cr:BatchGetImage","Resource":"*"`), "Vendor e cr is not valid"},
		{IdentityPolicy, statement(`"Action":"ec*:Get","Resource":"*"`), "Vendor ec* is not valid"},
		{IdentityPolicy, statement(`"NotAction":"_:x","Resource":"*"`), "Vendor _ is not valid"},
		{IdentityPolicy, statement(`"Action":[],"Resource":"*"`), "must contain actions"},
		{IdentityPolicy, statement(`"Action":"*","Resource":[]`), "must contain resources"},
		{IdentityPolicy, resource("team/app"), "must be in ARN format"},
		{IdentityPolicy, resource(""), "must be in ARN format"},
		{IdentityPolicy, resource("arn:awz:ecr:eu-west-1:111111111111:repository/x"), `Partition "awz" is not valid`},
		{IdentityPolicy, resource("arn:aws-cn:ecr:cn-north-1:111111111111:repository/x"), ""},
		{IdentityPolicy, resource("arn:*:ecr:eu-west-1:111111111111:repository/x"), ""},
		{IdentityPolicy, resource("arn:aws:ecr"), "legacy parsing"},
		{IdentityPolicy, resource("arn:aws:e*:eu-west-1:111111111111:repository/x"), "cannot contain regexes"},
		{IdentityPolicy, resource("arn:aws:iam:eu-west-1:111111111111:role/x"), "cannot contain region information"},
		{IdentityPolicy, resource("arn:aws:sts:eu-west-1:111111111111:assumed-role/x/y"), "can not contain region information"},
		{IdentityPolicy, resource("arn:aws:s3:eu-west-1::bucket"), "can not contain region information"},
		{IdentityPolicy, resource("arn:aws:s3:eu-west-1:111111111111:accesspoint/x"), ""},
		{IdentityPolicy, resource("arn:aws:iam::111111111111:roles/x"), "must either be"},
		{IdentityPolicy, resource("arn:aws:iam::aws:policy/x"), ""},
		{IdentityPolicy, resource("arn:aws:ecr:eu-west-1:${aws:PrincipalAccount}:repository/x"), "legacy parsing"},
		{IdentityPolicy, resource("arn:aws:ecr:eu-west-1:1111:repository/x"), "legacy parsing"},
		{IdentityPolicy, resource("arn:aws:ecr:*:*:repository/${aws:username}"), ""},
		{IdentityPolicy, with(`"NumericLessThan":{"aws:MultiFactorAuthAge":"an hour"}`), "legacy parsing"},
		{IdentityPolicy, with(`"NumericLessThan":{"aws:MultiFactorAuthAge":3600}`), ""},
		{IdentityPolicy, with(`"DateLessThan":{"aws:CurrentTime":"tomorrow"}`), "legacy parsing"},
		{IdentityPolicy, with(`"DateLessThan":{"aws:CurrentTime":"2026-12-31T00:00:00Z"}`), ""},
		{IdentityPolicy, with(`"IpAddress":{"aws:SourceIp":"203.0.113.0/33"}`), "legacy parsing"},
		{IdentityPolicy, with(`"IpAddress":{"aws:SourceIp":["203.0.113.0/24","office"]}`), "legacy parsing"},
		{IdentityPolicy, with(`"NotIpAddress":{"aws:SourceIp":"2001:db8::/32"}`), ""},
		{IdentityPolicy, with(`"Bool":{"aws:SecureTransport":"yes"}`), "legacy parsing"},
		{IdentityPolicy, with(`"Bool":{"aws:SecureTransport":false}`), ""},
		{IdentityPolicy, with(`"Null":{"aws:PrincipalOrgID":"maybe"}`), "legacy parsing"},
		{IdentityPolicy, with(`"BinaryEquals":{"x:y":"%%%"}`), "legacy parsing"},
		{IdentityPolicy, with(`"ArnLike":{"aws:PrincipalArn":"role/pull"}`), "legacy parsing"},
		{IdentityPolicy, with(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`), ""},
		{IdentityPolicy, with(`"ArnLike":{"aws:PrincipalArn":"${aws:PrincipalArn}"}`), ""},
		{IdentityPolicy, with(`"StringEquals":{"department":"x"}`), "prefaced by a vendor"},
		{TrustPolicy, trust(gitHub, `"StringEquals":{"`+gitHub+`:aud":"sts.amazonaws.com"}`), gitHub + ":sub"},
		{TrustPolicy, trust(gitHub, `"StringLike":{"`+gitHub+`:sub":"*"}`), gitHub + ":sub"},
		{TrustPolicy, trust(gitHub, `"StringNotEquals":{"`+gitHub+`:sub":"x"}`), gitHub + ":sub"},
		{TrustPolicy, trust(gitHub, `"StringEquals":{"`+gitHub+`:repository_id":"7"}`), gitHub + ":sub"},
		{TrustPolicy, trust(gitHub, `"StringLike":{"`+gitHub+`:sub":"repo:acme/*"}`), ""},
		{TrustPolicy, trust("api.pulumi.com/oidc", `"StringEquals":{"api.pulumi.com/oidc:sub":"x"}`), "api.pulumi.com/oidc:aud"},
		{TrustPolicy, trust("api.pulumi.com/oidc", `"StringEquals":{"api.pulumi.com/oidc:aud":"acme"}`), ""},
		{TrustPolicy, trust("oidc.eks.eu-west-1.amazonaws.com/id/ABC", `"StringEquals":{"x.example:aud":"y"}`), ""},
	} {
		p, err := Parse([]byte(c.document))
		if err != nil {
			t.Fatalf("%s: %v", c.document, err)
		}
		if got := SaveFault(p, c.kind); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("SaveFault(%s, %s) = %q, want %q", c.document, c.kind, got, c.want)
		}
	}
}
