package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// apart names the variable that tells a test that it runs in namespaces of its own.
const apart = "PULLPASS_E2E_APART"

// TestEveryModePullsUnderRealNames runs TestEveryModePulls once more, under the
// names that ECR's registries really have and with TLS, as production knows them:
// there is no host mapping. For that it runs itself again in a mount namespace with
// its own hosts file and certs.d, and a network namespace with its own port 443.
func TestEveryModePullsUnderRealNames(t *testing.T) {
	if os.Getenv(apart) != "" {
		ctx := within(t, 5*time.Minute)
		pullUnderRealNames(t, ctx)
		return
	}
	parts.Docker(t) // or there is no engine to start
	parts.Namespaces(t)
	ctx := within(t, 6*time.Minute)
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestEveryModePullsUnderRealNames$", "-test.v")
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	out, err := cmd.CombinedOutput()
	t.Logf("in namespaces of its own:\n%s", out)
	if err != nil {
		t.Fatalf("in namespaces of its own: %v", err)
	}
	for _, m := range modes() {
		if !strings.Contains(string(out), "--- PASS: TestEveryModePullsUnderRealNames/"+m.name+" ") {
			t.Errorf("%s did not run", m.name)
		}
	}
}

func pullUnderRealNames(t *testing.T, ctx context.Context) {
	sh(t, ctx, "ip", "link", "set", "lo", "up")
	config := rehearsal().OnFreePorts()
	config.TLS = &sandbox.TLSListener{Listen: "127.0.0.1:443"}
	box := startBox(t, ctx, config)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.crt")
	write(t, ca, string(box.CACertificate()))
	t.Setenv("SSL_CERT_FILE", ca) // of the server, the runner and skopeo
	t.Setenv("AWS_CA_BUNDLE", "")
	surround(t, ctx, dir, ca)

	engine := parts.PrivateDocker(t)
	c := &cloud{box: box, host: realHosts[0]}
	c.begin(t, ctx, engine.Host, []string{"--allow-egress=127.0.0.1"})
	c.pullAll(t, ctx)
	for _, host := range realHosts[1:] {
		t.Run(host, func(t *testing.T) { c.pullFrom(t, ctx, host, "") })
	}
	pushToPublic(t, ctx)
	for role, anonymous := range map[string]bool{"public": false, "pull": true} {
		t.Run(publicHost+"/"+role, func(t *testing.T) {
			e := c.pullFrom(t, ctx, publicHost, rolePrefix+role)
			for event, err := range c.server.Owner.AllEvents(ctx, pullpass.EventFilter{Environment: e.ID, Action: "credential.issue"}) {
				if err != nil {
					t.Fatal(err)
				}
				if said := event.Detail["anonymous"] != ""; said != anonymous || (event.Detail["principal"] == rolePrefix+role) == anonymous {
					t.Errorf("recorded %v, want it anonymous: %t", event.Detail, anonymous)
				}
				return
			}
			t.Error("there is no record of the credential")
		})
	}
}

// realHosts are the forms of one registry's name: plain, FIPS, dual-stack, both.
var realHosts = []string{
	sandbox.OwnerAccount + ".dkr.ecr.eu-west-1.amazonaws.com",
	sandbox.OwnerAccount + ".dkr.ecr-fips.eu-west-1.amazonaws.com",
	sandbox.OwnerAccount + ".dkr-ecr.eu-west-1.on.aws",
	sandbox.OwnerAccount + ".dkr-ecr-fips.eu-west-1.on.aws",
}

// publicHost is open to everybody; a token only counts the pulls as an account's.
const publicHost = "public.ecr.aws"

func pushToPublic(t *testing.T, ctx context.Context) {
	t.Helper()
	out, err := ecrpublic.New(ecrpublic.Options{Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.PlatformAdmin, "sandbox/111111111111/admin000/NotSecret3", "")}).
		GetAuthorizationToken(ctx, &ecrpublic.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData.AuthorizationToken))
	if err != nil {
		t.Fatal(err)
	}
	username, password, _ := strings.Cut(string(plain), ":")
	pushImage(t, ctx, publicHost+"/"+repositoryA+":1", username, password, parts.BusyboxImage(t, stays...))
}

// apiHosts are what is asked on the way to each of them; nothing else resolves, so
// a call to another endpoint fails.
var apiHosts = []string{
	"api.ecr.eu-west-1.amazonaws.com", "ecr-fips.eu-west-1.amazonaws.com", "ecr.eu-west-1.api.aws", "ecr-fips.eu-west-1.api.aws",
	"sts.eu-west-1.amazonaws.com", "sts-fips.eu-west-1.amazonaws.com", "sts.eu-west-1.api.aws", "sts-fips.eu-west-1.api.aws",
	publicHost, "api.ecr-public.us-east-1.amazonaws.com",
	"prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com",
}

// surround gives this mount namespace a hosts file, and an /etc/docker in which the
// engine finds the sandbox's authority, for the registries and for their layers.
func surround(t *testing.T, ctx context.Context, dir, ca string) {
	t.Helper()
	sh(t, ctx, "mount", "--make-rprivate", "/")
	hosts := "127.0.0.1 localhost\n"
	for _, name := range append(append([]string{}, realHosts...), apiHosts...) {
		hosts += "127.0.0.1 " + name + "\n"
	}
	write(t, filepath.Join(dir, "hosts"), hosts)
	sh(t, ctx, "mount", "--bind", filepath.Join(dir, "hosts"), "/etc/hosts")
	if err := os.MkdirAll("/etc/docker", 0o755); err != nil {
		t.Fatal(err)
	}
	sh(t, ctx, "mount", "-t", "tmpfs", "tmpfs", "/etc/docker")
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range append([]string{publicHost}, realHosts...) {
		at := filepath.Join("/etc/docker/certs.d", host)
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(at, "ca.crt"), string(pem))
	}
}

// pullFrom runs an image of another host, through a role: the platform's own unless
// one is given.
func (c *cloud) pullFrom(t *testing.T, ctx context.Context, host, role string) pullpass.Environment {
	t.Helper()
	name := strings.NewReplacer(".", "-", "/", "-", ":", "-").Replace(host + role[strings.LastIndex(role, "/")+1:])
	project, err := c.server.Owner.CreateProject(ctx, pullpass.Project{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	i, secret := platform()
	i.Name, i.Mode, i.Region = name, pullpass.ModeAccessKey, sandbox.DefaultRegion
	if role != "" {
		i.Chain = []pullpass.RoleHop{{RoleARN: role}}
	}
	if i, err = c.server.Owner.CreateIntegration(ctx, i, secret); err != nil {
		t.Fatal(err)
	}
	reg := pullpass.Registry{Project: project.ID, Name: "ecr", Host: host, Auth: pullpass.AuthIntegration, Integration: i.ID}
	if _, err := c.server.Owner.CreateRegistry(ctx, reg, pullpass.Secret{}); err != nil {
		t.Fatal(err)
	}
	e := create(t, ctx, c.server, c.runner, project.ID, host+"/"+repositoryA+":1")
	if _, err := process.Await(ctx, c.server.Owner, e, pullpass.PhaseRunning); err != nil {
		t.Error(err)
	}
	remove(t, ctx, c.server, e)
	return e
}

func sh(t *testing.T, ctx context.Context, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(fmt.Errorf("writing %s: %w", path, err))
	}
}
