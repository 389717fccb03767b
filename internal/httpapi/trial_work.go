package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/reference"
)

// Opened is what opens a registry for one trial, and how it was come by. Where
// there is nothing, Err says why.
type Opened struct {
	Credential   pullpass.Credential
	Principal    string // ARN, where AWS knows one
	Repositories []string
	Policy       string // the session policy
	Rungs        []api.TrialRung
	Err          error
}

func (s *Server) trialRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRunnerTrialTake, id: "take-trial", tag: "runner", permission: access.RunnerWork,
		summary: "Take a trial", description: "Answers with what is to be tried and, once and on record, with what opens it. A trial that has been taken is a conflict."}, s.takeTrial)
	add(s, route{method: http.MethodPut, path: api.PathRunnerTrial, id: "report-trial", tag: "runner", permission: access.RunnerWork,
		summary: "Report a trial", description: "Whoever waits for it gets the outcome, cut to a size and without control characters."}, s.reportTrial)
}

type trialPath struct {
	Trial pullpass.TrialID `path:"trial" doc:"Its id."`
}

func (s *Server) takeTrial(ctx context.Context, c pullpass.Caller, in *trialPath) (*body[api.TrialWork], error) {
	if !pullpass.ValidID("trl", string(in.Trial)) {
		return nil, noSuch("trial")
	}
	t, password, err := s.store.TakeTrial(ctx, c.Organization, c.Runner, in.Trial)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		return nil, noSuch("trial")
	case err != nil:
		return nil, err
	}
	work, err := s.work(ctx, c, t, password)
	if err != nil {
		s.giveUp(ctx, t, err)
		return nil, err
	}
	work.Hosts = s.mappingsOf(work.Image)
	work.Seconds = int((testWithin - s.now().Sub(t.CreatedAt)) / time.Second)
	return answer(work), nil
}

// giveUp tells who waits that there is nothing to wait for.
func (s *Server) giveUp(ctx context.Context, t pullpass.Trial, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	result, encodeErr := json.Marshal(api.TrialReport{Failure: api.FailureOf(err)})
	if encodeErr == nil {
		_ = s.store.FinishTrial(ctx, t.Organization, t.Runner, t.ID, string(result)) // else whoever waits sees that nothing comes
	}
}

func (s *Server) work(ctx context.Context, c pullpass.Caller, t pullpass.Trial, password pullpass.Secret) (api.TrialWork, error) {
	work := api.TrialWork{ID: t.ID, Kind: t.Subject.Kind}
	r, err := s.store.Runner(ctx, c.Organization, c.Runner)
	if err != nil {
		return work, err
	}
	work.HideAddresses = r.Hosted // its network is its operator's
	switch t.Subject.Kind {
	case pullpass.TrialEnvironment:
		work.Environment, work.Image = t.Subject.Environment, t.Subject.Image
		return work, nil // the broker is asked, as for a start
	case pullpass.TrialIntegration:
		i, err := s.store.Integration(ctx, t.Organization, t.Subject.Integration)
		if err != nil {
			return work, err
		}
		work.Native = nativeOf(i, pullpass.Registry{}, nil)
		return work, s.recordTrial(ctx, c, t, "credential.grant", Opened{})
	}
	registry := t.Subject.Registry
	work.Why, work.LoginOnly, work.Image = "with settings that are not saved", t.Subject.Repository == "", registry.Host
	if registry.ID != "" {
		work.Why = "by the registry " + registry.Name
	}
	trial := RegistryTrial{Registry: registry, Password: password, Saved: registry.ID != "", Repository: t.Subject.Repository, Tag: t.Subject.Tag}
	if !work.LoginOnly {
		work.Image = trial.Image()
	}
	err = s.openFor(ctx, c, t, trial, &work)
	return work, err
}

// openFor gets what opens the registry, and puts it on record before it leaves.
func (s *Server) openFor(ctx context.Context, c pullpass.Caller, t pullpass.Trial, trial RegistryTrial, work *api.TrialWork) error {
	o, err := s.openingOf(ctx, trial.Registry)
	if err != nil {
		return err
	}
	if o.native() {
		i := pullpass.Integration{Organization: t.Organization}
		if trial.Registry.Auth == pullpass.AuthIntegration {
			if i, err = s.store.Integration(ctx, t.Organization, trial.Registry.Integration); err != nil {
				return err
			}
		}
		scope := trial.Scope()
		work.Native = nativeOf(i, trial.Registry, scope)
		return s.recordTrial(ctx, c, t, "credential.grant", Opened{Repositories: scope})
	}
	ctx, cancel := context.WithTimeout(ctx, testWithin/2)
	defer cancel()
	opened := s.tester.OpenRegistry(ctx, trial)
	if err := s.recordTrial(ctx, c, t, "credential.issue", opened); err != nil {
		return err
	}
	work.Opened = &api.TrialOpened{Rungs: opened.Rungs, Failure: api.FailureOf(opened.Err)}
	if opened.Err == nil {
		work.Opened.Username, work.Opened.Secret, work.Opened.Unscoped = opened.Credential.Username, api.NewSecret(opened.Credential.Secret), opened.Credential.Unscoped
	}
	return nil
}

func nativeOf(i pullpass.Integration, r pullpass.Registry, repositories []string) *api.TrialNative {
	return &api.TrialNative{Organization: i.Organization, Project: r.Project, Region: i.Region, Chain: api.FromIntegration(i).Chain, Repositories: repositories}
}

// recordTrial tells that a runner gets something for a trial; a refusal is on
// record, too.
func (s *Server) recordTrial(ctx context.Context, c pullpass.Caller, t pullpass.Trial, action string, opened Opened) error {
	e := registryEvent(action, t.Subject.Registry)
	e.Organization, e.Caller, e.At, e.Decision = c.Organization, c.Actor(), s.now(), pullpass.DecisionAllowed
	e.Runner, e.Integration, e.Target = c.Runner, t.Subject.Integration, ""
	e.Detail = map[string]string{"trial": string(t.ID), "action": string(pullpass.ActionPull), "asked_by": t.Asked.ID}
	for key, value := range map[string]string{
		"host": t.Subject.Registry.Host, "repository": t.Subject.Repository, "principal": opened.Principal,
		"repositories": strings.Join(opened.Repositories, " "), "session_policy": opened.Policy,
	} {
		if value != "" {
			e.Detail[key] = value
		}
	}
	if action == "credential.issue" {
		e.Detail["unscoped"] = strconv.FormatBool(opened.Credential.Unscoped)
		if !opened.Credential.Expires.IsZero() {
			e.Detail["expires"] = opened.Credential.Expires.UTC().Format(time.RFC3339)
		}
	}
	if opened.Err != nil {
		e.Decision, e.Reason = pullpass.DecisionFailed, reason(opened.Err)
	}
	return s.auditor.Record(ctx, e)
}

func (s *Server) reportTrial(ctx context.Context, c pullpass.Caller, in *struct {
	Trial pullpass.TrialID `path:"trial" doc:"Its id."`
	Body  api.TrialReport
}) (*none, error) {
	t, err := found(ctx, "trl", "trial", c.Organization, in.Trial, s.store.Trial)
	if err != nil {
		return nil, err
	}
	if t.Runner != c.Runner {
		return nil, noSuch("trial")
	}
	r, err := s.store.Runner(ctx, c.Organization, c.Runner)
	if err != nil {
		return nil, err
	}
	result, err := json.Marshal(understood(in.Body, "runner "+r.Name))
	if err != nil {
		return nil, err
	}
	err = s.store.FinishTrial(ctx, c.Organization, c.Runner, t.ID, string(result))
	if pullpass.IsKind(err, pullpass.NotFound) {
		return nil, noSuch("trial")
	}
	return nil, err
}

// How long the texts of a report may be: a fix can hold a policy.
const (
	maxTrialWord = 512
	maxTrialText = 8 << 10
)

// understood takes of a runner's report what it says of the steps, and draws the
// conclusions itself.
func understood(r api.TrialReport, where string) api.TrialReport {
	var out api.TrialReport
	switch {
	case r.Diagnosis != nil:
		d := *r.Diagnosis
		d.Where, d.Image, d.Millis = where, printable.Line(d.Image, maxTrialWord), max(d.Millis, 0)
		d.Steps = steps(d.Steps)
		d.Healthy, d.Symptom, d.Cause, d.Fix = true, "", "", ""
		if i := slices.IndexFunc(d.Steps, failed); i >= 0 {
			d.Healthy, d.Symptom, d.Cause, d.Fix = false, d.Steps[i].Symptom, d.Steps[i].Cause, d.Steps[i].Fix
		}
		out.Diagnosis = &d
	case r.Integration != nil:
		i := *r.Integration
		i.Where, i.Principal, i.Account, i.Region = where, printable.Line(i.Principal, maxTrialWord), printable.Line(i.Account, maxTrialWord), printable.Line(i.Region, maxTrialWord)
		i.Steps = steps(i.Steps)
		i.Healthy = !slices.ContainsFunc(i.Steps, failed)
		out.Integration = &i
	default:
		f := api.TrialFailure{Kind: pullpass.Unavailable, Code: "trial_failed", What: "cannot try it on the " + where, Cause: "it reported nothing"}
		if r.Failure != nil {
			f.Cause, f.Hint = printable.Text(r.Failure.Cause, maxTrialText), printable.Text(r.Failure.Hint, maxTrialText)
		}
		out.Failure = &f
	}
	return out
}

func failed(s api.DiagnosisStep) bool { return s.Result == api.StepFailed }

func steps(list []api.DiagnosisStep) []api.DiagnosisStep {
	out := make([]api.DiagnosisStep, len(list))
	for i, s := range list {
		out[i] = api.DiagnosisStep{
			Name: printable.Line(s.Name, maxTrialWord), Result: s.Result, Millis: max(s.Millis, 0), Symptom: printable.Line(s.Symptom, maxTrialWord),
			Detail: printable.Text(s.Detail, maxTrialText), Cause: printable.Text(s.Cause, maxTrialText), Fix: printable.Text(s.Fix, maxTrialText),
		}
	}
	return out
}

// Image is what is pulled.
func (t RegistryTrial) Image() string {
	image := reference.Image{Host: t.Registry.Host, Repository: t.Repository, Tag: t.Tag}
	if image.Tag == "" {
		image.Tag = "latest"
	}
	return image.String()
}

// Scope is what a trial's credential is narrowed to.
func (t RegistryTrial) Scope() []string {
	switch prefix := t.Registry.PathPrefix; {
	case t.Repository != "":
		return []string{t.Repository}
	case prefix != "":
		return []string{prefix, prefix + "/*"}
	}
	return []string{"*"}
}
