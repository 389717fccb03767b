package aws

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/awsname"
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
	WebIdentityToken(
		context.Context,
		pullpass.Integration,
		pullpass.ProjectID,
		pullpass.EnvironmentID,
	) (WebIdentity, error)
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
	client := ecr.NewFromConfig(
		m.config(r.Host.ECR.Region, top.provider, l.wait(broker.ServiceECR)),
		func(o *ecr.Options) {
			o.BaseEndpoint = aws.String(r.Host.ECR.APIEndpoint())
		},
	)
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
	bad := &pullpass.Error{
		Kind:  pullpass.Unavailable,
		Code:  "aws_answer",
		What:  what,
		Cause: "ECR's answer holds no usable token",
	}
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
	return pullpass.Credential{
		Host:     host,
		Username: user,
		Secret:   pullpass.NewSecret(password),
		Expires:  *out.AuthorizationData[0].ExpiresAt,
	}, nil
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

// ambientConfig loads it once: the provider inside refreshes itself.
func (m *Minter) ambientConfig(ctx context.Context) (aws.Config, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ambient == nil {
		c, err := m.o.Ambient(ctx)
		if err != nil {
			return aws.Config{}, err
		}
		m.ambient = &c
	}
	return *m.ambient, nil
}

// config is what each client of the SDK is made from: nothing of the server's
// own environment gets into it.
func (m *Minter) config(
	region string,
	credentials aws.CredentialsProvider,
	wait func(context.Context) error,
) aws.Config {
	return aws.Config{
		Region: region, Credentials: credentials, HTTPClient: m.o.HTTP,
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, m.o.MaxBackoff })
		},
		APIOptions: []func(*middleware.Stack) error{pace(wait)},
	}
}

func (m *Minter) stsClient(
	region, endpoint string,
	credentials aws.CredentialsProvider,
	wait func(context.Context) error,
) *sts.Client {
	return sts.NewFromConfig(m.config(region, credentials, wait), func(o *sts.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
}

func (m *Minter) get(k identityKey) *known {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.known[k]
	if found == nil || !found.fresh(m.o.Now()) {
		delete(m.known, k)
		return nil
	}
	copied := *found
	return &copied
}

func (m *Minter) put(k identityKey, below rung) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k.integration == "" {
		return // an integration that is not saved yet has no name to be found by
	}
	if len(m.known) >= maxKnown {
		now := m.o.Now()
		for old, n := range m.known {
			if !n.fresh(now) || len(m.known) >= maxKnown { // any one, if none is over
				delete(m.known, old)
			}
		}
	}
	m.known[k] = &known{below: below}
}

func (m *Minter) cannotNarrow(k identityKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.known[k]
	return n != nil && m.o.Now().Before(n.wideUntil)
}

func (m *Minter) remember(k identityKey, wideUntil time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.known[k]; n != nil {
		n.wideUntil = wideUntil
	}
}

// forget drops rungs that AWS no longer accepts, and reports whether there were any.
func (m *Minter) forget(k identityKey, err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) &&
		slices.Contains(
			[]string{"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"},
			api.ErrorCode(),
		) {
		return m.drop(k)
	}
	return false
}

func (m *Minter) drop(k identityKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.known[k]
	delete(m.known, k)
	return there
}

func (m *Minter) ladder(r broker.MintRequest) *ladder {
	l := &ladder{m: m, r: r, region: r.Integration.Region}
	if r.Host.ECR != nil {
		if l.region == "" {
			l.region = r.Host.ECR.Region
		}
		l.endpoint = r.Host.ECR.STSEndpointIn(l.region)
	} else {
		if l.region == "" {
			l.region = "us-east-1"
		}
		l.endpoint = m.o.STSEndpoint(l.region)
	}
	l.key = keyOf(r)
	return l
}

// Own is the principal of this machine's own identity, as policies name it. A
// role's path is not part of what AWS says of a session: for a role below one, the
// name alone is known.
func (m *Minter) Own(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, identityTime)
	defer cancel()
	c, err := m.ambientConfig(ctx)
	if err != nil {
		return "", err
	}
	id, err := m.Identify(
		ctx,
		pullpass.Integration{ID: "runner", Name: "runner-native", Mode: pullpass.ModeRunnerNative, Region: c.Region},
		pullpass.Secret{},
	)
	if err != nil {
		return "", err
	}
	if role, ok := awsname.RoleOfSession(id.Principal); ok {
		return role, nil
	}
	return id.Principal, nil
}

// PoliciesOf reads policies as the first rung of an integration, as far as that
// one may: most may not, and then each policy is iam.ErrNotReadable.
func (m *Minter) PoliciesOf(ctx context.Context, r broker.MintRequest) (*Policies, error) {
	if r.Wait == nil {
		r.Wait = func(context.Context, broker.Service) error { return nil }
	}
	l := m.ladder(r)
	l.key.integration = "" // not to be found among the known
	at, _, err := l.first(ctx)
	if err != nil {
		return nil, awscall.Explain("cannot read policies", err, m.o.Now())
	}
	cfg := m.config(l.region, at.provider, l.wait(broker.ServiceSTS))
	if ecr := r.Host.ECR; ecr != nil && ecr.APIEndpoint() == l.endpoint {
		cfg.BaseEndpoint = aws.String(l.endpoint) // one address for all of AWS: an emulator
	}
	return NewPolicies(ctx, cfg)
}

// Sign makes the proof of who this machine is to AWS: a request that the server
// sends. bound is what ties it to the server's challenge.
func (m *Minter) Sign(ctx context.Context, challenge, bound string) (pullpass.IdentityProof, error) {
	const what = "cannot prove this machine's AWS identity"
	c, err := m.ambientConfig(ctx)
	if err != nil {
		return pullpass.IdentityProof{}, err
	}
	if c.Credentials == nil {
		return pullpass.IdentityProof{}, awscall.ErrNoIdentity
	}
	keys, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return pullpass.IdentityProof{}, awscall.Explain(what, err, m.o.Now())
	}
	c.Region = cmp.Or(c.Region, "us-east-1")
	endpoint, err := url.Parse(m.o.STSEndpoint(c.Region))
	if err != nil || endpoint.Host == "" {
		return pullpass.IdentityProof{}, &pullpass.Error{
			Kind:  pullpass.Invalid,
			What:  what,
			Cause: "AWS has no region " + c.Region,
			Hint:  "set AWS_REGION",
		}
	}
	req, err := proofRequest(ctx, endpoint, bound)
	if err != nil {
		return pullpass.IdentityProof{}, err
	}
	query := proofQuery()
	query.Set("X-Amz-Expires", proofLife)
	req.URL.RawQuery = query.Encode()
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, keys, req, emptyHash(), "sts", c.Region, m.o.Now())
	if err != nil {
		return pullpass.IdentityProof{}, awscall.Explain(what, err, m.o.Now())
	}
	u, err := url.Parse(signed)
	if err != nil {
		return pullpass.IdentityProof{}, err
	}
	q := u.Query()
	return pullpass.IdentityProof{
		Challenge: challenge, Host: endpoint.Host, Credential: q.Get("X-Amz-Credential"), Date: q.Get("X-Amz-Date"),
		Signature: q.Get("X-Amz-Signature"), Token: pullpass.NewSecret(q.Get("X-Amz-Security-Token")),
	}, nil
}

// Trace mints as Mint does and tells each rung as it is taken. It keeps nothing
// and builds on nothing that was kept, so that what it tells is true now.
// Without repositories the identity is taken as it is: nothing narrows it.
// A request without a host ends at the last role: that is how an integration is
// identified.
func (m *Minter) Trace(ctx context.Context, r broker.MintRequest, tell func(Rung)) (broker.Minted, error) {
	if r.Wait == nil {
		r.Wait = func(context.Context, broker.Service) error { return nil }
	}
	t := &trace{ladder: m.ladder(r), tell: tell}
	t.key.integration = "" // not to be found among the known; the request keeps it: a web identity names it
	if r.Host.ECR != nil && len(r.Repositories) > 0 {
		var err error
		if t.policy, err = sessionPolicy(*r.Host.ECR, r.Action, r.Repositories); err != nil {
			return broker.Minted{}, err
		}
	}
	top, err := t.climb(ctx)
	if err != nil || r.Host.ECR == nil {
		return broker.Minted{Principal: top.principal}, err
	}
	return t.token(ctx, top)
}
