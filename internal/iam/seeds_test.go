package iam

import (
	"strings"
	"testing"
)

// The policies of the five seeds, with their placeholders filled in: the
// platform is account 111111111111, the registry's owner 222222222222.
const (
	gitpodIssuer = "services.cell.gitpod.cloud/idp"

	enterpriseRepositoryPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Gitpod Access","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root"]}}]}`
	enterprisePermissions      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:DescribeImages","ecr:BatchCheckLayerAvailability"],"Resource":"arn:aws:ecr:*:222222222222:repository/team/app"},{"Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":"*"}]}`
	enterpriseTrustTemplate    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::ACCOUNT:oidc-provider/services.cell.gitpod.cloud/idp"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"services.cell.gitpod.cloud/idp:aud":"sts.amazonaws.com"},"StringLikeIfExists":{"services.cell.gitpod.cloud/idp:sub":["https://github.com/org/repo/tree/*","referrer:jetbrains-gateway:*/https://github.com/org/repo/tree/*"]}}}]}`
	flexRunnerPolicy           = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":"*"},{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:BatchCheckLayerAvailability"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}]}`
	flexRepositoryPolicy       = `{"Version":"2012-10-17","Statement":[{"Sid":"AllowGitpodRunnerPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/runner"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`
	releaseRepositoryPolicy    = `{"Version":"2008-10-17","Statement":[{"Sid":"AllowReleasePull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/release"},"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:DescribeImages","ecr:DescribeRepositories","ecr:GetAuthorizationToken","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:ListImage"]}]}`
	codefreshTrust             = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/eksctl-awscluster-ServiceRole"},"Action":"sts:AssumeRole","Condition":{}}]}`
)

var pullActions = []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}

func enterpriseTrust(account string) string {
	return strings.Replace(enterpriseTrustTemplate, "ACCOUNT", account, 1)
}

func TestSeedEnterpriseRepositoryPolicy(t *testing.T) {
	p := Policies{Resource: []*Policy{mustParse(t, enterpriseRepositoryPolicy)}}
	for _, action := range pullActions {
		r := Request{Action: action, Resource: theirRepository, Principal: caller(t, runnerSession)}
		d := checked(t, r, p)
		if d.Effect != ImplicitDeny || len(d.Missing.Additions) != 1 || d.Missing.Additions[0].Kind != IdentityPolicy || d.Missing.Additions[0].Account != ours {
			t.Errorf("%s, owner's half only: %s, %+v; want the identity half in %s missing", action, d.Effect, d.Missing, ours)
		}
		withIdentity := Policies{Resource: p.Resource, Identity: docs(t, allowAll)}
		if d := checked(t, r, withIdentity); d.Effect != Allowed {
			t.Errorf("%s, both halves: %s", action, d.Effect)
		}
		r.Principal = caller(t, "arn:aws:iam::333333333333:user/eve")
		if d := checked(t, r, withIdentity); d.Effect != ImplicitDeny {
			t.Errorf("%s from another account: %s", action, d.Effect)
		}
	}
}

// The published trust policy names the provider in the platform's account,
// but STS looks in the account of the role; and its condition on the subject
// holds for a token that has none.
func TestSeedEnterpriseTrust(t *testing.T) {
	const role = "arn:aws:iam::222222222222:role/pull"
	provider := func(account string) string {
		if account == "" {
			return "https://" + gitpodIssuer
		}
		return "arn:aws:iam::" + account + ":oidc-provider/" + gitpodIssuer
	}
	claims := func(aud, sub string) map[string][]string {
		context := map[string][]string{gitpodIssuer + ":aud": {aud}}
		if sub != "" {
			context[gitpodIssuer+":sub"] = []string{sub}
		}
		return context
	}
	const good = "https://github.com/org/repo/tree/main"
	tests := []struct {
		name, provider, trust, aud, sub string
		want                            Result
	}{
		{"as published, provider where STS looks", theirs, ours, "sts.amazonaws.com", good, ImplicitDeny},
		{"as published, provider where it says", ours, ours, "sts.amazonaws.com", good, ImplicitDeny},
		{"provider corrected", theirs, theirs, "sts.amazonaws.com", good, Allowed},
		{"branch with a slash", theirs, theirs, "sts.amazonaws.com", good + "/x", Allowed},
		{"from JetBrains", theirs, theirs, "sts.amazonaws.com", "referrer:jetbrains-gateway:goland/" + good, Allowed},
		{"other repository", theirs, theirs, "sts.amazonaws.com", "https://github.com/org/other/tree/main", ImplicitDeny},
		{"repository with the same beginning", theirs, theirs, "sts.amazonaws.com", "https://github.com/org/repo2/tree/main", ImplicitDeny},
		{"other audience", theirs, theirs, "gitlab", good, ImplicitDeny},
		{"by the gitpodURL's URL", "", theirs, "sts.amazonaws.com", good, Allowed},
		{"by the gitpodURL's URL, as published", "", ours, "sts.amazonaws.com", good, ImplicitDeny},
		{"no subject at all passes", theirs, theirs, "sts.amazonaws.com", "", Allowed},
	}
	for _, test := range tests {
		r := Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: role,
			Principal: caller(t, provider(test.provider)), Context: claims(test.aud, test.sub)}
		d := checked(t, r, Policies{Resource: []*Policy{mustParse(t, enterpriseTrust(test.trust))}})
		if d.Effect != test.want {
			t.Errorf("%s: %s, want %s", test.name, d.Effect, test.want)
		}
	}

	r := Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: role, Principal: caller(t, provider(ours)), Context: claims("sts.amazonaws.com", good)}
	d := checked(t, r, Policies{Resource: []*Policy{mustParse(t, enterpriseTrust(ours))}})
	if len(d.Missing.Additions) != 0 || !strings.Contains(d.Missing.Why, provider(theirs)) {
		t.Errorf("wrong account: missing = %+v, want the provider's right name", d.Missing)
	}

	// The statement that is missing tests audience and subject, plainly.
	r.Principal = caller(t, provider(theirs))
	d = checked(t, r, Policies{Resource: []*Policy{mustParse(t, enterpriseTrust(ours))}})
	want := `{"Effect":"Allow","Principal":{"Federated":"` + provider(theirs) + `"},"Action":"sts:AssumeRoleWithWebIdentity",` +
		`"Condition":{"StringEquals":{"` + gitpodIssuer + `:aud":"sts.amazonaws.com","` + gitpodIssuer + `:sub":"` + good + `"}}}`
	if got, err := d.Missing.Additions[0].Statement.MarshalJSON(); err != nil || string(got) != want {
		t.Errorf("missing statement = %s, %v; want %s", got, err, want)
	}
}

func TestSeedEnterprisePermissions(t *testing.T) {
	session := "arn:aws:sts::222222222222:assumed-role/pull/me"
	p := Policies{Identity: []*Policy{mustParse(t, enterprisePermissions)}}
	for _, action := range append(pullActions, "ecr:DescribeImages") {
		if d := checked(t, Request{Action: action, Resource: theirRepository, Principal: caller(t, session)}, p); d.Effect != Allowed {
			t.Errorf("%s: %s", action, d.Effect)
		}
	}
	if d := checked(t, Request{Action: "ecr:GetAuthorizationToken", Resource: "*", Principal: caller(t, session)}, p); d.Effect != Allowed {
		t.Errorf("token: %s", d.Effect)
	}
	if d := checked(t, Request{Action: "ecr:PutImage", Resource: theirRepository, Principal: caller(t, session)}, p); d.Effect != ImplicitDeny {
		t.Errorf("push: %s", d.Effect)
	}
}

func TestSeedFlexRunner(t *testing.T) {
	identity, repository := []*Policy{mustParse(t, flexRunnerPolicy)}, []*Policy{mustParse(t, flexRepositoryPolicy)}
	r := func(action string) Request {
		return Request{Action: action, Resource: theirRepository, Principal: caller(t, runnerSession)}
	}
	for _, action := range pullActions {
		if d := checked(t, r(action), Policies{Identity: identity, Resource: repository}); d.Effect != Allowed {
			t.Errorf("%s with both policies: %s", action, d.Effect)
		}
		d := checked(t, r(action), Policies{Identity: identity})
		if d.Effect != ImplicitDeny || d.Missing.Additions[0].Kind != RepositoryPolicy || d.Missing.Additions[0].Account != theirs {
			t.Errorf("%s without the repository policy: %s, %+v", action, d.Effect, d.Missing)
		}
	}
	d := checked(t, r("ecr:DescribeImages"), Policies{Identity: identity, Resource: repository})
	if d.Effect != ImplicitDeny || len(d.Missing.Additions) != 2 {
		t.Errorf("listing: %s, %+v; want both sides missing", d.Effect, d.Missing)
	}
}

func TestSeedRelease(t *testing.T) {
	user := caller(t, "arn:aws:iam::111111111111:user/release")
	p := Policies{Identity: docs(t, allowAll), Resource: []*Policy{mustParse(t, releaseRepositoryPolicy)}}
	for _, action := range pullActions {
		if d := checked(t, Request{Action: action, Resource: theirRepository, Principal: user}, p); d.Effect != Allowed {
			t.Errorf("%s: %s", action, d.Effect)
		}
	}
	// The list names ecr:ListImage, which does not exist.
	if d := checked(t, Request{Action: "ecr:ListImages", Resource: theirRepository, Principal: user}, p); d.Effect != ImplicitDeny {
		t.Errorf("ListImages: %s", d.Effect)
	}
	// GetAuthorizationToken in a repository policy has no effect.
	token := Request{Action: "ecr:GetAuthorizationToken", Resource: "*", Principal: user}
	if d := checked(t, token, Policies{Resource: p.Resource}); d.Effect != ImplicitDeny {
		t.Errorf("token from the repository policy alone: %s", d.Effect)
	}
}

// A role needs to be trusted explicitly to assume a role, itself included.
func TestSeedCodefresh(t *testing.T) {
	const self = "arn:aws:iam::111111111111:role/eksctl-awscluster-ServiceRole"
	session, err := caller(t, self).WithSession("app-proxy")
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Action: "sts:AssumeRole", Resource: self, Principal: session}
	web := `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/x"},"Action":"sts:AssumeRoleWithWebIdentity"}`
	if d := checked(t, r, Policies{Identity: docs(t, allowAll), Resource: docs(t, web)}); d.Effect != ImplicitDeny {
		t.Errorf("without an entry for itself: %s", d.Effect)
	}
	if d := checked(t, r, Policies{Identity: docs(t, allowAll), Resource: []*Policy{mustParse(t, codefreshTrust)}}); d.Effect != Allowed {
		t.Errorf("with an entry for itself: %s", d.Effect)
	}
}

// TestSixCases are the cross-account and OIDC mistakes that people make most.
func TestSixCases(t *testing.T) {
	const role = "arn:aws:iam::222222222222:role/ci"
	const host = "token.actions.githubusercontent.com"
	provider := "arn:aws:iam::222222222222:oidc-provider/" + host
	web := func(aud, sub string) Request {
		return Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: role, Principal: caller(t, provider),
			Context: map[string][]string{host + ":aud": {aud}, host + ":sub": {sub}}}
	}
	trust := func(operator, key, value string) []*Policy {
		return docs(t, `{"Effect":"Allow","Principal":{"Federated":"`+provider+`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"`+
			host+`:aud":"sts.amazonaws.com"},"`+operator+`":{"`+host+":"+key+`":"`+value+`"}}}`)
	}
	const sub = "repo:org/app:ref:refs/heads/main"
	tests := []struct {
		name string
		r    Request
		p    Policies
		want Result
	}{
		{"1 * under StringEquals", web("sts.amazonaws.com", sub), Policies{Resource: trust("StringLike", "sub", "repo:org/app:*")}, Allowed},
		{"1 * under StringEquals, wrong", web("sts.amazonaws.com", sub), Policies{Resource: trust("ForAnyValue:StringEquals", "sub", "repo:org/app:*")}, ImplicitDeny},
		{"2 one half missing", Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, ciUser)}, Policies{Identity: docs(t, allowAll)}, ImplicitDeny},
		{"3 token limited to an ARN", Request{Action: "ecr:GetAuthorizationToken", Resource: "*", Principal: caller(t, ciUser)},
			Policies{Identity: docs(t, `{"Effect":"Allow","Action":"ecr:*","Resource":"`+ownRepository+`"}`)}, ImplicitDeny},
		{"4 audience", web("other", sub), Policies{Resource: trust("StringLike", "sub", "repo:org/app:*")}, ImplicitDeny},
		{"5 ForAllValues without a subject", Request{Action: "sts:AssumeRoleWithWebIdentity", Resource: role, Principal: caller(t, provider),
			Context: map[string][]string{host + ":aud": {"sts.amazonaws.com"}}}, Policies{Resource: trust("ForAllValues:StringEquals", "sub", sub)}, Allowed},
		{"6 a key that is not mapped", web("sts.amazonaws.com", sub), Policies{Resource: trust("StringLike", "iss", "https://"+host)}, ImplicitDeny},
	}
	for _, test := range tests {
		if d := checked(t, test.r, test.p); d.Effect != test.want {
			t.Errorf("%s: %s, want %s", test.name, d.Effect, test.want)
		}
	}
}
