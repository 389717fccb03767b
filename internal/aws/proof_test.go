package aws_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// TestProofs has STS of the sandbox say who signed, and tries what a runner could
// send instead: another challenge or runner, another region or host, other text in
// each part. Nothing but STS is ever asked.
func TestProofs(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	org, runner := pullpass.NewOrganizationID(), pullpass.NewRunnerID()
	endpoint := func(string) string { return s.box.Endpoint() }
	signer := aws.New(aws.Options{HTTP: s.http, Ambient: inRegion(static(plainKey, plainSecret)), STSEndpoint: endpoint})
	var asked []string
	prover := &aws.Prover{STSEndpoint: endpoint, HTTP: doer(func(req *http.Request) (*http.Response, error) {
		asked = append(asked, req.URL.Scheme+"://"+req.URL.Host)
		return s.http.Do(req)
	})}
	bound := pullpass.Bind(org, runner, "challenge")
	good, err := signer.Sign(t.Context(), "challenge", bound)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := prover.Principal(t.Context(), good, bound); err != nil || got != "arn:aws:iam::111111111111:user/plain" {
		t.Fatalf("Principal = %q, %v, want the user", got, err)
	}
	session := aws.New(aws.Options{HTTP: s.http, Ambient: inRegion(s.assumed(t, selfRole)), STSEndpoint: endpoint})
	proof, err := session.Sign(t.Context(), "challenge", bound)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := prover.Principal(t.Context(), proof, bound); err != nil || got != selfRole {
		t.Errorf("a session's Principal = %q, %v, want its role %s", got, err, selfRole)
	}

	change := func(f func(*pullpass.IdentityProof)) pullpass.IdentityProof {
		p := good
		f(&p)
		return p
	}
	for name, c := range map[string]struct {
		proof pullpass.IdentityProof
		bound string
	}{
		"another challenge":         {good, pullpass.Bind(org, runner, "other")},
		"another runner":            {good, pullpass.Bind(org, pullpass.NewRunnerID(), "challenge")},
		"another organization":      {good, pullpass.Bind(pullpass.NewOrganizationID(), runner, "challenge")},
		"a host of the attacker":    {change(func(p *pullpass.IdentityProof) { p.Host = "sts.evil.example" }), bound},
		"a look-alike":              {change(func(p *pullpass.IdentityProof) { p.Host = "sts.eu-west-1.amazonaws.com.evil.example" }), bound},
		"with userinfo":             {change(func(p *pullpass.IdentityProof) { p.Host = "sts.eu-west-1.amazonaws.com@evil.example" }), bound},
		"a path":                    {change(func(p *pullpass.IdentityProof) { p.Host = "sts.eu-west-1.amazonaws.com/x" }), bound},
		"another service of AWS":    {change(func(p *pullpass.IdentityProof) { p.Host = "iam.amazonaws.com" }), bound},
		"STS of another region":     {change(func(p *pullpass.IdentityProof) { p.Host = "sts.us-east-1.amazonaws.com" }), bound},
		"metadata":                  {change(func(p *pullpass.IdentityProof) { p.Host = "169.254.169.254" }), bound},
		"an invalid region":         {change(func(p *pullpass.IdentityProof) { p.Credential = strings.Replace(p.Credential, "eu-west-1", "evil", 1) }), bound},
		"another service's scope":   {change(func(p *pullpass.IdentityProof) { p.Credential = strings.Replace(p.Credential, "/sts/", "/ecr/", 1) }), bound},
		"another key":               {change(func(p *pullpass.IdentityProof) { p.Credential = strings.Replace(p.Credential, plainKey, adminKey, 1) }), bound},
		"another time":              {change(func(p *pullpass.IdentityProof) { p.Date = p.Date[:9] + "000000Z" }), bound},
		"text in the date":          {change(func(p *pullpass.IdentityProof) { p.Date = "20260101&Action=x" }), bound},
		"another signature":         {change(func(p *pullpass.IdentityProof) { p.Signature = strings.Repeat("0", 64) }), bound},
		"text in the signature":     {change(func(p *pullpass.IdentityProof) { p.Signature = "x&Action=AssumeRole" }), bound},
		"a session without its own": {change(func(p *pullpass.IdentityProof) { p.Token = proof.Token }), bound},
		"nothing":                   {pullpass.IdentityProof{}, bound},
	} {
		if got, err := prover.Principal(t.Context(), c.proof, c.bound); got != "" || !pullpass.IsKind(err, pullpass.Denied) || pullpass.HintOf(err) == "" {
			t.Errorf("%s: %q, %v, want Denied with a hint", name, got, err)
		}
	}
	for _, where := range asked {
		if where != s.box.Endpoint() {
			t.Errorf("%s was asked, want nobody but %s", where, s.box.Endpoint())
		}
	}

	s.box.Inject(sandbox.Fault{Action: "sts:GetCallerIdentity", Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable"})
	if _, err := prover.Principal(t.Context(), good, bound); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("while STS fails: %v, want Unavailable: it says nothing of the runner", err)
	}
}

func inRegion(ambient func(context.Context) (sdk.Config, error)) func(context.Context) (sdk.Config, error) {
	return func(ctx context.Context) (sdk.Config, error) {
		c, err := ambient(ctx)
		c.Region = region
		return c, err
	}
}
