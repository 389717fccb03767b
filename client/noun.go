package client

import (
	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

func organization(w api.Organization) pullpass.Organization {
	return pullpass.Organization{ID: w.ID, Name: w.Name, CreatedAt: w.CreatedAt}
}

func project(w api.Project) pullpass.Project {
	return pullpass.Project{ID: w.ID, Name: w.Name, Repository: w.Repository, OwnershipProved: w.OwnershipProved, CreatedAt: w.CreatedAt}
}

func registry(w api.Registry) pullpass.Registry {
	return pullpass.Registry{
		ID: w.ID, Project: w.Project, Name: w.Name, Host: w.Host, PathPrefix: w.PathPrefix,
		Auth: w.Auth, Username: w.Username, Integration: w.Integration, Runners: w.Runners,
		Inside: w.Inside, Generation: w.Generation, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
}

func integration(w api.Integration) pullpass.Integration {
	return pullpass.Integration{
		ID: w.ID, Organization: w.Organization, Name: w.Name, Mode: w.Mode, Account: w.Account, Region: w.Region,
		AccessKeyID: w.AccessKeyID, Chain: each(w.Chain, hop), Runners: w.Runners, Projects: w.Projects,
		Principal: w.Principal, Generation: w.Generation, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
}

func hop(w api.RoleHop) pullpass.RoleHop { return pullpass.RoleHop(w) }

func wireHop(h pullpass.RoleHop) api.RoleHop { return api.RoleHop(h) }

func runner(w api.Runner) pullpass.Runner {
	return pullpass.Runner{
		ID: w.ID, Name: w.Name, Kind: w.Kind, Hosted: w.Hosted, Projects: w.Projects, Version: w.Version, ServerVersion: w.ServerVersion,
		Capabilities: w.Capabilities, AWSIdentity: w.AWSIdentity, AWSProved: w.AWSProved, AWSClaim: w.AWSClaim,
		AWSMessage: w.AWSMessage, AWSRole: w.AWSRole, Phase: w.Phase, Message: w.Message, Warning: w.Warning,
		LastSeenAt: w.LastSeenAt, Maker: w.Maker.Maker(), CreatedAt: w.CreatedAt,
	}
}

func environment(w api.Environment) pullpass.Environment {
	return pullpass.Environment{
		ID: w.ID, Project: w.Project, Runner: w.Runner, Name: w.Name, Services: w.Services,
		Wanted: w.Wanted, Phase: w.Phase, Conditions: w.Conditions, Status: w.Status,
		Registries: w.Registries, Ref: w.Ref, Commit: w.Commit, Start: w.Start, Revision: w.Revision,
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
}

func token(w api.Token) pullpass.Token {
	return pullpass.Token{
		ID: w.ID, Kind: w.Kind, Name: w.Name, Role: w.Role, Project: w.Project, Runner: w.Runner,
		CreatedBy: w.CreatedBy, Parent: w.Parent, Root: w.Root, CreatedAt: w.CreatedAt, ExpiresAt: w.ExpiresAt, LastUsedAt: w.LastUsedAt,
	}
}

// same is for what is a noun on the wire already.
func same[T any](v T) T { return v }

func wireSecret(s *pullpass.Secret) *api.Secret {
	if s == nil {
		return nil
	}
	w := api.NewSecret(*s)
	return &w
}
