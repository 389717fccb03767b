package lint

import (
	"slices"
	"strings"
	"testing"
)

// TestAnyone: a condition silences the rules about everyone only if it says who, by a
// positive operator and a literal organization or account.
func TestAnyone(t *testing.T) {
	const everyone, lambda = `"*"`, `{"Service":"lambda.amazonaws.com"}`
	for _, c := range []struct {
		principal, condition string
		found                bool
	}{
		{everyone, ``, true},
		{`{"AWS":"*"}`, ``, true},
		{`{"AWS":["*","arn:aws:iam::111111111111:root"]}`, ``, true},
		{everyone, `"Bool":{"aws:SecureTransport":"true"}`, true},
		{everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/deployer"}`, true},
		{everyone, `"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/deployer"}`, true},
		{everyone, `"StringLike":{"aws:PrincipalArn":"arn:*:111111111111:role/deployer"}`, true},
		{everyone, `"StringNotEquals":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`, true},
		{everyone, `"StringLike":{"aws:PrincipalOrgID":"o-*"}`, true},
		{everyone, `"StringLike":{"aws:PrincipalOrgID":["o-aaaaaaaaaa","*"]}`, true},
		{everyone, `"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`, true},
		{everyone, `"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`, true},
		{everyone, `"Null":{"aws:PrincipalOrgID":"false"}`, true},
		{everyone, `"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`, true},
		{everyone, `"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}`, true},
		{everyone, `"StringEquals":{"aws:PrincipalTag/team":"blue"}`, true},
		{everyone, `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, true},
		{everyone, `"StringEquals":{"aws:SourceVpce":"vpce-1"}`, true},
		{everyone, `"StringEquals":{"sts:ExternalId":"x"}`, true},
		{everyone, `"StringLike":{"aws:PrincipalAccount":"1111*"}`, true},
		{everyone, `"StringEquals":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`, false},
		{everyone, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-aaaaaaaaaa/r-bbbb/*"}`, false},
		{everyone, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-*/r-bbbb/*"}`, true},
		{everyone, `"StringEquals":{"aws:PrincipalAccount":["111111111111","333333333333"]}`, false},
		{everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/team-*"}`, false},
		{everyone, `"ArnLike":{"aws:PrincipalArn":"arn:*:iam::111111111111:role/team-*"}`, false},
		{everyone, `"StringLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:*"}`, false},
		{everyone, `"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"AWS:principalorgid":"o-aaaaaaaaaa"}`, false},
		{lambda, ``, true},
		{lambda, `"Bool":{"aws:SecureTransport":"true"}`, true},
		{lambda, `"StringEquals":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`, true},
		{lambda, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:*:*:function:*"}`, true},
		{lambda, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:111111111111:function:*"}`, false},
		{lambda, `"ArnLike":{"aws:sourceARN":"arn:aws:lambda:*:111111111111:function:*"}`, false},
		{lambda, `"StringEquals":{"aws:SourceAccount":"111111111111"}`, false},
		{lambda, `"StringEqualsIfExists":{"aws:SourceAccount":"111111111111"}`, true},
		{lambda, `"StringEquals":{"aws:SourceOrgID":"o-aaaaaaaaaa"}`, false},
	} {
		kinds := []Kind{Repository, Trust}
		if strings.Contains(c.principal, "Service") {
			kinds = kinds[:1] // roles for services are the ordinary case
		}
		for _, kind := range kinds {
			action := pull
			if kind == Trust {
				action = `"Action":"sts:AssumeRole"`
			}
			report, err := Document([]byte(doc(`{"Effect":"Allow","Principal":`+c.principal+`,`+action+`,"Condition":{`+c.condition+`}}`)), kind, Facts{})
			if err != nil {
				t.Fatal(err)
			}
			found := slices.ContainsFunc(ids(report.Findings), func(id string) bool {
				return id == "principal-anyone" || id == "trust-anyone" || id == "service-anyone"
			})
			if found != c.found {
				t.Errorf("%s %s {%s}: found %v, want %v", kind, c.principal, c.condition, found, c.found)
			}
		}
	}
}
