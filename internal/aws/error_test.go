package aws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// TestRefusalsExplained makes each refusal happen for real and reads what a
// person gets to see.
func TestRefusalsExplained(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	hop := func(i pullpass.Integration, h pullpass.RoleHop) pullpass.Integration {
		i.Chain = []pullpass.RoleHop{h}
		return i
	}
	web := pullpass.Integration{ID: "int_w", Mode: pullpass.ModeWebIdentity, Chain: []pullpass.RoleHop{{RoleARN: webRole}}}
	for _, test := range []struct {
		name        string
		integration pullpass.Integration
		secret      string
		options     aws.Options
		kind        pullpass.Kind
		code        string
		cause, hint string
	}{
		{"a wrong secret", accessKey(plainKey), "canary/wrong/000000000000000000000000000", aws.Options{}, pullpass.Denied, "aws_signature", "the secret does not belong", "key's secret"},
		{"an unknown key", accessKey("AKIAUNKNOWN222222222"), plainSecret, aws.Options{}, pullpass.Denied, "aws_key_unknown", "does not know this access key", "new key"},
		{"no permission for tokens", accessKey(bareKey), bareSecret, aws.Options{}, pullpass.Denied, "aws_denied", "ecr:GetAuthorizationToken", `"Resource": "*"`},
		{"a role that does not trust", hop(accessKey(plainKey), pullpass.RoleHop{RoleARN: shutRole}), plainSecret, aws.Options{}, pullpass.Denied, "aws_denied", "at role " + shutRole, "trust policy"},
		{"a role that is not there", hop(accessKey(plainKey), pullpass.RoleHop{RoleARN: "arn:aws:iam::111111111111:role/none"}), plainSecret, aws.Options{}, pullpass.Denied, "aws_denied", "sts:AssumeRole", "trust policy"},
		{"without the external id", hop(accessKey(plainKey), pullpass.RoleHop{RoleARN: pullRole}), plainSecret, aws.Options{}, pullpass.Denied, "aws_denied", "at role " + pullRole, "external id"},
		{"nobody to vouch", web, "", aws.Options{}, pullpass.Unavailable, "web_identity_disabled", "no web identities", ""},
		{"an issuer that AWS does not know", web, "", aws.Options{Tokens: newIssuer(t)}, pullpass.Denied, "aws_identity_token", "at role " + webRole, "OIDC provider"},
		{"no identity at all", pullpass.Integration{ID: "int_a", Mode: pullpass.ModeAmbient}, "", aws.Options{Ambient: func(context.Context) (sdk.Config, error) { return sdk.Config{}, nil }}, pullpass.Unavailable, "aws_no_identity", "no AWS identity", "IMDSv2"},
		{"no key stored", accessKey(plainKey), "", aws.Options{}, pullpass.Invalid, "integration_invalid", "no access key", "access key id"},
		{"a web identity without a role", pullpass.Integration{Mode: pullpass.ModeWebIdentity}, "", aws.Options{}, pullpass.Invalid, "integration_invalid", "needs a role", "ARN"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.minter(test.options).Mint(t.Context(), s.request(test.integration, test.secret, nil))
			var e *pullpass.Error
			if !errors.As(err, &e) {
				t.Fatalf("Mint = %v, want an error in parts", err)
			}
			if e.Kind != test.kind || e.Code != test.code || !strings.Contains(e.Cause, test.cause) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("Mint = %s %s\n%s\nwant %s %s, %q, %q", e.Kind, e.Code, pullpass.Explain(err), test.kind, test.code, test.cause, test.hint)
			}
			if e.What != "cannot get a token for "+s.host.Name {
				t.Errorf("What = %q", e.What)
			}
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			for ; err != nil; err = errors.Unwrap(err) {
				text += err.Error()
			}
			if strings.Contains(text, "canary") {
				t.Errorf("a secret shows: %s", text)
			}
		})
	}
}

func TestThrottledIsRetriedThenLimited(t *testing.T) {
	c := rehearsal("")
	c.Faults = []sandbox.Fault{{Action: "ecr:GetAuthorizationToken", Status: 400, Code: "ThrottlingException", Times: 2}}
	s := newStage(t, c, sandbox.Options{})
	calls := 0
	r := s.request(accessKey(federatingKey), federatingSecret, func(r *broker.MintRequest) {
		r.Wait = func(_ context.Context, s broker.Service) error {
			if s == broker.ServiceECR {
				calls++
			}
			return nil
		}
	})
	if _, err := s.minter(aws.Options{}).Mint(t.Context(), r); err != nil || calls != 3 {
		t.Errorf("throttled twice: %v after %d calls, want success with the third: each waits for its turn", err, calls)
	}

	c.Faults[0].Times = 0
	s = newStage(t, c, sandbox.Options{})
	if _, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(federatingKey), federatingSecret, nil)); !pullpass.IsKind(err, pullpass.Limited) {
		t.Errorf("throttled always: %v, want Limited", err)
	}
}

func TestBucketsSayWait(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	full := &pullpass.Error{Kind: pullpass.Limited, Code: "account_busy", What: "cannot ask AWS", Cause: "too many wait"}
	_, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(plainKey), plainSecret, func(r *broker.MintRequest) {
		r.Wait = func(context.Context, broker.Service) error { return full }
	}))
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind != pullpass.Limited || e.Code != "account_busy" {
		t.Errorf("Mint = %v, want the bucket's word", err)
	}
}

// TestOnlyANoWidens: when AWS fails to answer whether a session may be
// narrowed, the credential is not given out wide instead.
func TestOnlyANoWidens(t *testing.T) {
	for _, fault := range []sandbox.Fault{
		{Action: "sts:GetFederationToken", Status: 500, Code: "InternalFailure"},
		{Action: "sts:GetFederationToken", Status: 400, Code: "Throttling"},
		{Action: "sts:GetFederationToken", Reset: true},
	} {
		c := rehearsal("")
		c.Faults = []sandbox.Fault{fault}
		s := newStage(t, c, sandbox.Options{})
		got, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(federatingKey), federatingSecret, nil))
		if err == nil || !got.Credential.Secret.Empty() {
			t.Errorf("fault %+v: Mint = %+v, %v, want an error", fault, got, err)
		}
	}
}

func TestClock(t *testing.T) {
	ahead := func(d time.Duration) sandbox.Options {
		return sandbox.Options{Clock: func() time.Time { return time.Now().Add(d) }}
	}
	for _, d := range []time.Duration{-time.Minute, time.Minute} {
		s := newStage(t, rehearsal(""), ahead(d))
		if _, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(accessKey(federatingKey), federatingSecret, nil)); err != nil {
			t.Errorf("with a clock off by %v: %v", d, err)
		}
	}
}

// TestSignatureErrorsHoldTheToken plays the answer that AWS gives to a wrong
// signature: it recites the request, session token included, and its date shows
// how far our clock is off.
func TestSignatureErrorsHoldTheToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-20*time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>x-amz-security-token:canary-token</Message></Error><RequestId>1</RequestId></ErrorResponse>`)
	}))
	defer server.Close()
	_, err := minterAt(t).Mint(t.Context(), requestAt(t, server.URL))
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "aws_clock" || !strings.Contains(e.Cause, "20m") {
		t.Errorf("Mint = %v, want the clock named with its difference", err)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%q shows the session token", err)
		}
	}
}

func TestSilence(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := minterAt(t).Mint(ctx, requestAt(t, server.URL))
	if !pullpass.IsKind(err, pullpass.Unavailable) || pullpass.HintOf(err) == "" {
		t.Errorf("Mint = %v, want Unavailable with a hint", err)
	}
	refused := httptest.NewServer(nil)
	refused.Close() // nobody listens there now
	if _, err := minterAt(t).Mint(t.Context(), requestAt(t, refused.URL)); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("Mint = %v, want Unavailable", err)
	}
}

func TestNotECR(t *testing.T) {
	r := requestAt(t, "http://127.0.0.1:1")
	r.Host, _ = reference.ParseHost("ghcr.io")
	if _, err := aws.New(aws.Options{}).Mint(t.Context(), r); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("Mint for ghcr.io = %v, want Invalid", err)
	}
}

func minterAt(t *testing.T) *aws.Minter {
	t.Helper()
	e, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return aws.New(aws.Options{HTTP: e, MaxBackoff: 10 * time.Millisecond})
}

func requestAt(t *testing.T, endpoint string) broker.MintRequest {
	t.Helper()
	hosts, err := reference.NewHosts(reference.Mapping{Host: "127.0.0.1:5000", Account: owner, Region: region, APIEndpoint: endpoint, STSEndpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	host, err := hosts.Parse("127.0.0.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	return broker.MintRequest{
		Organization: "org_1", Integration: accessKey(plainKey), Secret: pullpass.NewSecret(plainSecret), Host: host,
		Action: pullpass.ActionPull, Repositories: []string{"team/app"},
		Wait: func(context.Context, broker.Service) error { return nil },
	}
}
