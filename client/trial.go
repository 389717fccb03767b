package client

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// TakeTrial takes what the client's runner is to try, once. Conflict: another
// process of the runner has it.
func (c *Client) TakeTrial(ctx context.Context, id pullpass.TrialID) (api.TrialWork, error) {
	k := post(path(api.PathRunnerTrialTake, id), nil)
	k.wait = testWait // the server may have to climb to an identity first
	return do[api.TrialWork](ctx, c, k)
}

// ReportTrial tells what came of it.
func (c *Client) ReportTrial(ctx context.Context, id pullpass.TrialID, r api.TrialReport) error {
	return c.send(ctx, put(path(api.PathRunnerTrial, id), r))
}
