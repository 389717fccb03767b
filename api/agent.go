package api

import "github.com/pullpass/pullpass"

// The paths of the agent socket, which answers inside an environment. It also
// answers PathCredentials, so that the typed client works on it.
const (
	PathAgentSelf        = "/v1/self"
	PathAgentCredentials = "/v1/credentials"
	PathAgentTokens      = "/v1/tokens"
)

// AgentSocket is where an environment finds its agent socket.
const AgentSocket = "/run/pullpass/agent.sock"

// AgentSelf tells an environment who it is.
type AgentSelf struct {
	Environment  AgentName               `json:"environment"`
	Project      pullpass.ProjectID      `json:"project"`
	Organization pullpass.OrganizationID `json:"organization"`
	Runner       AgentName               `json:"runner"`
	Services     []AgentService          `json:"services" nullable:"false"`
}

// AgentName is a thing's id and name.
type AgentName struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// AgentService is one container of the environment.
type AgentService struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}
