package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Registry is a container registry that Pullpass may open. Its password is never
// part of an answer.
type Registry struct {
	ID          pullpass.RegistryID    `json:"id"`
	Project     pullpass.ProjectID     `json:"project,omitempty" doc:"Empty for the whole organization."`
	Name        string                 `json:"name"`
	Host        string                 `json:"host"`
	PathPrefix  string                 `json:"path_prefix,omitempty"`
	Auth        pullpass.Auth          `json:"auth" enum:"basic,integration,runner-native"`
	Username    string                 `json:"username,omitempty"`
	Integration pullpass.IntegrationID `json:"integration,omitempty"`
	Runners     []pullpass.RunnerID    `json:"runners" nullable:"false" doc:"Empty for all runners."`
	Inside      pullpass.Inside        `json:"inside" enum:"never,login,whole"`
	Generation  int64                  `json:"generation" doc:"Grows with each update."`
	CreatedAt   time.Time              `json:"created_at"`
	UpdatedAt   time.Time              `json:"updated_at"`
}

// NewRegistry adds a registry.
type NewRegistry struct {
	Project     pullpass.ProjectID     `json:"project,omitempty" doc:"Leave out for the whole organization."`
	Name        string                 `json:"name" minLength:"3" maxLength:"127" doc:"Letters, digits, underscores and hyphens." example:"payments-ecr"`
	Host        string                 `json:"host" minLength:"1" maxLength:"512" doc:"As images name it." example:"222222222222.dkr.ecr.eu-west-1.amazonaws.com"`
	PathPrefix  string                 `json:"path_prefix,omitempty" maxLength:"255" doc:"team covers team and team/app, not teams." example:"team"`
	Auth        pullpass.Auth          `json:"auth,omitempty" enum:"basic,integration,runner-native" doc:"Left out: what the other fields say; for an ECR host without any, runner-native if the runners have an AWS identity."`
	Username    string                 `json:"username,omitempty" maxLength:"255" doc:"For basic."`
	Password    Secret                 `json:"password,omitzero" format:"password" writeOnly:"true" maxLength:"65536" doc:"For basic. It cannot be read back."`
	Integration pullpass.IntegrationID `json:"integration,omitempty" doc:"For integration."`
	Runners     []pullpass.RunnerID    `json:"runners,omitempty" maxItems:"1000" nullable:"false" doc:"Leave out for all runners."`
	Inside      pullpass.Inside        `json:"inside,omitempty" enum:"never,login,whole" doc:"Who holds credentials beside the runners that start environments. never: nobody. login: people, tokens, CI jobs, and inside an environment for the repositories of its own images. whole: inside for all that the registry covers, too. Left out: never for organization registries and login for project ones."`
}

// RegistryChange updates a registry; what is left out stays. Environments that
// run keep what they were started with until they are restarted.
type RegistryChange struct {
	Name     *string              `json:"name,omitempty" minLength:"3" maxLength:"127"`
	Username *string              `json:"username,omitempty" maxLength:"255"`
	Password *Secret              `json:"password,omitempty" format:"password" writeOnly:"true" maxLength:"65536"`
	Inside   *pullpass.Inside     `json:"inside,omitempty" enum:"never,login,whole"`
	Runners  *[]pullpass.RunnerID `json:"runners,omitempty" maxItems:"1000" nullable:"false" doc:"An empty list means all runners."`
}
