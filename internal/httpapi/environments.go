package httpapi

import (
	"context"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) environmentRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathEnvironments, id: "create-environment", within: upstreamWithin, tag: "environments", permission: access.EnvironmentCreate, status: http.StatusCreated,
		summary: "Create an environment", description: "It is written as wanted, with the registries in force now; its runner starts it."}, s.createEnvironment)
	add(s, route{method: http.MethodGet, path: api.PathEnvironments, id: "list-environments", tag: "environments", permission: access.EnvironmentRead,
		summary: "List environments"}, s.listEnvironments)
	add(s, route{method: http.MethodGet, path: api.PathEnvironment, id: "get-environment", within: pollWithin, tag: "environments", permission: access.EnvironmentRead,
		summary: "Get an environment", description: "The values of variables are for those who may create environments; others see their names. With ?after= and ?wait= it answers as soon as the revision is beyond after, or when the wait is over."}, s.getEnvironment)
	add(s, route{method: http.MethodPost, path: api.PathEnvironmentStart, id: "start-environment", tag: "environments", permission: access.EnvironmentControl,
		summary: "Start an environment", description: "With the registries in force now, if it was stopped."}, s.control("environment.start", s.want(pullpass.WantedRunning)))
	add(s, route{method: http.MethodPost, path: api.PathEnvironmentStop, id: "stop-environment", tag: "environments", permission: access.EnvironmentControl,
		summary: "Stop an environment"}, s.control("environment.stop", s.want(pullpass.WantedStopped)))
	add(s, route{method: http.MethodPost, path: api.PathEnvironmentRestart, id: "restart-environment", tag: "environments", permission: access.EnvironmentControl,
		summary: "Restart an environment", description: "With the registries in force now."}, s.control("environment.restart", s.store.Restart))
	add(s, route{method: http.MethodDelete, path: api.PathEnvironment, id: "delete-environment", tag: "environments", permission: access.EnvironmentDelete,
		status: http.StatusAccepted, summary: "Delete an environment", description: "Its runner removes what runs; then it is gone. With ?force= it is gone at once."}, s.deleteEnvironment)
	add(s, route{method: http.MethodGet, path: api.PathEnvironmentOutput, id: "get-output", within: pollWithin, tag: "environments", permission: access.EnvironmentRead,
		summary: "Get a service's output", description: "The last 64 KiB of it."}, s.getOutput)
}

type environmentPath struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
}

func (s *Server) createEnvironment(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewEnvironment }) (*body[api.Environment], error) {
	e, err := s.newEnvironment(ctx, c, in.Body)
	if err != nil {
		return nil, err
	}
	err = s.deed(ctx, c, environmentEvent("environment.create", e), func(ctx context.Context) (err error) {
		e, err = s.store.CreateEnvironment(ctx, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.wireEnvironment(ctx, e)
}

func environmentEvent(action string, e pullpass.Environment) pullpass.Event {
	return pullpass.Event{Action: action, Project: e.Project, Environment: e.ID, Runner: e.Runner, Target: e.Name}
}

type environmentsQuery struct {
	Paging
	Named
	Project pullpass.ProjectID `query:"project" maxLength:"127" doc:"Only those of this project."`
	Runner  pullpass.RunnerID  `query:"runner" maxLength:"127" doc:"Only those on this runner."`
	Phase   pullpass.Phase     `query:"phase" enum:"creating,starting,running,stopping,stopped,failed,deleting,deleted" doc:"Only those in this phase."`
}

func (s *Server) listEnvironments(ctx context.Context, c pullpass.Caller, in *environmentsQuery) (*body[api.List[api.Environment]], error) {
	filter := pullpass.EnvironmentFilter{Project: in.Project, Runner: in.Runner, Phase: in.Phase}
	if in.Project != "" {
		if _, err := s.project(ctx, c, access.EnvironmentRead, in.Project); err != nil {
			return nil, err
		}
	}
	if in.Runner != "" && !pullpass.ValidID("run", string(in.Runner)) {
		return nil, noSuch("runner")
	}
	if c.Project != "" {
		filter.Project = c.Project
	}
	switch c.Kind {
	case pullpass.CallerRunner:
		filter.Runner = c.Runner
	case pullpass.CallerEnvironment:
		l, err := byName(in.Name == "", func() (pullpass.Environment, error) {
			return s.environment(ctx, c, access.EnvironmentRead, c.Environment)
		})
		return s.listedEnvironments(ctx, l, err)
	}
	if in.Name == "" {
		l, err := s.store.Environments(ctx, c.Organization, filter, in.page())
		return s.listedEnvironments(ctx, l, err)
	}
	if filter.Project == "" {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "request_invalid", What: "cannot find an environment by name",
			Cause: "names are unique in a project", Hint: "say which: ?project=<id>"}
	}
	l, err := byName(pullpass.ValidName(in.Name), func() (pullpass.Environment, error) {
		e, err := s.store.EnvironmentByName(ctx, c.Organization, filter.Project, in.Name)
		if err == nil {
			err = within(c, access.EnvironmentRead, "environment", targetOf(e))
		}
		return e, err
	})
	return s.listedEnvironments(ctx, l, err)
}

func (s *Server) getEnvironment(ctx context.Context, c pullpass.Caller, in *struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
	After       int64                  `query:"after" minimum:"0" doc:"The revision that is known already."`
	Waiting
}) (*body[api.Environment], error) {
	wait, err := in.duration()
	if err != nil {
		return nil, err
	}
	e, err := poll(ctx, s, c.Organization, string(in.Environment), wait, func(ctx context.Context) (pullpass.Environment, bool, error) {
		e, err := s.environment(ctx, c, access.EnvironmentRead, in.Environment)
		return e, e.Revision > in.After, err
	})
	if err != nil {
		return nil, err
	}
	// Values are for those who could have given them; others, and lists, have the names.
	if access.Check(c, access.EnvironmentCreate, targetOf(e)) == nil {
		if e, err = s.store.WithVariables(ctx, e); err != nil {
			return nil, err
		}
	}
	return s.wireEnvironment(ctx, e)
}

// transition changes what is wanted of an environment.
type transition func(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error)

func (s *Server) want(w pullpass.Wanted) transition {
	return func(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) (pullpass.Environment, error) {
		return s.store.SetWanted(ctx, org, id, w)
	}
}

func (s *Server) control(action string, change transition) handler[environmentPath, body[api.Environment]] {
	return func(ctx context.Context, c pullpass.Caller, in *environmentPath) (*body[api.Environment], error) {
		e, err := s.changeWanted(ctx, c, access.EnvironmentControl, in.Environment, action, change)
		if err != nil {
			return nil, err
		}
		return s.wireEnvironment(ctx, e)
	}
}

func (s *Server) deleteEnvironment(ctx context.Context, c pullpass.Caller, in *struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
	Forcing
}) (*none, error) {
	if in.Force != "" {
		return nil, s.forgetEnvironment(ctx, c, in.Environment, in.Forcing)
	}
	_, err := s.changeWanted(ctx, c, access.EnvironmentDelete, in.Environment, "environment.delete", s.want(pullpass.WantedDeleted))
	return nil, err
}

func (s *Server) changeWanted(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.EnvironmentID, action string, change transition) (pullpass.Environment, error) {
	e, err := s.environment(ctx, c, p, id)
	if err != nil {
		return e, err
	}
	err = s.deed(ctx, c, environmentEvent(action, e), func(ctx context.Context) (err error) {
		e, err = change(ctx, c.Organization, e.ID)
		return err
	})
	return e, err
}

func (s *Server) getOutput(ctx context.Context, c pullpass.Caller, in *struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
	Service     string                 `query:"service" maxLength:"127" doc:"Which service; may be left out where there is only one."`
}) (*body[api.Output], error) {
	e, err := s.environment(ctx, c, access.EnvironmentRead, in.Environment)
	if err != nil {
		return nil, err
	}
	service := in.Service
	if service == "" && len(e.Services) == 1 {
		service = e.Services[0].Name
	}
	if !hasService(e, service) {
		return nil, &pullpass.Error{Kind: pullpass.NotFound, Code: "service_not_found", What: "there is no such service in the environment", Hint: "its services are " + serviceNames(e)}
	}
	data, offset, err := s.store.Output(ctx, c.Organization, e.ID, service)
	if err != nil {
		return nil, err
	}
	return answer(api.Output{Service: service, Offset: offset, Data: append([]byte{}, data...)}), nil
}
