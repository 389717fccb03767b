package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// StepResult is how one step of a diagnosis went.
type StepResult string

// The results. A warning does not keep an image from being pulled.
const (
	StepOK      StepResult = "ok"
	StepWarning StepResult = "warning"
	StepFailed  StepResult = "failed"
	StepSkipped StepResult = "skipped"
)

// Diagnosis is one pull, checked step by step. It holds no secret.
type Diagnosis struct {
	Image   string          `json:"image" doc:"In canonical form; empty where it cannot be read."`
	Where   string          `json:"where" doc:"Where the steps ran: here, server, or runner and its name. What holds on one machine need not hold on another."`
	Healthy bool            `json:"healthy" doc:"No step failed."`
	Symptom string          `json:"symptom,omitempty" doc:"Of the first step that failed; docs/doctor.md lists them."`
	Cause   string          `json:"cause,omitempty"`
	Fix     string          `json:"fix,omitempty"`
	Started time.Time       `json:"started"`
	Millis  float64         `json:"milliseconds"`
	Steps   []DiagnosisStep `json:"steps" maxItems:"200" nullable:"false"`
}

// DiagnosisStep is one step. Names repeat where there are several of a kind:
// roles, layers, policies.
type DiagnosisStep struct {
	Name    string     `json:"name" enum:"parse,registry,logins,dns,tcp,tls,clock,identity,role,scope,token,v2,manifest,config,layer,policy"`
	Result  StepResult `json:"result" enum:"ok,warning,failed,skipped"`
	Millis  float64    `json:"milliseconds"`
	Detail  string     `json:"detail,omitempty" doc:"What was found, or why it was skipped."`
	Symptom string     `json:"symptom,omitempty"`
	Cause   string     `json:"cause,omitempty"`
	Fix     string     `json:"fix,omitempty"`
}

// RegistryTest asks for a pull with settings that are not saved.
type RegistryTest struct {
	Settings   NewRegistry       `json:"settings" doc:"They are not saved by this."`
	Repository string            `json:"repository,omitempty" maxLength:"255" example:"team/app" doc:"What to pull. Left out, only the login is tried."`
	Tag        string            `json:"tag,omitempty" maxLength:"128" doc:"latest unless given."`
	Runner     pullpass.RunnerID `json:"runner,omitempty" maxLength:"64" doc:"Let this runner make the pull; left out, the server does."`
}

// SavedRegistryTest asks for a pull from a registry that the server has.
type SavedRegistryTest struct {
	Repository string            `json:"repository,omitempty" maxLength:"255" example:"team/app" doc:"What to pull. Left out, only the login is tried."`
	Tag        string            `json:"tag,omitempty" maxLength:"128" doc:"latest unless given."`
	Runner     pullpass.RunnerID `json:"runner,omitempty" maxLength:"64" doc:"Let this runner make the pull; left out, the server does."`
}

// IntegrationTest is who an integration is to AWS, tried now.
type IntegrationTest struct {
	Principal string          `json:"principal,omitempty" doc:"ARN to name in policies."`
	Account   string          `json:"account,omitempty"`
	Region    string          `json:"region"`
	Where     string          `json:"where" doc:"Where the steps ran: server, or runner and its name."`
	Healthy   bool            `json:"healthy"`
	Steps     []DiagnosisStep `json:"steps" maxItems:"200" nullable:"false"`
}
