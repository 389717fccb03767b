package doctor

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/iam"
)

// The steps, in the order of a pull.
const (
	StepParse    = "parse"
	StepRegistry = "registry"
	StepLogins   = "logins"
	StepDNS      = "dns"
	StepTCP      = "tcp"
	StepTLS      = "tls"
	StepClock    = "clock"
	StepIdentity = "identity"
	StepRole     = "role"
	StepScope    = "scope"
	StepToken    = "token"
	StepV2       = "v2"
	StepManifest = "manifest"
	StepConfig   = "config"
	StepLayer    = "layer"
	StepPolicy   = "policy"
)

// report collects the steps. Everything that is shown passes through it, so
// that it can take secrets out.
type report struct {
	api.Diagnosis
	secrets []string
}

// keep makes the report search for a secret in all that it is told from now on.
func (r *report) keep(c pullpass.Credential) {
	if c.Secret.Empty() {
		return
	}
	r.secrets = append(r.secrets, c.Secret.Reveal(),
		base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Secret.Reveal())))
}

func (r *report) ok(name string, took time.Duration, detail string) {
	r.add(api.DiagnosisStep{Name: name, Result: api.StepOK, Millis: millis(took), Detail: detail})
}

func (r *report) skip(reason string, names ...string) {
	for _, name := range names {
		r.add(api.DiagnosisStep{Name: name, Result: api.StepSkipped, Detail: reason})
	}
}

// warn notes a symptom that does not keep the image from being pulled.
func (r *report) warn(name string, took time.Duration, symptom, detail, cause, fix string) {
	s, _ := SymptomOf(symptom)
	r.add(api.DiagnosisStep{Name: name, Result: api.StepWarning, Millis: millis(took), Detail: detail,
		Symptom: s.Code, Cause: orElse(cause, s.Cause), Fix: orElse(fix, s.Fix)})
}

// fail notes where the pull breaks.
func (r *report) fail(name string, took time.Duration, detail string, err error) {
	step := finding(err)
	step.Name, step.Result, step.Millis, step.Detail = name, api.StepFailed, millis(took), detail
	r.add(step)
}

func (r *report) add(s api.DiagnosisStep) {
	s.Detail, s.Cause, s.Fix = r.clean(s.Detail), r.clean(s.Cause), r.clean(s.Fix)
	r.Steps = append(r.Steps, s)
}

func (r *report) clean(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return text
}

// last returns the step that was added last, for what is learned about it later.
func (r *report) last() *api.DiagnosisStep { return &r.Steps[len(r.Steps)-1] }

// failed returns the first step that broke.
func (r *report) failed() *api.DiagnosisStep {
	for i := range r.Steps {
		if r.Steps[i].Result == api.StepFailed {
			return &r.Steps[i]
		}
	}
	return nil
}

// finish draws the conclusion.
func (r *report) finish(took time.Duration) api.Diagnosis {
	r.Millis, r.Healthy = millis(took), true
	if f := r.failed(); f != nil {
		r.Healthy, r.Symptom, r.Cause, r.Fix = false, f.Symptom, f.Cause, f.Fix
	}
	return r.Diagnosis
}

// finding turns an error of this house into symptom, cause and fix: its own
// words where it has some, because they name the case at hand, else the table's.
func finding(err error) api.DiagnosisStep {
	var e *pullpass.Error
	if !errors.As(err, &e) {
		// Text that is not one of ours may hold anything.
		return api.DiagnosisStep{Symptom: "", Cause: "it failed in a way that the doctor does not know", Fix: "run it again with the client that failed, and give its message: pullpass doctor --message FILE"}
	}
	code := e.Code
	if code == "aws_denied" {
		code = awsDenied(e.Cause)
	}
	s, _ := symptomOfError(code)
	cause := e.Cause
	if cause == "" {
		cause = orElse(e.What, s.Cause)
	}
	return api.DiagnosisStep{Symptom: s.Code, Cause: cause, Fix: orElse(pullpass.HintOf(err), s.Fix)}
}

// layerSymptoms are the rows of the layers of policies that refuse on their own.
var layerSymptoms = map[iam.Kind]string{
	iam.PermissionsBoundary: "denied_by_boundary", iam.ServiceControlPolicy: "denied_by_organization",
	iam.ResourceControlPolicy: "denied_by_resource_control", iam.VPCEndpointPolicy: "denied_by_endpoint",
	iam.SessionPolicy: "denied_by_session",
}

// awsDenied tells the denials of AWS apart: by the layer that AWS names, then by the
// action, because one action has another cure in each layer.
func awsDenied(message string) string {
	refusal, _ := iam.ParseRefusal(message)
	switch {
	case strings.Contains(message, "explicit deny"):
		return "denied_explicitly"
	case layerSymptoms[refusal.Layer] != "":
		return layerSymptoms[refusal.Layer]
	case strings.Contains(message, "ecr:GetAuthorizationToken"):
		return "token_denied"
	case strings.Contains(message, "sts:AssumeRole"):
		return "role_denied"
	}
	return "aws_denied"
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
