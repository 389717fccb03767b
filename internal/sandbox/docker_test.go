package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	policy "github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/parts"
)

// uniqueImage has a layer that no engine has: one that it has is not asked for.
func uniqueImage(t *testing.T) v1.Image {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "unique", Mode: 0o644, Size: 16}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(rand.Text()[:16])); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return must[v1.Image](t)(parts.Image(layer.Bytes(), "/unique"))
}

// docker is the unmodified command line, logged in as somebody of the sandbox.
type docker struct {
	t    *testing.T
	path string
	env  []string
}

func (b *box) docker(t *testing.T, person *command) *docker {
	t.Helper()
	d := &docker{t: t, path: parts.Command(t, "docker"), env: append(os.Environ(), "DOCKER_HOST="+parts.Docker(t), "DOCKER_CONFIG="+t.TempDir())}
	password := must[string](t)(person.try("ecr", "get-login-password"))
	if out, err := d.run(t.Context(), password, "login", "--username", "AWS", "--password-stdin", b.Registry(owner, region)); err != nil {
		t.Fatalf("docker login: %v: %s", err, out)
	}
	return d
}

func (d *docker) run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.path, args...)
	cmd.Env, cmd.Stdin = d.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A real engine's pull ends where the evaluator says: at the manifest, at the
// layers, or with the image.
func TestDockerPullsAsTheEvaluatorSays(t *testing.T) {
	parts.Docker(t)
	b := start(t, defaultConfig())
	client := b.docker(t, b.command(t, b.pullpass()))
	caller := must[policy.Principal](t)(policy.ParsePrincipal("arn:aws:iam::111111111111:user/pullpass"))
	for _, test := range []struct{ name, actions, denied string }{
		{"no permission", "ecr:DescribeImages", "ecr:BatchGetImage"},
		{"manifests only", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
		{"layers only", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"},
		{"a pull's permissions", `ecr:BatchGetImage","ecr:GetDownloadUrlForLayer`, ""},
	} {
		tag := strings.ReplaceAll(test.name, " ", "-")
		tag = strings.ReplaceAll(tag, "'", "")
		if err := remote.Write(b.reference(t, owner, "team/app:"+tag), uniqueImage(t), b.options(b.login(t, b.owner()))...); err != nil {
			t.Fatalf("pushing: %v", err)
		}
		document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/pullpass"},"Action":["` + test.actions + `"]}]}`
		must[*ecr.SetRepositoryPolicyOutput](t)(ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/app"), PolicyText: aws.String(document)}))
		for _, action := range []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} {
			says := policy.Evaluate(policy.Request{Action: action, Resource: "arn:aws:ecr:eu-west-1:222222222222:repository/team/app", Principal: caller}, policy.Policies{
				Identity: []*policy.Policy{{Statements: []policy.Statement{{Effect: policy.Allow, Actions: policy.Values("ecr:*"), Resources: policy.Values("*")}}}},
				Resource: []*policy.Policy{must[*policy.Policy](t)(policy.Parse([]byte(document)))},
			}).Effect == policy.Allowed
			if want := strings.Contains(test.actions, action); says != want {
				t.Errorf("%s: the evaluator allows %s: %v, want %v", test.name, action, says, want)
			}
		}
		image := b.Registry(owner, region) + "/team/app:" + tag
		out, err := client.run(t.Context(), "", "pull", image)
		switch {
		case test.denied == "" && err != nil:
			t.Errorf("%s: %v: %s", test.name, err, out)
		case test.denied == "":
			if out, err := client.run(context.Background(), "", "rmi", image); err != nil {
				t.Errorf("removing the image: %v: %s", err, out)
			}
		case err == nil:
			t.Errorf("%s: the engine pulled it, and %s is not allowed", test.name, test.denied)
		}
		if test.denied != "" {
			if last := b.Explain(1); len(last) != 1 || last[0].Action != test.denied {
				t.Errorf("%s: the last refusal is %+v, want %s", test.name, last, test.denied)
			}
		}
	}
}
