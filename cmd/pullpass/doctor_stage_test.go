package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	sickOwner, sickPlatform = "222222222222", "111111111111"
	sickHome, sickElsewhere = "eu-west-1", "us-east-1"

	ownerAdminID, ownerAdminKey       = "AKIADOCTOROWNER22222", "doctor/owner/canary-000000000000000000a1"
	platformAdminID, platformAdminKey = "AKIADOCTORADMIN22222", "doctor/admin/canary-000000000000000000a2"
)

// patients are users of the platform's account, each with one thing wrong. Their
// keys are made of their names.
var patients = map[string]string{
	"well":      `{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"},{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}`,
	"tokenless": `{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"}`,
	"narrowed":  `{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}`,
	"elsewhere": `{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/other"}`,
	"reading":   `{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","iam:Get*","iam:List*"],"Resource":"*"}`,
	"layerless": `{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}`,
}

func document(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func keyID(user string) string { return "AKIA" + strings.ToUpper(user + strings.Repeat("2", 16))[:16] }

func keyText(user string) string { return "canary/" + user + "/" + strings.Repeat("k", 32-len(user)) }

// ward is a sandbox with something wrong for every row of the doctor's table.
type ward struct {
	t     *testing.T
	box   *sandbox.Sandbox
	later atomic.Int64 // how far the sandbox's clock is ahead
	host  string       // of the owner's registry
	home  string
}

func newWard(t *testing.T) *ward {
	t.Helper()
	open := `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:GetAuthorizationToken"]}`
	deny := `{"Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}}`
	key := func(id, text string) []sandbox.AccessKey {
		return []sandbox.AccessKey{{ID: id, Secret: sandbox.SecretKey{Secret: pullpass.NewSecret(text)}}}
	}
	admin := []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
	users := []sandbox.User{{Name: "admin", AccessKeys: key(platformAdminID, platformAdminKey), AttachedPolicies: admin}}
	users = append(users, sandbox.User{Name: "bounded", AccessKeys: key(keyID("bounded"), keyText("bounded")),
		PermissionsBoundary: "arn:aws:iam::111111111111:policy/boundary", InlinePolicies: map[string]sandbox.Document{"own": sandbox.Document(document(patients["well"]))}})
	for user, statements := range patients {
		users = append(users, sandbox.User{Name: user, AccessKeys: key(keyID(user), keyText(user)),
			InlinePolicies: map[string]sandbox.Document{"own": sandbox.Document(document(statements))}})
	}
	w := &ward{t: t, home: t.TempDir()}
	box, err := sandbox.New(sandbox.Config{
		Listen: "127.0.0.1:0", Layers: "127.0.0.1:0", Regions: []string{sickHome, sickElsewhere},
		InstanceMetadata: []sandbox.InstanceMetadata{{Listen: "127.0.0.1:0", Account: sickPlatform, Region: sickHome, InstanceProfile: "machine"}},
		Accounts: []sandbox.Account{
			{ID: sickPlatform, Users: users, Policies: []sandbox.Policy{{Name: "boundary", Document: sandbox.Document(document(`{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","sts:*"],"Resource":"*"}`))}},
				InstanceProfiles: []sandbox.InstanceProfile{{Name: "machine", Role: "machine"}}, Roles: []sandbox.Role{{
					Name: "machine", InlinePolicies: map[string]sandbox.Document{"own": sandbox.Document(document(patients["well"]))},
					TrustPolicy: sandbox.Document(document(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`)),
				}, {
					Name: "pull", InlinePolicies: map[string]sandbox.Document{"own": sandbox.Document(document(patients["well"]))},
					TrustPolicy: sandbox.Document(document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/well"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"org-1"}}}`)),
				}, {
					Name: "web", InlinePolicies: map[string]sandbox.Document{"own": sandbox.Document(document(patients["well"]))},
					TrustPolicy: sandbox.Document(document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/admin"},"Action":"sts:AssumeRole"}`)),
				}}},
			{ID: sickOwner, Users: []sandbox.User{{Name: "admin", AccessKeys: key(ownerAdminID, ownerAdminKey), AttachedPolicies: admin}},
				Repositories: []sandbox.Repository{
					{Region: sickHome, Name: "team/app", Policy: sandbox.Document(document(open))},
					{Region: sickHome, Name: "team/closed"},
					{Region: sickHome, Name: "team/denied", Policy: sandbox.Document(document(open + "," + deny))},
					{Region: sickHome, Name: "team/fixed", ImmutableTags: true},
				}},
		},
	}, sandbox.Options{Clock: func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Errorf("closing the sandbox: %v", err)
		}
	})
	w.box, w.host = box, box.Registry(sickOwner, sickHome)
	for _, repository := range []string{"team/app", "team/closed", "team/denied"} {
		if err := w.push(repository, "1", amd64(t)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", w.home)
	t.Setenv("DOCKER_CONFIG", filepath.Join(w.home, ".docker"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, unset := range []string{"AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "PULLPASS_SERVER", "PULLPASS_TOKEN", "HTTP_PROXY", "HTTPS_PROXY"} {
		t.Setenv(unset, "")
	}
	w.mapping(w.mapped(sickOwner, sickHome))
	w.as("well")
	return w
}

// as makes a patient the identity of this machine.
func (w *ward) as(user string) {
	w.t.Setenv("AWS_ACCESS_KEY_ID", keyID(user))
	w.t.Setenv("AWS_SECRET_ACCESS_KEY", keyText(user))
}

func (w *ward) mapped(account, region string) string {
	return fmt.Sprintf("host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s", w.host, account, region, w.box.Endpoint(), w.box.Endpoint(), w.host)
}

func (w *ward) mapping(lines ...string) { w.t.Setenv("PULLPASS_HOSTS", strings.Join(lines, ";")) }

func amd64(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(2048, 3)
	if err != nil {
		t.Fatal(err)
	}
	return onPlatform(t, img, "amd64")
}

func onPlatform(t *testing.T, img v1.Image, architecture string) v1.Image {
	t.Helper()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", architecture
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	return img
}

// push is the owner's, with an ordinary client.
func (w *ward) push(repository, tag string, image v1.Image) error {
	return w.write(repository, tag, func(ref name.Reference, options ...remote.Option) error { return remote.Write(ref, image, options...) })
}

func (w *ward) write(repository, tag string, write func(name.Reference, ...remote.Option) error) error {
	ref, err := name.ParseReference(w.host+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	auth := &authn.Basic{Username: "AWS", Password: w.token(ownerAdminID, ownerAdminKey, sickHome)}
	return write(ref, remote.WithAuth(auth), remote.WithTransport(transport))
}

// token is GetAuthorizationToken, signed by the sandbox's clock.
func (w *ward) token(id, secret, region string) string {
	w.t.Helper()
	client := ecr.NewFromConfig(w.config(id, secret, region), func(o *ecr.Options) {
		o.HTTPSignerV4 = clockSigner{v4.NewSigner(), time.Duration(w.later.Load())}
	})
	out, err := client.GetAuthorizationToken(w.t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		w.t.Fatal(err)
	}
	_, password, _ := strings.Cut(string(text), ":")
	return password
}

// clockSigner signs by another clock.
type clockSigner struct {
	*v4.Signer
	ahead time.Duration
}

func (s clockSigner) SignHTTP(ctx context.Context, c awssdk.Credentials, r *http.Request, hash, service, region string, at time.Time, options ...func(*v4.SignerOptions)) error {
	return s.Signer.SignHTTP(ctx, c, r, hash, service, region, at.Add(s.ahead), options...)
}

func (w *ward) config(id, secret, region string) awssdk.Config {
	return awssdk.Config{
		Region: region, BaseEndpoint: awssdk.String(w.box.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	}
}

// userPolicy gives a patient further rights, as the account's administrator does.
func (w *ward) userPolicy(user, statements string) {
	w.t.Helper()
	_, err := iam.NewFromConfig(w.config(platformAdminID, platformAdminKey, sickHome)).PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{
		UserName: awssdk.String(user), PolicyName: awssdk.String("cure"), PolicyDocument: awssdk.String(document(statements))})
	if err != nil {
		w.t.Fatal(err)
	}
}

// repositoryPolicy sets a policy as the repository's owner does.
func (w *ward) repositoryPolicy(repository, policy string) {
	w.t.Helper()
	_, err := ecr.NewFromConfig(w.config(ownerAdminID, ownerAdminKey, sickHome)).SetRepositoryPolicy(w.t.Context(), &ecr.SetRepositoryPolicyInput{
		RepositoryName: awssdk.String(repository), PolicyText: awssdk.String(policy)})
	if err != nil {
		w.t.Fatal(err)
	}
}

// login is what docker login leaves behind.
func (w *ward) login(host, username, password string) {
	w.t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	w.dockerConfig(fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth))
}

func (w *ward) dockerConfig(text string) {
	w.t.Helper()
	dir := filepath.Join(w.home, ".docker")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// examine runs the command line and reads its JSON.
func (w *ward) examine(stdin string, args ...string) (api.Diagnosis, string) {
	w.t.Helper()
	var out, talk bytes.Buffer
	code := run(w.t.Context(), append([]string{"--json", "doctor"}, args...), strings.NewReader(stdin), &out, &talk)
	var d api.Diagnosis
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		w.t.Fatalf("pullpass doctor %v: exit code %d, %v\n%s%s", args, code, err, out.String(), talk.String())
	}
	if d.Healthy != (code == exitDone) {
		w.t.Errorf("pullpass doctor %v: exit code %d, healthy %v", args, code, d.Healthy)
	}
	if strings.Contains(out.String()+talk.String(), "canary") {
		w.t.Errorf("pullpass doctor %v shows a secret: %s", args, out.String())
	}
	return d, out.String()
}

// quiet is the log of a server whose clients fail on purpose.
var quiet = log.New(io.Discard, "", 0)

// basicRegistry is a registry in this process, with one image and one password.
func basicRegistry(t *testing.T) string {
	t.Helper()
	inner := registry.New(registry.Logger(quiet))
	open := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if !open && password != "canary-right" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`, http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	at := strings.TrimPrefix(server.URL, "http://")
	ref, err := name.ParseReference(at+"/team/app:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	open = true
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if err := remote.Write(ref, amd64(t), remote.WithTransport(transport)); err != nil {
		t.Fatal(err)
	}
	open = false
	return at
}
