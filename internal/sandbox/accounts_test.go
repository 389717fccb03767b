package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/sandbox"
)

func createRepository(t *testing.T, c aws.Config, name string) (*ecr.CreateRepositoryOutput, error) {
	t.Helper()
	return ecrOf(c).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String(name)})
}

// A region that the configuration does not list opens when it is used, with a
// listener of its own; one of another partition does not exist for the account.
func TestRegionsOpenOnDemand(t *testing.T) {
	b := start(t, defaultConfig())
	who := b.owner()
	who.Region = "ap-southeast-7"
	if b.Registry(owner, who.Region) != "" {
		t.Fatal("the registry is there before its first use")
	}
	made := must[*ecr.CreateRepositoryOutput](t)(createRepository(t, who, "far/away"))
	wantEqual(t, "its URI", aws.ToString(made.Repository.RepositoryUri), "222222222222.dkr.ecr.ap-southeast-7.amazonaws.com/far/away")
	address := b.Registry(owner, who.Region)
	if address == "" {
		t.Fatal("the registry listens nowhere")
	}
	out := must[*ecr.GetAuthorizationTokenOutput](t)(ecrOf(who).GetAuthorizationToken(t.Context(), nil))
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/v2/far/away/tags/list", http.NoBody))
	r.Header.Set("Authorization", "Basic "+aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if status, body := b.do(t, r); status != http.StatusOK {
		t.Errorf("the new registry answers %d %s", status, body)
	}
	who.Region = "cn-north-1"
	_, err := createRepository(t, who, "far/away")
	wantCode(t, "another partition", err, "InvalidParameterException", "partition aws, which has no region cn-north-1")
}

// The sandbox serves the regions of every partition that the product knows, with
// that partition's ARNs and hosts.
func TestEveryPartitionIsServed(t *testing.T) {
	for _, partition := range awsname.Partitions() {
		cfg := defaultConfig()
		home := partition.HomeRegion()
		cfg.Regions, cfg.Registries = []string{home}, nil
		for i := range cfg.Accounts {
			a := &cfg.Accounts[i]
			a.Partition, a.Roles = string(partition), nil
			for u := range a.Users {
				a.Users[u].AttachedPolicies = []string{"arn:" + string(partition) + ":iam::aws:policy/AdministratorAccess"}
			}
			for r := range a.Repositories {
				a.Repositories[r].Region = home
			}
		}
		b := start(t, cfg)
		who := b.owner()
		who.Region = home
		id := must[*sts.GetCallerIdentityOutput](t)(stsOf(who).GetCallerIdentity(t.Context(), nil))
		wantEqual(t, "who", aws.ToString(id.Arn), "arn:"+string(partition)+":iam::222222222222:user/admin")
		made := must[*ecr.CreateRepositoryOutput](t)(createRepository(t, who, "a/b")).Repository
		host, _ := awsname.Registry{Account: owner, Region: home}.Host()
		wantEqual(t, "URI", aws.ToString(made.RepositoryUri), host+"/a/b")
		wantEqual(t, "ARN", aws.ToString(made.RepositoryArn), "arn:"+string(partition)+":ecr:"+home+":222222222222:repository/a/b")
		policy := strings.ReplaceAll(repositoryPolicy(platform), "arn:aws:", "arn:"+string(partition)+":")
		must[*ecr.SetRepositoryPolicyOutput](t)(ecrOf(who).SetRepositoryPolicy(t.Context(),
			&ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("a/b"), PolicyText: aws.String(policy)}))
	}
}

// The usual way to share ECR in a company: everybody of the organization.
func TestOrganization(t *testing.T) {
	const organization = "o-exampleorg1"
	for _, test := range []struct {
		name, condition, platform string
		opens                     bool
	}{
		{"of the organization", `"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}`, organization, true},
		{"of another one", `"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}`, "o-otherorg0000", false},
		{"of none", `"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}`, "", false},
		{"by resource", `"StringEquals":{"aws:ResourceOrgID":"${aws:PrincipalOrgID}"}`, organization, true},
		{"in the unit", `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-exampleorg1/r-ab12/ou-ab12-11111111/*"}`,
			"o-exampleorg1/r-ab12/ou-ab12-11111111/", true},
		{"in another unit", `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-exampleorg1/r-ab12/ou-ab12-11111111/*"}`,
			"o-exampleorg1/r-ab12/ou-ab12-22222222/", false},
		{"unit of the resource", `"ForAnyValue:StringLike":{"aws:ResourceOrgPaths":"o-exampleorg1/r-ab12/*"}`, "", true},
	} {
		cfg := defaultConfig()
		cfg.Accounts[0].Organization = test.platform
		cfg.Accounts[1].Organization = "o-exampleorg1/r-ab12/ou-ab12-33333333/"
		cfg.Accounts[1].Repositories[0].Policy = sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",
			"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{` + test.condition + `}}]}`)
		b := start(t, cfg)
		b.push(t, "team/app:1")
		err := b.pull(t, b.login(t, b.pullpass()), "team/app:1")
		if (err == nil) != test.opens {
			t.Errorf("%s: pull gives %v, want it to open: %v", test.name, err, test.opens)
		}
	}
}

// Accounts that the file does not list exist if it says so; who is in them is
// believed. Without that the log says what would help.
func TestAccountsElsewhere(t *testing.T) {
	const elsewhere = "999999999999"
	save := func(b *box, principal string) error {
		_, err := ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{
			RepositoryName: aws.String("team/app"), PolicyText: aws.String(repositoryPolicy(principal)),
		})
		return err
	}
	b := start(t, defaultConfig())
	wantCode(t, "an unknown account", save(b, elsewhere), "InvalidParameterException", "Principal not found")
	b.log.mu.Lock()
	if !strings.Contains(b.log.text.String(), "add the account to otherAccounts") {
		t.Error("the log does not say what would help")
	}
	b.log.mu.Unlock()

	for _, listed := range []string{elsewhere, "*"} {
		cfg := defaultConfig()
		cfg.OtherAccounts = []string{listed}
		b := start(t, cfg)
		for _, principal := range []string{elsewhere, "arn:aws:iam::999999999999:root", "arn:aws:iam::999999999999:role/team/deploy"} {
			if err := save(b, principal); err != nil {
				t.Errorf("otherAccounts %s: %s: %v", listed, principal, err)
			}
		}
		wantCode(t, "an account of the file is not believed", save(b, "arn:aws:iam::111111111111:role/nobody"), "InvalidParameterException", "Principal not found")
		wantCode(t, "not a principal", save(b, "arn:aws:s3:::999999999999"), "InvalidParameterException", "")
		_, err := iamOf(b.owner()).CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName:                 aws.String("shared"),
			AssumeRolePolicyDocument: aws.String(string(trusting("arn:aws:iam::999999999999:role/deploy", ""))),
		})
		if err != nil {
			t.Errorf("a trust policy that names it: %v", err)
		}
	}
}

// The standard statement against insecure transport does not refuse a client of
// the sandbox, whose AWS would be reached over TLS.
func TestSecureTransport(t *testing.T) {
	cfg := defaultConfig()
	cfg.Accounts[1].Repositories[0].Policy = sandbox.Document(strings.Replace(repositoryPolicy(platform), `"Statement":[`,
		`"Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},`, 1))
	b := start(t, cfg)
	b.push(t, "team/app:1")
	if err := b.pull(t, b.login(t, b.pullpass()), "team/app:1"); err != nil {
		t.Errorf("a pull: %v", err)
	}
}

// With localAddresses the answers name what can be reached.
func TestLocalAddresses(t *testing.T) {
	cfg := defaultConfig()
	cfg.LocalAddresses = true
	b := start(t, cfg)
	made := must[*ecr.CreateRepositoryOutput](t)(createRepository(t, b.owner(), "a/b")).Repository
	wantEqual(t, "repositoryUri", aws.ToString(made.RepositoryUri), b.Registry(owner, region)+"/a/b")
	token := must[*ecr.GetAuthorizationTokenOutput](t)(ecrOf(b.owner()).GetAuthorizationToken(t.Context(), nil)).AuthorizationData[0]
	wantEqual(t, "proxyEndpoint", aws.ToString(token.ProxyEndpoint), "http://"+b.Registry(owner, region))
}
