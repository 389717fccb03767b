package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const repositoryPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Pull","Effect":"Allow","Principal":{"AWS":"%s"},
 "Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`

const pullRole = "arn:aws:iam::" + sandbox.PlatformAccount + ":role/pull"

// stays prints a word, and ends when it is asked to: PID 1 ignores signals that
// it does not handle.
var stays = []string{"/bin/sh", "-c", "trap 'exit 0' TERM; echo running; while :; do sleep 0.2; done"}

// TestPresenceIsNotPermission: an image that one environment pulled lies in the
// engine's store; another one, whose registry refuses it, cannot run it, neither
// by tag nor by digest.
func TestPresenceIsNotPermission(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 3*time.Minute)
	box, args := startSandbox(t, ctx)
	image, digest := pushToOwner(t, ctx, box, "team/app", parts.BusyboxImage(t, stays...))
	setPolicy(t, ctx, box, "team/app", fmt.Sprintf(repositoryPolicy, pullRole))
	s := startServer(t, ctx, args...)
	i, secret := platform()
	allowed := tenant(t, ctx, s, box, "allowed", i, secret)
	// The user itself, without the role: the repository's policy does not name it.
	refused := tenant(t, ctx, s, box, "refused", pullpass.Integration{Account: sandbox.PlatformAccount, AccessKeyID: sandbox.PlatformKeyID}, sandbox.PlatformKey())
	r := startRunner(t, ctx, s, host, args...)

	e := create(t, ctx, s, r, allowed, image)
	if _, err := process.Await(ctx, s.Owner, e, pullpass.PhaseRunning); err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{image, strings.TrimSuffix(image, ":1") + "@" + digest} {
		e := create(t, ctx, s, r, refused, reference)
		e = awaitError(t, ctx, s, e)
		if !slices.ContainsFunc(e.Conditions, func(c pullpass.Condition) bool { return c.Code == "denied_by_owner" }) {
			t.Errorf("%s: conditions %+v, want denied_by_owner", reference, e.Conditions)
		}
		if state := e.Status[0].State; state == pullpass.ServiceRunning {
			t.Errorf("%s runs although its registry refuses it", reference)
		}
		remove(t, ctx, s, e)
	}
	remove(t, ctx, s, e)
}

// TestBasicRegistry pulls from a real registry with a password, and lets an
// update reach an environment only when it is restarted.
func TestBasicRegistry(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 3*time.Minute)
	image := fmt.Sprintf("%s/e2e/app-%d:1", registry.Host, time.Now().UnixNano())
	pushImage(t, ctx, image, registry.Username, registry.Password, parts.BusyboxImage(t, stays...))
	plain := []string{"--allow-egress=127.0.0.1", "--host=host=" + registry.Host + ",registry=http://" + registry.Host}
	s := startServer(t, ctx, plain...)
	r := startRunner(t, ctx, s, host, plain...)
	project, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: "basic"})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := s.Owner.CreateRegistry(ctx, pullpass.Registry{
		Project: project.ID, Name: "htpasswd", Host: registry.Host, Auth: pullpass.AuthBasic, Username: registry.Username,
	}, pullpass.NewSecret(registry.Password))
	if err != nil {
		t.Fatal(err)
	}
	e := create(t, ctx, s, r, project.ID, image)
	if e, err = process.Await(ctx, s.Owner, e, pullpass.PhaseRunning); err != nil {
		t.Fatal(err)
	}

	wrong := pullpass.NewSecret("wrong")
	if _, err := s.Owner.UpdateRegistry(ctx, reg.ID, pullpass.RegistryChange{Secret: &wrong}); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Owner.Environment(ctx, e.ID); err != nil || now.Phase != pullpass.PhaseRunning || now.Registries[0].Generation != 1 {
		t.Errorf("after the update the environment is %s with %+v, %v; want it running with generation 1", now.Phase, now.Registries, err)
	}
	if e, err = s.Owner.RestartEnvironment(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	e = awaitError(t, ctx, s, e)
	if e.Registries[0].Generation != 2 {
		t.Errorf("after the restart it has %+v, want generation 2", e.Registries)
	}

	// Deleted: an environment that has the registry keeps it.
	right := pullpass.NewSecret(registry.Password)
	if _, err := s.Owner.UpdateRegistry(ctx, reg.ID, pullpass.RegistryChange{Secret: &right}); err != nil {
		t.Fatal(err)
	}
	if e, err = s.Owner.RestartEnvironment(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	if e, err = process.Await(ctx, s.Owner, e, pullpass.PhaseRunning); err != nil {
		t.Fatal(err)
	}
	if err := s.Owner.DeleteRegistry(ctx, reg.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Owner.Credential(ctx, credentialFor(e, image)); err != nil {
		t.Errorf("a deleted registry has left the environment that had it: %v", err)
	}
	other := create(t, ctx, s, r, project.ID, image)
	awaitError(t, ctx, s, other)
	remove(t, ctx, s, other)
	remove(t, ctx, s, e)
}

// TestRunnerKilledDuringPulls kills the runner again and again while it pulls:
// the environment still reaches its wanted state, in one container.
func TestRunnerKilledDuringPulls(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 4*time.Minute)
	box, args := startSandbox(t, ctx)
	image, _ := pushToOwner(t, ctx, box, "team/app", parts.BusyboxImage(t, stays...))
	setPolicy(t, ctx, box, "team/app", fmt.Sprintf(repositoryPolicy, pullRole))
	box.Inject(sandbox.Fault{Action: "ecr:GetDownloadUrlForLayer", Delay: sandbox.Duration(300 * time.Millisecond)})
	s := startServer(t, ctx, args...)
	i, secret := platform()
	project := tenant(t, ctx, s, box, "killed", i, secret)
	r := startRunner(t, ctx, s, host, args...)
	e := create(t, ctx, s, r, project, image)
	for range 5 {
		var err error
		if e, err = s.Owner.WaitEnvironment(ctx, e.ID, e.Revision, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		r.Kill()
		if err := r.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	box.ClearFaults()
	e, err := process.Await(ctx, s.Owner, e, pullpass.PhaseRunning)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, ctx, s, e)
}

func create(t *testing.T, ctx context.Context, s *process.Server, r *process.Runner, project pullpass.ProjectID, image string) pullpass.Environment {
	t.Helper()
	e, err := s.Owner.CreateEnvironment(ctx, pullpass.Environment{
		Project: project, Runner: r.ID, Name: fmt.Sprintf("e-%d", time.Now().UnixNano()),
		Services: []pullpass.Service{{Name: "main", Image: image}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// awaitError waits until an environment says what is wrong with it.
func awaitError(t *testing.T, ctx context.Context, s *process.Server, e pullpass.Environment) pullpass.Environment {
	t.Helper()
	for {
		for _, c := range e.Conditions {
			if c.Severity == pullpass.SeverityError && !strings.HasPrefix(c.Code, "runner_") { // not that its runner is still to come
				if c.What == "" || c.Cause == "" || c.Fix == "" {
					t.Errorf("condition %+v lacks one of its three parts", c)
				}
				return e
			}
		}
		next, err := s.Owner.WaitEnvironment(ctx, e.ID, e.Revision, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		e = next
	}
}

func remove(t *testing.T, ctx context.Context, s *process.Server, e pullpass.Environment) {
	t.Helper()
	if err := s.Owner.DeleteEnvironment(ctx, e.ID); err != nil {
		t.Error(err)
		return
	}
	if _, err := process.Await(ctx, s.Owner, e, pullpass.PhaseDeleted); err != nil {
		t.Error(err)
	}
}

func ownerECR(box *sandbox.Sandbox) *ecr.Client {
	return ecr.New(ecr.Options{BaseEndpoint: aws.String(box.Endpoint()), Region: sandbox.DefaultRegion,
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.OwnerKeyID, sandbox.OwnerKey().Reveal(), "")})
}

// pushToOwner pushes as the owner of the account and returns the reference.
func pushToOwner(t *testing.T, ctx context.Context, box *sandbox.Sandbox, repository string, image v1.Image) (reference, digest string) {
	t.Helper()
	out, err := ownerECR(box).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		t.Fatal(err)
	}
	username, password, _ := strings.Cut(string(plain), ":")
	reference = box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion) + "/" + repository + ":1"
	return reference, pushImage(t, ctx, reference, username, password, image)
}

func pushImage(t *testing.T, ctx context.Context, reference, username, password string, image v1.Image) string {
	t.Helper()
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	auth := authn.FromConfig(authn.AuthConfig{Username: username, Password: password})
	if err := remote.Write(tag, image, remote.WithContext(ctx), remote.WithAuth(auth)); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func setPolicy(t *testing.T, ctx context.Context, box *sandbox.Sandbox, repository, policy string) {
	t.Helper()
	_, err := ownerECR(box).SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String(repository), PolicyText: aws.String(policy)})
	if err != nil {
		t.Fatal(err)
	}
}
