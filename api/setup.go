package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Setup creates the organization and its owner's token, once, with the token
// that the server printed at its first start.
type Setup struct {
	Token        Secret `json:"token" format:"password" writeOnly:"true" doc:"The one-time setup token from the server's first start."`
	Organization string `json:"organization" minLength:"1" maxLength:"127" doc:"Name of the organization." example:"acme"`
	Name         string `json:"name" minLength:"1" maxLength:"127" doc:"Name of the owner's token." example:"ada"`
}

// SetupDone is shown once.
type SetupDone struct {
	Organization Organization `json:"organization"`
	Token        Secret       `json:"token" format:"password" doc:"The owner's API token. It is shown this once."`
}

// Organization is who everything belongs to.
type Organization struct {
	ID        pullpass.OrganizationID `json:"id" example:"org_068t…"`
	Name      string                  `json:"name" example:"acme"`
	CreatedAt time.Time               `json:"created_at"`
}

// Self says who the token belongs to.
type Self struct {
	Kind          pullpass.CallerKind    `json:"kind"`
	ID            string                 `json:"id"`
	Name          string                 `json:"name"`
	Role          pullpass.Role          `json:"role,omitempty"`
	Organization  Organization           `json:"organization"`
	Project       pullpass.ProjectID     `json:"project,omitempty" doc:"The one project that the token is limited to."`
	Runner        pullpass.RunnerID      `json:"runner,omitempty"`
	Environment   pullpass.EnvironmentID `json:"environment,omitempty"`
	ServerVersion string                 `json:"server_version,omitempty" doc:"What the server calls its version."`
	Permissions   []string               `json:"permissions" nullable:"false" doc:"What this caller may do."`
}
