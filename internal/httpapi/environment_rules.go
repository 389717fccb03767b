package httpapi

import (
	"context"
	"path"
	"slices"
	"strconv"
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
	openings, err := s.openingsOf(ctx, c.Organization, project.ID, services)
	if err != nil {
		return pullpass.Environment{}, err
	}
	runner, err := s.chooseRunner(ctx, c, project.ID, in.Runner, limitsOf(openings))
	if err != nil {
		return pullpass.Environment{}, err
	}
	if err := checkImages(runner, openings); err != nil {
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
		if err := checkProcess(*service); err != nil {
			return nil, err
		}
	}
	return services, checkOrder(services)
}

// checkProcess refuses what no engine could start a container with.
func checkProcess(s pullpass.Service) error {
	if s.WorkingDir != "" && !path.IsAbs(s.WorkingDir) {
		return unfitEnvironment("working_dir_invalid", "the working directory of the service "+s.Name+" is not an absolute path", "begin it with /")
	}
	return nil
}

// checkOrder refuses services that wait for one that is not there, or for each other.
func checkOrder(services []pullpass.Service) error {
	const waiting, done = 1, 2
	state := map[string]int{}
	byName := map[string]pullpass.Service{}
	for _, s := range services {
		byName[s.Name] = s
	}
	var visit func(string) error
	visit = func(name string) error {
		switch state[name] {
		case done:
			return nil
		case waiting:
			return unfitEnvironment("depends_on_itself", "the service "+name+" depends on itself, through others perhaps", "remove one of its depends_on")
		}
		state[name] = waiting
		for _, other := range byName[name].DependsOn {
			if _, there := byName[other]; !there {
				return unfitEnvironment("depends_on_missing", "the service "+name+" depends on "+strconv.Quote(other)+", which is no service of this environment", "name one of its services")
			}
			if err := visit(other); err != nil {
				return err
			}
		}
		state[name] = done
		return nil
	}
	for _, s := range services {
		if err := visit(s.Name); err != nil {
			return err
		}
	}
	return nil
}

// chooseRunner takes the runner that was asked for, or the only one that works,
// takes environments of the project and may use the registries of the images.
func (s *Server) chooseRunner(ctx context.Context, c pullpass.Caller, project pullpass.ProjectID, id pullpass.RunnerID, limits []selection) (pullpass.Runner, error) {
	if id != "" {
		r, err := s.runner(ctx, c, access.RunnerRead, id)
		if err == nil && !r.Takes(project) {
			err = notForProject(cannotCreate, r)
		}
		return r, err
	}
	var fit []pullpass.Runner
	var reasons []string
	err := s.eachRunner(ctx, c.Organization, nil, func(r pullpass.Runner) {
		if why := s.whyNot(r, project, limits); why != "" {
			reasons = append(reasons, why)
		} else {
			fit = append(fit, r)
		}
	})
	switch {
	case err != nil:
		return pullpass.Runner{}, err
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return pullpass.Runner{}, unfitEnvironment("runner_ambiguous", "several runners are active, "+fit[0].Name+" and "+fit[1].Name+" among them", "say which: --runner "+fit[0].Name)
	case len(reasons) == 0:
		return pullpass.Runner{}, unfitEnvironment("no_active_runner", "there is no runner", "add one: pullpass runner add NAME; then, beside its Docker Engine: pullpass runner --server "+s.address()+" --join-token-file -")
	}
	return pullpass.Runner{}, unfitEnvironment("no_active_runner", "no runner can take it now: "+few(reasons), "mend one; or name one, and the environment waits for it: --runner NAME")
}

// whyNot says why a runner is not chosen; empty: it can be.
func (s *Server) whyNot(r pullpass.Runner, project pullpass.ProjectID, limits []selection) string {
	if !r.Takes(project) {
		return "the runner " + r.Name + " takes environments of other projects only"
	}
	for _, l := range limits {
		if !slices.Contains(l.runners, r.ID) {
			return "the " + l.what + " is limited to other runners than " + r.Name
		}
	}
	if a := s.absenceOf(r); a != nil {
		return a.cause
	}
	return ""
}

// few joins reasons, and counts those that there is no room for.
func few(reasons []string) string {
	const most = 5
	if n := len(reasons) - most; n > 0 {
		reasons = append(slices.Clone(reasons[:most]), "and so on, "+strconv.Itoa(n)+" more")
	}
	return strings.Join(reasons, "; ")
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
