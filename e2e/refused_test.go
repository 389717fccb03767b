package e2e_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const accountPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},
 "Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`

// TestRoleMadeAnew: the role behind an integration is deleted and made anew, as
// Terraform does to replace it. The token that the server has kept is worth nothing
// from then on; the next start gets a new one without anybody's help.
func TestRoleMadeAnew(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 2*time.Minute)
	box, args := startSandbox(t, ctx)
	image, _ := pushToOwner(t, ctx, box, "team/app", parts.BusyboxImage(t, stays...))
	setPolicy(t, ctx, box, "team/app", accountPolicy)
	s := startServer(t, ctx, args...)
	i, secret := platform()
	project := tenant(t, ctx, s, box, "anew", i, secret)
	r := startRunner(t, ctx, s, host, args...)
	e := create(t, ctx, s, r, project, image)
	e, err := process.Await(ctx, s.Owner, e, pullpass.PhaseRunning)
	if err != nil {
		t.Fatal(err)
	}

	admin := iam.New(iam.Options{BaseEndpoint: aws.String(box.Endpoint()), Region: sandbox.DefaultRegion,
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.PlatformAdmin, platformAdminKey(t), "")})
	role := aws.String("pull")
	was, err := admin.GetRole(ctx, &iam.GetRoleInput{RoleName: role})
	if err != nil {
		t.Fatal(err)
	}
	policies, err := admin.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: role})
	if err != nil || len(policies.PolicyNames) != 1 {
		t.Fatalf("policies %+v, %v", policies, err)
	}
	name := aws.String(policies.PolicyNames[0])
	policy, err := admin.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role, PolicyName: name})
	if err != nil {
		t.Fatal(err)
	}
	trust := decoded(t, was.Role.AssumeRolePolicyDocument)
	for _, do := range []func() error{
		func() error {
			_, err := admin.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: name})
			return err
		},
		func() error { _, err := admin.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role}); return err },
		func() error {
			_, err := admin.CreateRole(ctx, &iam.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: trust})
			return err
		},
		func() error {
			_, err := admin.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: name, PolicyDocument: decoded(t, policy.PolicyDocument)})
			return err
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if e, err = s.Owner.RestartEnvironment(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	again, err := process.Await(ctx, s.Owner, e, pullpass.PhaseRunning)
	if err != nil {
		t.Fatal(err)
	}
	if again.Start != e.Start || again.Status[0].State != pullpass.ServiceRunning {
		t.Errorf("after the restart: %+v", again)
	}
	remove(t, ctx, s, again)
}

// decoded is a policy document as IAM was given it: it answers in the form of a URL.
func decoded(t *testing.T, document *string) *string {
	t.Helper()
	text, err := url.QueryUnescape(aws.ToString(document))
	if err != nil {
		t.Fatal(err)
	}
	return &text
}

func platformAdminKey(t *testing.T) string {
	t.Helper()
	for _, account := range sandbox.Default().Accounts {
		for _, user := range account.Users {
			for _, key := range user.AccessKeys {
				if key.ID == sandbox.PlatformAdmin {
					return key.Secret.Reveal()
				}
			}
		}
	}
	t.Fatal("the sandbox has no administrator of the platform")
	return ""
}
