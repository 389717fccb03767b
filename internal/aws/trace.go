package aws

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/broker"
)

// RungKind says what a rung of an identity ladder is.
type RungKind string

// The rungs, in the order in which they are taken.
const (
	RungCaller RungKind = "caller" // the first identity
	RungRole   RungKind = "role"   // one AssumeRole of the chain
	RungScope  RungKind = "scope"  // an identity without a chain, narrowed
	RungToken  RungKind = "token"  // ECR's authorization token
)

// Rung is one rung as it was taken, for those who have to see where a ladder
// breaks.
type Rung struct {
	Kind      RungKind
	Name      string // the role's ARN, or the region of the token
	Principal string // who the ladder is on this rung
	Narrowed  bool   // a session policy limits it to the repositories
	Took      time.Duration
	Err       error // three parts; nil where the rung holds
}

type trace struct {
	*ladder
	tell   func(Rung)
	policy string
}

// take does one rung, measures it and tells it.
func (t *trace) take(
	ctx context.Context,
	kind RungKind,
	name, what string,
	do func(context.Context) (rung, error),
) (rung, error) {
	started := time.Now()
	at, err := do(ctx)
	err = t.explained(what, err)
	t.tell(
		Rung{Kind: kind, Name: name, Principal: at.principal, Narrowed: at.narrowed, Took: time.Since(started), Err: err},
	)
	return at, err
}

func (t *trace) explained(what string, err error) error {
	if err == nil {
		return nil
	}
	return awscall.Explain(what, err, t.m.o.Now())
}

func (t *trace) climb(ctx context.Context) (rung, error) {
	rest := t.r.Integration.Chain
	var at rung
	var err error
	if t.r.Integration.Mode == pullpass.ModeWebIdentity && len(rest) > 0 {
		hop, policy := rest[0], ""
		if len(rest) == 1 {
			policy = t.policy
		}
		rest = rest[1:]
		at, err = t.take(
			ctx,
			RungRole,
			hop.RoleARN,
			"cannot assume a role by web identity",
			func(ctx context.Context) (rung, error) {
				return t.assumeByToken(ctx, hop, policy)
			},
		)
	} else {
		at, rest, err = t.caller(ctx)
	}
	if err != nil {
		return at, err
	}
	for i, hop := range rest {
		policy := ""
		if i == len(rest)-1 {
			policy = t.policy
		}
		from := at
		if at, err = t.take(ctx, RungRole, hop.RoleARN, "cannot assume a role", func(ctx context.Context) (rung, error) {
			return t.assume(ctx, from, hop, policy)
		}); err != nil {
			return at, err
		}
	}
	if t.policy == "" || len(t.r.Integration.Chain) > 0 {
		return at, nil
	}
	return t.take(ctx, RungScope, "", "cannot narrow the identity", func(ctx context.Context) (rung, error) {
		return t.narrow(ctx, at, t.policy)
	})
}

func (t *trace) caller(ctx context.Context) (rung, []pullpass.RoleHop, error) {
	var rest []pullpass.RoleHop
	at, err := t.take(ctx, RungCaller, t.region, "cannot identify the caller", func(ctx context.Context) (at rung, err error) {
		if at, rest, err = t.first(ctx); err != nil {
			return at, err
		}
		out, err := t.sts(at.provider).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return at, err
		}
		at.principal = aws.ToString(out.Arn)
		return at, nil
	})
	return at, rest, err
}

func (t *trace) token(ctx context.Context, top rung) (broker.Minted, error) {
	host := t.r.Host
	what := "cannot get a token for " + host.Name
	var minted broker.Minted
	_, err := t.take(ctx, RungToken, host.ECR.Region, what, func(ctx context.Context) (rung, error) {
		client := ecr.NewFromConfig(
			t.m.config(host.ECR.Region, top.provider, t.wait(broker.ServiceECR)),
			func(o *ecr.Options) {
				o.BaseEndpoint = aws.String(host.ECR.APIEndpoint())
			},
		)
		out, err := client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
		if err != nil {
			return top, err
		}
		minted.Credential, err = readToken(what, host.Name, out)
		return top, err
	})
	if err != nil {
		return broker.Minted{}, err
	}
	minted.Principal, minted.Credential.Unscoped = top.principal, !top.narrowed
	if top.narrowed {
		minted.Repositories, minted.Policy = t.r.Repositories, t.policy
	}
	return minted, nil
}
