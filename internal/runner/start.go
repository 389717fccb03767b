package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// raise makes every service of the environment run.
func (w *worker) raise(ctx context.Context, e pullpass.Environment, there []Actual) error {
	if slices.ContainsFunc(there, func(a Actual) bool { return a.Start > e.Start }) {
		return nil // our wish is older than what is there: a newer one is under way
	}
	w.view.begin(e)
	there, earlier, err := w.clearStale(ctx, e, there)
	if err != nil {
		return err
	}
	for _, s := range e.Services {
		if len(s.Env) < len(s.EnvNames) {
			return w.failed(ctx, s.Name, CodeVariablesMissing, errVariables(s.Name))
		}
	}
	mounts, err := w.r.o.Agents.Open(ctx, e)
	if err != nil {
		return w.failed(ctx, "", CodeAgentFailed, err)
	}
	w.view.clear(func(c pullpass.Condition) bool { return c.Service == "" && c.Severity == pullpass.SeverityError })
	w.mu.Lock()
	w.losses.look(time.Now())
	w.mu.Unlock()

	jobs := make([]*job, len(e.Services))
	for i, s := range e.Services {
		jobs[i] = &job{worker: w, e: e, s: s, mounts: mounts}
		if k := slices.IndexFunc(there, func(a Actual) bool { return a.Service == s.Name && a.Start == e.Start }); k >= 0 {
			jobs[i].there = &there[k]
		}
	}
	if err := w.isolate(ctx, jobs); err != nil {
		return err
	}
	if len(earlier) > 0 {
		return w.replace(ctx, jobs, earlier)
	}
	return startAll(ctx, jobs)
}

// errVariables keeps a service from running with other settings than its own.
func errVariables(service string) error {
	return &pullpass.Error{
		Kind: pullpass.Internal, Code: CodeVariablesMissing, What: "cannot start the service " + service,
		Cause: "the server has sealed variables for it, and cannot open them: they were changed in the database, or their key is gone",
		Hint:  "create the environment anew; if nobody edited the database by hand, treat this as an intrusion",
	}
}

// isolate prepares the network before anything is started in it.
func (w *worker) isolate(ctx context.Context, jobs []*job) error {
	if !slices.ContainsFunc(jobs, func(j *job) bool { return j.there == nil }) {
		return nil
	}
	c, err := w.r.o.Driver.Isolate(ctx, w.id)
	if err != nil {
		return w.failed(ctx, "", CodeNetworkFailed, err)
	}
	w.view.clear(func(old pullpass.Condition) bool { return old.Code == CodeMetadataReachable && c == nil })
	if c != nil {
		w.view.note(*c)
	}
	return nil
}

// replace puts this start in the place of an earlier one that runs. Everything is
// pulled before anything is stopped: what cannot be replaced goes on.
func (w *worker) replace(ctx context.Context, jobs []*job, earlier []Actual) error {
	if err := each(jobs, func(j *job) error { return j.prepare(ctx) }); err != nil {
		if ctx.Err() == nil {
			w.view.note(pullpass.Condition{
				Code: CodeEarlierStartRuns, Severity: pullpass.SeverityInfo, At: time.Now(),
				What:  fmt.Sprintf("start %d goes on", earlier[0].Start),
				Cause: "what is to replace it cannot be pulled yet",
			})
		}
		return err
	}
	for _, a := range earlier {
		if err := w.retire(ctx, a, true); err != nil {
			return w.failed(ctx, "", CodeStopFailed, err)
		}
	}
	w.view.clear(func(c pullpass.Condition) bool { return c.Code == CodeEarlierStartRuns })
	return startAll(ctx, jobs)
}

// each does the same for all services at once.
func each(jobs []*job, f func(*job) error) error {
	errs := make([]error, len(jobs))
	var services sync.WaitGroup
	for i, j := range jobs {
		services.Go(func() { errs[i] = f(j) })
	}
	services.Wait()
	return worst(errs)
}

// clearStale removes what is not wanted: containers of services that the environment
// does not have, and ended ones of earlier starts. It returns those of this start,
// and those of an earlier one that run.
func (w *worker) clearStale(ctx context.Context, e pullpass.Environment, there []Actual) (current, earlier []Actual, err error) {
	for _, a := range there {
		wanted := slices.ContainsFunc(e.Services, func(s pullpass.Service) bool { return s.Name == a.Service })
		switch {
		case wanted && a.Start == e.Start:
			current = append(current, a)
			continue
		case wanted && a.State == Running:
			earlier = append(earlier, a)
			continue
		}
		if err := w.retire(ctx, a, true); err != nil {
			return nil, nil, w.failed(ctx, "", CodeStopFailed, err)
		}
	}
	return current, earlier, nil
}

// worst prefers an error that trying again may help.
func worst(errs []error) error {
	var found error
	for _, err := range errs {
		if err != nil && (found == nil || !hopeless(err)) {
			found = err
		}
	}
	return found
}

// job makes one service run.
type job struct {
	*worker
	e        pullpass.Environment
	s        pullpass.Service
	there    *Actual
	mounts   []Mount
	resolved Resolved // of prepare
}

// settled reports that the service's container is as it should be.
func (j *job) settled() bool {
	return j.there != nil && (j.there.State == Running || (j.there.State == Exited && !j.isLost()))
}

// prepare brings the image to the engine, once, unless a container of this very start
// is there: its image was checked when it was made, so it only has to run.
func (j *job) prepare(ctx context.Context) (err error) {
	if j.there == nil && j.resolved.Reference == "" {
		j.resolved, err = j.fetch(ctx)
	}
	return err
}

// launch makes the container run.
func (j *job) launch(ctx context.Context) error {
	if j.settled() {
		j.found(*j.there)
		return nil
	}
	if err := j.r.asks.acquire(ctx, j.e.Project); err != nil {
		return err
	}
	defer j.r.asks.release(j.e.Project)
	request := StartRequest{
		Organization: j.e.Organization, Project: j.e.Project, Environment: j.e.ID,
		Service: j.s, Start: j.e.Start, Mounts: j.mounts,
		Reference: j.resolved.Reference, Digest: j.resolved.Digest,
	}
	j.view.state(j.s.Name, pullpass.ServiceStarting)
	a, err := j.r.o.Driver.Start(ctx, request)
	if err != nil {
		return j.failed(ctx, j.s.Name, CodeStartFailed, err)
	}
	if j.there == nil {
		j.mu.Lock()
		j.losses.made(a.ID)
		j.mu.Unlock()
	}
	j.found(a)
	return nil
}

// isLost reports whether a container that was reported as running ended with the
// engine, or while no runner ran. That is not taken for the end that it chose.
func (j *job) isLost() bool {
	last := j.view.of(j.s.Name)
	if last.Container != j.there.ID || last.State != pullpass.ServiceRunning {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.losses.again(j.there.ID, time.Now())
}

// found reports a container and follows its output.
func (j *job) found(a Actual) {
	j.out.follow(a)
	if a.State == Exited {
		j.view.is(a, exited(j.e, a))
		return
	}
	j.view.is(a)
}

func exited(e pullpass.Environment, a Actual) pullpass.Condition {
	c := pullpass.Condition{
		Code: CodeServiceExited, Severity: pullpass.SeverityInfo, Service: a.Service, At: time.Now(),
		What: fmt.Sprintf("service %s ended", a.Service), Cause: "its command exited with code 0",
	}
	if a.ExitCode != 0 {
		c.Severity = pullpass.SeverityError
		c.Cause = "its command exited with code " + strconv.Itoa(a.ExitCode)
		c.Fix = fmt.Sprintf("pullpass env logs %s --service %s; then pullpass env restart %s", e.ID, a.Service, e.ID)
	}
	return c
}

// fetch brings the service's image to the engine, after the registry has confirmed
// its digest to this environment's own credential.
func (j *job) fetch(ctx context.Context) (Resolved, error) {
	resolved, present, err := j.resolve(ctx)
	if err != nil {
		return Resolved{}, err
	}
	j.view.set(j.s.Name, func(s *pullpass.ServiceStatus) {
		s.State, s.Digest, s.Pull = pullpass.ServicePulling, resolved.Digest, &pullpass.Progress{}
	})
	if !present { // the engine may not even ask for what it has
		if err := j.r.pulls.acquire(ctx, j.e.Project); err != nil {
			return Resolved{}, err
		}
		defer j.r.pulls.release(j.e.Project)
	}
	if err := j.pull(ctx, resolved); err != nil {
		return Resolved{}, j.failed(ctx, j.s.Name, CodePullFailed, err)
	}
	return resolved, nil
}

// resolve asks for a credential, and the registry with it. It does so before the
// service takes one of the few places for pulling, and so does the probe: a registry
// that answers slowly costs its own environments time, and no others.
func (j *job) resolve(ctx context.Context) (resolved Resolved, present bool, err error) {
	if err := j.r.asks.acquire(ctx, j.e.Project); err != nil {
		return Resolved{}, false, err
	}
	defer j.r.asks.release(j.e.Project)
	name := j.s.Name
	j.view.state(name, pullpass.ServiceResolving)
	image, err := j.r.o.Resolver.Parse(j.s.Image)
	if err != nil {
		return Resolved{}, false, j.failed(ctx, name, CodeImageInvalid, err)
	}
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	credential, err := j.credential(asking, image)
	if err != nil {
		return Resolved{}, false, j.failed(ctx, name, codeOf(err), err)
	}
	if resolved, err = j.ask(asking, image, credential); err != nil {
		return Resolved{}, false, j.failed(ctx, name, codeOf(err), err)
	}
	if limit := j.r.o.MaxImage; limit > 0 && resolved.Bytes > limit {
		return Resolved{}, false, j.failed(ctx, name, CodeImageTooLarge, tooLarge(image.Name, resolved.Bytes, limit))
	}
	if present, err = j.r.o.Driver.Present(ctx, resolved.Reference); err != nil {
		return Resolved{}, false, j.failed(ctx, name, CodePullFailed, err)
	}
	if present || resolved.Probe == nil {
		return resolved, present, nil
	}
	probing, stop := context.WithTimeout(ctx, j.r.o.Probe)
	defer stop()
	if resolved.Probe(probing) != nil && probing.Err() != nil {
		return Resolved{}, false, j.failed(ctx, name, CodePullStalled, stalled(image.Name, j.r.o.Probe))
	}
	return resolved, false, nil
}

// ask asks the registry. A credential that it refuses may have been good once: the
// role behind it was made anew, a key rotated, a session revoked. Then another one is
// asked for, once.
func (j *job) ask(ctx context.Context, image Image, c pullpass.Credential) (Resolved, error) {
	resolved, err := j.r.o.Resolver.Resolve(ctx, image, c)
	if !maybeStale(err) || c.Secret.Empty() {
		return resolved, err
	}
	again, askErr := j.r.o.Server.Credential(ctx, CredentialRequest{
		Environment: j.e.ID, Host: image.Host, Repository: image.Repository, Action: pullpass.ActionPull, Refused: c.Fingerprint(),
	})
	if askErr != nil || again.Fingerprint() == c.Fingerprint() {
		return resolved, err
	}
	return j.r.o.Resolver.Resolve(ctx, image, again)
}

// maybeStale reports whether another credential might help: not where the registry
// knows who asks, and its policies say no.
func maybeStale(err error) bool {
	var e *pullpass.Error
	if !errors.As(err, &e) || (e.Kind != pullpass.Denied && e.Kind != pullpass.Unauthenticated) {
		return false
	}
	return !strings.HasPrefix(e.Code, "denied_") && e.Code != "layer_denied"
}

// pull lets the engine pull, for as long as it gets on. An image that has stalled is
// given less time at each try, down to a few seconds.
func (j *job) pull(ctx context.Context, resolved Resolved) error {
	j.mu.Lock()
	limit := max(min(minStall, j.r.o.Stall), j.r.o.Stall>>min(j.stalls, 8))
	j.mu.Unlock()
	pulling, watch := watchStall(ctx, j.s.Image, limit, j.r.o.MaxImage)
	err := watch.stop(pulling, j.r.o.Driver.Pull(pulling, PullRequest{
		Reference: resolved.Reference, Auth: resolved.Auth,
		Progress: func(p pullpass.Progress, stage PullStage) {
			watch.progress(p, stage)
			j.view.set(j.s.Name, func(s *pullpass.ServiceStatus) { s.Pull = &p })
		},
	}))
	var known *pullpass.Error
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		j.stalls = 0
	case errors.As(err, &known) && known.Code == CodePullStalled:
		j.stalls++
	}
	return err
}

// credential asks the server. Only the server's explicit word that no registry is
// configured leads to an anonymous try: a failed lookup is an error.
func (j *job) credential(ctx context.Context, image Image) (pullpass.Credential, error) {
	c, err := j.r.o.Server.Credential(ctx, CredentialRequest{
		Environment: j.e.ID, Host: image.Host, Repository: image.Repository, Action: pullpass.ActionPull,
	})
	var refusal *pullpass.Error
	if errors.As(err, &refusal) && refusal.Kind == pullpass.NotFound && refusal.Code == pullpass.CodeNoRegistry {
		return pullpass.Credential{}, nil
	}
	if err != nil {
		return pullpass.Credential{}, err
	}
	// A stored password opens what it opens, by its owner's choice; what a minted
	// credential opens beyond the request can be mended, and is worth a warning.
	if c.Unscoped && !c.Expires.IsZero() {
		j.view.note(pullpass.Condition{
			Code: CodeUnscoped, Severity: pullpass.SeverityWarning, Service: j.s.Name, At: time.Now(),
			What:  "the credential for " + image.Host + " opens more than " + image.Repository,
			Cause: "the identity behind the registry cannot be narrowed",
			Fix:   "let the integration assume a role, whose sessions can be narrowed; or allow its user sts:GetFederationToken",
		})
	}
	return c, nil
}

// codeOf names a failed step of asking by what the answer means.
func codeOf(err error) string {
	switch pullpass.KindOf(err) {
	case pullpass.Denied, pullpass.Unauthenticated:
		return CodePullDenied
	case pullpass.NotFound:
		return CodeImageNotFound
	}
	return CodePullFailed
}

// failed reports a failed step, unless it failed because it was canceled.
func (w *worker) failed(ctx context.Context, service, code string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.view.fail(service, code, err)
	return err
}
