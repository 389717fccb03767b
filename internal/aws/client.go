package aws

import (
	"context"
	"time"

	"github.com/aws/smithy-go/middleware"
)

const (
	attempts   = 3
	maxBackoff = 5 * time.Second
)

// pace waits for the account's turn before each attempt: a retry is a call, too.
func pace(wait func(context.Context) error) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(
			"PullpassPace",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				if err := wait(ctx); err != nil {
					return middleware.FinalizeOutput{}, middleware.Metadata{}, err
				}
				return next.HandleFinalize(ctx, in)
			},
		), "Retry", middleware.After)
	}
}
