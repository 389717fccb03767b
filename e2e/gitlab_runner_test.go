package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// The third account of a GitLab job: its image and its two services come from three.
const (
	thirdAccount = "333333333333"
	thirdKeyID   = "AKIAPULLPASSSANDBOX7"
	thirdKey     = "sandbox/333333333333/admin000/NotSecret7"
)

// gitlabJob is a job whose image and services are in three accounts, and the runner
// that has to open them: its home directory and its environment.
type gitlabJob struct {
	ctx    context.Context
	server *process.Server
	images []string
	home   string
	env    []string
	runner string
}

func newGitlabJob(t *testing.T) *gitlabJob {
	t.Helper()
	j := &gitlabJob{ctx: within(t, 3*time.Minute), home: t.TempDir(), runner: parts.GitLabRunner(t)}
	config := sandbox.Default()
	config.Registries = append(config.Registries, sandbox.RegistryListener{Account: thirdAccount, Region: sandbox.DefaultRegion, Listen: "127.0.0.1:4513"})
	config.Accounts[0].Repositories = []sandbox.Repository{{Region: sandbox.DefaultRegion, Name: "team/build"}}
	config.Accounts = append(config.Accounts, sandbox.Account{
		ID: thirdAccount, Alias: "third",
		Users: []sandbox.User{{
			Name: "admin", AccessKeys: []sandbox.AccessKey{{ID: thirdKeyID, Secret: sandbox.SecretKey{Secret: pullpass.NewSecret(thirdKey)}}},
			AttachedPolicies: []string{"arn:aws:iam::aws:policy/AdministratorAccess"},
		}},
		Repositories: []sandbox.Repository{{Region: sandbox.DefaultRegion, Name: "team/postgres"}},
	})
	box := startBox(t, j.ctx, config.OnFreePorts())
	args := []string{"--allow-egress=127.0.0.1"}
	for _, r := range box.Registries() {
		args = append(args, "--host="+r.Mapping(box.Endpoint()))
	}
	j.server = startServer(t, j.ctx, args...)
	project, err := j.server.Owner.CreateProject(j.ctx, pullpass.Project{Name: "payments"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []struct{ account, key, secret, repository string }{
		{sandbox.PlatformAccount, sandbox.PlatformAdmin, "sandbox/111111111111/admin000/NotSecret3", "team/build"},
		{sandbox.OwnerAccount, sandbox.OwnerKeyID, sandbox.OwnerKey().Reveal(), "team/app"},
		{thirdAccount, thirdKeyID, thirdKey, "team/postgres"},
	} {
		host := box.Registry(a.account, sandbox.DefaultRegion)
		i := pullpass.Integration{Name: "in-" + a.account, Mode: pullpass.ModeAccessKey, Region: sandbox.DefaultRegion, Account: a.account, AccessKeyID: a.key}
		made, err := j.server.Owner.CreateIntegration(j.ctx, i, pullpass.NewSecret(a.secret))
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.server.Owner.CreateRegistry(j.ctx, pullpass.Registry{
			Project: project.ID, Name: "ecr-" + a.account, Host: host, Auth: pullpass.AuthIntegration, Integration: made.ID, Inside: pullpass.InsideWhole,
		}, pullpass.Secret{})
		if err != nil {
			t.Fatal(err)
		}
		image := host + "/" + a.repository + ":1"
		user, password := adminToken(t, j.ctx, box, a.key, a.secret)
		pushImage(t, j.ctx, image, user, password, parts.BusyboxImage(t))
		j.images = append(j.images, image)
	}
	token, text, err := j.server.Owner.CreateToken(j.ctx, pullpass.Token{Name: "runner", Role: pullpass.RoleDeveloper, Project: project.ID})
	if err != nil {
		t.Fatal(token, err)
	}
	j.env = []string{
		"HOME=" + j.home, "PATH=" + filepath.Dir(binary) + ":/usr/bin:/bin",
		"PULLPASS_SERVER=" + j.server.URL, "PULLPASS_TOKEN=" + text.Reveal(),
	}
	return j
}

// adminToken asks ECR of an account for a login.
func adminToken(t *testing.T, ctx context.Context, box *sandbox.Sandbox, key, secret string) (user, password string) {
	t.Helper()
	c := ecr.New(ecr.Options{
		Region: sandbox.DefaultRegion, BaseEndpoint: aws.String(box.Endpoint()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
		}),
	})
	out, err := c.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ = strings.Cut(string(plain), ":")
	return user, password
}

// pullpass runs the command line as the runner's user.
func (j *gitlabJob) pullpass(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(j.ctx, binary, args...)
	cmd.Env = j.env
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pullpass %v: %v\n%s", args, err, explained(err))
	}
	return strings.TrimSpace(string(out))
}

func explained(err error) string {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as os/exec returns it
		return string(exit.Stderr)
	}
	return ""
}

// resolved is what the runner gives Docker for an image.
type resolved struct{ Image, Source, Path, Username, Password string }

// resolve runs GitLab Runner's own code in the runner's environment.
func (j *gitlabJob) resolve(t *testing.T, extra ...string) ([]resolved, string) {
	t.Helper()
	cmd := exec.CommandContext(j.ctx, j.runner, j.images...)
	cmd.Env = append(append([]string{}, j.env...), extra...)
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	var all []resolved
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, talk.String())
	}
	return all, talk.String()
}

// pulls fails unless each image can be read with what the runner has for it.
func (j *gitlabJob) pulls(t *testing.T, all []resolved, source string) {
	t.Helper()
	for _, r := range all {
		ref, err := name.ParseReference(r.Image)
		if err != nil {
			t.Fatal(err)
		}
		auth := authn.FromConfig(authn.AuthConfig{Username: r.Username, Password: r.Password})
		if _, err := remote.Get(ref, remote.WithContext(j.ctx), remote.WithAuth(auth)); err != nil || !strings.Contains(r.Source, source) {
			t.Errorf("%s: the runner has %q of %q from %q: %v", r.Image, r.Username, r.Path, r.Source, err)
		}
	}
	if len(all) != len(j.images) {
		t.Errorf("the runner answers for %d images, want %d", len(all), len(j.images))
	}
}

func (j *gitlabJob) write(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(j.home, ".docker", "config.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestGitLabRunnerPullsFromThreeAccounts drives GitLab Runner's own code for a job's
// image and two services from three accounts: by a variable that names the helper for
// each host, by one that names it for all (list, then get for each), by the runner's
// config.json, and by logins that are written out.
func TestGitLabRunnerPullsFromThreeAccounts(t *testing.T) {
	j := newGitlabJob(t)
	helpers := j.pullpass(t, "docker-config", "--form", "variable")
	for _, image := range j.images {
		if host, _, _ := strings.Cut(image, "/"); !strings.Contains(helpers, `"`+host+`":"pullpass"`) {
			t.Errorf("DOCKER_AUTH_CONFIG=%s, want the helper for %s", helpers, host)
		}
	}
	all, _ := j.resolve(t, "DOCKER_AUTH_CONFIG="+helpers)
	j.pulls(t, all, "$DOCKER_AUTH_CONFIG")

	all, _ = j.resolve(t, "DOCKER_AUTH_CONFIG="+j.pullpass(t, "docker-config", "--form", "variable", "--store"))
	j.pulls(t, all, "$DOCKER_AUTH_CONFIG")

	all, _ = j.resolve(t, "DOCKER_AUTH_CONFIG="+j.pullpass(t, "docker-config", "--form", "variable", "--auths"))
	j.pulls(t, all, "$DOCKER_AUTH_CONFIG")

	j.pullpass(t, "docker-config")
	all, _ = j.resolve(t)
	j.pulls(t, all, "config.json")
}

// TestGitLabRunnerLosesASource: one helper that fails loses the whole source, and the
// next one is used; a host that nobody knows loses nothing.
func TestGitLabRunnerLosesASource(t *testing.T) {
	j := newGitlabJob(t)
	logins := j.pullpass(t, "docker-config", "--form", "variable", "--auths")
	helpers := j.pullpass(t, "docker-config", "--form", "variable")
	j.write(t, logins)

	all, talk := j.resolve(t, "DOCKER_AUTH_CONFIG="+helpers, "PULLPASS_TOKEN=pp_wrong")
	j.pulls(t, all, "config.json")
	if !strings.Contains(talk, "DOCKER_AUTH_CONFIG") || !strings.Contains(talk, "pullpass") {
		t.Errorf("the runner says %q of the lost source, want its name and the helper's cause", talk)
	}

	unknown := strings.Replace(helpers, `"credHelpers":{`, `"credHelpers":{"unknown.example.com":"pullpass",`, 1)
	all, talk = j.resolve(t, "DOCKER_AUTH_CONFIG="+unknown)
	j.pulls(t, all, "$DOCKER_AUTH_CONFIG")
	if talk != "" {
		t.Errorf("with an unknown host the runner says %q", talk)
	}

	// The job's own registry comes last.
	host, _, _ := strings.Cut(j.images[0], "/")
	all, _ = j.resolve(t, "DOCKER_AUTH_CONFIG="+helpers, "JOB_REGISTRY="+host)
	j.pulls(t, all, "$DOCKER_AUTH_CONFIG")
	j.write(t, `{}`)
	if all, _ = j.resolve(t, "JOB_REGISTRY="+host); all[0].Username != "gitlab-ci-token" || all[1].Username != "" {
		t.Errorf("without a configuration: %+v, want the job's own registry alone", all)
	}
}
