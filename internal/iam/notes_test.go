package iam

import (
	"strings"
	"testing"
)

func TestNotes(t *testing.T) {
	ecr := func(who string) Request {
		return Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, who)}
	}
	linked := "arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
	tests := []struct {
		name string
		r    Request
		p    Policies
		want string
	}{
		{"dead unique id", ecr(ciUser), Policies{Resource: docs(t, naming("Allow", aws("AROAEXAMPLEEXAMPLEXX"), "ecr:*"))}, "id of something deleted"},
		{"wildcard in a principal", ecr(ciUser), Policies{Resource: docs(t, naming("Allow", aws("arn:aws:iam::111111111111:user/*"), "ecr:*"))}, "has a wildcard"},
		{"service-linked role", ecr(linked), Policies{ServiceControl: [][]*Policy{docs(t, denyAll)}}, "service-linked role"},
		{"role's path unknown", ecr(runnerSession), Policies{}, "does not show its role's path"},
		{"NotPrincipal in a trust policy", Request{Action: "sts:AssumeRole", Resource: runnerRole, Principal: caller(t, ciUser)},
			Policies{Resource: docs(t, `{"Effect":"Deny","NotPrincipal":{"AWS":"111111111111"},"Action":"*"}`)}, "cannot have NotPrincipal"},
		{"bucket policy without a Resource", Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Principal: caller(t, ciUser)},
			Policies{Resource: docs(t, naming("Allow", `"*"`, "s3:*"))}, "without a Resource"},
	}
	for _, test := range tests {
		d := checked(t, test.r, test.p)
		if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], test.want) {
			t.Errorf("%s: notes = %q, want one with %q", test.name, d.Notes, test.want)
		}
	}
	known := ecr(runnerSession)
	known.Context = map[string][]string{"aws:PrincipalArn": {"arn:aws:iam::111111111111:role/team/runner"}}
	d := checked(t, known, Policies{})
	if len(d.Notes) != 0 || d.Missing.Additions[0].Statement.Principals.AWS[0].Text != "arn:aws:iam::111111111111:role/team/runner" {
		t.Errorf("with aws:PrincipalArn: notes = %q, missing = %+v", d.Notes, d.Missing)
	}
}

// What a statement lacks is told where its action says that it was meant.
func TestNearMisses(t *testing.T) {
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, ciUser), Context: map[string][]string{"many": {"a", "b"}}}
	tests := []struct{ statement, want string }{
		{`{"Effect":"Allow","Action":"ecr:Batch*","Resource":"arn:aws:ecr:*:*:team/app"}`, "its Resource does not cover"},
		{`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`, "the request does not have that key"},
		{`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"bob"}}}`, `the request has "ci"`},
		{`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"many":"c"}}}`, `the request has "a", "b"`},
		{`{"Effect":"Allow","Action":"ecr:*"}`, "it has no Resource"},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, ""},
		{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::*"}`, ""},
	}
	for _, test := range tests {
		d := checked(t, r, Policies{Identity: docs(t, test.statement)})
		near := strings.Join(d.Layers[0].Near, "\n")
		if !strings.Contains(near, test.want) || test.want == "" && near != "" {
			t.Errorf("%s: near = %q, want %q", test.statement, near, test.want)
		}
	}
}

func TestVerbs(t *testing.T) {
	for verb, want := range map[Verb]string{
		Pull: "ecr:GetAuthorizationToken ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
		Push: "ecr:GetAuthorizationToken ecr:BatchGetImage ecr:GetDownloadUrlForLayer ecr:BatchCheckLayerAvailability " +
			"ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:PutImage",
		List: "ecr:DescribeRepositories ecr:DescribeImages ecr:ListImages ecr:BatchGetImage",
	} {
		if got := strings.Join(verb.Actions(), " "); got != want {
			t.Errorf("%s needs %s, want %s", verb, got, want)
		}
	}
}

func TestARNRoundTrip(t *testing.T) {
	for _, text := range []string{ownRepository, "arn:aws:s3:::b/k:x", runnerSession} {
		if arn, ok := ParseARN(text); !ok || arn.String() != text {
			t.Errorf("ParseARN(%q) = %+v, %v", text, arn, ok)
		}
	}
	for _, text := range []string{"", "arn:aws:ecr", "arn::ecr:a:b:c", "ARN:aws:ecr:a:b:c", "arn:aws:ecr:a:b:"} {
		if arn, ok := ParseARN(text); ok {
			t.Errorf("ParseARN(%q) = %+v, want a refusal", text, arn)
		}
	}
}
