package doctor

import (
	"context"
	"slices"
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
		r.skip("the caller is unknown", StepPolicy)
		return
	}
	began := time.Now()
	story, err := d.explain(ctx, host, image, p, trip)
	if err != nil {
		r.skip("the policies could not be read from here", StepPolicy)
		return
	}
	took, pulled := time.Since(began), r.failed() == nil
	unread := false
	var deciding []string
	for _, s := range story.Steps {
		switch s.Status {
		case iam.StepOK:
			r.ok(StepPolicy, 0, s.Title+" is allowed")
		case iam.StepDenied:
			r.add(deniedStep(s, pulled))
		case iam.StepUnknown:
			unread = unread || len(s.Additions) > 0
			deciding = append(deciding, s.Unknown...)
		case iam.StepNote: // for those who read policies: pullpass policy explain tells it
		}
	}
	if unread {
		reason := "some policies that decide cannot be read with this identity"
		if d.o.Where == Here {
			reason += "; --reader PROFILE reads another account's"
		}
		r.skip(reason, StepPolicy)
	}
	if len(deciding) > 0 {
		slices.Sort(deciding)
		r.skip("the policies leave it to what only the real request shows ("+strings.Join(slices.Compact(deciding), ", ")+
			"); to say what it shows: pullpass policy explain pull IMAGE --context KEY=VALUE", StepPolicy)
	}
	if last := r.last(); last.Name == StepPolicy {
		last.Millis = millis(took) // one reading for all of them
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
		Partition: string(host.ECR.Partition()), Account: host.ECR.Account, Region: host.ECR.Region, Name: image.Repository}}
	for _, role := range trip.roles {
		j.Roles = append(j.Roles, iam.Hop{RoleARN: role})
	}
	return iam.Explain(ctx, j, reader)
}

// deniedStep tells a denial of the story with the statements that are missing. One
// that did not keep the pull from working is a warning: what can be read is not
// everything.
func deniedStep(s iam.Step, pulled bool) api.DiagnosisStep {
	step := api.DiagnosisStep{Name: StepPolicy, Result: api.StepFailed, Detail: s.Title, Symptom: "policy", Cause: strings.Join(s.Cause, "; "), Fix: fixOf(s)}
	if pulled {
		step.Result = api.StepWarning
	}
	return step
}

// fixOf puts each statement below the line that announces it.
func fixOf(s iam.Step) string {
	var lines []string
	statements := s.Additions
	for _, text := range s.Fix {
		lines = append(lines, text)
		if strings.HasSuffix(text, ":") && len(statements) > 0 {
			lines = append(lines, statements[0].Statement.String())
			statements = statements[1:]
		}
	}
	return strings.Join(lines, "\n")
}
