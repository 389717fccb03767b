package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass/internal/sandbox"
)

func allow(actions string) sandbox.Document {
	return sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":"*"}]}`)
}

func deny(actions string) sandbox.Document {
	return sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":` + actions + `,"Resource":"*"}]}`)
}

// One pull by the platform's user, allowed on both sides, and what each layer
// can do to it.
func TestEveryLayerCanRefuse(t *testing.T) {
	const (
		batchGet = `"ecr:BatchGetImage"`
		boundary = "arn:aws:iam::111111111111:policy/boundary"
	)
	tests := []struct {
		name   string
		change func(*sandbox.Config)
		want   string // empty: allowed
	}{
		{"both sides allow", func(*sandbox.Config) {}, ""},
		{"identity denies", func(c *sandbox.Config) { c.Accounts[0].Users[0].InlinePolicies["x"] = deny(batchGet) }, "with an explicit deny in an identity-based policy"},
		{"boundary allows", func(c *sandbox.Config) {
			c.Accounts[0].Policies = []sandbox.Policy{{Name: "boundary", Document: allow(`"ecr:*"`)}}
			c.Accounts[0].Users[0].PermissionsBoundary = boundary
		}, ""},
		{"boundary does not allow", func(c *sandbox.Config) {
			c.Accounts[0].Policies = []sandbox.Policy{{Name: "boundary", Document: allow(`"ecr:GetAuthorizationToken"`)}}
			c.Accounts[0].Users[0].PermissionsBoundary = boundary
		}, "because no permissions boundary allows the ecr:BatchGetImage action"},
		{"service control policy allows", func(c *sandbox.Config) {
			c.Accounts[0].ServiceControlPolicies = [][]sandbox.Document{{allow(`"*"`)}, {allow(`"ecr:*"`)}}
		}, ""},
		{"one level does not allow", func(c *sandbox.Config) {
			c.Accounts[0].ServiceControlPolicies = [][]sandbox.Document{{allow(`"*"`)}, {allow(`["s3:*","ecr:GetAuthorizationToken"]`)}}
		}, "because no service control policy allows the ecr:BatchGetImage action"},
		{"the owner's service control policy does not bind callers", func(c *sandbox.Config) {
			c.Accounts[1].ServiceControlPolicies = [][]sandbox.Document{{deny(batchGet)}}
		}, ""},
		{"resource control policy denies", func(c *sandbox.Config) {
			c.Accounts[1].ResourceControlPolicies = [][]sandbox.Document{{sandbox.Document(`{"Version":"2012-10-17","Statement":[
			 {"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},
			 {"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"}]}`)}}
		}, "with an explicit deny in a resource control policy"},
		{"repository policy denies", func(c *sandbox.Config) {
			c.Accounts[1].Repositories[0].Policy = `{"Version":"2012-10-17","Statement":[
			 {"Effect":"Allow","Principal":"*","Action":"ecr:*"},
			 {"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"ecr:BatchGetImage"}]}`
		}, "with an explicit deny in a resource-based policy"},
		{"registry policy alone allows", func(c *sandbox.Config) {
			c.Accounts[1].Repositories[0].Policy = ""
			c.Accounts[1].RegistryPolicies = []sandbox.RegistryPolicy{{Region: region, Policy: `{"Version":"2012-10-17","Statement":[
			 {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/*"}]}`}}
		}, ""},
		{"registry policy denies", func(c *sandbox.Config) {
			c.Accounts[1].RegistryPolicies = []sandbox.RegistryPolicy{{Region: region, Policy: `{"Version":"2012-10-17","Statement":[
			 {"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"}]}`}}
		}, "with an explicit deny in a resource-based policy"},
		{"tag condition holds", func(c *sandbox.Config) {
			c.Accounts[1].Repositories[0].Tags = map[string]string{"share": "yes"}
			c.Accounts[1].Repositories[0].Policy = tagPolicy
		}, ""},
		{"tag condition fails", func(c *sandbox.Config) {
			c.Accounts[1].Repositories[0].Tags = map[string]string{"share": "no"}
			c.Accounts[1].Repositories[0].Policy = tagPolicy
		}, "because no resource-based policy allows the ecr:BatchGetImage action"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := defaultConfig()
			cfg.Accounts[1].Repositories[0].Policy = sandbox.Document(repositoryPolicy(platform))
			test.change(&cfg)
			b := start(t, cfg)
			b.push(t, "team/app:1")
			err := b.pull(t, b.login(t, b.pullpass()), "team/app:1")
			if test.want == "" {
				if err != nil {
					t.Errorf("pull: %v", err)
				}
				return
			}
			wantStatus(t, "pull", err, http.StatusForbidden, test.want)
		})
	}
}

const tagPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*","Condition":{"StringEquals":{"aws:ResourceTag/share":"yes","ecr:ResourceTag/share":"yes"}}}]}`

// A principal that is deleted leaves its unique id behind; one made anew under
// its name is another.
func TestDeletedPrincipalStaysDead(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	platformIAM := iamOf(b.platformAdmin())
	create := func() {
		t.Helper()
		must[*iam.CreateRoleOutput](t)(platformIAM.CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(string(trusting("arn:aws:iam::111111111111:root", ""))),
		}))
		must[*iam.PutRolePolicyOutput](t)(platformIAM.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("p"), PolicyDocument: aws.String(pullRepository)}))
	}
	pull := func() error {
		t.Helper()
		out := must[*sts.AssumeRoleOutput](t)(stsOf(b.platformAdmin()).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111111111111:role/reader"), RoleSessionName: aws.String("job")}))
		return b.pull(t, b.login(t, b.session(out.Credentials)), "team/app:1")
	}
	policy := strings.Replace(repositoryPolicy("arn:aws:iam::111111111111:role/reader"), `"Action"`, `"Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/reader"}},"Action"`, 1)
	save := func() {
		t.Helper()
		must[*ecr.SetRepositoryPolicyOutput](t)(ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/app"), PolicyText: aws.String(policy)}))
	}
	create()
	save()
	if err := pull(); err != nil {
		t.Fatalf("before: %v", err)
	}
	id := aws.ToString(must[*iam.GetRoleOutput](t)(platformIAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("reader")})).Role.RoleId)
	must[*iam.DeleteRolePolicyOutput](t)(platformIAM.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("p")}))
	must[*iam.DeleteRoleOutput](t)(platformIAM.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("reader")}))
	text := aws.ToString(must[*ecr.GetRepositoryPolicyOutput](t)(ecrOf(b.owner()).GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("team/app")})).PolicyText)
	if want := strings.Replace(policy, `{"AWS":"arn:aws:iam::111111111111:role/reader"}`, `{"AWS":"`+id+`"}`, 1); text != want {
		t.Errorf("the policy now reads\n%s\nwant\n%s", text, want)
	}
	create()
	wantStatus(t, "the new role", pull(), http.StatusForbidden, "no resource-based policy allows")
	save()
	if err := pull(); err != nil {
		t.Errorf("saved again: %v", err)
	}
}
