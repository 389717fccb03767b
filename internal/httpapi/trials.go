package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/reference"
)

const (
	// takenWithin is how long a runner has to take a trial: one that polls does so
	// at once, one that was just refused by its server is back by then.
	takenWithin = 15 * time.Second
	// trialLife is a little longer than anybody waits for a trial.
	trialLife = testWithin + 15*time.Second
	// forgetWithin bounds the deletion of a trial that nobody waits for any more.
	forgetWithin = 2 * time.Second
)

// fewTrials at the same time: each dials whatever it is told to.
var fewTrials = pullpass.TrialLimits{Runner: 2, Organization: 8}

type trialStore interface {
	CreateTrial(context.Context, pullpass.Trial, pullpass.Secret, pullpass.TrialLimits) (pullpass.Trial, error)
	WaitingTrials(context.Context, pullpass.OrganizationID, pullpass.RunnerID) ([]pullpass.TrialID, error)
	Trial(context.Context, pullpass.OrganizationID, pullpass.TrialID) (pullpass.Trial, error)
	TakeTrial(context.Context, pullpass.OrganizationID, pullpass.RunnerID, pullpass.TrialID) (pullpass.Trial, pullpass.Secret, error)
	FinishTrial(ctx context.Context, org pullpass.OrganizationID, runner pullpass.RunnerID, id pullpass.TrialID, result string) error
	DeleteTrial(context.Context, pullpass.OrganizationID, pullpass.TrialID) error
}

// tryRegistryOn lets a runner make the pull.
func (s *Server) tryRegistryOn(ctx context.Context, c pullpass.Caller, t RegistryTrial, o opening, id pullpass.RunnerID) (*body[api.Diagnosis], error) {
	r, err := s.trierOf(ctx, c, cannotTest, id)
	if err != nil {
		return nil, err
	}
	if err := s.mayOpen(ctx, t.Registry, o, r); err != nil {
		return nil, err
	}
	e := registryEvent("registry.test", t.Registry)
	e.Detail["repository"] = t.Repository
	report, err := s.tryOn(ctx, c, r, e, pullpass.TrialSubject{
		Kind: pullpass.TrialRegistry, Registry: t.Registry, Repository: t.Repository, Tag: t.Tag, Integration: t.Registry.Integration,
	}, t.Password)
	if err != nil {
		return nil, err
	}
	return answer(*report.Diagnosis), nil
}

// mayOpen checks what would be checked if the runner pulled for an environment.
// Whether it has an AWS identity is left to the trial, which shows what it has.
func (s *Server) mayOpen(ctx context.Context, registry pullpass.Registry, o opening, r pullpass.Runner) error {
	refuse := func(thing string) error {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "runner_not_selected", What: cannotTest,
			Cause: "the " + thing + " is limited to other runners than " + r.Name, Hint: "try one of those, or select this runner, too: --runner " + r.Name}
	}
	if len(registry.Runners) > 0 && !slices.Contains(registry.Runners, r.ID) {
		return refuse("registry " + registry.Name)
	}
	if registry.Auth == pullpass.AuthIntegration {
		i, err := s.store.Integration(ctx, registry.Organization, registry.Integration)
		if err != nil {
			return err
		}
		if len(i.Runners) > 0 && !slices.Contains(i.Runners, r.ID) {
			return refuse("integration " + i.Name)
		}
	}
	if err := o.unfit(cannotTest, r); err != nil && err.Code != "runner_no_identity" {
		return err
	}
	return nil
}

// tryIntegrationOn lets a runner climb from its own AWS identity.
func (s *Server) tryIntegrationOn(ctx context.Context, c pullpass.Caller, i pullpass.Integration, id pullpass.RunnerID) (api.IntegrationTest, error) {
	const what = "cannot try the integration"
	var out api.IntegrationTest
	r, err := s.trierOf(ctx, c, what, id)
	if err != nil {
		return out, err
	}
	o := opening{mode: i.Mode}
	refuse := func(code, cause, hint string) error {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: what, Cause: cause, Hint: hint}
	}
	switch err := o.unfit(what, r); {
	case !o.native():
		return out, refuse("not_runner_native", "the integration "+i.Name+" begins with an identity that the server has, not the runner", "leave the runner out: pullpass integration test "+i.Name)
	case len(i.Runners) > 0 && !slices.Contains(i.Runners, r.ID):
		return out, refuse("runner_not_selected", "the integration "+i.Name+" is limited to other runners than "+r.Name, "try one of those")
	case err != nil && err.Code != "runner_no_identity":
		return out, err
	}
	report, err := s.tryOn(ctx, c, r, integrationEvent("integration.test", i), pullpass.TrialSubject{Kind: pullpass.TrialIntegration, Integration: i.ID}, pullpass.Secret{})
	if err != nil {
		return out, err
	}
	return *report.Integration, nil
}

func (s *Server) testEnvironment(ctx context.Context, c pullpass.Caller, in *struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
	Body        api.EnvironmentTest
}) (*body[api.Diagnosis], error) {
	const what = "cannot try the environment's pull"
	e, err := s.environment(ctx, c, access.EnvironmentTry, in.Environment)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(e.Services, func(v pullpass.Service) bool { return v.Image == in.Body.Image }) {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "image_not_in_environment", What: what, Cause: "no service of the environment has this image",
			Hint: "write it as the service does: pullpass env show " + e.Name}
	}
	image, err := reference.ParseImage(in.Body.Image)
	if err != nil {
		return nil, err
	}
	r, err := s.store.Runner(ctx, c.Organization, e.Runner)
	if err != nil {
		return nil, err
	}
	if err := s.ableToTry(what, r); err != nil {
		return nil, err
	}
	event := environmentEvent("environment.test", e)
	event.Detail = map[string]string{"image": image.String()}
	report, err := s.tryOn(ctx, c, r, event, pullpass.TrialSubject{Kind: pullpass.TrialEnvironment, Environment: e.ID, Image: image.String()}, pullpass.Secret{})
	if err != nil {
		return nil, err
	}
	return answer(*report.Diagnosis), nil
}

// trierOf finds a runner on which the caller may try things, and which can.
func (s *Server) trierOf(ctx context.Context, c pullpass.Caller, what string, id pullpass.RunnerID) (pullpass.Runner, error) {
	r, err := s.runner(ctx, c, access.RunnerTry, id)
	if err != nil {
		return r, err
	}
	if c.Project != "" && !r.Takes(c.Project) {
		return r, notForProject(what, r)
	}
	return r, s.ableToTry(what, r)
}

func (s *Server) ableToTry(what string, r pullpass.Runner) error {
	refuse := func(kind pullpass.Kind, code, cause, hint string) error {
		return &pullpass.Error{Kind: kind, Code: code, What: what, Cause: cause, Hint: hint}
	}
	if s.tester == nil {
		return refuse(pullpass.Unavailable, "tests_disabled", "this server does not try registries and integrations", "")
	}
	if a := s.absenceOf(r); a != nil {
		return refuse(pullpass.Unavailable, a.code, a.cause+", so nothing can be pulled there", a.fix)
	}
	if !slices.Contains(r.Capabilities, pullpass.CapabilityTrials) {
		return refuse(pullpass.Conflict, pullpass.CodeRunnerTooOld, "the runner "+r.Name+" has version "+r.Version+", which does not try pulls for others", "update it; until then, on its machine: pullpass doctor IMAGE")
	}
	return nil
}

// tryOn records that something is tried, makes it wanted of the runner, and waits
// for the outcome.
func (s *Server) tryOn(ctx context.Context, c pullpass.Caller, r pullpass.Runner, e pullpass.Event, subject pullpass.TrialSubject, password pullpass.Secret) (api.TrialReport, error) {
	t := pullpass.Trial{ID: pullpass.NewTrialID(), Organization: c.Organization, Runner: r.ID, Subject: subject, Asked: c.Actor(), ExpiresAt: s.now().Add(trialLife)}
	e.Runner = r.ID
	if e.Detail == nil {
		e.Detail = make(map[string]string, 1)
	}
	e.Detail["trial"] = string(t.ID)
	var report api.TrialReport
	err := s.deed(ctx, c, e, func(ctx context.Context) (err error) {
		report, err = s.outcome(ctx, t, r, password)
		return err
	})
	return report, err
}

// outcome waits for a trial. Whatever happens, nothing of it stays.
func (s *Server) outcome(ctx context.Context, t pullpass.Trial, r pullpass.Runner, password pullpass.Secret) (api.TrialReport, error) {
	began := time.Now()
	t, err := s.store.CreateTrial(ctx, t, password, fewTrials)
	if err != nil {
		return api.TrialReport{}, err
	}
	defer s.forget(ctx, t)
	if t, err = s.trialBeyond(ctx, t, takenWithin, pullpass.TrialWaiting); err != nil {
		return api.TrialReport{}, err
	}
	if t.State == pullpass.TrialWaiting {
		return api.TrialReport{}, s.unanswered(r, "the runner "+r.Name+" did not take the test within "+takenWithin.String()+"; it was last heard of at "+r.LastSeenAt.UTC().Format(time.RFC3339),
			pullpass.CodeRunnerOffline, "see whether it still runs; its log says what it does")
	}
	if t, err = s.trialBeyond(ctx, t, testWithin-time.Since(began), pullpass.TrialTaken); err != nil {
		return api.TrialReport{}, err
	}
	if t.State != pullpass.TrialDone {
		return api.TrialReport{}, s.unanswered(r, "the runner "+r.Name+" took the test and had no result within "+testWithin.String(),
			"trial_unfinished", "try again; if it happens again, the runner's log says what it waits for")
	}
	var report api.TrialReport
	if err := json.Unmarshal([]byte(t.Result), &report); err != nil {
		return report, err
	}
	if report.Failure != nil {
		return report, report.Failure.Err()
	}
	if (t.Subject.Kind == pullpass.TrialIntegration) != (report.Integration != nil) || (report.Integration == nil && report.Diagnosis == nil) {
		return report, s.unanswered(r, "the runner "+r.Name+" reported something else than it was asked for", "trial_report", "update the runner to the server's version")
	}
	return report, nil
}

// trialBeyond waits until a trial has left a state.
func (s *Server) trialBeyond(ctx context.Context, t pullpass.Trial, wait time.Duration, state pullpass.TrialState) (pullpass.Trial, error) {
	return poll(ctx, s, t.Organization, string(t.ID), max(wait, time.Millisecond), func(ctx context.Context) (pullpass.Trial, bool, error) {
		now, err := s.store.Trial(ctx, t.Organization, t.ID)
		return now, now.State != state && now.State != pullpass.TrialWaiting, err
	})
}

func (s *Server) unanswered(r pullpass.Runner, cause, code, hint string) error {
	select {
	case <-s.draining:
		cause, code, hint = "the server is stopping", "server_stopping", "try again"
	default:
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: code, What: "cannot try it on the runner " + r.Name, Cause: cause, Hint: hint}
}

func (s *Server) forget(ctx context.Context, t pullpass.Trial) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	if err := s.store.DeleteTrial(ctx, t.Organization, t.ID); err != nil { // its time will be over soon
		s.log.LogAttrs(ctx, slog.LevelWarn, "trial not forgotten", slog.String("trial", string(t.ID)), slog.Any("error", err))
	}
}
