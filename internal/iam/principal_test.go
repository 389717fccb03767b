package iam

import "testing"

func TestParsePrincipal(t *testing.T) {
	tests := []struct {
		text                   string
		kind                   PrincipalKind
		account, path, name    string
		session, role, linkage string
	}{
		{"*", Anonymous, "", "", "", "", "", ""},
		{"111111111111", Root, ours, "", "", "", "", ""},
		{"arn:aws:iam::111111111111:root", Root, ours, "", "", "", "", ""},
		{ciUser, User, ours, "/", "ci", "", "", ""},
		{"arn:aws-cn:iam::111111111111:user/a/b/ci", User, ours, "/a/b/", "ci", "", "", ""},
		{runnerRole, Role, ours, "/", "runner", "", runnerRole, ""},
		{"arn:aws:iam::111111111111:role/team/runner", Role, ours, "/team/", "runner", "", "arn:aws:iam::111111111111:role/team/runner", ""},
		{runnerSession, RoleSession, ours, "", "runner", "build-7", runnerRole, ""},
		{"arn:aws:sts::111111111111:federated-user/bob", FederatedUser, ours, "", "bob", "", "", ""},
		{"arn:aws:iam::111111111111:oidc-provider/gitlab.example.com/x", Federated, ours, "", "gitlab.example.com/x", "", "", ""},
		{"arn:aws:iam::111111111111:saml-provider/corp", Federated, ours, "", "corp", "", "", ""},
		{"codebuild.amazonaws.com", Service, "", "", "codebuild.amazonaws.com", "", "", ""},
		{"https://gitlab.example.com/x", Federated, "", "", "gitlab.example.com/x", "", "", ""},
		{"anonymous", Anonymous, "", "", "", "", "", ""},
		{"accounts.google.com", Federated, "", "", "accounts.google.com", "", "", ""},
		{"cognito-identity.amazonaws.com", Federated, "", "", "cognito-identity.amazonaws.com", "", "", ""},
		{"arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", Role, ours,
			"/aws-service-role/ecs.amazonaws.com/", "AWSServiceRoleForECS", "",
			"arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", "linked"},
		{"arn:aws:sts::111111111111:assumed-role/AWSServiceRoleForECS/x", RoleSession, ours, "", "AWSServiceRoleForECS", "x",
			"arn:aws:iam::111111111111:role/AWSServiceRoleForECS", "linked"},
		{"00000000000000000000000000000000000000000000000000000000000000af", CanonicalUser, "", "",
			"00000000000000000000000000000000000000000000000000000000000000af", "", "", ""},
	}
	for _, test := range tests {
		p, err := ParsePrincipal(test.text)
		if err != nil {
			t.Errorf("ParsePrincipal(%q): %v", test.text, err)
			continue
		}
		if p.Kind != test.kind || p.Account != test.account || p.Path != test.path || p.Name != test.name ||
			p.Session != test.session || p.RoleARN != test.role || p.Linked != (test.linkage == "linked") {
			t.Errorf("ParsePrincipal(%q) = %+v, want %+v", test.text, p, test)
		}
	}
}

func TestParsePrincipalRefuses(t *testing.T) {
	for _, text := range []string{
		"", "bob", "11111111111", "1111111111111", "11111111111x", "arn:aws:iam::111111111111:role/",
		"arn:aws:iam::111111111111:role/*", "arn:aws:iam::111111111111:roleplay/x", "arn:aws:iam::1:role/x",
		"arn:aws:iam:eu-west-1:111111111111:role/x", "arn:aws:sts::111111111111:assumed-role/x",
		"arn:aws:sts::111111111111:assumed-role/x/y/z", "arn:aws:sts::111111111111:assumed-role//y",
		"arn:aws:iam::111111111111:group/x", "arn:aws:iam::111111111111:root/x", "arn:aws:s3:::bucket",
		"https://", "https://a?b", "http://a", ".amazonaws.com", "a b.amazonaws.com", "evil.example",
	} {
		if p, err := ParsePrincipal(text); err == nil {
			t.Errorf("ParsePrincipal(%q) = %+v, want an error", text, p)
		}
	}
}

func TestWithSession(t *testing.T) {
	role := caller(t, "arn:aws:iam::111111111111:role/team/runner")
	p, err := role.WithSession("build-7")
	if err != nil || p.ARN != runnerSession || p.RoleARN != role.ARN || p.Kind != RoleSession {
		t.Errorf("WithSession = %+v, %v", p, err)
	}
	for _, name := range []string{"", "a/b", "*"} {
		if p, err := role.WithSession(name); err == nil {
			t.Errorf("WithSession(%q) = %+v, want an error", name, p)
		}
	}
	federated, err := caller(t, ciUser).WithSession("job")
	want := Principal{
		Kind: FederatedUser, Partition: "aws", Account: ours, Name: "job", ARN: "arn:aws:sts::111111111111:federated-user/job",
		UserARN: ciUser, RootARN: "arn:aws:iam::111111111111:root",
	}
	if err != nil || federated != want || federated.IdentityARN() != ciUser {
		t.Errorf("a user's WithSession = %+v, %v, want %+v", federated, err, want)
	}
	for _, text := range []string{ours, "*", "codebuild.amazonaws.com", "arn:aws:sts::111111111111:federated-user/job"} {
		if p, err := caller(t, text).WithSession("x"); err == nil {
			t.Errorf("WithSession of %s = %+v, want an error", text, p)
		}
	}
}
