package httpapi

import (
	"context"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/reference"
)

const cannotCreate = "cannot create the environment"

// newEnvironment makes the environment that in asks for, or says what does not fit.
func (s *Server) newEnvironment(ctx context.Context, c pullpass.Caller, in api.NewEnvironment) (pullpass.Environment, error) {
	project, err := s.project(ctx, c, access.EnvironmentCreate, in.Project)
	if err != nil {
		return pullpass.Environment{}, err
	}
	if err := checkName(cannotCreate, in.Name); err != nil {
		return pullpass.Environment{}, err
	}
	services, err := s.services(in.Services)
	if err != nil {
		return pullpass.Environment{}, err
	}
	runner, err := s.chooseRunner(ctx, c, project.ID, in.Runner)
	if err != nil {
		return pullpass.Environment{}, err
	}
	if err := s.checkImages(ctx, c.Organization, project.ID, runner, services); err != nil {
		return pullpass.Environment{}, err
	}
	ref, commit, err := s.sourceOf(ctx, c, project, in.Ref)
	if err != nil {
		return pullpass.Environment{}, err
	}
	return pullpass.Environment{
		Ref: ref, Commit: commit,
		Creator: c.ID,
		ID:      pullpass.NewEnvironmentID(), Organization: c.Organization, Project: project.ID, Runner: runner.ID, Name: in.Name,
		Services: services, Wanted: pullpass.WantedRunning, Phase: pullpass.PhaseCreating, CreatedAt: s.now(),
	}, nil
}

// services checks each service and writes its image in the canonical form, so that
// what is decided about it is what is pulled.
func (s *Server) services(in []api.NewService) ([]pullpass.Service, error) {
	services := make([]pullpass.Service, len(in))
	names := make(map[string]bool, len(services))
	for i := range services {
		services[i] = in[i].Service()
		service := &services[i]
		if err := checkName(cannotCreate, service.Name); err != nil {
			return nil, err
		}
		if names[service.Name] {
			return nil, unfitEnvironment("service_twice", "two services have the name "+service.Name, "give each its own name")
		}
		names[service.Name] = true
		image, err := reference.ParseImage(service.Image)
		if err != nil {
			return nil, err
		}
		if _, err := s.hosts.Parse(image.Host); err != nil {
			return nil, err
		}
		service.Image = image.String()
		for name := range service.Env {
			if name == "" || strings.ContainsAny(name, "=\n") {
				return nil, unfitEnvironment("variable_invalid", "a variable of the service "+service.Name+" has an empty name or one with = in it", "correct its name")
			}
		}
	}
	return services, nil
}

// chooseRunner takes the runner that was asked for, or the only active one that
// takes environments of the project.
func (s *Server) chooseRunner(ctx context.Context, c pullpass.Caller, project pullpass.ProjectID, id pullpass.RunnerID) (pullpass.Runner, error) {
	if id != "" {
		r, err := s.runner(ctx, c, access.RunnerRead, id)
		if err == nil && !r.Takes(project) {
			err = notForProject(cannotCreate, r)
		}
		return r, err
	}
	var active []pullpass.Runner
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := s.store.Runners(ctx, c.Organization, page)
		if err != nil {
			return pullpass.Runner{}, err
		}
		for _, r := range l.Items {
			if s.standing(r).Phase == pullpass.RunnerActive && r.Takes(project) {
				active = append(active, r)
			}
		}
		if l.Next == "" || len(active) > 1 {
			break
		}
		page.After = l.Next
	}
	switch len(active) {
	case 0:
		return pullpass.Runner{}, unfitEnvironment("no_active_runner", "no runner that takes environments of this project is active", "start one: pullpass runner; or name one that will be: --runner")
	case 1:
		return active[0], nil
	}
	return pullpass.Runner{}, unfitEnvironment("runner_ambiguous", "several runners are active, "+active[0].Name+" and "+active[1].Name+" among them", "say which: --runner "+active[0].Name)
}

func notForProject(what string, r pullpass.Runner) error {
	return &pullpass.Error{Kind: pullpass.Denied, Code: pullpass.CodeRunnerNotForProject, What: what,
		Cause: "the runner " + r.Name + " does not take environments of this project",
		Hint:  "use another runner, or have an administrator add the project: pullpass runner update " + r.Name + " --project PROJECT"}
}

func unfitEnvironment(code, cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: cannotCreate, Cause: cause, Hint: hint}
}

func hasService(e pullpass.Environment, name string) bool {
	return slices.ContainsFunc(e.Services, func(s pullpass.Service) bool { return s.Name == name })
}

func serviceNames(e pullpass.Environment) string {
	names := make([]string, len(e.Services))
	for i, s := range e.Services {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}
