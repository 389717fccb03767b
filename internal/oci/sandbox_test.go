package oci_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	platform, owner = "111111111111", "222222222222"
	home, elsewhere = "eu-west-1", "us-east-1"

	pullerKey, pullerSecret = "AKIAPULLER2222222222", "oci/puller/00000000000000000000000000000"
	adminKey, adminSecret   = "AKIAADMIN22222222222", "oci/admin/000000000000000000000000000000"
)

// rehearsal is a puller in one account and repositories of another: open, closed
// and with a denial.
func rehearsal() sandbox.Config {
	key := func(id, secret string) []sandbox.AccessKey {
		return []sandbox.AccessKey{{ID: id, Secret: sandbox.SecretKey{Secret: pullpass.NewSecret(secret)}}}
	}
	actions := `"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]`
	open := sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},` + actions + `}]}`)
	denying := sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111111111111:root"},` + actions + `}]}`)
	return sandbox.Config{
		Listen: "127.0.0.1:0", Layers: "127.0.0.1:0", Regions: []string{home, elsewhere},
		Registries: []sandbox.RegistryListener{{Account: owner, Region: home, Listen: "127.0.0.1:0"}},
		Accounts: []sandbox.Account{
			{ID: platform, Users: []sandbox.User{{Name: "puller", AccessKeys: key(pullerKey, pullerSecret), InlinePolicies: map[string]sandbox.Document{
				"pull": sandbox.Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
					{"Effect":"Allow",` + actions + `,"Resource":["arn:aws:ecr:*:222222222222:repository/team/*"]}]}`)}}}},
			{
				ID:    owner,
				Users: []sandbox.User{{Name: "admin", AccessKeys: key(adminKey, adminSecret), AttachedPolicies: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}},
				Repositories: []sandbox.Repository{
					{Region: home, Name: "team/open", Policy: open}, {Region: home, Name: "team/closed"},
					{Region: home, Name: "team/denied", Policy: denying}, {Region: home, Name: "other/open", Policy: open},
				},
			},
		},
	}
}

// TestSymptomsForReal makes the symptoms happen at a registry that enforces
// policies, and reads what a person gets to see.
func TestSymptomsForReal(t *testing.T) {
	const user = "arn:aws:iam::111111111111:user/puller"
	for _, test := range []struct {
		name       string
		fault      sandbox.Fault
		repository string
		token      string        // region that the token comes from; home if empty
		later      time.Duration // how much time passes before the pull
		kind       pullpass.Kind
		code       string
		cause, fix string
	}{
		{name: "it works", repository: "team/open:1"},
		{name: "the owner has not allowed it", repository: "team/closed:1", kind: pullpass.Denied, code: "denied_by_owner", cause: "does not allow ecr:BatchGetImage to " + user, fix: "--repository team/closed --principal " + user},
		{name: "the owner denies it", repository: "team/denied:1", kind: pullpass.Denied, code: "denied_explicitly", cause: "denies ecr:BatchGetImage", fix: "no Allow can overrule"},
		{name: "the caller's side", repository: "other/open:1", kind: pullpass.Denied, code: "denied_by_caller", cause: "no identity policy of " + user, fix: "repository/other/open"},
		{name: "a token of another region", repository: "team/open:1", token: elsewhere, kind: pullpass.Denied, code: "wrong_region", cause: "another region than eu-west-1", fix: "eu-west-1"},
		{name: "an expired token", repository: "team/open:1", later: 13 * time.Hour, kind: pullpass.Denied, code: "token_expired", cause: "expired", fix: "new credential"},
		{name: "no such tag", repository: "team/open:2", kind: pullpass.NotFound, code: "manifest_unknown", cause: "not found", fix: "list the repository's tags"},
		{name: "throttled", repository: "team/open:1", fault: sandbox.Fault{Action: "ecr:BatchGetImage", Status: 429, Code: "TOOMANYREQUESTS"}, kind: pullpass.Limited, code: "registry_limited", fix: "wait"},
		{name: "the network's policy refuses layers", repository: "team/open:1", fault: sandbox.Fault{Action: "s3:GetObject", Status: 403, Code: "AccessDenied"}, kind: pullpass.Denied, code: "layer_denied", cause: "AccessDenied", fix: "prod-eu-west-1-starport-layer-bucket"},
		{name: "the connection breaks", repository: "team/open:1", fault: sandbox.Fault{Action: "ecr:BatchGetImage", Reset: true}, kind: pullpass.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := rehearsal()
			if test.fault.Action != "" {
				c.Faults = []sandbox.Fault{test.fault}
			}
			s := newStage(t, c)
			if test.fault.Action != "ecr:BatchGetImage" { // pushing asks for manifests, too
				s.push(t)
			}
			cred := s.mint(t, pullerKey, pullerSecret, pullpass.ActionPull, test.token)
			s.later.Store(int64(test.later))
			img := image(t, s.host.Name+"/"+test.repository)
			_, err := s.oci.Pull(t.Context(), img, cred, t.TempDir(), nil)
			if test.kind == "" {
				if err != nil {
					t.Error(pullpass.Explain(err))
				}
				return
			}
			var e *pullpass.Error
			if !errors.As(err, &e) || e.Kind != test.kind || (test.code != "" && e.Code != test.code) || !strings.Contains(e.Cause, test.cause) || !strings.Contains(e.Hint, test.fix) {
				t.Errorf("Pull = %s\nwant %s %s, %q, %q", pullpass.Explain(err), test.kind, test.code, test.cause, test.fix)
			}
		})
	}
}

type stage struct {
	box   *sandbox.Sandbox
	later atomic.Int64 // how far the sandbox's clock is ahead
	host  reference.Host
	http  *egress.Client
	oci   *oci.Client
}

func newStage(t *testing.T, c sandbox.Config) *stage {
	t.Helper()
	s := &stage{}
	box, err := sandbox.New(c, sandbox.Options{Clock: func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }})
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
	s.box = box
	s.host = s.mapped(t, home)
	hosts, err := reference.NewHosts(s.mapping(home))
	if err != nil {
		t.Fatal(err)
	}
	if s.http, err = egress.New(egress.Options{Allow: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.http.Close)
	if s.oci, err = oci.New(oci.Options{Egress: s.http, Hosts: hosts}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) mapping(region string) reference.Mapping {
	address := s.box.Registry(owner, home)
	return reference.Mapping{Host: address, Account: owner, Region: region, APIEndpoint: s.box.Endpoint(), STSEndpoint: s.box.Endpoint(), RegistryURL: "http://" + address}
}

func (s *stage) mapped(t *testing.T, region string) reference.Host {
	t.Helper()
	hosts, err := reference.NewHosts(s.mapping(region))
	if err != nil {
		t.Fatal(err)
	}
	h, err := hosts.Parse(s.box.Registry(owner, home))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (s *stage) mint(t *testing.T, key, secret string, action pullpass.Action, region string) pullpass.Credential {
	t.Helper()
	if region == "" {
		region = home
	}
	got, err := aws.New(aws.Options{HTTP: s.http}).Mint(t.Context(), broker.MintRequest{
		Organization: "org_1", Integration: pullpass.Integration{Mode: pullpass.ModeAccessKey, AccessKeyID: key}, Secret: pullpass.NewSecret(secret),
		Host: s.mapped(t, region), Action: action, Repositories: []string{"*"}, Wait: func(context.Context, broker.Service) error { return nil },
	})
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	return got.Credential
}

func (s *stage) push(t *testing.T) {
	t.Helper()
	cred := s.mint(t, adminKey, adminSecret, pullpass.ActionPush, "")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, repository := range []string{"team/open", "team/closed", "team/denied", "other/open"} {
		ref, err := name.ParseReference(s.host.Name+"/"+repository+":1", name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		auth := &authn.Basic{Username: cred.Username, Password: cred.Secret.Reveal()}
		if err := remote.Write(ref, randomImage(t), remote.WithAuth(auth), remote.WithTransport(transport)); err != nil {
			t.Fatal(err)
		}
	}
}
