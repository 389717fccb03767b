package httpapi

import (
	"context"
	"errors"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
)

// The functions below get an object for a caller who wants to use a permission on
// it: not there, not theirs and not even an id all end in noSuch.

func (s *Server) project(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.ProjectID) (pullpass.Project, error) {
	project, err := found(ctx, "prj", "project", c.Organization, id, s.store.Project)
	if err != nil {
		return pullpass.Project{}, err
	}
	return project, within(c, p, "project", access.Target{Organization: project.Organization, Project: project.ID})
}

// projectNamed is project for what a person writes down: the name, or the id.
func (s *Server) projectNamed(ctx context.Context, c pullpass.Caller, p access.Permission, nameOrID pullpass.ProjectID) (pullpass.Project, error) {
	project, err := s.projectByEither(ctx, c.Organization, nameOrID)
	if err == nil {
		err = within(c, p, "project", access.Target{Organization: project.Organization, Project: project.ID})
	}
	if pullpass.IsKind(err, pullpass.NotFound) {
		return pullpass.Project{}, &pullpass.Error{Kind: pullpass.NotFound, Code: "project_not_found", What: "there is no such project",
			Cause: "you reach no project with this name or id", Hint: "pullpass project list"}
	}
	return project, err
}

func (s *Server) projectByEither(ctx context.Context, org pullpass.OrganizationID, nameOrID pullpass.ProjectID) (pullpass.Project, error) {
	switch {
	case pullpass.ValidID("prj", string(nameOrID)):
		return s.store.Project(ctx, org, nameOrID)
	case pullpass.ValidName(string(nameOrID)):
		return s.store.ProjectByName(ctx, org, string(nameOrID))
	}
	return pullpass.Project{}, noSuch("project")
}

func (s *Server) registry(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.RegistryID) (pullpass.Registry, error) {
	registry, err := found(ctx, "reg", "registry", c.Organization, id, s.store.Registry)
	if err != nil {
		return pullpass.Registry{}, err
	}
	return registry, within(c, p, "registry", access.Target{Organization: registry.Organization, Project: registry.Project})
}

func (s *Server) integration(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.IntegrationID) (pullpass.Integration, error) {
	integration, err := found(ctx, "int", "integration", c.Organization, id, s.store.Integration)
	if err != nil {
		return pullpass.Integration{}, err
	}
	return integration, within(c, p, "integration", access.Target{Organization: integration.Organization})
}

func (s *Server) runner(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.RunnerID) (pullpass.Runner, error) {
	runner, err := found(ctx, "run", "runner", c.Organization, id, s.store.Runner)
	if err != nil {
		return pullpass.Runner{}, err
	}
	return runner, within(c, p, "runner", access.Target{Organization: runner.Organization, Runner: runner.ID})
}

func (s *Server) environment(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	return s.environmentBy(ctx, c, p, id, s.store.Environment)
}

func (s *Server) environmentBy(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.EnvironmentID,
	read func(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error),
) (pullpass.Environment, error) {
	environment, err := found(ctx, "env", "environment", c.Organization, id, read)
	if err != nil {
		return pullpass.Environment{}, err
	}
	return environment, within(c, p, "environment", targetOf(environment))
}

func targetOf(e pullpass.Environment) access.Target {
	return access.Target{Organization: e.Organization, Project: e.Project, Runner: e.Runner, Environment: e.ID}
}

func within(c pullpass.Caller, p access.Permission, thing string, target access.Target) error {
	err := access.Check(c, p, target)
	if errors.Is(err, access.ErrForeign) {
		return noSuch(thing)
	}
	return err
}
