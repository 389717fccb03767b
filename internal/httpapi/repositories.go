package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/provision"
)

type repositoryStore interface {
	Repository(context.Context, pullpass.OrganizationID, pullpass.RepositoryID) (pullpass.Repository, error)
	Repositories(context.Context, pullpass.OrganizationID, pullpass.RepositoryFilter, pullpass.Page) (pullpass.List[pullpass.Repository], error)
	RepositoryOfOthers(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID, account, region, pattern string) (string, error)
	RepositoryDefaults(context.Context, pullpass.OrganizationID) (pullpass.RepositorySettings, error)
	SetRepositoryDefaults(context.Context, pullpass.OrganizationID, pullpass.RepositorySettings) error
}

// Repositories keeps projects' repositories in ECR: *provision.Keeper.
type Repositories interface {
	Create(context.Context, pullpass.Caller, provision.Wish) (pullpass.Repository, error)
	Update(ctx context.Context, caller pullpass.Caller, r pullpass.Repository, change pullpass.RepositorySettings, adopt bool) (pullpass.Repository, error)
	Delete(ctx context.Context, r pullpass.Repository, images bool) error
	Rules(context.Context, pullpass.Repository) (pullpass.RepositoryRules, error)
}

func (s *Server) repositoryRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRepositories, id: "create-repository", within: upstreamWithin, tag: "repositories", permission: access.RepositoryCreate, status: http.StatusCreated,
		summary: "Create a project's repository", description: "In ECR, at once or on the first push, with the registry entry that lets the project pull from it. Idempotent: creating it again repairs it."}, s.createRepository)
	add(s, route{method: http.MethodGet, path: api.PathRepositories, id: "list-repositories", tag: "repositories", permission: access.RepositoryRead,
		summary: "List repositories"}, s.listRepositories)
	add(s, route{method: http.MethodGet, path: api.PathRepository, id: "get-repository", within: upstreamWithin, tag: "repositories", permission: access.RepositoryRead,
		summary: "Get a repository"}, s.getRepository)
	add(s, route{method: http.MethodPatch, path: api.PathRepository, id: "update-repository", within: upstreamWithin, tag: "repositories", permission: access.RepositoryUpdate,
		summary: "Update a repository", description: "Changes its settings, and repairs it in ECR. Without a change it is only repaired."}, s.updateRepository)
	add(s, route{method: http.MethodDelete, path: api.PathRepository, id: "delete-repository", within: upstreamWithin, tag: "repositories", permission: access.RepositoryDelete,
		summary: "Delete a repository", description: "Its registry entry goes with it. What ECR has stays, unless its images are to go, too."}, s.deleteRepository)
	add(s, route{method: http.MethodGet, path: api.PathRepositoryDefaults, id: "get-repository-defaults", tag: "repositories", permission: access.RepositoryRead,
		summary: "Get what is set for all repositories"}, s.getRepositoryDefaults)
	add(s, route{method: http.MethodPut, path: api.PathRepositoryDefaults, id: "set-repository-defaults", within: upstreamWithin, tag: "repositories", permission: access.RepositorySet,
		summary: "Set the defaults of all repositories", description: "They reach a repository when it is updated next."}, s.setRepositoryDefaults)
}

func (s *Server) keeper() (Repositories, error) {
	if s.repositories == nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "repositories_disabled", What: "cannot keep repositories", Cause: "this server does not talk to AWS"}
	}
	return s.repositories, nil
}

func (s *Server) repository(ctx context.Context, c pullpass.Caller, p access.Permission, id pullpass.RepositoryID) (pullpass.Repository, error) {
	r, err := found(ctx, "rpo", "repository", c.Organization, id, s.store.Repository)
	if err != nil {
		return pullpass.Repository{}, err
	}
	return r, within(c, p, "repository", access.Target{Organization: r.Organization, Project: r.Project})
}

func (s *Server) createRepository(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewRepository }) (*body[api.Repository], error) {
	keeper, err := s.keeper()
	if err != nil {
		return nil, err
	}
	w := in.Body
	project, err := s.project(ctx, c, access.RepositoryCreate, w.Project)
	if err != nil {
		return nil, err
	}
	for _, i := range []pullpass.IntegrationID{w.Integration, cmp.Or(w.Puller, w.Integration)} {
		if err := s.mayAttach(ctx, c, "cannot create the repository", i); err != nil {
			return nil, err
		}
	}
	if err := mayAdopt(c, w.Adopt); err != nil {
		return nil, err
	}
	e := pullpass.Event{Action: "repository.create", Project: project.ID, Integration: w.Integration, Target: cmp.Or(w.Name, pullpass.RepositoryNameFor(project.Name)),
		Detail: map[string]string{"on_first_push": strconv.FormatBool(w.OnFirstPush), "adopt": strconv.FormatBool(w.Adopt)}}
	var r pullpass.Repository
	err = s.deed(ctx, c, e, func(ctx context.Context) (err error) {
		r, err = keeper.Create(ctx, c, provision.Wish{
			Project: project.ID, Integration: w.Integration, Puller: w.Puller, Host: w.Host, Region: w.Region, Name: w.Name,
			Settings: pullpass.RepositorySettings(w.Settings), Inside: w.Inside, OnFirstPush: w.OnFirstPush, Adopt: w.Adopt,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.wholeRepository(ctx, r)
}

// mayAdopt keeps who is limited to a project from taking over what is there: it
// may be anybody's in the account.
func mayAdopt(c pullpass.Caller, adopt bool) error {
	if !adopt || c.Project == "" {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Denied, Code: "limited_to_project", What: "cannot take over a repository",
		Cause: "the token is limited to one project, and what is in the account may be anybody's", Hint: "ask an administrator of the organization"}
}

func (s *Server) wholeRepository(ctx context.Context, r pullpass.Repository) (*body[api.Repository], error) {
	keeper, err := s.keeper()
	if err != nil {
		return nil, err
	}
	rules, err := keeper.Rules(ctx, r)
	if err != nil {
		return nil, err
	}
	w, inForce := api.FromRepository(r), api.FromRules(rules)
	w.InForce = &inForce
	return answer(w), nil
}

type repositoriesQuery struct {
	Paging
	Project pullpass.ProjectID `query:"project" maxLength:"127" doc:"Only those of this project (its id)."`
}

func (s *Server) listRepositories(ctx context.Context, c pullpass.Caller, in *repositoriesQuery) (*body[api.List[api.Repository]], error) {
	filter := pullpass.RepositoryFilter{Project: c.Project}
	if in.Project != "" {
		p, err := s.project(ctx, c, access.ProjectRead, in.Project)
		if err != nil {
			return nil, err
		}
		filter.Project = p.ID
	}
	l, err := s.store.Repositories(ctx, c.Organization, filter, in.page())
	return listed(l, err, api.FromRepository)
}

type repositoryPath struct {
	Repository pullpass.RepositoryID `path:"repository" doc:"Its id."`
}

func (s *Server) getRepository(ctx context.Context, c pullpass.Caller, in *repositoryPath) (*body[api.Repository], error) {
	r, err := s.repository(ctx, c, access.RepositoryRead, in.Repository)
	if err != nil {
		return nil, err
	}
	return s.wholeRepository(ctx, r)
}

func (s *Server) updateRepository(ctx context.Context, c pullpass.Caller, in *struct {
	Repository pullpass.RepositoryID `path:"repository" doc:"Its id."`
	Body       api.RepositoryApply
}) (*body[api.Repository], error) {
	keeper, err := s.keeper()
	if err != nil {
		return nil, err
	}
	r, err := s.repository(ctx, c, access.RepositoryUpdate, in.Repository)
	if err != nil {
		return nil, err
	}
	if err := mayAdopt(c, in.Body.Adopt); err != nil {
		return nil, err
	}
	e := repositoryEvent("repository.update", r)
	e.Detail["changes"] = changed(in.Body.Settings)
	err = s.deed(ctx, c, e, func(ctx context.Context) (err error) {
		r, err = keeper.Update(ctx, c, r, pullpass.RepositorySettings(in.Body.Settings), in.Body.Adopt)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.wholeRepository(ctx, r)
}

func (s *Server) deleteRepository(ctx context.Context, c pullpass.Caller, in *struct {
	Repository pullpass.RepositoryID `path:"repository" doc:"Its id."`
	Images     bool                  `query:"images" doc:"Delete it in ECR, too, with all its images."`
}) (*none, error) {
	keeper, err := s.keeper()
	if err != nil {
		return nil, err
	}
	r, err := s.repository(ctx, c, access.RepositoryDelete, in.Repository)
	if err != nil {
		return nil, err
	}
	e := repositoryEvent("repository.delete", r)
	e.Detail["images"] = strconv.FormatBool(in.Images)
	return nil, s.deed(ctx, c, e, func(ctx context.Context) error { return keeper.Delete(ctx, r, in.Images) })
}

func repositoryEvent(action string, r pullpass.Repository) pullpass.Event {
	return pullpass.Event{
		Action: action, Project: r.Project, Registry: r.Registry, Integration: r.Integration, Target: string(r.ID),
		Detail: map[string]string{"host": r.Host, "repository": r.Name},
	}
}

func (s *Server) getRepositoryDefaults(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.RepositorySettings], error) {
	defaults, err := s.store.RepositoryDefaults(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	return answer(api.RepositorySettings(defaults)), nil
}

func (s *Server) setRepositoryDefaults(ctx context.Context, c pullpass.Caller, in *struct{ Body api.RepositorySettings }) (*body[api.RepositorySettings], error) {
	settings := pullpass.RepositorySettings(in.Body)
	if err := provision.CheckSettings("cannot set the repository defaults", settings); err != nil {
		return nil, err
	}
	e := pullpass.Event{Action: "repository.set", Detail: map[string]string{"changes": changed(in.Body)}}
	err := s.deed(ctx, c, e, func(ctx context.Context) error { return s.store.SetRepositoryDefaults(ctx, c.Organization, settings) })
	if err != nil {
		return nil, err
	}
	return answer(in.Body), nil
}
