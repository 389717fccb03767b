package main

import (
	"context"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// playedRunner plays a runner in a script: played joins NAME (when somebody waits
// for an environment on it), played runs NAME (what it is told of), played leaves
// NAME.
func playedRunner(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: played joins|runs|leaves NAME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const kept = "PLAYED_RUNNER_TOKEN"
	as := func(token string) *client.Client {
		c, err := client.New(ts.Getenv("SERVER"), client.WithToken(pullpass.NewSecret(token)))
		ts.Check(err)
		return c
	}
	report := pullpass.RunnerReport{Version: "1.2.3", Phase: pullpass.RunnerActive}
	switch own := as(ts.Getenv(kept)); args[0] {
	case "joins":
		owner := as(ts.Getenv("PULLPASS_TOKEN"))
		r, err := owner.RunnerByName(ctx, args[1])
		ts.Check(err)
		playedUntil(ctx, ts, func() bool {
			l, err := owner.Environments(ctx, pullpass.EnvironmentFilter{Runner: r.ID}, pullpass.Page{})
			return err == nil && len(l.Items) > 1
		})
		_, join, err := owner.RejoinRunner(ctx, r.ID)
		ts.Check(err)
		_, token, err := as("").Join(ctx, join, pullpass.RunnerDocker, report)
		ts.Check(err)
		ts.Setenv(kept, token.Reveal())
	case "runs":
		_, err := own.Heartbeat(ctx, report)
		ts.Check(err)
		wanted, err := own.Wanted(ctx, "", 0)
		ts.Check(err)
		for _, e := range wanted.Environments {
			_, err = own.ReportStatus(ctx, e.ID, pullpass.StatusUpdate{Start: e.Start, Phase: pullpass.PhaseRunning})
			ts.Check(err)
		}
	case "leaves":
		report.Phase = pullpass.RunnerInactive
		_, err := own.Heartbeat(ctx, report)
		ts.Check(err)
	}
}

func playedUntil(ctx context.Context, ts *testscript.TestScript, done func() bool) {
	for !done() {
		select {
		case <-ctx.Done():
			ts.Fatalf("what was waited for did not happen")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
