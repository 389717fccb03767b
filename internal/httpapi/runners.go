package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/awsname"
)

const (
	joinWithin = 24 * time.Hour
	// A runner reports every 10 s or so; missing reports for this long make it inactive.
	seenWithin = 30 * time.Second
)

func (s *Server) runnerRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRunners, id: "create-runner", tag: "runners", permission: access.RunnerCreate, status: http.StatusCreated,
		summary: "Add a runner", description: "Answers with the one-time token with which the runner joins within a day."}, s.createRunner)
	add(s, route{method: http.MethodGet, path: api.PathRunners, id: "list-runners", tag: "runners", permission: access.RunnerRead,
		summary: "List runners"}, s.listRunners)
	add(s, route{method: http.MethodGet, path: api.PathRunner, id: "get-runner", tag: "runners", permission: access.RunnerRead,
		summary: "Get a runner"}, s.getRunner)
	add(s, route{method: http.MethodPatch, path: api.PathRunner, id: "update-runner", tag: "runners", permission: access.RunnerUpdate,
		summary: "Update a runner", description: "Whose environments it takes. What runs there stays until it is started anew."}, s.updateRunner)
	add(s, route{method: http.MethodDelete, path: api.PathRunner, id: "delete-runner", tag: "runners", permission: access.RunnerDelete,
		summary: "Delete a runner", description: "Its tokens end at once. It must have no environments, unless it is forced."}, s.deleteRunner)
	s.joinRoutes()
	s.runnerIdentityRoutes()
}

type runnerPath struct {
	Runner pullpass.RunnerID `path:"runner" doc:"Its id."`
}

func (s *Server) createRunner(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewRunner }) (*body[api.RunnerWithToken], error) {
	if err := checkName("cannot add the runner", in.Body.Name); err != nil {
		return nil, err
	}
	projects, err := s.knownProjects(ctx, c, in.Body.Projects)
	if err != nil {
		return nil, err
	}
	r := pullpass.Runner{
		ID: pullpass.NewRunnerID(), Organization: c.Organization, Name: in.Body.Name, Kind: in.Body.Kind, Hosted: in.Body.Hosted, Projects: projects,
		AWSRole: in.Body.AWSRole, Phase: pullpass.RunnerCreated, Maker: makerOf(ctx, c), CreatedAt: s.now(),
	}
	if r.AWSRole != "" && !awsname.IsRoleOrUser(r.AWSRole) {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "aws_identity_form", What: "cannot add the runner", Cause: "it is not the ARN of one role",
			Hint: "pullpass runner add " + r.Name + " --aws-role arn:aws:iam::111111111111:role/runner"}
	}
	text, token := s.joinToken(ctx, c, r)
	err = s.deed(ctx, c, byExpiring(ctx, runnerEvent("runner.create", r)), func(ctx context.Context) (err error) {
		if r, err = s.store.CreateRunner(ctx, r); err != nil {
			return err
		}
		_, err = s.store.CreateToken(ctx, token)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.RunnerWithToken{Runner: s.wireRunner(r), Organization: r.Organization, Token: api.NewSecret(text)}), nil
}

func runnerEvent(action string, r pullpass.Runner) pullpass.Event {
	return pullpass.Event{Action: action, Runner: r.ID, Target: r.Name, Detail: map[string]string{"kind": string(r.Kind)}}
}

func (s *Server) updateRunner(ctx context.Context, c pullpass.Caller, in *struct {
	Runner pullpass.RunnerID `path:"runner" doc:"Its id."`
	Body   api.RunnerChange
}) (*body[api.Runner], error) {
	r, err := s.runner(ctx, c, access.RunnerUpdate, in.Runner)
	if err != nil {
		return nil, err
	}
	var change pullpass.RunnerChange
	e := runnerEvent("runner.update", r)
	e.Detail["changes"] = changed(in.Body)
	if in.Body.Projects != nil {
		projects, err := s.knownProjects(ctx, c, *in.Body.Projects)
		if err != nil {
			return nil, err
		}
		change.Projects = &projects
		e.Detail["projects"] = joined(projects)
	}
	err = s.deed(ctx, c, e, func(ctx context.Context) (err error) {
		r, err = s.store.UpdateRunner(ctx, c.Organization, r.ID, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(s.wireRunner(r)), nil
}

// joined is a list as an audit record holds it.
func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, word := range list {
		words[i] = string(word)
	}
	return strings.Join(words, " ")
}

// wireRunnerFor leaves out which other projects a runner takes, for callers that
// are limited to one.
func (s *Server) wireRunnerFor(c pullpass.Caller) func(pullpass.Runner) api.Runner {
	return func(r pullpass.Runner) api.Runner {
		w := s.wireRunner(r)
		w.Projects = append([]pullpass.ProjectID{}, visibleProjects(c, r.Projects)...)
		return w
	}
}

// wireRunner writes a runner as it stands now: one that no longer reports is
// inactive, whatever it reported last.
func (s *Server) wireRunner(r pullpass.Runner) api.Runner { return api.FromRunner(s.standing(r)) }

func (s *Server) standing(r pullpass.Runner) pullpass.Runner {
	if r.Version != "" && s.version != "" && r.Version != s.version {
		r.ServerVersion = s.version
	}
	reported := r.Phase == pullpass.RunnerActive || r.Phase == pullpass.RunnerDegraded
	if reported && s.now().Sub(r.LastSeenAt) > seenWithin {
		r.Phase = pullpass.RunnerInactive
	}
	r.Maker = r.Maker.At(s.now())
	return r
}

type runnersQuery struct {
	Paging
	Named
}

func (s *Server) listRunners(ctx context.Context, c pullpass.Caller, in *runnersQuery) (*body[api.List[api.Runner]], error) {
	if in.Name != "" {
		l, err := byName(pullpass.ValidName(in.Name), func() (pullpass.Runner, error) {
			return s.store.RunnerByName(ctx, c.Organization, in.Name)
		})
		return listed(l, err, s.wireRunnerFor(c))
	}
	l, err := s.store.Runners(ctx, c.Organization, in.page())
	return listed(l, err, s.wireRunnerFor(c))
}

func (s *Server) getRunner(ctx context.Context, c pullpass.Caller, in *runnerPath) (*body[api.Runner], error) {
	r, err := s.runner(ctx, c, access.RunnerRead, in.Runner)
	if err != nil {
		return nil, err
	}
	return answer(s.wireRunnerFor(c)(r)), nil
}

func (s *Server) deleteRunner(ctx context.Context, c pullpass.Caller, in *struct {
	Runner pullpass.RunnerID `path:"runner" doc:"Its id."`
	Forcing
}) (*none, error) {
	r, err := s.runner(ctx, c, access.RunnerDelete, in.Runner)
	if err != nil {
		return nil, err
	}
	if err := s.checkForce(ctx, "cannot forget the runner "+r.Name, c.Organization, r.ID, in.Forcing); err != nil {
		return nil, err
	}
	event := runnerEvent("runner.delete", r)
	if in.Force != "" {
		event.Detail["force"] = in.Force
	}
	return nil, s.deed(ctx, c, event, func(ctx context.Context) error {
		return s.store.DeleteRunner(ctx, c.Organization, r.ID, in.Force != "")
	})
}
