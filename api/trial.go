package api

import (
	"errors"

	"github.com/pullpass/pullpass"
)

// EnvironmentTest asks for a pull of one of an environment's images, by its runner.
type EnvironmentTest struct {
	Image string `json:"image" minLength:"1" maxLength:"1024" doc:"One of the environment's, as its service names it."`
}

// IntegrationTrial says where an integration is tried.
type IntegrationTrial struct {
	Runner pullpass.RunnerID `json:"runner,omitempty" maxLength:"64" doc:"Let this runner try, with its own AWS identity: for runner-native."`
}

// TrialWork is what a runner that takes a trial is to try, and with what. It is
// given once.
type TrialWork struct {
	ID            pullpass.TrialID   `json:"id"`
	Kind          pullpass.TrialKind `json:"kind" enum:"registry,integration,environment"`
	Image         string             `json:"image,omitempty" doc:"What to pull; the host alone where only the login is tried."`
	LoginOnly     bool               `json:"login_only,omitempty"`
	Why           string             `json:"why,omitempty" doc:"Why this registry."`
	HideAddresses bool               `json:"hide_addresses,omitempty" doc:"What names resolve to is not the asker's business."`
	Hosts         []HostMapping      `json:"hosts,omitempty" nullable:"false" doc:"The server's operator's mapping of the image's host."`
	Seconds       int                `json:"seconds" doc:"How long it may take: then nobody waits any more."`

	Environment pullpass.EnvironmentID `json:"environment,omitempty" doc:"Ask for a credential as its start does."`
	Opened      *TrialOpened           `json:"opened,omitempty" doc:"What the server got for this trial."`
	Native      *TrialNative           `json:"native,omitempty" doc:"The runner's own AWS identity is to be used."`
}

// TrialOpened is a credential for one trial and how the server came by it, or
// where it did not.
type TrialOpened struct {
	Rungs    []TrialRung   `json:"rungs" nullable:"false"`
	Username string        `json:"username,omitempty"`
	Secret   Secret        `json:"secret,omitzero" format:"password"`
	Unscoped bool          `json:"unscoped,omitempty"`
	Failure  *TrialFailure `json:"failure,omitempty"`
}

// TrialRung is one thing that happened on the way to a credential.
type TrialRung struct {
	Step      string        `json:"step" enum:"identity,role,scope,token"`
	Detail    string        `json:"detail,omitempty"`
	Principal string        `json:"principal,omitempty"`
	Role      string        `json:"role,omitempty"`
	Warning   bool          `json:"warning,omitempty"`
	Symptom   string        `json:"symptom,omitempty"`
	Millis    float64       `json:"milliseconds"`
	Failure   *TrialFailure `json:"failure,omitempty"`
}

// TrialFailure is an error of the server's, for the report of the runner.
type TrialFailure struct {
	Kind  pullpass.Kind `json:"kind"`
	Code  string        `json:"code,omitempty"`
	What  string        `json:"what,omitempty"`
	Cause string        `json:"cause,omitempty"`
	Hint  string        `json:"hint,omitempty"`
}

// FailureOf writes an error for a runner's report, or for whoever waits for it: our
// own words, or none. It is nil for no error.
func FailureOf(err error) *TrialFailure {
	if err == nil {
		return nil
	}
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind == pullpass.Internal {
		return &TrialFailure{Kind: pullpass.Unavailable, Code: "trial_failed", What: "cannot try it on the runner",
			Cause: "something went wrong on the way to it", Hint: "the logs of the server and the runner say what"}
	}
	return &TrialFailure{Kind: e.Kind, Code: e.Code, What: e.What, Cause: e.Cause, Hint: pullpass.HintOf(err)}
}

// Err is the error that was written.
func (f *TrialFailure) Err() error {
	if f == nil {
		return nil
	}
	return &pullpass.Error{Kind: f.Kind, Code: f.Code, What: f.What, Cause: f.Cause, Hint: f.Hint}
}

// TrialNative is the server's recorded permission to mint for one trial with the
// runner's own AWS identity, from which the chain leads on.
type TrialNative struct {
	Organization pullpass.OrganizationID `json:"organization"`
	Project      pullpass.ProjectID      `json:"project,omitempty"`
	Region       string                  `json:"region,omitempty"`
	Chain        []RoleHop               `json:"chain,omitempty" nullable:"false"`
	Repositories []string                `json:"repositories,omitempty" nullable:"false" doc:"What to narrow the credential to."`
}

// TrialReport is what came of a trial: one of the three.
type TrialReport struct {
	Diagnosis   *Diagnosis       `json:"diagnosis,omitempty"`
	Integration *IntegrationTest `json:"integration,omitempty"`
	Failure     *TrialFailure    `json:"failure,omitempty" doc:"It could not be tried at all."`
}
