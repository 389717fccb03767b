package httpapi

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
)

// Forcing is the parameter of deletions that can go without the runner's word.
// huma needs it exported.
type Forcing struct {
	Force string `query:"force" enum:"absent,always" doc:"Do not wait for the runner. absent: only if it has not been seen for five minutes, has signed off, or never joined; always: even if it may still run. What runs is left to whoever has its machine."`
}

// absentFor is how long a runner has to be silent before it counts as gone. One
// that signed off, or never joined, is gone at once.
const absentFor = 5 * time.Minute

// checkForce refuses to forget what a runner that reports takes care of.
func (s *Server) checkForce(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.RunnerID, f Forcing) error {
	if f.Force != "absent" {
		return nil
	}
	r, err := s.store.Runner(ctx, org, id)
	if err != nil {
		return err
	}
	switch {
	case r.Phase == pullpass.RunnerCreated, r.Phase == pullpass.RunnerInactive, s.now().Sub(r.LastSeenAt) > absentFor:
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Conflict, Code: "runner_not_absent", What: what,
		Cause: "its runner " + r.Name + " was seen " + s.now().Sub(r.LastSeenAt).Round(time.Second).String() + " ago, and can remove what runs",
		Hint:  "wait for it; or, if it will not come back, leave what runs to its machine: the same command with --force --yes"}
}

// forgetEnvironment deletes an environment without its runner.
func (s *Server) forgetEnvironment(ctx context.Context, c pullpass.Caller, id pullpass.EnvironmentID, f Forcing) error {
	e, err := s.environment(ctx, c, access.EnvironmentDelete, id)
	if err != nil {
		return err
	}
	if err := s.checkForce(ctx, "cannot forget the environment "+e.Name, c.Organization, e.Runner, f); err != nil {
		return err
	}
	event := environmentEvent("environment.delete", e)
	event.Detail = map[string]string{"force": f.Force}
	return s.deed(ctx, c, event, func(ctx context.Context) error {
		_, err := s.store.ForgetEnvironment(ctx, c.Organization, e.ID)
		return err
	})
}
