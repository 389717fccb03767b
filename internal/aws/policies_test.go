package aws_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	auditorKey, auditorSecret = "AKIAAUDITOR222222222", "canary/auditor/0000000000000000000000000"
	nobodyKey, nobodySecret   = "AKIANOBODY2222222222", "canary/nobody/00000000000000000000000000"

	listing     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:ListImages","Resource":"*"}]}`
	bounds      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`
	registryDoc = `{"Version":"2012-10-17","Statement":[{"Sid":"mirror","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"ecr:ReplicateImage","Resource":"arn:aws:ecr:eu-west-1:111111111111:repository/*"}]}`
	pullOnly    = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"
	providerARN = "arn:aws:iam::111111111111:oidc-provider/gitlab.example.com"
)

// library is an account with one of each kind of policy, and people who may
// read all of them and none.
func library() sandbox.Config {
	c := rehearsal("")
	a := &c.Accounts[0]
	a.Policies = []sandbox.Policy{{Name: "listing", Path: "/team/", Document: listing}, {Name: "bounds", Document: bounds}}
	a.Users = append(a.Users,
		sandbox.User{Name: "auditor", AccessKeys: key(auditorKey, auditorSecret), AttachedPolicies: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}},
		sandbox.User{Name: "nobody", AccessKeys: key(nobodyKey, nobodySecret)},
		sandbox.User{
			Name: "ci", Path: "/bots/", PermissionsBoundary: "arn:aws:iam::111111111111:policy/bounds",
			InlinePolicies: map[string]sandbox.Document{"pull": pullAnywhere}, AttachedPolicies: []string{"arn:aws:iam::111111111111:policy/team/listing"},
		})
	a.Roles = append(a.Roles,
		sandbox.Role{
			Name: "builder", Path: "/team/", PermissionsBoundary: "arn:aws:iam::111111111111:policy/bounds", TrustPolicy: trust("arn:aws:iam::111111111111:user/plain", ""),
			InlinePolicies: map[string]sandbox.Document{"pull": pullAnywhere}, AttachedPolicies: []string{pullOnly},
		},
		sandbox.Role{Name: "bare", TrustPolicy: trust("arn:aws:iam::111111111111:root", "")})
	a.OIDCProviders = []sandbox.OIDCProvider{{URL: "https://gitlab.example.com", ClientIDs: []string{"sts.amazonaws.com", "second"}}}
	a.Repositories = []sandbox.Repository{{Region: region, Name: "own/app", Policy: open}, {Region: region, Name: "own/closed"}}
	a.RegistryPolicies = []sandbox.RegistryPolicy{{Region: region, Policy: registryDoc}}
	return c
}

func (s *stage) reads(t *testing.T, id, secret string) *aws.Policies {
	t.Helper()
	p, err := aws.NewPolicies(t.Context(), awssdk.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient: s.http, BaseEndpoint: awssdk.String(s.box.Endpoint()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func principal(t *testing.T, arn, session string) iam.Principal {
	t.Helper()
	p, err := iam.ParsePrincipal(arn)
	if err == nil && session != "" {
		p, err = p.WithSession(session)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantDocument compares what was read with a document as it was written.
func wantDocument(t *testing.T, what string, got *iam.Policy, err error, want string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if want == "" {
		if got != nil {
			t.Errorf("%s is %s, want none", what, got)
		}
		return
	}
	policy, err := iam.Parse([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	if got == nil || got.String() != policy.String() {
		t.Errorf("%s is %v, want %s", what, got, policy)
	}
}

func TestPoliciesAreReadLive(t *testing.T) {
	s := newStage(t, library(), sandbox.Options{})
	reader, ctx := s.reads(t, auditorKey, auditorSecret), t.Context()

	for _, c := range []struct {
		who      iam.Principal
		identity []string // a word of each, in any order
		boundary string
	}{
		{principal(t, "arn:aws:iam::111111111111:user/bots/ci", ""), []string{"sts:AssumeRole", "ecr:ListImages"}, bounds},
		{principal(t, "arn:aws:iam::111111111111:user/bots/ci", "job"), []string{"sts:AssumeRole", "ecr:ListImages"}, bounds},
		{principal(t, "arn:aws:iam::111111111111:role/team/builder", ""), []string{"sts:AssumeRole", "ecr:BatchImportUpstreamImage"}, bounds},
		{principal(t, "arn:aws:iam::111111111111:role/team/builder", "build-7"), []string{"sts:AssumeRole", "ecr:BatchImportUpstreamImage"}, bounds},
		{principal(t, "arn:aws:sts::111111111111:assumed-role/builder/build-7", ""), []string{"sts:AssumeRole", "ecr:BatchImportUpstreamImage"}, bounds},
		{principal(t, "arn:aws:iam::111111111111:role/bare", ""), nil, ""},
	} {
		policies, err := reader.IdentityPolicies(ctx, c.who)
		if err != nil || len(policies) != len(c.identity) {
			t.Errorf("identity policies of %s: %d, %v, want %d", c.who.ARN, len(policies), err, len(c.identity))
			continue
		}
		text, err := json.Marshal(policies)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range c.identity {
			if !strings.Contains(string(text), word) {
				t.Errorf("identity policies of %s do not hold %s: %s", c.who.ARN, word, text)
			}
		}
		boundary, err := reader.PermissionsBoundary(ctx, c.who)
		wantDocument(t, "boundary of "+c.who.ARN, boundary, err, c.boundary)
	}

	got, err := reader.TrustPolicy(ctx, "arn:aws:iam::111111111111:role/team/builder")
	wantDocument(t, "trust policy", got, err, string(trust("arn:aws:iam::111111111111:user/plain", "")))
	for name, want := range map[string]string{"own/app": open, "own/closed": ""} {
		got, err := reader.RepositoryPolicy(ctx, iam.Repository{Account: platform, Region: region, Name: name})
		wantDocument(t, "policy of "+name, got, err, want)
	}
	got, err = reader.RegistryPolicy(ctx, iam.Repository{Account: platform, Region: region})
	wantDocument(t, "registry policy", got, err, registryDoc)

	clients, found, err := reader.Provider(ctx, providerARN)
	if err != nil || !found || strings.Join(clients, " ") != "sts.amazonaws.com second" {
		t.Errorf("provider: %q, %v, %v", clients, found, err)
	}
	if _, found, err = reader.Provider(ctx, providerARN+".other"); err != nil || found {
		t.Errorf("a provider that is not there: %v, %v, want not found", found, err)
	}
}

// readings asks a reader for everything that it can read.
func readings(t *testing.T, reader *aws.Policies, account string) map[string]error {
	t.Helper()
	ctx, role := t.Context(), "arn:aws:iam::"+account+":role/bare"
	r := iam.Repository{Account: account, Region: region, Name: "own/app"}
	errs := map[string]error{}
	_, errs["role's policies"] = reader.IdentityPolicies(ctx, principal(t, role, ""))
	_, errs["user's policies"] = reader.IdentityPolicies(ctx, principal(t, "arn:aws:iam::"+account+":user/plain", ""))
	_, errs["role's boundary"] = reader.PermissionsBoundary(ctx, principal(t, role, ""))
	_, errs["user's boundary"] = reader.PermissionsBoundary(ctx, principal(t, "arn:aws:iam::"+account+":user/plain", ""))
	_, errs["trust policy"] = reader.TrustPolicy(ctx, role)
	_, errs["repository policy"] = reader.RepositoryPolicy(ctx, r)
	_, errs["registry policy"] = reader.RegistryPolicy(ctx, r)
	_, _, errs["provider"] = reader.Provider(ctx, "arn:aws:iam::"+account+":oidc-provider/gitlab.example.com")
	return errs
}

func TestPoliciesThatCannotBeRead(t *testing.T) {
	s := newStage(t, library(), sandbox.Options{})
	for _, c := range []struct{ what, id, secret, account string }{
		{"another account's", auditorKey, auditorSecret, owner},
		{"without permission", nobodyKey, nobodySecret, platform},
	} {
		for name, err := range readings(t, s.reads(t, c.id, c.secret), c.account) {
			if !errors.Is(err, iam.ErrNotReadable) {
				t.Errorf("%s %s: %v, want ErrNotReadable", c.what, name, err)
			}
		}
	}
	reader := s.reads(t, auditorKey, auditorSecret)
	for name, err := range readings(t, reader, platform) {
		if err != nil {
			t.Errorf("one's own %s: %v", name, err)
		}
	}
	for _, arn := range []string{"arn:aws:sts::111111111111:federated-user/x", platform, "codebuild.amazonaws.com", "*"} {
		if _, err := reader.IdentityPolicies(t.Context(), principal(t, arn, "")); !errors.Is(err, iam.ErrNotReadable) {
			t.Errorf("identity policies of %s: %v, want ErrNotReadable", arn, err)
		}
	}
}

// What does not exist is an error that says so, not a policy that is missing.
func TestPoliciesOfNothing(t *testing.T) {
	s := newStage(t, library(), sandbox.Options{})
	reader, ctx := s.reads(t, auditorKey, auditorSecret), t.Context()
	_, role := reader.TrustPolicy(ctx, "arn:aws:iam::111111111111:role/gone")
	_, user := reader.IdentityPolicies(ctx, principal(t, "arn:aws:iam::111111111111:user/gone", ""))
	_, repository := reader.RepositoryPolicy(ctx, iam.Repository{Account: platform, Region: region, Name: "own/gone"})
	for want, err := range map[string]error{
		"The role with name gone cannot be found": role, "The user with name gone cannot be found": user,
		"The repository with name 'own/gone' does not exist": repository,
	} {
		if !pullpass.IsKind(err, pullpass.NotFound) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "RequestID") {
			t.Errorf("error %v, want %q and nothing of HTTP", err, want)
		}
	}
	_, err := aws.NewPolicies(ctx, awssdk.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(auditorKey, nobodySecret, ""),
		HTTPClient: s.http, BaseEndpoint: awssdk.String(s.box.Endpoint()),
	})
	if err == nil || strings.Contains(err.Error(), nobodySecret) {
		t.Errorf("a wrong key: %v", err)
	}
}

// The story of a pull, read live, is what the pull itself meets.
func TestLiveStoryIsWhatHappens(t *testing.T) {
	s := newStage(t, library(), sandbox.Options{})
	reader := s.reads(t, auditorKey, auditorSecret)
	minted, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(plainKey), plainSecret, nil))
	if err != nil {
		t.Fatal(err)
	}
	s.push(t)
	pulled := s.pull(t, minted.Credential, "team/app")
	story, err := iam.Explain(t.Context(), iam.Journey{
		Verb: iam.Pull, Repository: iam.Repository{Account: owner, Region: region, Name: "team/app"},
		Caller: principal(t, "arn:aws:iam::111111111111:user/plain", ""),
	}, reader)
	if err != nil {
		t.Fatal(err)
	}
	// The owner's half cannot be read from the platform's account.
	if pulled != nil || story.Status != iam.StepUnknown {
		t.Errorf("the pull: %v, the story: %s", pulled, story)
	}
	ownersReader, err := aws.NewPolicies(t.Context(),
		awssdk.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider(auditorKey, auditorSecret, ""), HTTPClient: s.http, BaseEndpoint: awssdk.String(s.box.Endpoint())},
		awssdk.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider(adminKey, adminSecret, ""), HTTPClient: s.http, BaseEndpoint: awssdk.String(s.box.Endpoint())})
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]iam.Status{"plain": iam.StepOK, "nobody": iam.StepDenied} {
		story, err := iam.Explain(t.Context(), iam.Journey{
			Verb: iam.Pull, Repository: iam.Repository{Account: owner, Region: region, Name: "team/app"},
			Caller: principal(t, "arn:aws:iam::111111111111:user/"+who, ""),
		}, ownersReader)
		if err != nil {
			t.Fatal(err)
		}
		if story.Status != want {
			t.Errorf("%s: %s, want %s\n%s", who, story.Status, want, story)
		}
	}
}
