package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Runner is the agent beside a Docker Engine or in a cluster.
type Runner struct {
	ID           pullpass.RunnerID    `json:"id"`
	Name         string               `json:"name"`
	Kind         pullpass.RunnerKind  `json:"kind" enum:"docker,kubernetes"`
	Hosted       bool                 `json:"hosted"`
	Projects     []pullpass.ProjectID `json:"projects" nullable:"false" doc:"Whose environments it takes; empty for any project's."`
	Version      string               `json:"version,omitempty"`
	Capabilities []string             `json:"capabilities" nullable:"false"`
	AWSIdentity  string               `json:"aws_identity,omitempty" doc:"ARN of the runner's own AWS principal."`
	Phase        pullpass.RunnerPhase `json:"phase"`
	Message      string               `json:"message,omitempty"`
	LastSeenAt   time.Time            `json:"last_seen_at,omitzero"`
	CreatedAt    time.Time            `json:"created_at"`
}

// NewRunner makes a place for a runner and the token with which it joins.
type NewRunner struct {
	Name     string               `json:"name" minLength:"1" maxLength:"127" example:"build-1"`
	Kind     pullpass.RunnerKind  `json:"kind" enum:"docker,kubernetes"`
	Hosted   bool                 `json:"hosted,omitempty" doc:"Operated by whoever operates the server."`
	Projects []pullpass.ProjectID `json:"projects,omitempty" maxItems:"1000" nullable:"false" doc:"Whose environments it takes; left out: any project's."`
}

// RunnerChange updates a runner; what is left out stays.
type RunnerChange struct {
	Projects *[]pullpass.ProjectID `json:"projects,omitempty" maxItems:"1000" nullable:"false" doc:"Whose environments it takes; empty for any project's."`
}

// RunnerWithToken is shown once: after POST /runners Token joins a runner, after
// POST /runners/join it is what the runner works with.
type RunnerWithToken struct {
	Runner Runner `json:"runner"`
	Token  Secret `json:"token" format:"password" doc:"It is shown this once."`
}

// Join trades a one-time join token for the runner's own.
type Join struct {
	Token        Secret              `json:"token" format:"password" writeOnly:"true"`
	Kind         pullpass.RunnerKind `json:"kind" enum:"docker,kubernetes"`
	Version      string              `json:"version,omitempty" maxLength:"127"`
	Capabilities []string            `json:"capabilities,omitempty" maxItems:"100" nullable:"false"`
	AWSIdentity  string              `json:"aws_identity,omitempty" maxLength:"2048"`
}

// Heartbeat is what a runner says of itself.
type Heartbeat struct {
	Version      string               `json:"version,omitempty" maxLength:"127"`
	Capabilities []string             `json:"capabilities,omitempty" maxItems:"100" nullable:"false"`
	AWSIdentity  string               `json:"aws_identity,omitempty" maxLength:"2048"`
	Phase        pullpass.RunnerPhase `json:"phase" enum:"active,degraded"`
	Message      string               `json:"message,omitempty" maxLength:"4096"`
}

// RunnerEnvironments is the wanted state of a runner. Give State back as ?seen=
// to wait for another one; Unchanged says that there was none, and Items is
// empty then.
type RunnerEnvironments struct {
	Items     []Environment `json:"items" nullable:"false"`
	State     string        `json:"state"`
	Unchanged bool          `json:"unchanged"`
	// Next is set when there are more than fit into one answer.
	Next pullpass.EnvironmentID `json:"next,omitempty" doc:"Give it as ?after= for the environments that follow."`
	// Trials wait to be taken; a runner that does not know them leaves them.
	Trials []pullpass.TrialID `json:"trials,omitempty" nullable:"false" doc:"What somebody waits to have tried."`
}

// Status is what a runner reports of one environment.
type Status struct {
	Start      int64                    `json:"start" minimum:"1" doc:"The start that this speaks of."`
	Phase      pullpass.Phase           `json:"phase" enum:"creating,starting,running,stopping,stopped,failed,deleting,deleted"`
	Services   []pullpass.ServiceStatus `json:"services,omitempty" maxItems:"100" nullable:"false"`
	Conditions []pullpass.Condition     `json:"conditions,omitempty" maxItems:"100" nullable:"false"`
}

// OutputChunk is more of what a service has printed.
type OutputChunk struct {
	Service string `json:"service" minLength:"1" maxLength:"127"`
	Start   int64  `json:"start" minimum:"1"`
	Offset  int64  `json:"offset" minimum:"0" doc:"Bytes of this start before Data."`
	Data    []byte `json:"data" doc:"base64"`
}
