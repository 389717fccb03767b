package aws_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/provision"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	keeperKey, keeperSecret = "AKIAKEEPER2222222222", "canary/keeper/0000000000000000000000000a"
	readerKey, readerSecret = "AKIAREADER2222222222", "canary/reader/0000000000000000000000000a"

	keeperUser = "arn:aws:iam::222222222222:user/keeper"
)

// keepers is the rehearsal with two users of the owner's account: one may keep
// repositories, the other may only look.
func keepers() sandbox.Config {
	c := rehearsal("")
	keep := sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:*","sts:GetFederationToken"],"Resource":"*"}]}`)
	read := sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:Describe*","ecr:List*"],"Resource":"*"}]}`)
	c.Accounts[1].Users = append(c.Accounts[1].Users,
		sandbox.User{Name: "keeper", AccessKeys: key(keeperKey, keeperSecret), InlinePolicies: map[string]sandbox.Document{"keep": keep}},
		sandbox.User{Name: "reader", AccessKeys: key(readerKey, readerSecret), InlinePolicies: map[string]sandbox.Document{"read": read}})
	return c
}

func (s *stage) wanted(id, secret, name string) provision.Wanted {
	return provision.Wanted{
		Identity: provision.Identity{Organization: "org_1", Project: "prj_1", Integration: accessKey(id), Secret: pullpass.NewSecret(secret), Host: s.host,
			Wait: func(context.Context, string) error { return nil }},
		Name: name, Rules: pullpass.RepositorySettings{}.Rules(),
		Pull: []string{pullRole}, Push: []string{keeperUser},
		Ours: map[string]string{"pullpass:organization": "org_1", "pullpass:project": "prj_1"},
	}
}

func (s *stage) admin() *ecr.Client {
	return ecr.New(ecr.Options{BaseEndpoint: sdk.String(s.box.Endpoint()), Region: region, HTTPClient: s.http,
		Credentials: credentials.NewStaticCredentialsProvider(adminKey, adminSecret, "")})
}

func TestKeepRepository(t *testing.T) {
	s := newStage(t, keepers(), sandbox.Options{})
	m, ctx, admin := s.minter(aws.Options{}), t.Context(), s.admin()
	w := s.wanted(keeperKey, keeperSecret, "team/new")
	keep := func(what string, want ...string) {
		t.Helper()
		kept, err := m.KeepRepository(ctx, w)
		if err != nil {
			t.Fatalf("%s: %s", what, pullpass.Explain(err))
		}
		if !slices.Equal(kept.Changed, want) || kept.Unscoped {
			t.Errorf("%s: %+v, want %q by a session limited to it", what, kept, want)
		}
	}
	keep("first", "created", "policy", "lifecycle")
	keep("again")
	name := sdk.String("team/new")
	if _, err := admin.PutImageTagMutability(ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: name, ImageTagMutability: ecrtypes.ImageTagMutabilityMutable}); err != nil {
		t.Fatal(err)
	}
	keep("mutability drifted", "image tags")
	if _, err := admin.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: sdk.String(open)}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.UntagResource(ctx, &ecr.UntagResourceInput{ResourceArn: sdk.String(s.host.ECR.RepositoryARN("team/new")), TagKeys: []string{"pullpass:project"}}); err != nil {
		t.Fatal(err)
	}
	keep("tags and policy drifted", "tags", "policy")
	w.Rules.ScanOnPush, w.Rules.ExpireUntagged = false, 0
	keep("scanning and expiry turned off", "scan on push", "lifecycle")
	w.Rules.KeepImages, w.Rules.ExpireUntagged = 7, 3
	keep("expiry turned on", "lifecycle")
	out, err := admin.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: name})
	if err != nil || !strings.Contains(*out.LifecyclePolicyText, `"countNumber":7`) || !strings.Contains(*out.LifecyclePolicyText, `"countNumber":3`) {
		t.Errorf("the lifecycle policy is %+v, %v", out, err)
	}
	for range 2 {
		if err := m.RemoveRepository(ctx, w); err != nil {
			t.Errorf("RemoveRepository: %s", pullpass.Explain(err))
		}
	}
	keep("anew", "created", "policy", "lifecycle")
}

func TestKeepsOnlyItsOwn(t *testing.T) {
	s := newStage(t, keepers(), sandbox.Options{})
	m, ctx := s.minter(aws.Options{}), t.Context()
	w := s.wanted(keeperKey, keeperSecret, "team/app")
	wantCode := func(what, code string, err error) {
		t.Helper()
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Code != code || e.What == "" || e.Cause == "" || e.Hint == "" {
			t.Errorf("%s: %v, want %s in three parts", what, err, code)
		}
	}
	_, err := m.KeepRepository(ctx, w)
	wantCode("one that somebody made", "repository_not_ours", err)
	wantCode("removing it", "repository_not_ours", m.RemoveRepository(ctx, w))
	w.Adopt = true
	if _, err := m.KeepRepository(ctx, w); err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	w.Ours = map[string]string{"pullpass:organization": "org_1", "pullpass:project": "prj_2"}
	_, err = m.KeepRepository(ctx, w)
	wantCode("another project's, even to adopt", "repository_of_another", err)
	wantCode("removing it", "repository_of_another", m.RemoveRepository(ctx, w))
	reader := s.wanted(readerKey, readerSecret, "team/reader")
	_, err = m.KeepRepository(ctx, reader)
	wantCode("by an identity that may not", "repository_denied", err)
	if hint := pullpass.HintOf(err); !strings.Contains(hint, `"ecr:CreateRepository"`) || !strings.Contains(hint, s.host.ECR.RepositoryARN("team/reader")) || !strings.Contains(hint, "user/reader") {
		t.Errorf("the hint is %q, want the statement and who needs it", hint)
	}
	gone := s.wanted(keeperKey, keeperSecret, "team/policy")
	gone.Pull = []string{"arn:aws:iam::111111111111:role/not-there"}
	_, err = m.KeepRepository(ctx, gone)
	wantCode("a policy that names nobody", "repository_policy", err)
}

// Of many who create one at the same time one does, and all find it as wanted.
func TestKeepAtOnce(t *testing.T) {
	s := newStage(t, keepers(), sandbox.Options{})
	servers := []*aws.Minter{s.minter(aws.Options{}), s.minter(aws.Options{})}
	var mu sync.Mutex
	var done sync.WaitGroup
	created := 0
	for n := range 8 {
		done.Go(func() {
			kept, err := servers[n%2].KeepRepository(t.Context(), s.wanted(keeperKey, keeperSecret, "team/race"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s", pullpass.Explain(err))
			}
			if slices.Contains(kept.Changed, "created") {
				created++
			}
		})
	}
	done.Wait()
	if created != 1 {
		t.Errorf("%d created it, want 1", created)
	}
}

func TestPrincipal(t *testing.T) {
	s := newStage(t, keepers(), sandbox.Options{})
	m := s.minter(aws.Options{})
	for want, i := range map[string]pullpass.Integration{
		keeperUser: accessKey(keeperKey),
		selfRole: func() pullpass.Integration {
			i := accessKey(plainKey)
			i.Chain = []pullpass.RoleHop{{RoleARN: selfRole}}
			return i
		}(),
	} {
		secret := map[string]string{keeperKey: keeperSecret, plainKey: plainSecret}[i.AccessKeyID]
		account, arn, err := m.Principal(t.Context(), provision.Identity{Organization: "org_1", Integration: i, Secret: pullpass.NewSecret(secret), Host: s.host,
			Wait: func(context.Context, string) error { return nil }})
		if err != nil || arn != want || !strings.Contains(want, account) {
			t.Errorf("Principal = %q, %q, %v, want %q", account, arn, err, want)
		}
	}
}
