package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/broker"
)

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
