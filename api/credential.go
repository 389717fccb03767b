package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// CredentialRequest asks for what opens one repository. A runner names one of
// its environments; everybody else a project.
type CredentialRequest struct {
	Environment pullpass.EnvironmentID `json:"environment,omitempty"`
	Project     pullpass.ProjectID     `json:"project,omitempty" maxLength:"127" doc:"Its id or name. Without it, and without an environment, the one project that the token is limited to."`
	Host        string                 `json:"host" minLength:"1" maxLength:"512" example:"222222222222.dkr.ecr.eu-west-1.amazonaws.com"`
	Repository  string                 `json:"repository,omitempty" maxLength:"255" example:"team/app" doc:"Leave out to log in to the whole host, where the registry allows it."`
	Action      pullpass.Action        `json:"action,omitempty" enum:"pull,push" doc:"pull unless given."`
	Inside      bool                   `json:"inside,omitempty" doc:"For a person inside the environment, not for its start."`
	Refused     string                 `json:"refused,omitempty" maxLength:"64" doc:"Fingerprint of a credential from an earlier answer that the registry has refused: SHA-256, in hexadecimal, of 'pullpass credential', user name and secret, with a NUL between each. If it is the one that is still given out, AWS is asked for a new one, at most once a minute."`
}

// Credential opens a registry until it expires. Where the registry is opened by
// the runner's own AWS identity there is a signed grant instead of username and secret.
type Credential struct {
	Host     string              `json:"host" doc:"Never send it anywhere else."`
	Username string              `json:"username,omitempty"`
	Secret   Secret              `json:"secret,omitzero" format:"password"`
	Expires  time.Time           `json:"expires,omitzero" doc:"Left out where the registry sets no end."`
	Unscoped bool                `json:"unscoped" doc:"It opens more than was asked for."`
	Registry pullpass.RegistryID `json:"registry"`
	Grant    Secret              `json:"grant,omitzero" doc:"Signed and recorded: the runner may mint a credential with its own AWS identity."`
}

// CodeProjectMissing says that a request names no project and its caller reaches several.
const CodeProjectMissing = "project_missing"

// CredentialHosts are the hosts for which a caller would be given a credential.
type CredentialHosts struct {
	Hosts []string `json:"hosts" nullable:"false"`
}
