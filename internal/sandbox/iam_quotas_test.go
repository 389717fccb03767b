package sandbox_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// sized pads a policy to n characters that IAM counts, and with white space that
// it does not count.
func sized(t *testing.T, policy string, n int) *string {
	t.Helper()
	head, tail, ok := strings.Cut(policy, `"Statement"`)
	if !ok {
		t.Fatal("no statement")
	}
	fill := n - len(strings.ReplaceAll(policy, " ", "")) - len(`"Id":"",`)
	return aws.String(head + `"Id":"` + strings.Repeat("x", fill) + `",` + strings.Repeat(" ", 50) + `"Statement"` + tail)
}

// What IAM refuses for its size is refused here, and one character less is taken.
func TestIAMQuotas(t *testing.T) {
	const permissions = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`
	trust := strings.ReplaceAll(string(trusting("arn:aws:iam::222222222222:root", "")), "\n", "")
	b := start(t, defaultConfig())
	c, ctx := iamOf(b.owner()), t.Context()
	must[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &trust}))
	must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}))
	version := 0
	calls := []struct {
		name  string
		limit int
		code  string
		do    func(n int) error
	}{
		{"role inline", 10240, "LimitExceeded", func(n int) error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: sized(t, permissions, n)})
			return err
		}},
		{"user inline", 2048, "LimitExceeded", func(n int) error {
			_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("u"), PolicyName: aws.String("p"), PolicyDocument: sized(t, permissions, n)})
			return err
		}},
		{"managed", 6144, "LimitExceeded", func(n int) error {
			version++
			_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("m" + strconv.Itoa(version)), PolicyDocument: sized(t, permissions, n)})
			return err
		}},
		{"version", 6144, "LimitExceeded", func(n int) error {
			_, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{
				PolicyArn: aws.String("arn:aws:iam::222222222222:policy/m1"), PolicyDocument: sized(t, permissions, n)})
			return err
		}},
		{"trust", 2048, "LimitExceeded", func(n int) error {
			_, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("r"), PolicyDocument: sized(t, trust, n)})
			return err
		}},
		{"role name", 64, "ValidationError", func(n int) error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(strings.Repeat("r", n)), AssumeRolePolicyDocument: &trust})
			return err
		}},
		{"user name", 64, "ValidationError", func(n int) error {
			_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(strings.Repeat("u", n))})
			return err
		}},
		{"policy name", 128, "ValidationError", func(n int) error {
			_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(strings.Repeat("p", n)), PolicyDocument: aws.String(permissions)})
			return err
		}},
		{"attached to a role", 10, "LimitExceeded", func(n int) error {
			name := aws.String("a" + strconv.Itoa(n))
			must[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: &trust}))
			var err error
			for i := range n {
				_, err = c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/P" + strconv.Itoa(i))})
			}
			return err
		}},
	}
	for _, call := range calls {
		if err := call.do(call.limit); err != nil {
			t.Errorf("%s at its limit of %d: %v", call.name, call.limit, err)
		}
		wantCode(t, call.name+" above its limit", call.do(call.limit+1), call.code, strconv.Itoa(call.limit))
	}
	_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("u"), PolicyName: aws.String("second"), PolicyDocument: aws.String(permissions)})
	wantCode(t, "all inline policies of a user count together", err, "LimitExceeded", "2048")
	_, err = c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("r"), Tags: []types.Tag{{Key: aws.String("AWS:x"), Value: aws.String("")}}})
	wantCode(t, "AWS's own tags", err, "InvalidInput", "reserved")

	cfg := defaultConfig()
	cfg.Accounts[0].Users[0].InlinePolicies["large"] = sandbox.Document(*sized(t, permissions, 2048))
	if _, err := sandbox.New(cfg, sandbox.Options{}); err == nil || !strings.Contains(err.Error(), "Maximum policy size of 2048") {
		t.Errorf("a configuration above the quota: %v", err)
	}
}

// The managed policies that people attach to pullers are there and let them pull;
// one that the sandbox does not know is taken, grants nothing and is logged.
func TestManagedPoliciesOfPullers(t *testing.T) {
	for _, test := range []struct {
		arn   string
		pulls bool
	}{
		{"service-role/AmazonECSTaskExecutionRolePolicy", true},
		{"service-role/AmazonEC2ContainerServiceforEC2Role", true},
		{"ReadOnlyAccess", true},
		{"AmazonEC2ContainerRegistryPullOnly", true},
		{"AmazonEC2ContainerRegistryReadOnly", true},
		{"AmazonEKSWorkerNodePolicy", false},
		{"AmazonElasticContainerRegistryPublicReadOnly", false},
		{"AmazonS3ReadOnlyAccess", false},
		{"AmazonSSMManagedInstanceCore", false}, // unknown
	} {
		b := start(t, rolesConfig(sandbox.Role{
			Name: "puller", TrustPolicy: trusting("arn:aws:iam::111111111111:user/pullpass", ""),
			// Only the token is granted beside it.
			InlinePolicies: map[string]sandbox.Document{"token": allow(`"ecr:GetAuthorizationToken"`)},
		}))
		b.push(t, "team/app:1")
		arn := "arn:aws:iam::aws:policy/" + test.arn
		person := b.command(t, b.owner())
		person.aws("iam", "attach-role-policy", "--role-name", "puller", "--policy-arn", arn)
		err := b.pull(t, b.login(t, b.assume(t, b.pullpass(), "puller", nil)), "team/app:1")
		if (err == nil) != test.pulls {
			t.Errorf("%s: a pull gives %v, want it to succeed: %v", test.arn, err, test.pulls)
		}
		b.log.mu.Lock()
		warned := strings.Contains(b.log.text.String(), "is not known to the sandbox")
		b.log.mu.Unlock()
		wantEqual(t, test.arn+": warned", warned, test.arn == "AmazonSSMManagedInstanceCore")
	}
	b := start(t, defaultConfig())
	_, err := iamOf(b.owner()).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
		UserName: aws.String("admin"), PolicyArn: aws.String("arn:aws:iam::222222222222:policy/nobody")})
	wantCode(t, "a policy of the account that is not there", err, "NoSuchEntity", "")
}
