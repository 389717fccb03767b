package aws

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/broker"
)

// ladder is one request's way from the first rung to the last.
type ladder struct {
	m        *Minter
	r        broker.MintRequest
	key      identityKey
	region   string // where STS is asked
	endpoint string
}

// rung is an identity that has been reached.
type rung struct {
	provider  aws.CredentialsProvider
	expires   time.Time // zero: does not
	principal string
	narrowed  bool
	// webIdentity is the jti of the token that the ladder stands on.
	webIdentity string
}

func (l *ladder) wait(s broker.Service) func(context.Context) error {
	return func(ctx context.Context) error { return l.r.Wait(ctx, s) }
}

func (l *ladder) sts(p aws.CredentialsProvider) *sts.Client {
	return l.m.stsClient(l.region, l.endpoint, p, l.wait(broker.ServiceSTS))
}

// climb reaches the last rung, narrowed by policy; an empty one narrows nothing.
func (l *ladder) climb(ctx context.Context, policy string) (rung, error) {
	chain := l.r.Integration.Chain
	if l.r.Integration.Mode == pullpass.ModeWebIdentity {
		if len(chain) == 0 {
			return rung{}, &pullpass.Error{
				Kind:  pullpass.Invalid,
				Code:  "integration_invalid",
				Cause: "a web identity needs a role to assume",
				Hint:  "add the role's ARN to the integration",
			}
		}
		if len(chain) == 1 {
			return l.assumeByToken(ctx, chain[0], policy)
		}
	}
	at, rest, err := l.below(ctx)
	if err != nil {
		return rung{}, err
	}
	if len(rest) > 0 {
		return l.assume(ctx, at, rest[0], policy)
	}
	if policy == "" {
		return at, nil
	}
	return l.narrow(ctx, at, policy)
}

// below reaches the last rung but one, and says what is left. These rungs are
// the same for every request of an integration, so they are kept until they
// expire; the last one carries the request's own policy.
func (l *ladder) below(ctx context.Context) (rung, []pullpass.RoleHop, error) {
	chain := l.r.Integration.Chain
	if k := l.m.get(l.key); k != nil {
		return k.below, last(chain), nil
	}
	at, rest, err := l.first(ctx)
	if err != nil {
		return rung{}, nil, err
	}
	for len(rest) > 1 {
		if at, err = l.assume(ctx, at, rest[0], ""); err != nil {
			return rung{}, nil, err
		}
		rest = rest[1:]
	}
	if len(rest) == 0 && at.principal == "" {
		out, err := l.sts(at.provider).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return rung{}, nil, err
		}
		at.principal = aws.ToString(out.Arn)
	}
	l.m.put(l.key, at)
	return at, rest, nil
}

func last(chain []pullpass.RoleHop) []pullpass.RoleHop {
	if len(chain) == 0 {
		return nil
	}
	return chain[len(chain)-1:]
}

// first is the lowest rung, and the hops above it.
func (l *ladder) first(ctx context.Context) (rung, []pullpass.RoleHop, error) {
	i := l.r.Integration
	switch i.Mode {
	case pullpass.ModeAccessKey:
		if i.AccessKeyID == "" || l.r.Secret.Empty() {
			return rung{}, nil, &pullpass.Error{
				Kind:  pullpass.Invalid,
				Code:  "integration_invalid",
				Cause: "the integration has no access key",
				Hint:  "update it with an access key id and its secret",
			}
		}
		return rung{provider: credentials.NewStaticCredentialsProvider(i.AccessKeyID, l.r.Secret.Reveal(), "")}, i.Chain, nil
	case pullpass.ModeAmbient, pullpass.ModeRunnerNative:
		c, err := l.m.ambientConfig(ctx)
		var known *pullpass.Error
		if errors.As(err, &known) {
			return rung{}, nil, err // such as an identity that is there and not lent
		}
		if err != nil {
			return rung{}, nil, awscall.ErrNoIdentity
		}
		if c.Credentials == nil {
			return rung{}, nil, awscall.ErrNoIdentity
		}
		if _, err := c.Credentials.Retrieve(ctx); err != nil {
			var refused smithy.APIError
			switch {
			case ctx.Err() != nil:
				return rung{}, nil, ctx.Err()
			case errors.As(err, &refused):
				return rung{}, nil, err // there is an identity, and AWS does not take it
			}
			return rung{}, nil, awscall.ErrNoIdentity
		}
		return rung{provider: c.Credentials}, i.Chain, nil
	case pullpass.ModeWebIdentity:
		at, err := l.assumeByToken(ctx, i.Chain[0], "")
		return at, i.Chain[1:], err
	}
	return rung{}, nil, &pullpass.Error{
		Kind:  pullpass.Invalid,
		Code:  "integration_invalid",
		Cause: "the integration's mode does not reach AWS",
	}
}

// sessionName is what CloudTrail shows. A credential that is one environment's
// alone is named after it; any other is shared by those who may have the same,
// and so are the rungs below (those without a policy), a web identity's apart.
func (l *ladder) sessionName(policy string) string {
	if l.r.Environment != "" && (policy != "" || l.r.Integration.Mode == pullpass.ModeWebIdentity) {
		return "pullpass-" + string(l.r.Environment)
	}
	return "pullpass-" + string(l.r.Organization)
}

func (l *ladder) assume(ctx context.Context, from rung, hop pullpass.RoleHop, policy string) (rung, error) {
	in := &sts.AssumeRoleInput{
		RoleArn: aws.String(hop.RoleARN), RoleSessionName: aws.String(l.sessionName(policy)),
		ExternalId: optional(hop.ExternalID), SourceIdentity: optional(hop.SourceIdentity), Policy: optional(policy),
		Tags: tags(hop.SessionTags),
	}
	out, err := l.sts(from.provider).AssumeRole(ctx, in)
	if err != nil {
		return rung{}, &awscall.HopError{Role: hop.RoleARN, Err: err}
	}
	at, err := session(out.Credentials, hop.RoleARN, policy != "")
	at.webIdentity = from.webIdentity
	return at, err
}

// assumeByToken is unsigned: the token is the proof.
func (l *ladder) assumeByToken(ctx context.Context, hop pullpass.RoleHop, policy string) (rung, error) {
	if l.m.o.Tokens == nil {
		return rung{}, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "web_identity_disabled",
			Cause: "this server issues no web identities",
		}
	}
	identity, err := l.m.o.Tokens.WebIdentityToken(ctx, l.r.Integration, l.r.Project, l.r.Environment)
	if err != nil {
		return rung{}, err
	}
	out, err := l.sts(aws.AnonymousCredentials{}).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(hop.RoleARN), RoleSessionName: aws.String(l.sessionName(policy)),
		WebIdentityToken: aws.String(identity.Token.Reveal()), Policy: optional(policy),
	})
	if err != nil {
		return rung{}, &awscall.HopError{Role: hop.RoleARN, Err: err}
	}
	at, err := session(out.Credentials, hop.RoleARN, policy != "")
	at.webIdentity = identity.ID
	return at, err
}

// narrow limits an identity that has no role above it: an IAM user by a
// federation token, a role's session by assuming its own role once more, which
// the role has to trust. Where neither is allowed the identity stays as wide as
// it is, and the credential says so.
func (l *ladder) narrow(ctx context.Context, at rung, policy string) (rung, error) {
	if l.m.cannotNarrow(l.key) {
		return l.wide(ctx, at)
	}
	c, err := at.provider.Retrieve(ctx)
	if err != nil {
		return rung{}, awscall.ErrNoIdentity
	}
	var out rung
	if role, ok := awsname.RoleOfSession(at.principal); ok {
		out, err = l.assume(ctx, at, pullpass.RoleHop{RoleARN: role}, policy)
	} else if c.SessionToken == "" {
		out, err = l.federate(ctx, at, policy)
	} else {
		return l.wide(ctx, at)
	}
	if refusedBy(err) {
		l.m.remember(l.key, l.m.o.Now().Add(cannotNarrowFor))
		return l.wide(ctx, at)
	}
	out.principal = at.principal
	return out, err
}

// wide is the identity as it is, with the end of its session if it has one.
func (l *ladder) wide(ctx context.Context, at rung) (rung, error) {
	c, err := at.provider.Retrieve(ctx)
	if err != nil {
		return rung{}, awscall.ErrNoIdentity
	}
	if c.CanExpire {
		at.expires = c.Expires
	}
	return at, nil
}

func (l *ladder) federate(ctx context.Context, at rung, policy string) (rung, error) {
	name := l.sessionName(policy)
	if len(name) > maxFederationName { // the end of an id is its random part
		name = name[len(name)-maxFederationName:]
	}
	out, err := l.sts(at.provider).GetFederationToken(ctx, &sts.GetFederationTokenInput{
		Name: aws.String(name), Policy: aws.String(policy), DurationSeconds: aws.Int32(int32(federationLife / time.Second)),
	})
	if err != nil {
		return rung{}, err
	}
	return session(out.Credentials, at.principal, true)
}

func session(c *types.Credentials, principal string, narrowed bool) (rung, error) {
	if c == nil || c.AccessKeyId == nil || c.SecretAccessKey == nil || c.SessionToken == nil || c.Expiration == nil {
		return rung{}, awscall.ErrNoSession
	}
	return rung{
		provider: credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken),
		expires:  *c.Expiration, principal: principal, narrowed: narrowed,
	}, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func tags(m map[string]string) []types.Tag {
	var out []types.Tag
	for k, v := range m {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	slices.SortFunc(out, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return out
}
