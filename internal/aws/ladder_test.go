package aws_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// TestModes mints in every mode and pulls with what comes out: the repository
// that was asked for opens, its neighbour stays shut wherever AWS can narrow.
func TestModes(t *testing.T) {
	issuer := newIssuer(t)
	s := newStage(t, rehearsal(issuer.url), sandbox.Options{})
	s.push(t)

	chain := func(i pullpass.Integration, hops ...pullpass.RoleHop) pullpass.Integration {
		i.Chain = hops
		return i
	}
	ambient := pullpass.Integration{ID: pullpass.NewIntegrationID(), Name: "server", Mode: pullpass.ModeAmbient, Generation: 1}
	web := pullpass.Integration{ID: pullpass.NewIntegrationID(), Name: "web", Mode: pullpass.ModeWebIdentity, Generation: 1}
	for _, test := range []struct {
		name        string
		options     aws.Options
		integration pullpass.Integration
		secret      string
		principal   string
		narrowed    bool
		life        time.Duration
	}{
		{"a user that may federate", aws.Options{}, accessKey(federatingKey), federatingSecret, "arn:aws:iam::111111111111:user/federating", true, 12 * time.Hour},
		{"a user that may not", aws.Options{}, accessKey(plainKey), plainSecret, "arn:aws:iam::111111111111:user/plain", false, 12 * time.Hour},
		{"a role with an external id", aws.Options{}, chain(accessKey(plainKey), pullpass.RoleHop{RoleARN: pullRole, ExternalID: "org-1", SessionTags: map[string]string{"team": "app"}, SourceIdentity: "pullpass"}), plainSecret, pullRole, true, time.Hour},
		{"a chain of roles", aws.Options{}, chain(accessKey(plainKey), pullpass.RoleHop{RoleARN: middleRole}, pullpass.RoleHop{RoleARN: pullRole, ExternalID: "org-1"}), plainSecret, pullRole, true, time.Hour},
		{"three roles", aws.Options{}, chain(accessKey(plainKey), pullpass.RoleHop{RoleARN: middleRole}, pullpass.RoleHop{RoleARN: selfRole}, pullpass.RoleHop{RoleARN: pullRole, ExternalID: "org-1"}), plainSecret, pullRole, true, time.Hour},
		{"the server's own key", aws.Options{Ambient: static(federatingKey, federatingSecret)}, ambient, "", "arn:aws:iam::111111111111:user/federating", true, 12 * time.Hour},
		{"the server's own role, trusting itself", aws.Options{Ambient: s.assumed(t, selfRole)}, ambient, "", "arn:aws:sts::111111111111:assumed-role/self/instance", true, time.Hour},
		{"the server's own role, not trusting itself", aws.Options{Ambient: s.assumed(t, middleRole)}, ambient, "", "arn:aws:sts::111111111111:assumed-role/middle/instance", false, time.Hour},
		{"a role above the server's own", aws.Options{Ambient: s.assumed(t, middleRole)}, chain(ambient, pullpass.RoleHop{RoleARN: pullRole, ExternalID: "org-1"}), "", pullRole, true, time.Hour},
		{"a web identity", aws.Options{Tokens: issuer}, chain(web, pullpass.RoleHop{RoleARN: webRole}), "", webRole, true, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := s.minter(test.options)
			r := s.request(test.integration, test.secret, func(r *broker.MintRequest) { r.Environment = "env_1" })
			for round := range 2 { // the second one uses what was kept of the ladder
				got, err := m.Mint(t.Context(), r)
				if err != nil {
					t.Fatalf("round %d: %v", round, pullpass.Explain(err))
				}
				if got.Principal != test.principal || got.Credential.Host != s.host.Name || got.Credential.Username != "AWS" {
					t.Errorf("Mint = %+v, want principal %s", got, test.principal)
				}
				if narrowed := len(got.Repositories) > 0; narrowed != test.narrowed || got.Credential.Unscoped == test.narrowed || (got.Policy != "") != test.narrowed {
					t.Errorf("Mint = %+v, narrowed should be %v", got, test.narrowed)
				}
				if !lasts(got.Credential, test.life) {
					t.Errorf("the credential lasts %v, want %v", time.Until(got.Credential.Expires), test.life)
				}
				if err := s.pull(t, got.Credential, "team/app"); err != nil {
					t.Errorf("pulling what was asked for: %v", err)
				}
				if err := s.pull(t, got.Credential, "team/other"); test.narrowed != pullpass.IsKind(err, pullpass.Denied) {
					t.Errorf("pulling the neighbour = %v, want a denial: %v", err, test.narrowed)
				}
			}
		})
	}
}

// TestPushNeedsPush: the owner's administrator may do everything, but a
// credential for pulling does not push.
func TestPushNeedsPush(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	for action, want := range map[pullpass.Action]bool{pullpass.ActionPull: false, pullpass.ActionPush: true} {
		got, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(adminKey), adminSecret, func(r *broker.MintRequest) { r.Action = action }))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.write(t, got.Credential, "team/app"); (err == nil) != want {
			t.Errorf("pushing with a credential to %s = %v, want success: %v", action, err, want)
		}
		if err := s.write(t, got.Credential, "team/other"); err == nil {
			t.Errorf("a credential to %s for team/app pushed team/other", action)
		}
	}
}

func TestWholeRegistry(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	s.push(t)
	got, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(federatingKey), federatingSecret, func(r *broker.MintRequest) { r.Repositories = []string{"team", "team/*"} }))
	if err != nil {
		t.Fatal(err)
	}
	for _, repository := range []string{"team/app", "team/other"} {
		if err := s.pull(t, got.Credential, repository); err != nil {
			t.Errorf("pulling %s: %v", repository, err)
		}
	}
}

func TestIdentify(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	user := accessKey(plainKey)
	user.Region = "eu-central-1"
	role := accessKey(plainKey)
	role.Chain = []pullpass.RoleHop{{RoleARN: pullRole, ExternalID: "org-1"}}
	unsaved := accessKey(plainKey)
	unsaved.ID = ""
	for _, test := range []struct {
		integration       pullpass.Integration
		principal, region string
	}{
		{user, "arn:aws:iam::111111111111:user/plain", "eu-central-1"},
		{role, pullRole, "us-east-1"},
		{unsaved, "arn:aws:iam::111111111111:user/plain", "us-east-1"},
	} {
		got, err := s.minter(aws.Options{}).Identify(t.Context(), test.integration, pullpass.NewSecret(plainSecret))
		if err != nil || got.Principal != test.principal || got.Account != platform || got.Region != test.region {
			t.Errorf("Identify = %+v, %v, want %s in %s", got, err, test.principal, test.region)
		}
	}
}

// TestCallsAreFew counts what a mint costs: the lower rungs are kept.
func TestCallsAreFew(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	chained := accessKey(plainKey)
	chained.Chain = []pullpass.RoleHop{{RoleARN: middleRole}, {RoleARN: pullRole, ExternalID: "org-1"}}
	for _, test := range []struct {
		name          string
		integration   pullpass.Integration
		secret        string
		first, second int // calls of STS
	}{
		{"federating user", accessKey(federatingKey), federatingSecret, 2, 1}, // who it is, and the narrow session
		{"plain user", accessKey(plainKey), plainSecret, 2, 0},                // the refusal is remembered
		{"chain of two", chained, plainSecret, 2, 1},
	} {
		m := s.minter(aws.Options{})
		for round, want := range []int{test.first, test.second} {
			calls := map[broker.Service]int{}
			r := s.request(test.integration, test.secret, func(r *broker.MintRequest) {
				r.Wait = func(_ context.Context, s broker.Service) error { calls[s]++; return nil }
			})
			if _, err := m.Mint(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if calls[broker.ServiceSTS] != want || calls[broker.ServiceECR] != 1 {
				t.Errorf("%s, round %d: %v, want %d of STS and one of ECR", test.name, round, calls, want)
			}
		}
	}
}

func static(id, secret string) func(context.Context) (sdk.Config, error) {
	return func(context.Context) (sdk.Config, error) {
		return sdk.Config{Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")}, nil
	}
}

// assumed is an identity as an instance role gives it: a session of the role.
func (s *stage) assumed(t *testing.T, role string) func(context.Context) (sdk.Config, error) {
	t.Helper()
	c := sdk.Config{Region: region, HTTPClient: s.http, Credentials: credentials.NewStaticCredentialsProvider(plainKey, plainSecret, "")}
	client := sts.NewFromConfig(c, func(o *sts.Options) { o.BaseEndpoint = sdk.String(s.box.Endpoint()) })
	out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: sdk.String("instance")})
	if err != nil {
		t.Fatal(err)
	}
	got := sdk.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken, CanExpire: true, Expires: *out.Credentials.Expiration}
	return func(context.Context) (sdk.Config, error) {
		return sdk.Config{Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) { return got, nil })}, nil
	}
}

// issuer is an OIDC provider on loopback that vouches for environments.
type issuer struct {
	url string
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: k}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/keys") {
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "/keys"})
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) WebIdentityToken(_ context.Context, _ pullpass.Integration, _ pullpass.ProjectID, e pullpass.EnvironmentID) (aws.WebIdentity, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: i.key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "1"))
	if err != nil {
		return aws.WebIdentity{}, err
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": i.url, "aud": "sts.amazonaws.com", "sub": "environment:" + string(e),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}).Serialize()
	return aws.WebIdentity{Token: pullpass.NewSecret(text), ID: "jti"}, err
}
