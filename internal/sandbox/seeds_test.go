package sandbox_test

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The five documents that this project grew from publish policies. Each test
// applies one's with the unmodified AWS CLI and pulls with skopeo.

const readAll = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:DescribeImages","ecr:BatchCheckLayerAvailability"],
  "Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"},
 {"Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":"*"}]}`

const ec2Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func TestSeedEnterpriseRepositoryPolicy(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	person := b.command(t, b.pullpass())
	person.wantNoPull("before", "team/app:1", "no resource-based policy allows the ecr:BatchGetImage action")
	b.command(t, b.owner()).aws("ecr", "set-repository-policy", "--repository-name", "team/app", "--policy-text", `{"Version":"2012-10-17","Statement":[
	 {"Sid":"Gitpod Access","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],
	  "Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root"]}}]}`)
	person.wantPull("after", "team/app:1")
}

func TestSeedEnterpriseWebIdentity(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	idp := newIssuer(t)
	admin := b.command(t, b.owner())
	host := strings.TrimPrefix(idp.url, "http://")
	trust := func(account string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		 "Principal":{"Federated":"arn:aws:iam::` + account + `:oidc-provider/` + host + `"},
		 "Action":"sts:AssumeRoleWithWebIdentity",
		 "Condition":{"StringEquals":{"` + host + `:aud":"sts.amazonaws.com"},
		  "StringLikeIfExists":{"` + host + `:sub":["https://github.com/team/app/tree/*","referrer:jetbrains-gateway:*/https://github.com/team/app/tree/*"]}}}]}`
	}
	login := func() []string {
		return []string{"sts", "assume-role-with-web-identity", "--role-arn", "arn:aws:iam::222222222222:role/developers",
			"--role-session-name", "workspace", "--web-identity-token", idp.token(t, jose.RS256, idp.claims())}
	}
	// As published, the provider's ARN is in the platform's account, not in the role's.
	admin.aws("iam", "create-role", "--role-name", "developers", "--assume-role-policy-document", trust(platform))
	admin.aws("iam", "put-role-policy", "--role-name", "developers", "--policy-name", "pull", "--policy-document", readAll)
	admin.refused("(InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for "+idp.url, login()...)
	admin.aws("iam", "create-open-id-connect-provider", "--url", idp.url, "--client-id-list", "sts.amazonaws.com", "--thumbprint-list", strings.Repeat("a1", 20))
	admin.refused("(AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity", login()...)
	admin.aws("iam", "update-assume-role-policy", "--role-name", "developers", "--policy-document", trust(owner))
	person := b.command(t, b.credentialsOf(t, admin.aws(login()...)))
	if got, want := person.aws("sts", "get-caller-identity")["Arn"], "arn:aws:sts::222222222222:assumed-role/developers/workspace"; got != want {
		t.Errorf("caller is %v, want %v", got, want)
	}
	person.wantPull("a developer", "team/app:1")
}

func TestSeedFlexRunnerRole(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	b.push(t, "team/app:2")
	admin := b.command(t, b.platformAdmin())
	trustAdmin := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"sts:AssumeRole"}]}`
	admin.aws("iam", "create-role", "--role-name", "runner", "--path", "/gitpod/", "--assume-role-policy-document", trustAdmin)
	admin.aws("iam", "put-role-policy", "--role-name", "runner", "--policy-name", "pull", "--policy-document", `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":"*"},
	 {"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:BatchCheckLayerAvailability"],
	  "Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}]}`)
	runner := b.command(t, b.credentialsOf(t, admin.aws("sts", "assume-role", "--role-arn", "arn:aws:iam::111111111111:role/gitpod/runner", "--role-session-name", "i-1")))
	runner.wantNoPull("before the repository policy", "team/app:1", "no resource-based policy allows")

	b.command(t, b.owner()).aws("ecr", "set-repository-policy", "--repository-name", "team/app", "--policy-text", `{"Version":"2012-10-17","Statement":[
	 {"Sid":"AllowGitpodRunnerPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/gitpod/runner"},
	  "Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`)
	runner.wantPull("after it", "team/app:1")
	admin.aws("iam", "delete-role-policy", "--role-name", "runner", "--policy-name", "pull")
	runner.wantNoPull("without the role's half", "team/app:1", "no identity-based policy allows")
}

func TestSeedReleaseUser(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	admin := b.command(t, b.owner())
	eight := `{"Version":"2008-10-17","Statement":[{"Sid":"AllowPull","Effect":"Allow","Principal":{"AWS":"PRINCIPAL"},
	 "Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:DescribeImages","ecr:DescribeRepositories",
	  "ecr:GetAuthorizationToken","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:ListImages"]}]}`
	admin.refused("Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Principal not found'", "ecr", "set-repository-policy", "--repository-name", "team/app",
		"--policy-text", strings.Replace(eight, "PRINCIPAL", "arn:aws:iam::111111111111:user/nobody", 1))
	admin.aws("ecr", "set-repository-policy", "--repository-name", "team/app",
		"--policy-text", strings.Replace(eight, "PRINCIPAL", "arn:aws:iam::111111111111:user/pullpass", 1))
	user := b.command(t, b.pullpass())
	user.wantPull("the named user", "team/app:1")
	user.refused("no identity-based policy allows the ecr:DescribeImages action", "ecr", "describe-images", "--registry-id", owner, "--repository-name", "team/app")
	b.command(t, b.platformAdmin()).wantNoPull("another user of that account", "team/app:1", "no resource-based policy allows")
}

func TestSeedCodefreshRoleChain(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	admin := b.command(t, b.owner())
	admin.aws("iam", "create-role", "--role-name", "app-proxy", "--assume-role-policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"sts:AssumeRole"}]}`)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:role/app-proxy"},"Action":"sts:AssumeRole","Condition":{}}]}`
	admin.aws("iam", "create-role", "--role-name", "ecr-integration", "--max-session-duration", "43200", "--assume-role-policy-document", trust)
	admin.aws("iam", "attach-role-policy", "--role-name", "ecr-integration", "--policy-arn", "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly")
	proxy := b.command(t, b.credentialsOf(t, admin.aws("sts", "assume-role", "--role-arn", "arn:aws:iam::222222222222:role/app-proxy", "--role-session-name", "pod")))

	const target = "arn:aws:iam::222222222222:role/ecr-integration"
	proxy.refused("(ValidationError) when calling the AssumeRole operation: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
		"sts", "assume-role", "--role-arn", target, "--role-session-name", "ecr", "--duration-seconds", "7200")
	integration := b.command(t, b.credentialsOf(t, proxy.aws("sts", "assume-role", "--role-arn", target, "--role-session-name", "ecr")))
	integration.wantPull("the chained role", "team/app:1")
	// A role that assumes itself needs its own trust to say so.
	integration.refused("is not authorized to perform: sts:AssumeRole on resource: "+target, "sts", "assume-role", "--role-arn", target, "--role-session-name", "again")
}

func TestSeedGitLabInstanceProfile(t *testing.T) {
	cfg := defaultConfig()
	cfg.InstanceMetadata = append(cfg.InstanceMetadata, metadataOf("runner"))
	b := start(t, cfg)
	b.push(t, "team/app:1")
	admin := b.command(t, b.owner())
	admin.aws("iam", "create-role", "--role-name", "runner", "--assume-role-policy-document", ec2Trust)
	admin.aws("iam", "attach-role-policy", "--role-name", "runner", "--policy-arn", "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly")
	admin.aws("iam", "create-instance-profile", "--instance-profile-name", "runner")
	admin.aws("iam", "add-role-to-instance-profile", "--instance-profile-name", "runner", "--role-name", "runner")

	machine := b.command(t, b.owner())
	machine.env = []string{
		"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "AWS_PAGER=", "AWS_DEFAULT_REGION=" + region,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + b.MetadataEndpoints()[0],
	}
	machine.wantPull("the machine itself", "team/app:1")
	machine.refused("no identity-based policy allows the ecr:DescribeImages action", "ecr", "describe-images", "--repository-name", "team/app")
}
