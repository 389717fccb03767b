package sandbox_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// repositoryPolicy lets principals pull.
func repositoryPolicy(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},
	"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`
}

// login asks for a registry token as docker login would.
func (b *box) login(t *testing.T, c aws.Config) authn.Authenticator {
	t.Helper()
	out := must[*ecr.GetAuthorizationTokenOutput](t)(ecrOf(c).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}))
	text := must[[]byte](t)(base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken)))
	user, password, _ := strings.Cut(string(text), ":")
	b.log.secret(password)
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
	if err := remote.Write(b.reference(t, owner, ref), img, b.options(b.login(t, b.owner()))...); err != nil {
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
	auth := b.login(t, b.pullpass())
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

func TestTokens(t *testing.T) {
	cfg := defaultConfig()
	cfg.Regions = append(cfg.Regions, "us-east-1")
	cfg.Accounts[1].Repositories[0].Policy = sandbox.Document(repositoryPolicy(platform))
	b := start(t, cfg)
	b.push(t, "team/app:1")
	good := b.login(t, b.pullpass())
	elsewhere := b.pullpass()
	elsewhere.Region = "us-east-1"
	foreign := b.login(t, elsewhere)

	if err := b.pull(t, good, "team/app:1"); err != nil {
		t.Errorf("good token: %v", err)
	}
	wantStatus(t, "token of another region", b.pull(t, foreign, "team/app:1"), http.StatusBadRequest, "")
	wantStatus(t, "made-up token", b.pull(t, authn.FromConfig(authn.AuthConfig{Username: "AWS", Password: "guess"}), "team/app:1"), http.StatusBadRequest, "")
	wantStatus(t, "no token", b.pull(t, authn.Anonymous, "team/app:1"), http.StatusUnauthorized, "")
	cfgGood := must[*authn.AuthConfig](t)(good.Authorization())
	wantStatus(t, "other user name", b.pull(t, authn.FromConfig(authn.AuthConfig{Username: "aws", Password: cfgGood.Password}), "team/app:1"), http.StatusUnauthorized, "")

	b.clock.set(12*time.Hour - time.Minute)
	if err := b.pull(t, good, "team/app:1"); err != nil {
		t.Errorf("after almost twelve hours: %v", err)
	}
	b.clock.set(12*time.Hour + time.Minute)
	wantStatus(t, "after twelve hours", b.pull(t, good, "team/app:1"), http.StatusForbidden, "Your authorization token has expired. Reauthenticate and try again.")
}

func TestTokenEndsWithItsSession(t *testing.T) {
	b := start(t, rolesConfig(sandbox.Role{
		Name: "puller", TrustPolicy: trusting("arn:aws:iam::111111111111:user/pullpass", ""),
		AttachedPolicies: []string{"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"},
	}))
	b.push(t, "team/app:1")
	session := b.assume(t, b.pullpass(), "puller", nil)
	out := must[*ecr.GetAuthorizationTokenOutput](t)(ecrOf(session).GetAuthorizationToken(t.Context(), nil))
	if left := time.Until(*out.AuthorizationData[0].ExpiresAt); left > time.Hour {
		t.Errorf("the token lasts %v, longer than its session", left)
	}
	auth := b.login(t, session)
	b.clock.set(61 * time.Minute)
	wantStatus(t, "after the session", b.pull(t, auth, "team/app:1"), http.StatusForbidden, "authorization token has expired")
}

// A token carries the principal, not its permissions: those are read anew.
func TestTokenFollowsItsPrincipal(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	client := iamOf(b.owner())
	must[*iam.CreateUserOutput](t)(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ci")}))
	must[*iam.PutUserPolicyOutput](t)(client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ci"), PolicyName: aws.String("pull"), PolicyDocument: aws.String(pullRepository)}))
	key := must[*iam.CreateAccessKeyOutput](t)(client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ci")})).AccessKey
	auth := b.login(t, b.with(*key.AccessKeyId, *key.SecretAccessKey, ""))
	if err := b.pull(t, auth, "team/app:1"); err != nil {
		t.Errorf("with the policy: %v", err)
	}
	must[*iam.DeleteUserPolicyOutput](t)(client.DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String("ci"), PolicyName: aws.String("pull")}))
	wantStatus(t, "without the policy", b.pull(t, auth, "team/app:1"), http.StatusForbidden, "no identity-based policy allows")
	must[*iam.DeleteAccessKeyOutput](t)(client.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("ci"), AccessKeyId: key.AccessKeyId}))
	must[*iam.DeleteUserOutput](t)(client.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("ci")}))
	wantStatus(t, "without the user", b.pull(t, auth, "team/app:1"), http.StatusForbidden, "")
}

// Each request of a push and a pull needs its own action.
func TestEachRequestNeedsItsAction(t *testing.T) {
	all := []string{
		"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability",
		"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:ListImages", "ecr:DescribeRepositories",
	}
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	client := iamOf(b.owner())
	must[*iam.CreateUserOutput](t)(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ci")}))
	key := must[*iam.CreateAccessKeyOutput](t)(client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ci")})).AccessKey
	allow := func(actions []string) {
		doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
		must[*iam.PutUserPolicyOutput](t)(client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ci"), PolicyName: aws.String("p"), PolicyDocument: aws.String(doc)}))
	}
	allow(all)
	auth := b.login(t, b.with(*key.AccessKeyId, *key.SecretAccessKey, ""))
	works := map[string]func() error{
		"pull": func() error { return b.pull(t, auth, "team/app:1") },
		"push": func() error {
			return remote.Write(b.reference(t, owner, "team/app:2"), must[v1.Image](t)(random.Image(512, 1)), b.options(auth)...)
		},
		"tags": func() error {
			_, err := remote.List(b.reference(t, owner, "team/app:1").Context(), b.options(auth)...)
			return err
		},
		"catalog": func() error {
			_, err := remote.Catalog(t.Context(), b.reference(t, owner, "team/app:1").Context().Registry, b.options(auth)...)
			return err
		},
	}
	needs := map[string][]string{
		"pull":    {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
		"push":    {"ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"},
		"tags":    {"ecr:ListImages"},
		"catalog": {"ecr:DescribeRepositories"},
	}
	for what, work := range works {
		allow(all)
		if err := work(); err != nil {
			t.Errorf("%s with every action: %v", what, err)
		}
		// A push asks with HEAD whether the manifest is there.
		enough := append([]string{"ecr:GetAuthorizationToken", "ecr:BatchGetImage"}, needs[what]...)
		allow(enough)
		if err := work(); err != nil {
			t.Errorf("%s with %v only: %v", what, enough, err)
		}
		for _, action := range needs[what] {
			rest := slices.DeleteFunc(slices.Clone(all), func(a string) bool { return a == action })
			allow(rest)
			words := "no identity-based policy allows the " + action + " action"
			if action == "ecr:BatchCheckLayerAvailability" {
				words = "" // the answer to a HEAD has no words
			}
			wantStatus(t, what+" without "+action, work(), http.StatusForbidden, words)
		}
	}
}

func TestUnknownRepositoriesAndImages(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	auth := b.login(t, b.owner())
	wantStatus(t, "no repository", b.pull(t, auth, "team/none:1"), http.StatusNotFound,
		"NAME_UNKNOWN: The repository with name 'team/none' does not exist in the registry with id '222222222222'")
	wantStatus(t, "no tag", b.pull(t, auth, "team/app:none"), http.StatusNotFound, "MANIFEST_UNKNOWN: Requested image not found")
	err := remote.Write(b.reference(t, owner, "team/none:1"), must[v1.Image](t)(random.Image(64, 1)), b.options(auth)...)
	wantStatus(t, "push without a repository", err, http.StatusNotFound, "NAME_UNKNOWN")
	// Someone without permission is not told what exists.
	must[*iam.DeleteUserPolicyOutput](t)(iamOf(b.platformAdmin()).DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String("pullpass"), PolicyName: aws.String("pull")}))
	must[*iam.PutUserPolicyOutput](t)(iamOf(b.platformAdmin()).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: aws.String("pullpass"), PolicyName: aws.String("login"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`),
	}))
	wantStatus(t, "no permission, no repository", b.pull(t, b.login(t, b.pullpass()), "team/none:1"), http.StatusForbidden, "no identity-based policy")
}

func TestImmutableTags(t *testing.T) {
	cfg := defaultConfig()
	cfg.Accounts[1].Repositories[0].ImmutableTags = true
	b := start(t, cfg)
	b.push(t, "team/app:1")
	err := remote.Write(b.reference(t, owner, "team/app:1"), must[v1.Image](t)(random.Image(64, 1)), b.options(b.login(t, b.owner()))...)
	wantStatus(t, "the tag again", err, http.StatusBadRequest, "TAG_INVALID: The image tag '1' already exists in the 'team/app' repository and cannot be overwritten because the tag is immutable.")
	must[*ecr.PutImageTagMutabilityOutput](t)(ecrOf(b.owner()).PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{
		RepositoryName: aws.String("team/app"), ImageTagMutability: types.ImageTagMutabilityImmutableWithExclusion,
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("dev-*"), FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard}},
	}))
	b.push(t, "team/app:dev-1")
	b.push(t, "team/app:dev-1")
}

// A layer comes from another host, which wants no Authorization header.
func TestLayerRedirect(t *testing.T) {
	b := start(t, defaultConfig())
	img := b.push(t, "team/app:1")
	layer := must[[]v1.Layer](t)(img.Layers())[0]
	digest := must[v1.Hash](t)(layer.Digest())
	cfg := must[*authn.AuthConfig](t)(b.login(t, b.owner()).Authorization())
	client := &http.Client{Transport: b.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	address := "http://" + b.Registry(owner, region) + "/v2/team/app/blobs/" + digest.String()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody))
	r.SetBasicAuth(cfg.Username, cfg.Password)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatalf("blob: %v", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusTemporaryRedirect {
		t.Fatalf("blob: status %d, want 307", answer.StatusCode)
	}
	location := must[*url.URL](t)(answer.Location())
	if location.Hostname() == r.URL.Hostname() {
		t.Errorf("the layer is on the registry's own host %s: clients would pass their token on", location.Hostname())
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
		want   string
	}{
		{"as given", noChange, 200, ""},
		{"a range", func(r *http.Request) { r.Header.Set("Range", "bytes=10-") }, 206, ""},
		{"with the registry's token", func(r *http.Request) { r.SetBasicAuth(cfg.Username, cfg.Password) }, 400, "<Code>InvalidArgument</Code><Message>Only one auth mechanism allowed"},
		{"another layer", func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "team/app", "team/other", 1) }, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"longer life", func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=3600", "X-Amz-Expires=9999", 1)
		}, 403, "SignatureDoesNotMatch"},
		{"unsigned", func(r *http.Request) { r.URL.RawQuery = "" }, 403, "<Code>AccessDenied</Code>"},
		{"written to", func(r *http.Request) { r.Method = http.MethodPut }, 405, "MethodNotAllowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, location.String(), http.NoBody))
			test.change(r)
			status, body := b.do(t, r)
			if status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("answer is %d %.200q, want %d and %q", status, body, test.status, test.want)
			}
			if strings.Contains(body, cfg.Password) {
				t.Error("the answer repeats the token")
			}
		})
	}
	b.clock.set(61 * time.Minute)
	r = must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, location.String(), http.NoBody))
	if status, body := b.do(t, r); status != 403 || !strings.Contains(body, "Request has expired") {
		t.Errorf("an hour later: %d %s", status, body)
	}
}

// A digest opens nothing in a repository that did not receive it.
func TestLayersStayInTheirRepository(t *testing.T) {
	b := start(t, defaultConfig())
	must[*ecr.CreateRepositoryOutput](t)(ecrOf(b.owner()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/other")}))
	img := b.push(t, "team/app:1")
	digest := must[v1.Hash](t)(must[[]v1.Layer](t)(img.Layers())[0].Digest())
	auth := b.login(t, b.owner())
	other := b.reference(t, owner, "team/other:1").Context()
	layer := must[v1.Layer](t)(remote.Layer(other.Digest(digest.String()), b.options(auth)...))
	_, err := layer.Compressed()
	wantStatus(t, "a layer of another repository", err, http.StatusNotFound, "BLOB_UNKNOWN")
	_, err = remote.Image(other.Digest(must[v1.Hash](t)(img.Digest()).String()), b.options(auth)...)
	wantStatus(t, "a manifest of another repository", err, http.StatusNotFound, "MANIFEST_UNKNOWN")
}

func TestBrokenManifests(t *testing.T) {
	b := start(t, defaultConfig())
	img := b.push(t, "team/app:1")
	manifest := string(must[[]byte](t)(img.RawManifest()))
	missing := strings.Replace(manifest, must[v1.Hash](t)(must[[]v1.Layer](t)(img.Layers())[0].Digest()).Hex, strings.Repeat("0", 64), 1)
	cfg := must[*authn.AuthConfig](t)(b.login(t, b.owner()).Authorization())
	const docker = "application/vnd.docker.distribution.manifest.v2+json"
	tests := []struct {
		name, reference, mediaType, body string
		status                           int
		want                             string
	}{
		{"the same again", "2", docker, manifest, 201, ""},
		{"not JSON", "2", docker, "{", 400, "MANIFEST_INVALID"},
		{"a layer missing", "2", docker, missing, 404, "BLOB_UNKNOWN"},
		{"unknown type", "2", "text/plain", manifest, 415, "MANIFEST_INVALID"},
		{"under another digest", "sha256:" + strings.Repeat("0", 64), docker, manifest, 400, "DIGEST_INVALID"},
		{"index of nothing", "2", "application/vnd.oci.image.index.v1+json", `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:` + strings.Repeat("0", 64) + `"}]}`, 404, "MANIFEST_UNKNOWN"},
		{"too large", "2", docker, strings.Repeat(" ", 5<<20), 413, "MANIFEST_INVALID"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+b.Registry(owner, region)+"/v2/team/app/manifests/"+test.reference, strings.NewReader(test.body)))
			r.SetBasicAuth(cfg.Username, cfg.Password)
			r.Header.Set("Content-Type", test.mediaType)
			status, body := b.do(t, r)
			if status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("answer is %d %s, want %d and %q", status, body, test.status, test.want)
			}
		})
	}
}

func TestUploadsMatchTheirDigest(t *testing.T) {
	b := start(t, defaultConfig())
	auth := must[string](t)(basic(t, b))
	for _, size := range []int{0, 10, 1 << 20, 1<<20 + 1} { // the store reads a mebibyte at a time
		body := strings.Repeat("x", size)
		sum := sha256.Sum256([]byte(body))
		for digest, want := range map[string]int{hex.EncodeToString(sum[:]): http.StatusCreated, strings.Repeat("0", 64): http.StatusBadRequest} {
			r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.Registry(owner, region)+"/v2/team/app/blobs/uploads/?digest=sha256:"+digest, strings.NewReader(body)))
			r.Header.Set("Authorization", auth)
			if status, answer := b.do(t, r); status != want {
				t.Errorf("%d bytes as %.8s…: %d %s, want %d", size, digest, status, answer, want)
			}
		}
	}
}
