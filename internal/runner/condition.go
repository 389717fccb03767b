package runner

import (
	"errors"
	"time"

	"github.com/pullpass/pullpass"
)

// The codes that a runner's conditions and its parts' errors carry.
const (
	CodePullDenied        = "pull_denied" // the registry, or the server, refuses
	CodeImageNotFound     = "image_not_found"
	CodeImageInvalid      = "image_invalid" // not a reference, or not for this engine's platform
	CodePullFailed        = "pull_failed"   // interrupted, or the registry does not answer
	CodePullStalled       = "pull_stalled"  // the registry sends nothing, or almost
	CodeImageTooLarge     = "image_too_large"
	CodeEarlierStartRuns  = "earlier_start_runs" // what ran goes on: its successor cannot be pulled
	CodeEngineMissing     = "engine_unavailable"
	CodeEnginePermission  = "engine_permission_denied"
	CodeEngineRemote      = "engine_remote"
	CodeEngineTooOld      = "engine_too_old"
	CodeNameTaken         = "name_taken"
	CodeVariablesMissing  = "variables_missing" // the server cannot open them
	CodeNetworkFailed     = "network_failed"
	CodeMetadataReachable = "metadata_reachable" // by the person inside: the machine's own identity
	CodeStartFailed       = "start_failed"
	CodeDependencyFailed  = "dependency_failed" // a service that it depends on was not started
	CodeStopFailed        = "stop_failed"
	CodeAgentFailed       = "agent_failed"
	CodeServiceExited     = "service_exited"
	CodeUnscoped          = "unscoped" // the credential opens more than was asked for
	CodeInternal          = "internal"
)

// condition turns an error into what the environment's owner reads. An error
// without a code gets the one of the step that failed.
func condition(err error, service, code string, now time.Time) pullpass.Condition {
	c := pullpass.Condition{Code: code, Severity: pullpass.SeverityError, Service: service, At: now}
	var e *pullpass.Error
	if !errors.As(err, &e) {
		c.What = err.Error()
		return c
	}
	if e.Code != "" {
		c.Code = e.Code
	}
	c.What, c.Cause, c.Fix = e.What, e.Cause, pullpass.HintOf(err)
	if c.Cause == "" && e.Err != nil {
		c.Cause = e.Err.Error()
	}
	if c.What == "" {
		c.What, c.Cause = c.Cause, ""
	}
	return c
}

// hopeless reports whether trying the same again cannot help: only a change of
// what is wanted can.
func hopeless(err error) bool { return pullpass.IsKind(err, pullpass.Invalid) }
