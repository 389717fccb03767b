package api

import (
	"encoding/json"
	"time"

	"github.com/pullpass/pullpass"
)

// Runner is the agent beside a Docker Engine or in a cluster.
type Runner struct {
	ID            pullpass.RunnerID    `json:"id"`
	Name          string               `json:"name"`
	Kind          pullpass.RunnerKind  `json:"kind" enum:"docker,kubernetes"`
	Hosted        bool                 `json:"hosted"`
	Projects      []pullpass.ProjectID `json:"projects" nullable:"false" doc:"Whose environments it takes; empty for any project's."`
	Version       string               `json:"version,omitempty"`
	ServerVersion string               `json:"server_version,omitempty" doc:"The server's, where it is another one."`
	Capabilities  []string             `json:"capabilities" nullable:"false"`
	AWSIdentity   string               `json:"aws_identity,omitempty" doc:"ARN of the runner's own AWS role or user: confirmed by AWS, and approved. Policies name this one only."`
	AWSProved     string               `json:"aws_proved,omitempty" doc:"What AWS confirmed last. If it differs from aws_identity, it waits for approval."`
	AWSClaim      string               `json:"aws_claim,omitempty" doc:"What the runner says that it is. Nothing is decided by it."`
	AWSMessage    string               `json:"aws_message,omitempty" doc:"Why no AWS identity is known, or none confirmed."`
	AWSRole       string               `json:"aws_role,omitempty" doc:"Sessions of this role may join as the runner without a token."`
	Phase         pullpass.RunnerPhase `json:"phase"`
	Message       string               `json:"message,omitempty"`
	Warning       string               `json:"warning,omitempty" doc:"A second machine used the runner's token, and was refused."`
	LastSeenAt    time.Time            `json:"last_seen_at,omitzero"`
	Maker         Maker                `json:"maker" doc:"Who added it, or let its machine join last. It stays when that token ends."`
	CreatedAt     time.Time            `json:"created_at"`
}

// NewRunner makes a place for a runner and the token with which it joins.
type NewRunner struct {
	Name     string               `json:"name" minLength:"1" maxLength:"127" example:"build-1"`
	Kind     pullpass.RunnerKind  `json:"kind" enum:"docker,kubernetes"`
	Hosted   bool                 `json:"hosted,omitempty" doc:"Operated by whoever operates the server."`
	Projects []pullpass.ProjectID `json:"projects,omitempty" maxItems:"1000" nullable:"false" doc:"Whose environments it takes; left out: any project's."`
	// AWSRole is another way to join than the token.
	AWSRole string `json:"aws_role,omitempty" maxLength:"2048" doc:"ARN of a role whose sessions may join as this runner without a token."`
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
	// Issuer and Keys are what a runner checks grants with from now on.
	Organization pullpass.OrganizationID `json:"organization,omitempty"`
	Issuer       string                  `json:"issuer,omitempty" doc:"Who signs what the runner acts on."`
	Keys         json.RawMessage         `json:"keys,omitempty" doc:"The issuer's keys (JWKS). Their successors are signed by them."`
}

// RunnerKeys are an issuer's keys as those before them have signed them.
type RunnerKeys struct {
	Issuer      string   `json:"issuer"`
	Successions []string `json:"successions" nullable:"false" doc:"The key set, signed: once by each key in use."`
}

// ChallengeRequest asks for what a runner signs into its request to AWS, before it
// joins: by its join token, which is not spent, or by the runner that it is to be.
type ChallengeRequest struct {
	Token        Secret                  `json:"token,omitzero" format:"password" writeOnly:"true"`
	Organization pullpass.OrganizationID `json:"organization,omitempty" maxLength:"127"`
	Runner       pullpass.RunnerID       `json:"runner,omitempty" maxLength:"127"`
}

// Challenge is good for five minutes and one answer.
type Challenge struct {
	Organization pullpass.OrganizationID `json:"organization"`
	Runner       pullpass.RunnerID       `json:"runner"`
	Challenge    string                  `json:"challenge"`
}

// IdentityProof is a request for sts:GetCallerIdentity, signed and not sent.
type IdentityProof struct {
	Challenge  string `json:"challenge" maxLength:"2048"`
	Host       string `json:"host" maxLength:"253" doc:"The STS endpoint that it is signed for."`
	Credential string `json:"credential" maxLength:"512" doc:"X-Amz-Credential."`
	Date       string `json:"date" maxLength:"16" doc:"X-Amz-Date."`
	Signature  string `json:"signature" maxLength:"64" doc:"X-Amz-Signature."`
	Token      Secret `json:"token,omitzero" format:"password" writeOnly:"true" doc:"X-Amz-Security-Token."`
}

// AWSApproval names the identity that an administrator has seen and approves.
type AWSApproval struct {
	Identity string `json:"identity" minLength:"1" maxLength:"2048" doc:"ARN of a role or user: the one that AWS confirmed; of a role below a path, with the path."`
}

// Join trades a one-time join token for the runner's own, or joins by a role.
type Join struct {
	Token        Secret                  `json:"token,omitzero" format:"password" writeOnly:"true" doc:"The one-time token; without it the runner joins by its role."`
	Organization pullpass.OrganizationID `json:"organization,omitempty" maxLength:"127" doc:"With runner, instead of token."`
	Runner       pullpass.RunnerID       `json:"runner,omitempty" maxLength:"127"`
	OwnToken     Secret                  `json:"own_token,omitzero" format:"password" writeOnly:"true" doc:"What the runner will work with: it keeps it before the join token is spent. The server makes one if it is left out."`
	Proof        *IdentityProof          `json:"proof,omitempty" doc:"Who the machine is to AWS."`
	Kind         pullpass.RunnerKind     `json:"kind" enum:"docker,kubernetes"`
	Version      string                  `json:"version,omitempty" maxLength:"127"`
	Capabilities []string                `json:"capabilities,omitempty" maxItems:"100" nullable:"false"`
	AWSIdentity  string                  `json:"aws_identity,omitempty" maxLength:"2048" doc:"What the runner says that it is to AWS: its own word."`
}

// Heartbeat is what a runner says of itself.
type Heartbeat struct {
	Version      string               `json:"version,omitempty" maxLength:"127"`
	Capabilities []string             `json:"capabilities,omitempty" maxItems:"100" nullable:"false"`
	AWSIdentity  string               `json:"aws_identity,omitempty" maxLength:"2048" doc:"What the runner says that it is to AWS: its own word."`
	AWSMessage   string               `json:"aws_message,omitempty" maxLength:"4096" doc:"Why it knows none."`
	Process      string               `json:"process,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$" doc:"Drawn anew by each process: of two that alternate, the newcomer is refused."`
	Machine      string               `json:"machine,omitempty" maxLength:"253" doc:"What the machine calls itself."`
	Phase        pullpass.RunnerPhase `json:"phase" enum:"active,degraded,inactive" doc:"inactive: it signs off."`
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
	// Hosts are the operator's mappings of these environments' images.
	Hosts []HostMapping `json:"hosts,omitempty" nullable:"false" doc:"Where the server's operator has the hosts of these images, for a runner without mappings of its own."`
	// Reported names the phases that the server has: a runner whose own differ says
	// them again.
	Reported string `json:"reported,omitempty"`
}

// HostMapping is an operator's word on one registry host.
type HostMapping struct {
	Host     string `json:"host" maxLength:"253"`
	Account  string `json:"account,omitempty" maxLength:"12"`
	Region   string `json:"region,omitempty" maxLength:"64"`
	API      string `json:"api,omitempty" maxLength:"512" doc:"ECR's API."`
	STS      string `json:"sts,omitempty" maxLength:"512"`
	Registry string `json:"registry,omitempty" maxLength:"512" doc:"Where the registry is reached."`
	Realm    string `json:"realm,omitempty" maxLength:"512" doc:"Its token service on another host."`
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
