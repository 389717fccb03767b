package sandbox_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// repositoryPolicy lets principals pull.
func repositoryPolicy(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},
	"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`
}

// login asks for a registry token as docker login would.
func login(t *testing.T, c aws.Config) authn.Authenticator {
	t.Helper()
	out := must[*ecr.GetAuthorizationTokenOutput](t)(ecrOf(c).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}))
	text := must[[]byte](t)(base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken)))
	user, password, _ := strings.Cut(string(text), ":")
	return authn.FromConfig(authn.AuthConfig{Username: user, Password: password})
}

func (b *box) reference(t *testing.T, account, ref string) name.Reference {
	t.Helper()
	return must[name.Reference](t)(name.ParseReference(b.Registry(account, region)+"/"+ref, name.Insecure))
}

func (b *box) options(auth authn.Authenticator) []remote.Option {
	return []remote.Option{remote.WithAuth(auth), remote.WithTransport(b.http.Transport)}
}

// push stores a random image of the owner's and returns it.
func (b *box) push(t *testing.T, ref string) v1.Image {
	t.Helper()
	img := must[v1.Image](t)(random.Image(4096, 3))
	if err := remote.Write(b.reference(t, owner, ref), img, b.options(login(t, b.owner()))...); err != nil {
		t.Fatalf("push %s: %v", ref, err)
	}
	return img
}

// pull reads an image with all its layers.
func (b *box) pull(t *testing.T, auth authn.Authenticator, ref string) error {
	t.Helper()
	img, err := remote.Image(b.reference(t, owner, ref), b.options(auth)...)
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			return err
		}
		var buf bytes.Buffer
		_, err = buf.ReadFrom(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			return err
		}
	}
	return nil
}

// wantStatus checks a registry's refusal.
func wantStatus(t *testing.T, what string, err error, status int, text string) {
	t.Helper()
	var refusal *transport.Error
	if !errors.As(err, &refusal) {
		t.Errorf("%s: error %v, want status %d", what, err, status)
		return
	}
	if refusal.StatusCode != status || !strings.Contains(refusal.Error(), text) {
		t.Errorf("%s: %v, want status %d and %q", what, refusal, status, text)
	}
}

func TestCrossAccountPullNeedsBothHalves(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	auth := login(t, b.pullpass())
	wantStatus(t, "without a repository policy", b.pull(t, auth, "team/app:1"), http.StatusForbidden,
		"User: arn:aws:iam::111111111111:user/pullpass is not authorized to perform: ecr:BatchGetImage on resource: "+
			"arn:aws:ecr:eu-west-1:222222222222:repository/team/app because no resource-based policy allows the ecr:BatchGetImage action")

	_, err := ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{
		RepositoryName: aws.String("team/app"), PolicyText: aws.String(repositoryPolicy("arn:aws:iam::111111111111:user/pullpass")),
	})
	if err != nil {
		t.Fatalf("SetRepositoryPolicy: %v", err)
	}
	if err := b.pull(t, auth, "team/app:1"); err != nil {
		t.Errorf("with both halves: %v", err)
	}
}
