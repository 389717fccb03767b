package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	if err := w.clearStale(ctx, e, there); err != nil {
		return err
	}
	mounts, err := w.r.o.Agents.Open(ctx, e)
	if err != nil {
		return w.failed(ctx, "", CodeAgentFailed, err)
	}
	w.view.clear(func(c pullpass.Condition) bool { return c.Service == "" && c.Severity == pullpass.SeverityError })
	w.mu.Lock()
	w.losses.look(time.Now())
	w.mu.Unlock()

	errs := make([]error, len(e.Services))
	var services sync.WaitGroup
	for i, s := range e.Services {
		services.Go(func() {
			j := &job{worker: w, e: e, s: s, mounts: mounts}
			if k := slices.IndexFunc(there, func(a Actual) bool { return a.Service == s.Name && a.Start == e.Start }); k >= 0 {
				j.there = &there[k]
			}
			errs[i] = j.raise(ctx)
		})
	}
	services.Wait()
	return worst(errs)
}

// clearStale removes containers of earlier starts and of services that are not
// wanted.
func (w *worker) clearStale(ctx context.Context, e pullpass.Environment, there []Actual) error {
	for _, a := range there {
		wanted := slices.ContainsFunc(e.Services, func(s pullpass.Service) bool { return s.Name == a.Service })
		if a.Start == e.Start && wanted {
			continue
		}
		if err := w.retire(ctx, a, true); err != nil {
			return w.failed(ctx, "", CodeStopFailed, err)
		}
	}
	return nil
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
	e      pullpass.Environment
	s      pullpass.Service
	there  *Actual
	mounts []Mount
}

func (j *job) raise(ctx context.Context) error {
	if j.there != nil && (j.there.State == Running || (j.there.State == Exited && !j.lost())) {
		j.found(*j.there)
		return nil
	}
	if err := j.r.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer j.r.slots.Release(1)
	request := StartRequest{
		Organization: j.e.Organization, Project: j.e.Project, Environment: j.e.ID,
		Service: j.s, Start: j.e.Start, Mounts: j.mounts,
	}
	// A container of this very start is there: its image was checked when it was
	// made, so it only has to run.
	if j.there == nil {
		resolved, err := j.fetch(ctx)
		if err != nil {
			return err
		}
		request.Reference, request.Digest = resolved.Reference, resolved.Digest
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

// lost reports whether a container that was reported as running ended with the
// engine, or while no runner ran. That is not taken for the end that it chose.
func (j *job) lost() bool {
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
	j.view.is(a)
	if a.State == Exited {
		j.view.note(exited(j.e, a))
	}
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
	name := j.s.Name
	j.view.state(name, pullpass.ServiceResolving)
	image, err := j.r.o.Resolver.Parse(j.s.Image)
	if err != nil {
		return Resolved{}, j.failed(ctx, name, CodeImageInvalid, err)
	}
	credential, err := j.credential(ctx, image)
	if err != nil {
		return Resolved{}, j.failed(ctx, name, codeOf(err), err)
	}
	resolved, err := j.r.o.Resolver.Resolve(ctx, image, credential)
	if err != nil {
		return Resolved{}, j.failed(ctx, name, codeOf(err), err)
	}
	j.view.set(name, func(s *pullpass.ServiceStatus) {
		s.State, s.Digest, s.Pull = pullpass.ServicePulling, resolved.Digest, &pullpass.Progress{}
	})
	err = j.r.o.Driver.Pull(ctx, PullRequest{
		Reference: resolved.Reference, Auth: resolved.Auth,
		Progress: func(p pullpass.Progress) {
			j.view.set(name, func(s *pullpass.ServiceStatus) { s.Pull = &p })
		},
	})
	if err != nil {
		return Resolved{}, j.failed(ctx, name, CodePullFailed, err)
	}
	return resolved, nil
}

// credential asks the server. Only the server's explicit word that no registry is
// configured leads to an anonymous try: a failed lookup is an error.
func (j *job) credential(ctx context.Context, image Image) (pullpass.Credential, error) {
	c, err := j.r.o.Server.Credential(ctx, CredentialRequest{
		Environment: j.e.ID, Host: image.Host, Repository: image.Repository, Action: pullpass.ActionPull,
	})
	var refusal *pullpass.Error
	if errors.As(err, &refusal) && refusal.Kind == pullpass.NotFound && refusal.Code == CodeNoRegistry {
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

// failed reports a failed step, unless it failed because it was given up.
func (w *worker) failed(ctx context.Context, service, code string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.view.fail(service, code, err)
	return err
}
