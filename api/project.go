package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Project is a repository whose environments share registries.
type Project struct {
	ID              pullpass.ProjectID `json:"id"`
	Name            string             `json:"name"`
	Repository      string             `json:"repository,omitempty" doc:"https URL of the Git repository."`
	OwnershipProved bool               `json:"ownership_proved" doc:"Whether the organization has shown that the repository is its own."`
	CreatedAt       time.Time          `json:"created_at"`
}

// NewProject creates a project.
type NewProject struct {
	Name       string `json:"name" minLength:"1" maxLength:"127" doc:"Unique in the organization." example:"payments"`
	Repository string `json:"repository,omitempty" maxLength:"2048" doc:"https URL of the Git repository." example:"https://github.com/acme/payments"`
}
