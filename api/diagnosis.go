package api

import "time"

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
	Where   string          `json:"where" enum:"here,server" doc:"Where the steps ran: what holds on one machine need not hold on another."`
	Healthy bool            `json:"healthy" doc:"No step failed."`
	Symptom string          `json:"symptom,omitempty" doc:"Of the first step that failed; docs/doctor.md lists them."`
	Cause   string          `json:"cause,omitempty"`
	Fix     string          `json:"fix,omitempty"`
	Started time.Time       `json:"started"`
	Millis  float64         `json:"milliseconds"`
	Steps   []DiagnosisStep `json:"steps" nullable:"false"`
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

// RegistryTest asks the server to try a pull with settings that are not saved.
type RegistryTest struct {
	Settings   NewRegistry `json:"settings" doc:"They are not saved by this."`
	Repository string      `json:"repository,omitempty" maxLength:"255" example:"team/app" doc:"What to pull. Left out, only the login is tried."`
	Tag        string      `json:"tag,omitempty" maxLength:"128" doc:"latest unless given."`
}

// SavedRegistryTest asks the server to try a pull from a registry that it has.
type SavedRegistryTest struct {
	Repository string `json:"repository,omitempty" maxLength:"255" example:"team/app" doc:"What to pull. Left out, only the login is tried."`
	Tag        string `json:"tag,omitempty" maxLength:"128" doc:"latest unless given."`
}

// IntegrationTest is who an integration is to AWS, tried now.
type IntegrationTest struct {
	Principal string          `json:"principal,omitempty" doc:"ARN to name in policies."`
	Account   string          `json:"account,omitempty"`
	Region    string          `json:"region"`
	Healthy   bool            `json:"healthy"`
	Steps     []DiagnosisStep `json:"steps" nullable:"false"`
}
