package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	pullRepository = `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
	 {"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}]}`
	assumeAny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
)

func trustOf(statement string) sandbox.Document {
	return sandbox.Document(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)
}

func trusting(arn, condition string) sandbox.Document {
	return trustOf(`{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + condition + `}`)
}

// rolesConfig adds roles to the owner's account and lets the platform's user
// assume whatever trusts it.
func rolesConfig(roles ...sandbox.Role) sandbox.Config {
	cfg := defaultConfig()
	cfg.Accounts[0].Users[0].InlinePolicies["assume"] = assumeAny
	cfg.Accounts[1].Roles = roles
	return cfg
}

func TestAssumeRole(t *testing.T) {
	const user = "arn:aws:iam::111111111111:user/pullpass"
	b := start(t, rolesConfig(
		sandbox.Role{Name: "open", TrustPolicy: trusting(user, "")},
		sandbox.Role{Name: "long", Path: "/team/", TrustPolicy: trusting(user, ""), MaxSession: sandbox.Duration(12 * time.Hour)},
		sandbox.Role{Name: "external", TrustPolicy: trusting(user, `,"Condition":{"StringEquals":{"sts:ExternalId":"secret-handshake"}}`)},
		sandbox.Role{Name: "admins", TrustPolicy: trusting("arn:aws:iam::222222222222:root", "")},
		sandbox.Role{Name: "plain", TrustPolicy: trustOf(`{"Effect":"Allow","Principal":{"AWS":"` + user + `"},"Action":"sts:AssumeRole"}`)},
		sandbox.Role{Name: "tagged", TrustPolicy: trusting(user, `,"Condition":{"StringEquals":{"aws:RequestTag/team":"blue"}}`)},
		sandbox.Role{Name: "named", TrustPolicy: trusting(user, `,"Condition":{"StringLike":{"sts:RoleSessionName":"ci-*"}}`)},
	))
	const refused = "User: " + user + " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/"
	tag := []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}
	tests := []struct {
		name, role, code, message string
		in                        sts.AssumeRoleInput
	}{
		{name: "trusted", role: "open"},
		{name: "no such role", role: "nobody", code: "AccessDenied", message: refused + "nobody"},
		{name: "trusts others", role: "admins", code: "AccessDenied", message: "no resource-based policy allows the sts:AssumeRole action"},
		{name: "with a path", role: "team/long", in: sts.AssumeRoleInput{DurationSeconds: aws.Int32(43200)}},
		{name: "path left out", role: "long", code: "AccessDenied", message: refused + "long"},
		{name: "external id", role: "external", in: sts.AssumeRoleInput{ExternalId: aws.String("secret-handshake")}},
		{name: "no external id", role: "external", code: "AccessDenied", message: refused + "external"},
		{name: "wrong external id", role: "external", in: sts.AssumeRoleInput{ExternalId: aws.String("guess")}, code: "AccessDenied", message: refused},
		{name: "longer than the role", role: "open", in: sts.AssumeRoleInput{DurationSeconds: aws.Int32(3601)}, code: "ValidationError", message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{name: "too short", role: "open", in: sts.AssumeRoleInput{DurationSeconds: aws.Int32(899)}, code: "ValidationError", message: "greater than or equal to 900"},
		{name: "tags", role: "tagged", in: sts.AssumeRoleInput{Tags: tag}},
		{name: "tags missing", role: "tagged", code: "AccessDenied", message: refused},
		{name: "tags that the trust does not allow", role: "plain", in: sts.AssumeRoleInput{Tags: tag}, code: "AccessDenied", message: "is not authorized to perform: sts:TagSession"},
		{name: "source identity", role: "open", in: sts.AssumeRoleInput{SourceIdentity: aws.String("ann")}},
		{name: "source identity not allowed", role: "plain", in: sts.AssumeRoleInput{SourceIdentity: aws.String("ann")}, code: "AccessDenied", message: "is not authorized to perform: sts:SetSourceIdentity"},
		{name: "session name pattern", role: "named", code: "AccessDenied", message: refused},
		{name: "session name fits", role: "named", in: sts.AssumeRoleInput{RoleSessionName: aws.String("ci-1")}},
		{name: "bad session name", role: "open", in: sts.AssumeRoleInput{RoleSessionName: aws.String("a b")}, code: "ValidationError", message: "roleSessionName"},
		{name: "session policy too long", role: "open", in: sts.AssumeRoleInput{Policy: aws.String(strings.Repeat(" ", 2049))}, code: "ValidationError", message: "less than or equal to 2048"},
		{name: "session policy malformed", role: "open", in: sts.AssumeRoleInput{Policy: aws.String("{")}, code: "MalformedPolicyDocument", message: "Syntax errors in policy"},
		{name: "session policy with a principal", role: "open", in: sts.AssumeRoleInput{Policy: aws.String(repositoryPolicy(user))}, code: "MalformedPolicyDocument", message: "should not specify a principal"},
		{name: "session policy ARN unknown", role: "open", in: sts.AssumeRoleInput{PolicyArns: []ststypes.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::222222222222:policy/none")}}}, code: "MalformedPolicyDocument", message: "does not exist"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := test.in
			in.RoleArn = aws.String("arn:aws:iam::222222222222:role/" + test.role)
			if in.RoleSessionName == nil {
				in.RoleSessionName = aws.String("session")
			}
			out, err := stsOf(b.pullpass()).AssumeRole(t.Context(), &in)
			switch {
			case test.code != "":
				wantCode(t, test.name, err, test.code, test.message)
			case err != nil:
				t.Errorf("AssumeRole: %v", err)
			default:
				must[*sts.GetCallerIdentityOutput](t)(stsOf(b.session(out.Credentials)).GetCallerIdentity(t.Context(), nil))
			}
		})
	}
}

// assume starts a session of the owner's role as the platform's user.
func (b *box) assume(t *testing.T, who aws.Config, role string, change func(*sts.AssumeRoleInput)) aws.Config {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/" + role), RoleSessionName: aws.String("session")}
	if change != nil {
		change(in)
	}
	return b.session(must[*sts.AssumeRoleOutput](t)(stsOf(who).AssumeRole(t.Context(), in)).Credentials)
}

func TestChainingKeepsTagsAndSource(t *testing.T) {
	b := start(t, rolesConfig(
		sandbox.Role{Name: "first", TrustPolicy: trusting("arn:aws:iam::111111111111:user/pullpass", ""), InlinePolicies: map[string]sandbox.Document{"assume": assumeAny}},
		sandbox.Role{
			Name: "second", MaxSession: sandbox.Duration(12 * time.Hour),
			TrustPolicy: trusting("arn:aws:iam::222222222222:role/first", `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:RequestTag/team":"blue","sts:SourceIdentity":"ann"}}`),
		},
	))
	first := b.assume(t, b.pullpass(), "first", func(in *sts.AssumeRoleInput) {
		in.Tags = []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}
		in.TransitiveTagKeys = []string{"team"}
		in.SourceIdentity = aws.String("ann")
	})
	b.assume(t, first, "second", nil)
	_, err := stsOf(first).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::222222222222:role/second"), RoleSessionName: aws.String("job"), DurationSeconds: aws.Int32(3601),
	})
	wantCode(t, "more than an hour", err, "ValidationError", "exceeds the 1 hour session limit for roles assumed by role chaining")
	_, err = stsOf(first).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::222222222222:role/second"), RoleSessionName: aws.String("job"), SourceIdentity: aws.String("bob"),
	})
	wantCode(t, "another source identity", err, "AccessDenied", "sts:AssumeRole")
	_, err = stsOf(first).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::222222222222:role/second"), RoleSessionName: aws.String("job"),
		Tags: []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("red")}},
	})
	wantCode(t, "a transitive tag again", err, "InvalidParameterValue", "transitive tag")
}

func TestSessionPolicyNarrowsTheToken(t *testing.T) {
	b := start(t, rolesConfig(sandbox.Role{
		Name: "puller", TrustPolicy: trusting("arn:aws:iam::111111111111:user/pullpass", ""),
		AttachedPolicies: []string{"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"},
	}))
	must[*ecr.CreateRepositoryOutput](t)(ecrOf(b.owner()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/other")}))
	b.push(t, "team/app:1")
	b.push(t, "team/other:1")
	wide := b.login(t, b.assume(t, b.pullpass(), "puller", nil))
	narrow := b.login(t, b.assume(t, b.pullpass(), "puller", func(in *sts.AssumeRoleInput) { in.Policy = aws.String(pullRepository) }))
	for _, ref := range []string{"team/app:1", "team/other:1"} {
		if err := b.pull(t, wide, ref); err != nil {
			t.Errorf("wide token, %s: %v", ref, err)
		}
	}
	if err := b.pull(t, narrow, "team/app:1"); err != nil {
		t.Errorf("narrow token: %v", err)
	}
	wantStatus(t, "narrow token elsewhere", b.pull(t, narrow, "team/other:1"), 403, "because no session policy allows the ecr:BatchGetImage action")
	without := b.assume(t, b.pullpass(), "puller", func(in *sts.AssumeRoleInput) {
		in.PolicyArns = []ststypes.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly")}}
	})
	if err := b.pull(t, b.login(t, without), "team/other:1"); err != nil {
		t.Errorf("policy by ARN: %v", err)
	}
	_, err := ecrOf(without).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("team/app")})
	wantCode(t, "beyond the policy by ARN", err, "AccessDeniedException", "no session policy allows the ecr:DescribeImages action")
}

func TestFederationTokenHasOnlyItsPolicies(t *testing.T) {
	cfg := defaultConfig()
	cfg.Accounts[0].Users[0].InlinePolicies["assume"] = assumeAny
	b := start(t, cfg)
	b.push(t, "team/app:1")
	must[*ecr.SetRepositoryPolicyOutput](t)(ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{
		RepositoryName: aws.String("team/app"), PolicyText: aws.String(repositoryPolicy(platform)),
	}))
	federate := func(policy *string) aws.Config {
		out := must[*sts.GetFederationTokenOutput](t)(stsOf(b.pullpass()).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("env-1"), Policy: policy}))
		return b.session(out.Credentials)
	}
	with, without := federate(aws.String(pullRepository)), federate(nil)
	if err := b.pull(t, b.login(t, with), "team/app:1"); err != nil {
		t.Errorf("with a policy: %v", err)
	}
	who := must[*sts.GetCallerIdentityOutput](t)(stsOf(with).GetCallerIdentity(t.Context(), nil))
	if got, want := aws.ToString(who.Arn), "arn:aws:sts::111111111111:federated-user/env-1"; got != want {
		t.Errorf("caller is %s, want %s", got, want)
	}
	_, err := ecrOf(without).GetAuthorizationToken(t.Context(), nil)
	wantCode(t, "without a policy", err, "AccessDeniedException", "no session policy allows the ecr:GetAuthorizationToken action")
	_, err = stsOf(with).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("again")})
	wantCode(t, "from a session", err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
}

// A policy that names a user counts for the federated users that it makes, too,
// as far as their session policies go.
func TestNamedUserFederates(t *testing.T) {
	b := start(t, defaultConfig())
	for _, name := range []string{"team/app", "team/other"} {
		if name != "team/app" {
			must[*ecr.CreateRepositoryOutput](t)(ecrOf(b.owner()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String(name)}))
		}
		must[*ecr.SetRepositoryPolicyOutput](t)(ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{
			RepositoryName: aws.String(name), PolicyText: aws.String(repositoryPolicy("arn:aws:iam::111111111111:user/pullpass")),
		}))
		b.push(t, name+":1")
	}
	out := must[*sts.GetFederationTokenOutput](t)(stsOf(b.pullpass()).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("env-1"), Policy: aws.String(pullRepository)}))
	auth := b.login(t, b.session(out.Credentials))
	if err := b.pull(t, auth, "team/app:1"); err != nil {
		t.Errorf("the repository of the session policy: %v", err)
	}
	wantStatus(t, "another repository that names the user", b.pull(t, auth, "team/other:1"), 403, "no session policy allows the ecr:BatchGetImage action")

	must[*ecr.SetRepositoryPolicyOutput](t)(ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{
		RepositoryName: aws.String("team/app"), PolicyText: aws.String(repositoryPolicy("arn:aws:iam::111111111111:user/admin")),
	}))
	wantStatus(t, "another user is named", b.pull(t, auth, "team/app:1"), 403, "no resource-based policy allows the ecr:BatchGetImage action")
}

func TestSessionsEnd(t *testing.T) {
	b := start(t, rolesConfig(sandbox.Role{Name: "open", TrustPolicy: trusting("arn:aws:iam::111111111111:user/pullpass", "")}))
	session := b.assume(t, b.pullpass(), "open", nil)
	creds := must[aws.Credentials](t)(session.Credentials.Retrieve(t.Context()))
	_, err := stsOf(b.with(creds.AccessKeyID, creds.SecretAccessKey, "")).GetCallerIdentity(t.Context(), nil)
	wantCode(t, "without the session token", err, "InvalidClientTokenId", "The security token included in the request is invalid")
	other := must[aws.Credentials](t)(b.assume(t, b.pullpass(), "open", nil).Credentials.Retrieve(t.Context()))
	_, err = stsOf(b.with(creds.AccessKeyID, creds.SecretAccessKey, other.SessionToken)).GetCallerIdentity(t.Context(), nil)
	wantCode(t, "another session's token", err, "InvalidClientTokenId", "")

	b.clock.set(61 * time.Minute)
	a := attempt{service: "sts", region: region, body: whoAmI, at: b.clock.now(), credentials: creds}
	if status, body := a.send(t, b, noChange); status != 403 || !strings.Contains(body, "<Code>ExpiredToken</Code>") {
		t.Errorf("after an hour: %d %s, want ExpiredToken", status, body)
	}
	b.clock.set(0)
	must[*iam.DeleteRoleOutput](t)(iamOf(b.owner()).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("open")}))
	_, err = stsOf(session).GetCallerIdentity(t.Context(), nil)
	wantCode(t, "role deleted", err, "InvalidClientTokenId", "")
}

// The sessions of a user can do less than the user, whatever the policies say.
func TestUserSessionsStayAwayFromIAM(t *testing.T) {
	b := start(t, rolesConfig(sandbox.Role{Name: "open", TrustPolicy: trusting("arn:aws:iam::111111111111:root", "")}))
	admin := b.platformAdmin()
	session := b.session(must[*sts.GetSessionTokenOutput](t)(stsOf(admin).GetSessionToken(t.Context(), nil)).Credentials)
	everything := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	federated := b.session(must[*sts.GetFederationTokenOutput](t)(stsOf(admin).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("env"), Policy: everything})).Credentials)

	who := must[*sts.GetCallerIdentityOutput](t)(stsOf(session).GetCallerIdentity(t.Context(), nil))
	wantEqual(t, "caller", aws.ToString(who.Arn), "arn:aws:iam::111111111111:user/admin")
	for name, c := range map[string]aws.Config{"session": session, "federated": federated} {
		if _, err := ecrOf(c).GetAuthorizationToken(t.Context(), nil); err != nil {
			t.Errorf("%s: ECR: %v", name, err)
		}
		_, err := iamOf(c).ListUsers(t.Context(), nil)
		wantCode(t, name+": IAM", err, "InvalidClientTokenId", "")
		_, err = stsOf(c).GetSessionToken(t.Context(), nil)
		wantCode(t, name+": GetSessionToken", err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	b.assume(t, session, "open", nil)
	_, err := stsOf(federated).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/open"), RoleSessionName: aws.String("job")})
	wantCode(t, "federated: AssumeRole", err, "AccessDenied", "")
}

func TestPassingARoleNeedsPermission(t *testing.T) {
	cfg := defaultConfig()
	cfg.Accounts[0].Users[0].InlinePolicies["iam"] = allow(`["iam:AddRoleToInstanceProfile","iam:CreateInstanceProfile"]`)
	b := start(t, cfg)
	client := iamOf(b.pullpass())
	must[*iam.CreateInstanceProfileOutput](t)(client.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("p")}))
	_, err := client.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("p"), RoleName: aws.String("pull")})
	wantCode(t, "AddRoleToInstanceProfile", err, "AccessDenied", "is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111111111111:role/pull")
}
