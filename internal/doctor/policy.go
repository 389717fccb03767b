package doctor

import (
	"context"
	"strings"
	"time"

	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/reference"
)

// policies lets the evaluator say what the policies allow, where they can be
// read. It comes last: what AWS did goes before what it should have done.
func (d *Doctor) policies(ctx context.Context, r *report, host reference.Host, image reference.Image, p Pull, trip *journey) {
	switch {
	case host.ECR == nil || p.LoginOnly:
		return // there are no policies, or no repository to judge
	case p.Policies == nil:
		r.skip("nobody here may read policies; with the accounts' own profiles: pullpass policy explain pull "+image.Name()+" --live", StepPolicy)
		return
	case trip.caller == "":
		r.skip("it is not known who asks", StepPolicy)
		return
	}
	began := time.Now()
	story, err := d.explain(ctx, host, image, p, trip)
	if err != nil {
		r.skip("the policies could not be read from here", StepPolicy)
		return
	}
	pulled := r.failed() == nil
	for _, s := range story.Steps {
		if step, ok := policyStep(s, pulled); ok {
			step.Millis = millis(time.Since(began))
			r.add(step)
			began = time.Now()
		}
	}
}

func (d *Doctor) explain(ctx context.Context, host reference.Host, image reference.Image, p Pull, trip *journey) (*iam.Story, error) {
	reader, err := p.Policies(ctx, host)
	if err != nil {
		return nil, err
	}
	caller, err := iam.ParsePrincipal(trip.caller)
	if err != nil {
		return nil, err
	}
	j := iam.Journey{Verb: iam.Pull, Caller: caller, Now: d.o.Now(), Repository: iam.Repository{
		Partition: string(host.ECR.Partition), Account: host.ECR.Account, Region: host.ECR.Region, Name: image.Repository}}
	for _, role := range trip.roles {
		j.Roles = append(j.Roles, iam.Hop{RoleARN: role})
	}
	return iam.Explain(ctx, j, reader)
}

// policyStep turns a step of the story into one of ours. A denial that did not
// keep the pull from working is a warning: what can be read is not everything.
func policyStep(s iam.Step, pulled bool) (api.DiagnosisStep, bool) {
	step := api.DiagnosisStep{Name: StepPolicy, Detail: s.Title, Symptom: "policy", Cause: strings.Join(s.Cause, "; "), Fix: strings.Join(append(s.Fix, statements(s)...), "\n")}
	switch s.Status {
	case iam.StepOK:
		return api.DiagnosisStep{Name: StepPolicy, Result: api.StepOK, Detail: s.Title + " is allowed"}, true
	case iam.StepDenied:
		step.Result = api.StepFailed
		if pulled {
			step.Result = api.StepWarning
		}
	case iam.StepUnknown:
		step.Result, step.Symptom = api.StepSkipped, ""
	default:
		return step, false // a note is for those who read policies
	}
	return step, true
}

func statements(s iam.Step) []string {
	var texts []string
	for _, a := range s.Additions {
		texts = append(texts, a.Statement.String())
	}
	return texts
}
