package aws

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

const (
	attempts   = 3
	maxBackoff = 5 * time.Second
)

// config is what each client of the SDK is made from: nothing of the server's
// own environment gets into it.
func (m *Minter) config(region string, credentials aws.CredentialsProvider, wait func(context.Context) error) aws.Config {
	return aws.Config{
		Region: region, Credentials: credentials, HTTPClient: m.o.HTTP,
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, m.o.MaxBackoff })
		},
		APIOptions: []func(*middleware.Stack) error{pace(wait)},
	}
}

// pace waits for the account's turn before each attempt: a retry is a call, too.
func pace(wait func(context.Context) error) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("PullpassPace",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				if err := wait(ctx); err != nil {
					return middleware.FinalizeOutput{}, middleware.Metadata{}, err
				}
				return next.HandleFinalize(ctx, in)
			}), "Retry", middleware.After)
	}
}

func (m *Minter) stsClient(region, endpoint string, credentials aws.CredentialsProvider, wait func(context.Context) error) *sts.Client {
	return sts.NewFromConfig(m.config(region, credentials, wait), func(o *sts.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
}
