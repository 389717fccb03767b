package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// yard is where repositories are made: a server, the customer's account and the
// platform's, and what asks them as a person does.
type yard struct {
	box      *sandbox.Sandbox
	server   *process.Server
	args     []string
	host     string
	customer pullpass.Integration // an administrator of the customer's account
	platform pullpass.Integration // the platform's role, of another account
	images   []string             // two, in OCI layouts
}

func newYard(t *testing.T, ctx context.Context) *yard {
	t.Helper()
	y := &yard{}
	y.box, y.args = startSandbox(t, ctx)
	y.host = y.box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion)
	y.server = startServer(t, ctx, y.args...)
	var err error
	y.customer, err = y.server.Owner.CreateIntegration(ctx, pullpass.Integration{Name: "customer", Mode: pullpass.ModeAccessKey,
		Account: sandbox.OwnerAccount, Region: sandbox.DefaultRegion, AccessKeyID: sandbox.OwnerKeyID}, sandbox.OwnerKey())
	if err != nil {
		t.Fatal(err)
	}
	i, secret := platform()
	i.Name, i.Mode, i.Region = "platform", pullpass.ModeAccessKey, sandbox.DefaultRegion
	if y.platform, err = y.server.Owner.CreateIntegration(ctx, i, secret); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		dir := filepath.Join(t.TempDir(), "image")
		l, err := layout.Write(dir, empty.Index)
		if err != nil {
			t.Fatal(err)
		}
		image := parts.BusyboxImage(t, "/bin/echo", fmt.Sprint(len(y.images)))
		if len(y.images) == 0 {
			image = parts.BusyboxImage(t, stays...)
		}
		if err := l.AppendImage(image); err != nil {
			t.Fatal(err)
		}
		y.images = append(y.images, dir)
	}
	return y
}

func (y *yard) project(t *testing.T, ctx context.Context, name string) pullpass.ProjectID {
	t.Helper()
	p, err := y.server.Owner.CreateProject(ctx, pullpass.Project{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

func (y *yard) credential(ctx context.Context, p pullpass.ProjectID, repository string, action pullpass.Action) (pullpass.Credential, error) {
	issued, err := y.server.Owner.Credential(ctx, credentialRequest(p, y.host, repository, action))
	return issued.Credential, err
}

// push is skopeo with a credential to push.
func (y *yard) push(t *testing.T, ctx context.Context, p pullpass.ProjectID, reference string, image int) (string, error) {
	t.Helper()
	repository, _, _ := strings.Cut(reference, ":")
	credential, err := y.credential(ctx, p, repository, pullpass.ActionPush)
	if err != nil {
		return "", err
	}
	return skopeo(t, ctx, y.host, credential, "oci:"+y.images[image], "docker://"+y.host+"/"+reference)
}

// pull is skopeo with whatever login is given.
func (y *yard) pull(t *testing.T, ctx context.Context, credential pullpass.Credential, reference string) (string, error) {
	t.Helper()
	return skopeo(t, ctx, y.host, credential, "docker://"+y.host+"/"+reference, "dir:"+filepath.Join(t.TempDir(), "pulled"))
}

func skopeo(t *testing.T, ctx context.Context, host string, credential pullpass.Credential, from, to string) (string, error) {
	t.Helper()
	auth := filepath.Join(t.TempDir(), "auth.json")
	login := base64.StdEncoding.EncodeToString([]byte(credential.Username + ":" + credential.Secret.Reveal()))
	data, err := json.Marshal(map[string]any{"auths": map[string]any{host: map[string]string{"auth": login}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(auth, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, parts.Command(t, "skopeo"), "copy", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false", "--authfile", auth, from, to)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// aws is the AWS command line, as the customer's administrator.
func (y *yard) aws(t *testing.T, ctx context.Context, args ...string) (string, error) {
	t.Helper()
	return awsAs(t, ctx, y.box.Endpoint(), sandbox.OwnerKeyID, sandbox.OwnerKey(), args...)
}

func awsAs(t *testing.T, ctx context.Context, endpoint, id string, key pullpass.Secret, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(ctx, parts.AWS(t), append([]string{"--endpoint-url", endpoint, "--region", sandbox.DefaultRegion, "--output", "json", "--no-cli-pager"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+key.Reveal(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// as mints a token with the AWS command line: another principal's own.
func (y *yard) as(t *testing.T, ctx context.Context, id string, key pullpass.Secret) pullpass.Credential {
	t.Helper()
	text, err := awsAs(t, ctx, y.box.Endpoint(), id, key, "ecr", "get-login-password")
	if err != nil {
		t.Fatalf("ecr get-login-password: %v %s", err, text)
	}
	var password string
	if err := json.Unmarshal([]byte(text), &password); err != nil {
		password = strings.TrimSpace(text) // this command prints the bare word
	}
	return pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret(password)}
}

// looks reads a repository back with the AWS command line and wants all of it.
func (y *yard) looks(t *testing.T, ctx context.Context, repository string, want map[string][]string) {
	t.Helper()
	arn := "arn:aws:ecr:" + sandbox.DefaultRegion + ":" + sandbox.OwnerAccount + ":repository/" + repository
	commands := map[string][]string{
		"repository": {"describe-repositories", "--repository-names", repository},
		"policy":     {"get-repository-policy", "--repository-name", repository},
		"lifecycle":  {"get-lifecycle-policy", "--repository-name", repository},
		"tags":       {"list-tags-for-resource", "--resource-arn", arn},
	}
	for what, texts := range want {
		got, err := y.aws(t, ctx, append([]string{"ecr"}, commands[what]...)...)
		if err != nil {
			t.Errorf("%s of %s: %v %s", what, repository, err, got)
			continue
		}
		plain := strings.NewReplacer(`\"`, `"`, " ", "", "\n", "").Replace(got)
		for _, text := range texts {
			if !strings.Contains(plain, text) {
				t.Errorf("%s of %s lacks %s:\n%s", what, repository, text, got)
			}
		}
		if strings.Contains(plain, `"AWS":"*"`) || strings.Contains(plain, `"Principal":"*"`) {
			t.Errorf("%s of %s names everybody: %s", what, repository, got)
		}
	}
}

// TestRepositoryAtOnce: Release's repository. The customer's integration creates it
// in the customer's account, and the platform's role, of another account, is whom
// its policy names; nobody else of either account gets in.
func TestRepositoryAtOnce(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 4*time.Minute)
	y := newYard(t, ctx)
	p := y.project(t, ctx, "Pay-Roll")
	// The platform's role may pull by its identity; to push, it has to be let.
	push := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:PutImage"],"Resource":"*"}]}`
	if text, err := awsAs(t, ctx, y.box.Endpoint(), sandbox.PlatformAdmin, sandboxKey(t), "iam", "put-role-policy", "--role-name", "pull", "--policy-name", "push", "--policy-document", push); err != nil {
		t.Fatal(err, text)
	}
	five := 5
	in := api.NewRepository{Project: p, Integration: y.customer.ID, Puller: y.platform.ID, Settings: api.RepositorySettings{KeepImages: &five, Tags: &map[string]string{"team": "pay"}}}
	made, err := y.server.Owner.CreateRepository(ctx, in)
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	if made.Name != "pay-roll" || made.State != pullpass.RepositoryReady || len(made.Principals) != 1 || made.Principals[0] != pullRole {
		t.Errorf("it is %+v, want pay-roll, ready, for %s", made, pullRole)
	}
	wanted := map[string][]string{
		"repository": {`"imageTagMutability":"IMMUTABLE"`, `"scanOnPush":true`, `"encryptionType":"AES256"`},
		"policy":     {`"AWS":"` + pullRole + `"`, `"ecr:PutImage"`, `"ecr:BatchGetImage"`},
		"lifecycle":  {`"countNumber":14`, `"countNumber":5`},
		"tags":       {`"pullpass:project"`, string(p), `"pullpass:organization"`, `"team"`},
	}
	y.looks(t, ctx, "pay-roll", wanted)
	if again, err := y.server.Owner.CreateRepository(ctx, in); err != nil || again.ID != made.ID {
		t.Errorf("asked for again: %+v, %v, want the same one", again, err)
	}
	if text, err := y.push(t, ctx, p, "pay-roll:1", 0); err != nil {
		t.Fatalf("skopeo push: %v %s", err, text)
	}
	if text, err := y.push(t, ctx, p, "pay-roll:1", 1); err == nil || !strings.Contains(text, "immutable") {
		t.Errorf("another image for the same tag: %v %s, want it refused as immutable", err, text)
	}
	credential, err := y.credential(ctx, p, "pay-roll", pullpass.ActionPull)
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	if text, err := y.pull(t, ctx, credential, "pay-roll:1"); err != nil {
		t.Errorf("skopeo pull: %v %s", err, text)
	}
	y.strangers(t, ctx)
	y.drifts(t, ctx, made, wanted)
	r := startRunner(t, ctx, y.server, host, y.args...)
	e := create(t, ctx, y.server, r, p, y.host+"/pay-roll:1")
	if _, err := process.Await(ctx, y.server.Owner, e, pullpass.PhaseRunning); err != nil {
		t.Fatal(err)
	}
	remove(t, ctx, y.server, e)
	y.deletes(t, ctx, p, made)
}

// strangers: the platform's user, whose role is named and who is not, and a user of
// the customer's account without a policy of its own.
func (y *yard) strangers(t *testing.T, ctx context.Context) {
	t.Helper()
	if text, err := y.pull(t, ctx, y.as(t, ctx, sandbox.PlatformKeyID, sandbox.PlatformKey()), "pay-roll:1"); err == nil || !strings.Contains(text, "resource-based policy") {
		t.Errorf("another principal of the platform's account pulls: %v %s, want it refused by the repository's policy", err, text)
	}
	token := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`
	for _, args := range [][]string{
		{"iam", "create-user", "--user-name", "stranger"},
		{"iam", "put-user-policy", "--user-name", "stranger", "--policy-name", "token", "--policy-document", token},
	} {
		if text, err := y.aws(t, ctx, args...); err != nil {
			t.Fatal(err, text)
		}
	}
	text, err := y.aws(t, ctx, "iam", "create-access-key", "--user-name", "stranger")
	if err != nil {
		t.Fatal(err, text)
	}
	var made struct {
		AccessKey struct{ AccessKeyID, SecretAccessKey string }
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "AccessKeyId", "AccessKeyID")), &made); err != nil {
		t.Fatal(err)
	}
	login := y.as(t, ctx, made.AccessKey.AccessKeyID, pullpass.NewSecret(made.AccessKey.SecretAccessKey))
	if text, err := y.pull(t, ctx, login, "pay-roll:1"); err == nil || !strings.Contains(text, "denied") && !strings.Contains(text, "not authorized") {
		t.Errorf("another principal of the customer's account pulls: %v %s, want it refused", err, text)
	}
}

// drifts: what somebody changed in AWS is as wanted again after an update.
func (y *yard) drifts(t *testing.T, ctx context.Context, made api.Repository, wanted map[string][]string) {
	t.Helper()
	open := fmt.Sprintf(repositoryPolicy, "arn:aws:iam::"+sandbox.PlatformAccount+":root")
	for _, args := range [][]string{
		{"put-image-tag-mutability", "--repository-name", made.Name, "--image-tag-mutability", "MUTABLE"},
		{"put-image-scanning-configuration", "--repository-name", made.Name, "--image-scanning-configuration", "scanOnPush=false"},
		{"set-repository-policy", "--repository-name", made.Name, "--policy-text", open},
		{"delete-lifecycle-policy", "--repository-name", made.Name},
		{"untag-resource", "--resource-arn", "arn:aws:ecr:" + made.Region + ":" + made.Account + ":repository/" + made.Name, "--tag-keys", "team"},
	} {
		if text, err := y.aws(t, ctx, append([]string{"ecr"}, args...)...); err != nil {
			t.Fatal(err, text)
		}
	}
	if updated, err := y.server.Owner.ApplyRepository(ctx, made.ID, api.RepositoryApply{}); err != nil || updated.State != pullpass.RepositoryReady {
		t.Errorf("ApplyRepository = %+v, %v", updated, err)
	}
	y.looks(t, ctx, made.Name, wanted)
}

// deletes: ECR keeps it, unless its images are to go, too.
func (y *yard) deletes(t *testing.T, ctx context.Context, p pullpass.ProjectID, made api.Repository) {
	t.Helper()
	if err := y.server.Owner.DeleteRepository(ctx, made.ID, false); err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	if _, err := y.credential(ctx, p, made.Name, pullpass.ActionPull); pullpass.CodeOf(err) != "no_registry" {
		t.Errorf("a credential for what is no longer kept: %v, want no_registry", err)
	}
	y.looks(t, ctx, made.Name, map[string][]string{"repository": {`"IMMUTABLE"`}})
	again, err := y.server.Owner.CreateRepository(ctx, api.NewRepository{Project: p, Integration: y.customer.ID, Name: made.Name})
	if err != nil {
		t.Fatal(pullpass.Explain(err)) // its tags say whose it is
	}
	if err := y.server.Owner.DeleteRepository(ctx, again.ID, true); err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	if text, err := y.aws(t, ctx, "ecr", "describe-repositories", "--repository-names", made.Name); err == nil || !strings.Contains(text, "RepositoryNotFoundException") {
		t.Errorf("after --delete-images: %v %s, want it gone", err, text)
	}
}

func sandboxKey(t *testing.T) pullpass.Secret {
	t.Helper()
	for _, a := range sandbox.Default().Accounts {
		for _, u := range a.Users {
			for _, k := range u.AccessKeys {
				if a.ID == sandbox.PlatformAccount && u.Name == "admin" {
					return k.Secret.Secret
				}
			}
		}
	}
	t.Fatal("the rehearsal's platform account has no admin")
	return pullpass.Secret{}
}

// TestRepositoryOnFirstPush: before it there is none; the first push makes it, of
// however many come at once; a pull before it says what is missing.
func TestRepositoryOnFirstPush(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	y := newYard(t, ctx)
	p := y.project(t, ctx, "late")
	made, err := y.server.Owner.CreateRepository(ctx, api.NewRepository{Project: p, Integration: y.customer.ID, OnFirstPush: true})
	if err != nil || made.State != pullpass.RepositoryPending {
		t.Fatalf("CreateRepository = %+v, %v, want it pending", made, err)
	}
	absent := func(when string) {
		t.Helper()
		if text, err := y.aws(t, ctx, "ecr", "describe-repositories", "--repository-names", "late"); err == nil || !strings.Contains(text, "RepositoryNotFoundException") {
			t.Errorf("%s: %v %s, want no repository", when, err, text)
		}
	}
	absent("before the push")
	if _, err := y.credential(ctx, p, "late", pullpass.ActionPull); pullpass.CodeOf(err) != "repository_pending" || pullpass.HintOf(err) == "" {
		t.Errorf("a credential to pull = %v, want repository_pending and what to do", err)
	}
	absent("after a pull was asked for")
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			if _, err := y.credential(ctx, p, "late", pullpass.ActionPush); err != nil {
				t.Errorf("a credential to push: %s", pullpass.Explain(err))
			}
		})
	}
	done.Wait()
	if n := y.applied(t, ctx); n != 1 {
		t.Errorf("it was applied %d times, want once for all who push", n)
	}
	if text, err := y.push(t, ctx, p, "late:1", 0); err != nil {
		t.Fatalf("skopeo push: %v %s", err, text)
	}
	y.looks(t, ctx, "late", map[string][]string{
		"repository": {`"imageTagMutability":"IMMUTABLE"`, `"scanOnPush":true`},
		"policy":     {`"AWS":"arn:aws:iam::` + sandbox.OwnerAccount + `:user/admin"`},
		"lifecycle":  {`"countNumber":14`}, "tags": {string(p)},
	})
	credential, err := y.credential(ctx, p, "late", pullpass.ActionPull)
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	if text, err := y.pull(t, ctx, credential, "late:1"); err != nil {
		t.Errorf("skopeo pull: %v %s", err, text)
	}
	y.refusedFirstPush(t, ctx)
}

// applied counts the records of ECR being asked.
func (y *yard) applied(t *testing.T, ctx context.Context) (n int) {
	t.Helper()
	l, err := y.server.Owner.Events(ctx, pullpass.EventFilter{Action: "repository.apply"}, pullpass.Page{Limit: pullpass.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	return len(l.Items)
}

// refusedFirstPush: where the integration may not create it, the push is refused
// with the statement that is missing.
func (y *yard) refusedFirstPush(t *testing.T, ctx context.Context) {
	t.Helper()
	p := y.project(t, ctx, "refused")
	if _, err := y.server.Owner.CreateRepository(ctx, api.NewRepository{Project: p, Integration: y.platform.ID, OnFirstPush: true}); err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	host := y.box.Registry(sandbox.PlatformAccount, sandbox.DefaultRegion)
	_, err := y.server.Owner.Credential(ctx, credentialRequest(p, host, "refused", pullpass.ActionPush))
	if pullpass.CodeOf(err) != "repository_denied" || !strings.Contains(pullpass.HintOf(err), `"ecr:CreateRepository"`) {
		t.Errorf("the first push of one that cannot be created: %v, want repository_denied with the statement", err)
	}
	for _, action := range []pullpass.Action{pullpass.ActionPush, pullpass.ActionPull} {
		if _, err := y.server.Owner.Credential(ctx, credentialRequest(p, host, "refused", action)); pullpass.CodeOf(err) != "repository_failed" {
			t.Errorf("then a credential to %s: %v, want repository_failed", action, err)
		}
	}
}
