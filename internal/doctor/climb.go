package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/reference"
)

// Climb examines the way to an identity alone, without a registry at its end.
// seen, if not nil, gets each rung as it is told.
func Climb(ctx context.Context, o Opener, seen func(Rung)) []api.DiagnosisStep {
	d, r := New(Options{}), &report{}
	r.Steps = []api.DiagnosisStep{}
	began := time.Now()
	credential, err := o.Open(ctx, reference.Host{}, "", func(rung Rung) {
		d.rung(r, rung)
		if seen != nil {
			seen(rung)
		}
	})
	r.keep(credential)
	if err != nil && r.failed() == nil {
		r.fail(StepIdentity, time.Since(began), "", err)
	}
	return r.Steps
}

// Healthy reports whether no step failed.
func Healthy(steps []api.DiagnosisStep) bool {
	return !slices.ContainsFunc(steps, func(s api.DiagnosisStep) bool { return s.Result == api.StepFailed })
}
