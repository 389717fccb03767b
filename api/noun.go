package api

import "github.com/pullpass/pullpass"

// The functions below write nouns as they go over the wire; the server's answers
// and the command line's --json are the same text.

// FromOrganization writes an organization.
func FromOrganization(o pullpass.Organization) Organization {
	return Organization{ID: o.ID, Name: o.Name, CreatedAt: o.CreatedAt}
}

// FromProject writes a project.
func FromProject(p pullpass.Project) Project {
	return Project{ID: p.ID, Name: p.Name, Repository: p.Repository, OwnershipProved: p.OwnershipProved, CreatedAt: p.CreatedAt}
}

// FromRegistry writes a registry; its password is not part of it.
func FromRegistry(r pullpass.Registry) Registry {
	return Registry{
		ID: r.ID, Project: r.Project, Name: r.Name, Host: r.Host, PathPrefix: r.PathPrefix,
		Auth: r.Auth, Username: r.Username, Integration: r.Integration, Runners: full(r.Runners),
		Inside: r.Inside, Generation: r.Generation, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// FromIntegration writes an integration; its secret key is not part of it.
func FromIntegration(i pullpass.Integration) Integration {
	chain := make([]RoleHop, 0, len(i.Chain))
	for _, hop := range i.Chain {
		chain = append(chain, RoleHop(hop))
	}
	subject := ""
	if i.Mode == pullpass.ModeWebIdentity {
		subject = i.Subject("*", "*")
	}
	return Integration{
		Subject: subject, ID: i.ID, Organization: i.Organization, Name: i.Name, Mode: i.Mode, Account: i.Account, Region: i.Region,
		AccessKeyID: i.AccessKeyID, Chain: chain, Runners: full(i.Runners), Projects: full(i.Projects),
		Principal: i.Principal, Generation: i.Generation, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
}

// FromRunner writes a runner.
func FromRunner(r pullpass.Runner) Runner {
	return Runner{
		ID: r.ID, Name: r.Name, Kind: r.Kind, Hosted: r.Hosted, Projects: full(r.Projects), Version: r.Version, ServerVersion: r.ServerVersion,
		Capabilities: full(r.Capabilities), AWSIdentity: r.AWSIdentity, AWSProved: r.AWSProved, AWSClaim: r.AWSClaim,
		AWSMessage: r.AWSMessage, AWSRole: r.AWSRole, Phase: r.Phase, Message: r.Message, Warning: r.Warning,
		LastSeenAt: r.LastSeenAt, Maker: FromMaker(r.Maker), CreatedAt: r.CreatedAt,
	}
}

// FromEnvironment writes an environment.
func FromEnvironment(e pullpass.Environment) Environment {
	return Environment{
		ID: e.ID, Project: e.Project, Runner: e.Runner, Name: e.Name, Services: full(e.Services),
		Wanted: e.Wanted, Phase: e.Phase, Conditions: full(e.Conditions), Status: full(e.Status),
		Registries: full(e.Registries), Ref: e.Ref, Commit: e.Commit, Start: e.Start, Revision: e.Revision,
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
}

// FromToken writes what is kept of a token; its text and hash are not part of it.
func FromToken(t pullpass.Token) Token {
	return Token{
		ID: t.ID, Kind: t.Kind, Name: t.Name, Role: t.Role, Project: t.Project, Runner: t.Runner,
		CreatedBy: t.CreatedBy, Parent: t.Parent, Root: t.Root, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, LastUsedAt: t.LastUsedAt,
	}
}

// full makes an empty list of none, so that JSON says [] and not null.
func full[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
