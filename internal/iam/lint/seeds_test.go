package lint

import (
	"slices"
	"testing"
)

// TestSeeds lints what the five guides publish, placeholders filled in.
func TestSeeds(t *testing.T) {
	const (
		gitpodRepository = `{"Version":"2012-10-17","Statement":[{"Sid":"Gitpod Access","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root"]}}]}`
		gitpodRole       = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:DescribeImages","ecr:BatchCheckLayerAvailability"],"Resource":"arn:aws:ecr:*:222222222222:repository/team/app"},{"Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":"*"}]}`
		flexRepository   = `{"Version":"2012-10-17","Statement":[{"Sid":"AllowGitpodRunnerPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:role/runner"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`
		flexUnfilled     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":"*"},{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:BatchCheckLayerAvailability"],"Resource":"arn:aws:ecr:[region]:[account-id]:repository/[repository-name]"}]}`
		release          = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:DescribeImages","ecr:DescribeRepositories","ecr:GetAuthorizationToken","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:ListImage"]}]}`
		codefresh        = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::XXXXX:role/eksctl-awscluster-ServiceRole-XXXXXX"},"Action":"sts:AssumeRole","Condition":{}}]}`
	)
	for _, c := range []struct {
		name, doc string
		facts     Facts
		kind      Kind
		want      []string
	}{
		{"gitpod enterprise repository", gitpodRepository, Facts{}, Repository, []string{"principal-account"}},
		{"gitpod enterprise role", gitpodRole, Facts{}, Identity, nil},
		{"gitpod flex repository", flexRepository, Facts{Account: "222222222222"}, Repository, nil},
		{"gitpod flex runner, unfilled", flexUnfilled, Facts{}, Identity, []string{"placeholder"}},
		{"release", release, Facts{}, Repository, []string{"principal-account", "login-in-repository-policy", "action-unknown"}},
		{"codefresh chain, unfilled", codefresh, Facts{}, Trust, []string{"placeholder"}},
	} {
		report, err := Document([]byte(c.doc), Unknown, c.facts)
		if err != nil || report.Kind != c.kind || !slices.Equal(ids(report.Findings), c.want) {
			t.Errorf("%s: %s %v, %v, want %s %v", c.name, report.Kind, ids(report.Findings), err, c.kind, c.want)
		}
	}
}

// TestSeedTrust finds what the first guide has wrong: the provider in the
// platform's account, and a subject condition that an absent subject passes.
func TestSeedTrust(t *testing.T) {
	known := report(t, "testdata/seed-trust.json", Unknown, Facts{Role: "arn:aws:iam::222222222222:role/pull"})
	if got, want := ids(known.Findings), []string{"provider-account", "claim-if-exists"}; !slices.Equal(got, want) {
		t.Errorf("with the role's account: %v, want %v", got, want)
	}
	unknown := report(t, "testdata/seed-trust.json", Unknown, Facts{})
	if got, want := ids(unknown.Findings), []string{"provider-account-unknown", "claim-if-exists"}; !slices.Equal(got, want) {
		t.Errorf("without it: %v, want %v", got, want)
	}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		doc  string
		want Kind
	}{
		{doc(login), Identity},
		{doc(`{"Effect":"Allow",` + pull + `}`), Repository},
		{doc(`{"Effect":"Allow",` + role + `,` + pull + `}`), Repository},
		{doc(`{"Effect":"Allow",` + role + `,` + pull + `,"Resource":"*"}`), Repository},
		{doc(`{"Effect":"Allow",` + role + `,"Action":"ecr:ReplicateImage","Resource":` + app + `}`), Registry},
		{doc(`{"Effect":"Allow",` + role + `,"Action":"sts:AssumeRole"}`), Trust},
		{doc(`{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity"}`), Trust},
		{doc(`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}`), Identity},
		{doc(`{` + webAllow + `}`), Trust},
		{`{}`, Identity},
	} {
		report, err := Document([]byte(c.doc), Unknown, Facts{})
		if err != nil || report.Kind != c.want || report.Detected == "" {
			t.Errorf("Document(%s) is %q (%q), %v, want %q", c.doc, report.Kind, report.Detected, err, c.want)
		}
		given, _ := Document([]byte(c.doc), SCP, Facts{})
		if given.Kind != SCP || given.Detected != "" {
			t.Errorf("Document(%s, scp) is %q (%q)", c.doc, given.Kind, given.Detected)
		}
	}
}
