package httpapi

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// leastRunner is the first version of a runner that this server works with.
var leastRunner = [3]int{0, 1, 0}

// tooOld refuses a runner that is too old, in words that its log shows.
func tooOld(do, version string) error {
	if !olderThan(version, leastRunner) {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Conflict, Code: pullpass.CodeRunnerTooOld, What: "cannot " + do,
		Cause: "this runner has version " + version + ", and the server works with " + versionText(leastRunner) + " or later; what runs here goes on",
		Hint:  "install the server's version of pullpass on this machine (the server offers it under /downloads/) and start the runner again"}
}

// absence is why a runner does nothing for now.
type absence struct{ code, cause, fix string }

// address is by which people and runners reach this server, as hints name it.
func (s *Server) address() string {
	if s.url == "" {
		return "URL"
	}
	return strings.TrimRight(s.url, "/")
}

// absenceOf says why a runner does nothing for now; nil: it works.
func (s *Server) absenceOf(r pullpass.Runner) *absence {
	switch {
	case r.Phase == pullpass.RunnerCreated:
		return &absence{pullpass.CodeRunnerNotJoined, "no machine has joined as the runner " + r.Name + " yet",
			"beside its Docker Engine: pullpass runner --server " + s.address() + " --join-token-file -; another token: pullpass runner rejoin " + r.Name}
	case r.Phase == pullpass.RunnerInactive:
		return &absence{pullpass.CodeRunnerOffline, "the runner " + r.Name + " signed off " + ago(s.now().Sub(r.LastSeenAt)),
			"start it again on its machine: pullpass runner --server " + s.address()}
	case s.standing(r).Phase == pullpass.RunnerInactive:
		return &absence{pullpass.CodeRunnerOffline, "the runner " + r.Name + " was last heard of " + ago(s.now().Sub(r.LastSeenAt)),
			"see whether its machine runs and reaches this server; start it again there: pullpass runner --server " + s.address()}
	case olderThan(r.Version, leastRunner):
		return &absence{pullpass.CodeRunnerTooOld, "the runner " + r.Name + " has version " + r.Version + ", and this server works with " + versionText(leastRunner) + " or later",
			"install the server's version on its machine and start it again: pullpass runner --server " + s.address()}
	case r.Phase == pullpass.RunnerDegraded:
		return &absence{pullpass.CodeRunnerDegraded, "the container engine beside the runner " + r.Name + " does not answer",
			"start the engine; what the runner says of it: pullpass runner show " + r.Name}
	}
	return nil
}

// ago is a span as people say it.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	count := func(n time.Duration, unit string) string {
		if n != 1 {
			unit += "s"
		}
		return strconv.FormatInt(int64(n), 10) + " " + unit + " ago"
	}
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return count(d/time.Second, "second")
	case d < 2*time.Hour:
		return count(d/time.Minute, "minute")
	case d < 2*day:
		return count(d/time.Hour, "hour")
	}
	return count(d/day, "day")
}

// runnersOnce reads each runner once for one answer.
type runnersOnce struct {
	s     *Server
	known map[pullpass.RunnerID]*pullpass.Runner // nil: it is deleted
}

func (s *Server) runnersOnce() *runnersOnce {
	return &runnersOnce{s: s, known: map[pullpass.RunnerID]*pullpass.Runner{}}
}

func (o *runnersOnce) runner(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID) (*pullpass.Runner, error) {
	if r, ok := o.known[id]; ok {
		return r, nil
	}
	r, err := o.s.store.Runner(ctx, org, id)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		o.known[id] = nil
	case err != nil:
		return nil, err
	default:
		o.known[id] = &r
	}
	return o.known[id], nil
}

// explained adds to an environment that waits for its runner why it does: nobody
// else could say it. It is not stored, and gone when the runner is back.
func (o *runnersOnce) explained(ctx context.Context, e pullpass.Environment) (pullpass.Environment, error) {
	waits := awaited(e)
	if !waits && e.Phase != pullpass.PhaseRunning {
		return e, nil
	}
	r, err := o.runner(ctx, e.Organization, e.Runner)
	if err != nil || r == nil {
		return e, err
	}
	if c := o.s.waiting(e, *r, waits); c != nil {
		e.Conditions = append([]pullpass.Condition{*c}, e.Conditions...)
	}
	return e, nil
}

// awaited reports whether something is wanted of an environment that its runner has
// not made so.
func awaited(e pullpass.Environment) bool {
	switch e.Wanted {
	case pullpass.WantedRunning:
		return e.Phase != pullpass.PhaseRunning && e.Phase != pullpass.PhaseStopped
	case pullpass.WantedStopped:
		return e.Phase != pullpass.PhaseStopped
	}
	return e.Phase != pullpass.PhaseDeleted
}

// waiting is the condition of an environment whose runner does nothing for now;
// nil: it works. One that runs is shown as it was reported last.
func (s *Server) waiting(e pullpass.Environment, r pullpass.Runner, waits bool) *pullpass.Condition {
	a := s.absenceOf(r)
	if a == nil && e.Wanted == pullpass.WantedRunning && e.Phase == pullpass.PhaseCreating && !r.Takes(e.Project) {
		a = &absence{pullpass.CodeRunnerNotForProject, "the runner " + r.Name + " does not take environments of this project any more",
			"create it on another runner; or have an administrator add the project: pullpass runner update " + r.Name + " --project PROJECT"}
	}
	if a == nil {
		return nil
	}
	c := &pullpass.Condition{Code: a.code, Severity: pullpass.SeverityError, What: "the environment waits for its runner", Cause: a.cause, Fix: a.fix, At: r.LastSeenAt}
	switch {
	case !waits:
		c.Severity, c.What = pullpass.SeverityWarning, "the environment is shown as its runner reported it last"
	case e.Wanted == pullpass.WantedDeleted && a.code == pullpass.CodeRunnerOffline:
		c.Fix += "; if it will not come back: pullpass env delete " + e.Name + " --force"
	}
	if c.At.IsZero() {
		c.At = e.UpdatedAt
	}
	return c
}

// wireEnvironment is an environment as people are told of it.
func (s *Server) wireEnvironment(ctx context.Context, e pullpass.Environment) (*body[api.Environment], error) {
	e, err := s.runnersOnce().explained(ctx, e)
	if err != nil {
		return nil, err
	}
	return answer(api.FromEnvironment(e)), nil
}

// listedEnvironments is listed for environments.
func (s *Server) listedEnvironments(ctx context.Context, l pullpass.List[pullpass.Environment], err error) (*body[api.List[api.Environment]], error) {
	runners := s.runnersOnce()
	for i := range l.Items {
		if err == nil {
			l.Items[i], err = runners.explained(ctx, l.Items[i])
		}
	}
	return listed(l, err, api.FromEnvironment)
}
