package e2e_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	repositoryA = "team/app"
	repositoryB = "team/other"
	rolePrefix  = "arn:aws:iam::" + sandbox.PlatformAccount + ":role/"
)

// mode is one way to reach AWS.
type mode struct {
	name        string
	integration pullpass.Integration
	secret      pullpass.Secret
	native      bool   // the registry's auth is runner-native: no integration
	principal   string // what the audit record names
	wide        bool   // AWS cannot narrow it: the environment says so
}

func hops(roles ...pullpass.RoleHop) []pullpass.RoleHop { return roles }

// modes are all of them. The runner's and the server's own identities are an
// instance profile each, from the sandbox's IMDSv2.
func modes() []mode {
	const user = "arn:aws:iam::" + sandbox.PlatformAccount + ":user/pullpass"
	key := func(chain ...pullpass.RoleHop) pullpass.Integration {
		return pullpass.Integration{Mode: pullpass.ModeAccessKey, Account: sandbox.PlatformAccount, AccessKeyID: sandbox.PlatformKeyID, Chain: chain}
	}
	pull := pullpass.RoleHop{RoleARN: rolePrefix + "pull"}
	chained := pullpass.RoleHop{RoleARN: rolePrefix + "chained", ExternalID: "acme-7", SourceIdentity: "pullpass", SessionTags: map[string]string{"team": "payments"}}
	web := pullpass.RoleHop{RoleARN: rolePrefix + "web"}
	return []mode{
		{name: "access-key", integration: key(), secret: sandbox.PlatformKey(), principal: user},
		{name: "access-key-role", integration: key(pull), secret: sandbox.PlatformKey(), principal: pull.RoleARN},
		{name: "access-key-chain", integration: key(pull, chained), secret: sandbox.PlatformKey(), principal: chained.RoleARN},
		{name: "ambient", integration: pullpass.Integration{Mode: pullpass.ModeAmbient}, principal: "arn:aws:sts::" + sandbox.PlatformAccount + ":assumed-role/server/", wide: true},
		{name: "ambient-role", integration: pullpass.Integration{Mode: pullpass.ModeAmbient, Chain: hops(pullpass.RoleHop{RoleARN: rolePrefix + "lent"})}, principal: rolePrefix + "lent"},
		{name: "web-identity", integration: pullpass.Integration{Mode: pullpass.ModeWebIdentity, Chain: hops(web)}, principal: web.RoleARN},
		{name: "web-identity-chain", integration: pullpass.Integration{Mode: pullpass.ModeWebIdentity, Chain: hops(web, chained)}, principal: chained.RoleARN},
		{name: "runner-native", native: true},
		{name: "runner-native-role", integration: pullpass.Integration{Mode: pullpass.ModeRunnerNative, Chain: hops(pullpass.RoleHop{RoleARN: rolePrefix + "lent"})}},
	}
}

// cloud is the sandbox with the roles of every mode, and a server and a runner
// that have instance profiles.
type cloud struct {
	box    *sandbox.Sandbox
	server *process.Server
	runner *process.Runner
	host   string // of the registry
	plain  bool   // it speaks http, on a loopback port
}

const (
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	trustTo  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":[%s]},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]%s}]}`
	mayPull  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
		{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"},
		{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}]}`
	mayAskPublic   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr-public:GetAuthorizationToken","sts:GetServiceBearerToken"],"Resource":"*"}]}`
	openToPlatform = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + sandbox.PlatformAccount + `:root"},
		"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
)

func quoted(arns ...string) string { return `"` + strings.Join(arns, `","`) + `"` }

// rehearsal is the sandbox's configuration: instances for the server and the
// runner, and the roles that need no issuer.
func rehearsal() sandbox.Config {
	c := sandbox.Default()
	platform := &c.Accounts[0]
	platform.Users[0].InlinePolicies["assume"] = mayPull
	policies := map[string]sandbox.Document{"pull": mayPull}
	for name, trust := range map[string]string{
		"server":  trustEC2,
		"runner":  strings.Replace(trustEC2, "[{", `[{"Effect":"Allow","Principal":{"AWS":"`+rolePrefix+`runner"},"Action":"sts:AssumeRole"},{`, 1),
		"lent":    fmt.Sprintf(trustTo, quoted(rolePrefix+"server", rolePrefix+"runner"), ""),
		"chained": fmt.Sprintf(trustTo, quoted(rolePrefix+"pull"), `,"Condition":{"StringEquals":{"sts:ExternalId":"acme-7"}}`),
	} {
		platform.Roles = append(platform.Roles, sandbox.Role{Name: name, TrustPolicy: sandbox.Document(trust), InlinePolicies: policies})
	}
	platform.Roles[0].InlinePolicies = policies
	platform.Roles = append(platform.Roles, sandbox.Role{Name: "public", TrustPolicy: sandbox.Document(fmt.Sprintf(trustTo, quoted("arn:aws:iam::"+sandbox.PlatformAccount+":user/pullpass"), "")),
		InlinePolicies: map[string]sandbox.Document{"token": mayAskPublic}})
	platform.InstanceProfiles = []sandbox.InstanceProfile{{Name: "server", Role: "server"}, {Name: "runner", Role: "runner"}}
	for _, name := range []string{"server", "runner"} {
		c.InstanceMetadata = append(c.InstanceMetadata, sandbox.InstanceMetadata{Listen: "127.0.0.1:0", Account: sandbox.PlatformAccount, Region: sandbox.DefaultRegion, InstanceProfile: name, HopLimit: 1})
	}
	c.Accounts[1].Repositories = append(c.Accounts[1].Repositories, sandbox.Repository{Region: sandbox.DefaultRegion, Name: repositoryB})
	return c
}

// onInstance makes processes started from now on find their AWS identity at an
// instance's metadata and nowhere else.
func onInstance(t *testing.T, endpoint string) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint, "AWS_EC2_METADATA_DISABLED": "false",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": sandbox.DefaultRegion,
	} {
		t.Setenv(name, value)
	}
}

// newCloud starts everything on loopback ports, which the server and the runner
// know by their host mappings.
func newCloud(t *testing.T, ctx context.Context, engine string) *cloud {
	t.Helper()
	box := startBox(t, ctx, rehearsal().OnFreePorts())
	c := &cloud{box: box, host: box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion), plain: true}
	args := []string{"--allow-egress=127.0.0.1"}
	for _, r := range box.Registries() {
		args = append(args, fmt.Sprintf("--host=host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s", r.Address, r.Account, r.Region, box.Endpoint(), box.Endpoint(), r.Address))
	}
	c.begin(t, ctx, engine, args)
	return c
}

func startBox(t *testing.T, ctx context.Context, config sandbox.Config) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.New(config, sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	return box
}

// begin fills the repositories and starts a server and a runner.
func (c *cloud) begin(t *testing.T, ctx context.Context, engine string, args []string) {
	t.Helper()
	box := c.box
	image := parts.BusyboxImage(t, stays...)
	for _, repository := range []string{repositoryA, repositoryB} {
		pushToOwner(t, ctx, box, repository, image)
		setPolicy(t, ctx, box, repository, openToPlatform)
	}
	onInstance(t, box.MetadataEndpoints()[0])
	c.server = startServer(t, ctx, append([]string{"--lend-identity"}, args...)...)
	onInstance(t, box.MetadataEndpoints()[1])
	c.runner = startRunner(t, ctx, c.server, engine, args...)
	c.awaitIdentity(t, ctx)
}

// awaitIdentity waits until the runner has said who it is.
func (c *cloud) awaitIdentity(t *testing.T, ctx context.Context) {
	t.Helper()
	for {
		r, err := c.server.Owner.Runner(ctx, c.runner.ID)
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Or(r.AWSIdentity, r.AWSClaim) == rolePrefix+"runner" { // a claim only, where the server has no way to AWS
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the runner's AWS identity is %q, want its role", r.AWSIdentity)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// trustIssuer makes the role that the integration's tokens open.
func (c *cloud) trustIssuer(t *testing.T, ctx context.Context, i pullpass.Integration) {
	t.Helper()
	id, err := c.server.Owner.Identity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(strings.TrimPrefix(id.Issuer, "http://"), "https://")
	admin := iam.New(iam.Options{Region: sandbox.DefaultRegion, BaseEndpoint: aws.String(c.box.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.PlatformAdmin, "sandbox/111111111111/admin000/NotSecret3", "")})
	provider := &iam.CreateOpenIDConnectProviderInput{Url: aws.String(id.Issuer), ClientIDList: []string{"sts.amazonaws.com"}}
	if _, err := admin.CreateOpenIDConnectProvider(ctx, provider); err != nil && !strings.Contains(err.Error(), "EntityAlreadyExists") {
		t.Fatal(err)
	}
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::%s:oidc-provider/%s"},
		"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"%s:aud":"sts.amazonaws.com"},"StringLike":{"%s:sub":"%s"}}}]}`,
		sandbox.PlatformAccount, name, name, name, i.Subject("*", "*"))
	if _, err := admin.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trust)}); err != nil {
		if _, err := admin.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("web"), PolicyDocument: aws.String(trust)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := admin.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("pull"), PolicyDocument: aws.String(mayPull)}); err != nil {
		t.Fatal(err)
	}
	chained := fmt.Sprintf(trustTo, quoted(rolePrefix+"pull", rolePrefix+"web"), `,"Condition":{"StringEquals":{"sts:ExternalId":"acme-7"}}`)
	if _, err := admin.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("chained"), PolicyDocument: aws.String(chained)}); err != nil {
		t.Fatal(err)
	}
}

// TestEveryModePulls: each way to reach AWS pulls repository A and runs it, is in
// the audit record with its principal, and cannot pull repository B of the same
// account unless AWS cannot narrow it, which the environment then says.
func TestEveryModePulls(t *testing.T) {
	engine := parts.Docker(t)
	ctx := within(t, 5*time.Minute)
	newCloud(t, ctx, engine).pullAll(t, ctx)
}

func (c *cloud) pullAll(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			project := c.project(t, ctx, m)
			e := create(t, ctx, c.server, c.runner, project, c.host+"/"+repositoryA+":1")
			e, err := process.Await(ctx, c.server.Owner, e, pullpass.PhaseRunning)
			if err != nil {
				t.Fatal(err)
			}
			unscoped := slices.ContainsFunc(e.Conditions, func(c pullpass.Condition) bool { return c.Code == "unscoped" && c.Fix != "" })
			if unscoped != m.wide {
				t.Errorf("unscoped condition: %t, want %t: %+v", unscoped, m.wide, e.Conditions)
			}
			c.recorded(t, ctx, m, e)
			c.tested(t, ctx, m, project)
			if !m.native && m.integration.Mode != pullpass.ModeRunnerNative {
				c.onlyA(t, ctx, m, project)
			}
			remove(t, ctx, c.server, e)
		})
	}
}

func (c *cloud) project(t *testing.T, ctx context.Context, m mode) pullpass.ProjectID {
	t.Helper()
	project, err := c.server.Owner.CreateProject(ctx, pullpass.Project{Name: m.name})
	if err != nil {
		t.Fatal(err)
	}
	reg := pullpass.Registry{Project: project.ID, Name: m.name, Host: c.host, Auth: pullpass.AuthRunnerNative, Runners: []pullpass.RunnerID{c.runner.ID}}
	if !m.native {
		i := m.integration
		i.Name, i.Region = m.name, sandbox.DefaultRegion
		if i, err = c.server.Owner.CreateIntegration(ctx, i, m.secret); err != nil {
			t.Fatal(err)
		}
		if i.Mode == pullpass.ModeWebIdentity {
			c.trustIssuer(t, ctx, i)
		}
		reg.Auth, reg.Integration, reg.Runners = pullpass.AuthIntegration, i.ID, nil
	}
	if _, err := c.server.Owner.CreateRegistry(ctx, reg, pullpass.Secret{}); err != nil {
		t.Fatal(err)
	}
	return project.ID
}

// tested wants every kind of test to be who the pull was, and to say so.
func (c *cloud) tested(t *testing.T, ctx context.Context, m mode, project pullpass.ProjectID) {
	t.Helper()
	native := m.native || m.integration.Mode == pullpass.ModeRunnerNative
	r, err := c.server.Owner.RegistryByName(ctx, project, m.name)
	if err != nil {
		t.Fatal(err)
	}
	test := client.RegistryTest{Repository: repositoryA, Tag: "1"}
	if native {
		test.Runner = c.runner.ID
	}
	saved, err := c.server.Owner.TestRegistry(ctx, r.ID, test)
	if err != nil || !saved.Healthy {
		t.Errorf("registry test: %v, %+v", err, saved)
	}
	r.Name, r.PathPrefix = "unsaved", repositoryA
	unsaved, err := c.server.Owner.TestRegistrySettings(ctx, r, pullpass.Secret{}, test)
	if err != nil || !unsaved.Healthy {
		t.Errorf("registry add --test: %v, %+v", err, unsaved)
	}
	if m.native {
		return
	}
	var on pullpass.RunnerID
	if native {
		on = c.runner.ID
	}
	tested, err := c.server.Owner.TestIntegration(ctx, r.Integration, on)
	if err != nil || !tested.Healthy || !strings.HasPrefix(tested.Principal, m.principal) || tested.Account != sandbox.PlatformAccount {
		t.Errorf("integration test: %v, %+v, want %s", err, tested, m.principal)
	}
	if native {
		return // what a runner says of itself is shown, and not kept
	}
	kept, err := c.server.Owner.Integration(ctx, r.Integration)
	if err != nil || kept.Principal != tested.Principal {
		t.Errorf("the integration's principal is %q, %v, want %s", kept.Principal, err, tested.Principal)
	}
}

// recorded looks for the audit record of the start.
func (c *cloud) recorded(t *testing.T, ctx context.Context, m mode, e pullpass.Environment) {
	t.Helper()
	for event, err := range c.server.Owner.AllEvents(ctx, pullpass.EventFilter{Environment: e.ID}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case event.Decision != pullpass.DecisionAllowed || !strings.HasPrefix(event.Action, "credential."):
			continue
		case m.native || m.integration.Mode == pullpass.ModeRunnerNative:
			if event.Action != "credential.grant" || event.Detail["grant"] == "" || event.Detail["repositories"] != repositoryA {
				t.Errorf("recorded %s %v, want the grant", event.Action, event.Detail)
			}
			return
		}
		if event.Action != "credential.issue" || !strings.HasPrefix(event.Detail["principal"], m.principal) || (event.Detail["session_policy"] == "") != m.wide {
			t.Errorf("recorded %s %v, want principal %s and a session policy unless it is wide", event.Action, event.Detail, m.principal)
		}
		if web := event.Detail["web_identity"]; (web != "") != (m.integration.Mode == pullpass.ModeWebIdentity) {
			t.Errorf("recorded the web identity %q", web)
		}
		return
	}
	t.Error("there is no record of the credential")
}

// onlyA has skopeo use the credential for A on both.
func (c *cloud) onlyA(t *testing.T, ctx context.Context, m mode, project pullpass.ProjectID) {
	t.Helper()
	for _, action := range []pullpass.Action{pullpass.ActionPull, pullpass.ActionPush} {
		issued, err := c.server.Owner.Credential(ctx, credentialRequest(project, c.host, repositoryA, action))
		if err != nil {
			t.Errorf("a credential to %s: %v", action, err)
			continue
		}
		if text, err := c.skopeo(t, ctx, issued.Credential, repositoryA); err != nil {
			t.Errorf("skopeo and %s with the credential to %s it: %v %s", repositoryA, action, err, text)
		}
		text, err := c.skopeo(t, ctx, issued.Credential, repositoryB)
		switch {
		case m.wide && err != nil:
			t.Errorf("skopeo and %s with a credential that opens all: %v %s", repositoryB, err, text)
		case !m.wide && (err == nil || !strings.Contains(text, "no session policy allows")):
			t.Errorf("skopeo and %s with a credential to %s %s: %v %s, want it refused by the session policy", repositoryB, action, repositoryA, err, text)
		}
	}
}

func (c *cloud) skopeo(t *testing.T, ctx context.Context, credential pullpass.Credential, repository string) (string, error) {
	t.Helper()
	auth := filepath.Join(t.TempDir(), "auth.json")
	login := base64.StdEncoding.EncodeToString([]byte(credential.Username + ":" + credential.Secret.Reveal()))
	data, err := json.Marshal(map[string]any{"auths": map[string]any{c.host: map[string]string{"auth": login}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(auth, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, parts.Command(t, "skopeo"), "copy", "--insecure-policy", fmt.Sprintf("--src-tls-verify=%t", !c.plain), "--authfile", auth,
		"docker://"+c.host+"/"+repository+":1", "dir:"+filepath.Join(t.TempDir(), "image"))
	text, err := cmd.CombinedOutput()
	return string(text), err
}
