package aws

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
)

// Options are the minter's parts.
type Options struct {
	HTTP aws.HTTPClient // for STS and ECR; nil: the SDK's own
	// Tokens issues web identities; nil where there are none.
	Tokens TokenSource
	// Ambient loads the server's own identity; nil: the SDK's default chain, in
	// which instance metadata has a second to answer.
	Ambient func(context.Context) (aws.Config, error)
	// STSEndpoint answers for a region where no host's mapping does; nil: AWS's.
	STSEndpoint func(region string) string
	Now         func() time.Time
	MaxBackoff  time.Duration // the longest wait before a retry; 0: 5 s
}

// TokenSource issues the token with which an integration proves to AWS who it is,
// for an environment and a project where the credential is for one.
type TokenSource interface {
	WebIdentityToken(context.Context, pullpass.Integration, pullpass.ProjectID, pullpass.EnvironmentID) (WebIdentity, error)
}

// WebIdentity is a token and its jti, which the audit record names.
type WebIdentity struct {
	Token pullpass.Secret
	ID    string
}

// Minter gets credentials from AWS. It is safe for use by many at once.
type Minter struct {
	o Options

	mu      sync.Mutex
	ambient *aws.Config
	known   map[identityKey]*known
}

// New returns a minter.
func New(o Options) *Minter {
	if o.Ambient == nil {
		o.Ambient = loadAmbient
	}
	if o.STSEndpoint == nil {
		o.STSEndpoint = reference.STSEndpoint
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = maxBackoff
	}
	return &Minter{o: o, known: make(map[identityKey]*known)}
}

// Mint asks AWS for a credential. A session that was kept and that AWS no longer takes
// is dropped, and everything done once more: its role may have been made anew.
func (m *Minter) Mint(ctx context.Context, r broker.MintRequest) (broker.Minted, error) {
	minted, stale, err := m.mint(ctx, r)
	if stale {
		minted, _, err = m.mint(ctx, r)
	}
	return minted, err
}

// mint climbs the ladder and asks ECR. The credential belongs to the request's
// host, whatever AWS says of its proxy endpoint, and expires with the token or
// the session behind it, whichever is first.
func (m *Minter) mint(ctx context.Context, r broker.MintRequest) (minted broker.Minted, stale bool, err error) {
	what := "cannot get a token for " + r.Host.Name
	if r.Host.Kind == reference.KindECRPublic {
		minted, err = m.mintPublic(ctx, r)
		return minted, false, err
	}
	if r.Host.ECR == nil {
		return broker.Minted{}, false, &pullpass.Error{Kind: pullpass.Invalid, What: what, Cause: "it is not an ECR host"}
	}
	policy, err := sessionPolicy(*r.Host.ECR, r.Action, r.Repositories)
	if err != nil {
		return broker.Minted{}, false, err
	}
	l := m.ladder(r)
	if r.Fresh {
		m.drop(l.key)
	}
	top, err := l.climb(ctx, policy)
	if err != nil {
		stale = m.forget(l.key, err)
		return broker.Minted{}, stale, awscall.Explain(what, err, m.o.Now())
	}
	client := ecr.NewFromConfig(m.config(r.Host.ECR.Region, top.provider, l.wait(broker.ServiceECR)), func(o *ecr.Options) {
		o.BaseEndpoint = aws.String(r.Host.ECR.APIEndpoint())
	})
	out, err := client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		stale = m.forget(l.key, err)
		return broker.Minted{}, stale, awscall.Explain(what, err, m.o.Now())
	}
	credential, err := readToken(what, r.Host.Name, out)
	if err != nil {
		return broker.Minted{}, false, err
	}
	// Whether a token outlives the session that asked for it is not documented:
	// take the earlier end.
	if !top.expires.IsZero() && top.expires.Before(credential.Expires) {
		credential.Expires = top.expires
	}
	minted = broker.Minted{Credential: credential, Principal: top.principal, WebIdentity: top.webIdentity}
	if top.narrowed {
		minted.Repositories, minted.Policy = r.Repositories, policy
	}
	minted.Credential.Unscoped = !top.narrowed
	return minted, false, nil
}

func readToken(what, host string, out *ecr.GetAuthorizationTokenOutput) (pullpass.Credential, error) {
	bad := &pullpass.Error{Kind: pullpass.Unavailable, Code: "aws_answer", What: what, Cause: "ECR's answer holds no usable token"}
	if len(out.AuthorizationData) != 1 || out.AuthorizationData[0].ExpiresAt == nil {
		return pullpass.Credential{}, bad
	}
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		return pullpass.Credential{}, bad
	}
	user, password, ok := strings.Cut(string(text), ":")
	if !ok || user == "" || password == "" {
		return pullpass.Credential{}, bad
	}
	return pullpass.Credential{Host: host, Username: user, Secret: pullpass.NewSecret(password), Expires: *out.AuthorizationData[0].ExpiresAt}, nil
}

// Identity is who an integration is to AWS.
type Identity struct {
	Principal string // what others put in policies
	Account   string
	Region    string
}

// Identify asks STS who the integration is, with every role of its chain
// assumed: what is shown to the owners of other accounts, and a test that the
// whole ladder holds.
func (m *Minter) Identify(ctx context.Context, i pullpass.Integration, secret pullpass.Secret) (Identity, error) {
	what := "cannot identify the integration " + i.Name
	l := m.ladder(broker.MintRequest{Organization: i.Organization, Integration: i, Secret: secret,
		Wait: func(context.Context, broker.Service) error { return nil }})
	top, err := l.climb(ctx, "")
	if err != nil {
		m.forget(l.key, err)
		return Identity{}, awscall.Explain(what, err, m.o.Now())
	}
	out, err := l.sts(top.provider).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		m.forget(l.key, err)
		return Identity{}, awscall.Explain(what, err, m.o.Now())
	}
	id := Identity{Principal: aws.ToString(out.Arn), Account: aws.ToString(out.Account), Region: l.region}
	if n := len(i.Chain); n > 0 {
		id.Principal = i.Chain[n-1].RoleARN // a policy names the role, not one session of it
	}
	return id, nil
}
