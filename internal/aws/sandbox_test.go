package aws_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	platform = "111111111111"
	owner    = "222222222222"
	region   = "eu-west-1"

	federatingKey, federatingSecret = "AKIAFEDERATING222222", "canary/federating/00000000000000000000a1"
	plainKey, plainSecret           = "AKIAPLAIN22222222222", "canary/plain/00000000000000000000000000a"
	adminKey, adminSecret           = "AKIAADMIN22222222222", "canary/admin/00000000000000000000000000a"
	bareKey, bareSecret             = "AKIABARE222222222222", "canary/bare/000000000000000000000000000a"

	pullRole   = "arn:aws:iam::111111111111:role/pull"
	middleRole = "arn:aws:iam::111111111111:role/middle"
	selfRole   = "arn:aws:iam::111111111111:role/self"
	shutRole   = "arn:aws:iam::111111111111:role/shut"
	webRole    = "arn:aws:iam::222222222222:role/web"
)

const pullAnywhere = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
 {"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"],"Resource":"*"},
 {"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}]}`

const federate = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"}]}`

const open = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},
 "Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`

func trust(principal, condition string) sandbox.Document {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + condition + `}]}`)
}

func key(id, secret string) []sandbox.AccessKey {
	return []sandbox.AccessKey{{ID: id, Secret: sandbox.SecretKey{Secret: pullpass.NewSecret(secret)}}}
}

// rehearsal is two accounts: the platform's, with an identity for each mode, and
// the owner's, whose two repositories are open to the platform.
func rehearsal(issuer string) sandbox.Config {
	inline := map[string]sandbox.Document{"pull": pullAnywhere}
	c := sandbox.Config{
		Listen: "127.0.0.1:0", Layers: "127.0.0.1:0", Regions: []string{region},
		Registries: []sandbox.RegistryListener{{Account: owner, Region: region, Listen: "127.0.0.1:0"}},
		Accounts: []sandbox.Account{
			{
				ID:               platform,
				InstanceProfiles: []sandbox.InstanceProfile{{Name: "server", Role: "instance"}},
				Users: []sandbox.User{
					{Name: "federating", AccessKeys: key(federatingKey, federatingSecret), InlinePolicies: map[string]sandbox.Document{"pull": pullAnywhere, "federate": federate}},
					{Name: "plain", AccessKeys: key(plainKey, plainSecret), InlinePolicies: inline},
					{Name: "bare", AccessKeys: key(bareKey, bareSecret)},
				},
				Roles: []sandbox.Role{
					{Name: "pull", InlinePolicies: inline, TrustPolicy: trust("arn:aws:iam::111111111111:root", `{"StringEquals":{"sts:ExternalId":"org-1"}}`)},
					{Name: "middle", InlinePolicies: inline, TrustPolicy: trust("arn:aws:iam::111111111111:user/plain", "")},
					{Name: "self", InlinePolicies: inline, TrustPolicy: trust("arn:aws:iam::111111111111:root", "")},
					{Name: "instance", InlinePolicies: inline, TrustPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
					{Name: "shut", InlinePolicies: inline, TrustPolicy: trust("arn:aws:iam::111111111111:user/bare", "")},
				},
			},
			{
				ID:    owner,
				Users: []sandbox.User{{Name: "admin", AccessKeys: key(adminKey, adminSecret), AttachedPolicies: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}},
				Repositories: []sandbox.Repository{
					{Region: region, Name: "team/app", Policy: open},
					{Region: region, Name: "team/other", Policy: open},
				},
			},
		},
	}
	if issuer != "" {
		host := strings.TrimPrefix(issuer, "http://")
		c.Accounts[1].OIDCProviders = []sandbox.OIDCProvider{{URL: issuer, ClientIDs: []string{"sts.amazonaws.com"}}}
		c.Accounts[1].Roles = []sandbox.Role{{Name: "web", InlinePolicies: inline, TrustPolicy: sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/` + host + `"},"Action":"sts:AssumeRoleWithWebIdentity",
			"Condition":{"StringEquals":{"` + host + `:aud":"sts.amazonaws.com","` + host + `:sub":"environment:env_1"}}}]}`)}}
	}
	return c
}

// stage is a running sandbox and what reaches it.
type stage struct {
	box   *sandbox.Sandbox
	hosts *reference.Hosts
	host  reference.Host
	http  *egress.Client
	oci   *oci.Client
}

func newStage(t *testing.T, c sandbox.Config, o sandbox.Options) *stage {
	t.Helper()
	box, err := sandbox.New(c, o)
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
	s := &stage{box: box}
	address := box.Registry(owner, region)
	if s.hosts, err = reference.NewHosts(reference.Mapping{Host: address, Account: owner, Region: region,
		APIEndpoint: box.Endpoint(), STSEndpoint: box.Endpoint(), RegistryURL: "http://" + address}); err != nil {
		t.Fatal(err)
	}
	if s.host, err = s.hosts.Parse(address); err != nil {
		t.Fatal(err)
	}
	if s.http, err = egress.New(egress.Options{Allow: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.http.Close)
	if s.oci, err = oci.New(oci.Options{Egress: s.http, Hosts: s.hosts}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) minter(o aws.Options) *aws.Minter {
	o.HTTP, o.MaxBackoff = s.http, 10*time.Millisecond
	o.STSEndpoint = func(string) string { return s.box.Endpoint() }
	return aws.New(o)
}

// push puts an image into both repositories, as their owner.
func (s *stage) push(t *testing.T) {
	t.Helper()
	minted, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(adminKey), adminSecret, func(r *broker.MintRequest) {
		r.Action, r.Repositories = pullpass.ActionPush, []string{"team/app", "team/other"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, repository := range []string{"team/app", "team/other"} {
		if err := s.write(t, minted.Credential, repository); err != nil {
			t.Fatal(err)
		}
	}
}

// write pushes an image with a credential.
func (s *stage) write(t *testing.T, c pullpass.Credential, repository string) error {
	t.Helper()
	img, err := random.Image(1024, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(s.host.Name+"/"+repository+":1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	return remote.Write(ref, img, remote.WithAuth(&authn.Basic{Username: c.Username, Password: c.Secret.Reveal()}), remote.WithTransport(transport))
}

// pull tries the whole image, layers included.
func (s *stage) pull(t *testing.T, c pullpass.Credential, repository string) error {
	t.Helper()
	img, err := reference.ParseImage(s.host.Name + "/" + repository + ":1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.oci.Pull(t.Context(), img, c, t.TempDir(), nil)
	return err
}

func accessKey(id string) pullpass.Integration {
	return pullpass.Integration{ID: pullpass.NewIntegrationID(), Organization: "org_1", Name: "platform", Mode: pullpass.ModeAccessKey, AccessKeyID: id, Generation: 1}
}

func (s *stage) request(i pullpass.Integration, secret string, change func(*broker.MintRequest)) broker.MintRequest {
	r := broker.MintRequest{
		Organization: "org_1", Integration: i, Secret: pullpass.NewSecret(secret), Host: s.host,
		Action: pullpass.ActionPull, Repositories: []string{"team/app"},
		Wait: func(context.Context, broker.Service) error { return nil },
	}
	if change != nil {
		change(&r)
	}
	return r
}

// lasts reports whether a credential lasts about as long as wanted.
func lasts(c pullpass.Credential, want time.Duration) bool {
	d := time.Until(c.Expires)
	return d > want-time.Minute && d <= want+time.Second
}
