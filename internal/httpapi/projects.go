package httpapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) projectRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathProjects, id: "create-project", within: upstreamWithin, tag: "projects", permission: access.ProjectCreate, status: http.StatusCreated,
		summary: "Create a project"}, s.createProject)
	add(s, route{method: http.MethodGet, path: api.PathProjects, id: "list-projects", tag: "projects", permission: access.ProjectRead,
		summary: "List projects"}, s.listProjects)
	add(s, route{method: http.MethodGet, path: api.PathProject, id: "get-project", tag: "projects", permission: access.ProjectRead,
		summary: "Get a project"}, s.getProject)
	s.proofRoutes()
	add(s, route{method: http.MethodDelete, path: api.PathProject, id: "delete-project", within: upstreamWithin, tag: "projects", permission: access.ProjectDelete,
		summary: "Delete a project", description: "Its registries go with it; environments that run keep what they were started with."}, s.deleteProject)
}

type projectPath struct {
	Project pullpass.ProjectID `path:"project" doc:"Its id."`
}

func (s *Server) createProject(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewProject }) (*body[api.Project], error) {
	if err := checkName("cannot create the project", in.Body.Name); err != nil {
		return nil, err
	}
	if err := checkRepositoryURL(in.Body.Repository); err != nil {
		return nil, err
	}
	p := pullpass.Project{ID: pullpass.NewProjectID(), Organization: c.Organization, Name: in.Body.Name, Repository: in.Body.Repository, CreatedAt: s.now()}
	err := s.deed(ctx, c, pullpass.Event{Action: "project.create", Project: p.ID, Target: p.Name}, func(ctx context.Context) (err error) {
		p, err = s.store.CreateProject(ctx, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.FromProject(p)), nil
}

// checkRepositoryURL wants the plain address of a repository: credentials in it
// would be shown to everybody who reads projects.
func checkRepositoryURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && u.String() == s {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "repository_invalid", What: "cannot create the project",
		Cause: "the repository is not a plain https URL", Hint: "write it as https://github.com/acme/payments, without a user name or password"}
}

type projectsQuery struct {
	Paging
	Named
}

func (s *Server) listProjects(ctx context.Context, c pullpass.Caller, in *projectsQuery) (*body[api.List[api.Project]], error) {
	switch {
	case c.Project != "":
		l, err := byName(true, func() (pullpass.Project, error) { return s.project(ctx, c, access.ProjectRead, c.Project) })
		if in.Name != "" && len(l.Items) > 0 && l.Items[0].Name != in.Name {
			l.Items = nil
		}
		return listed(l, err, api.FromProject)
	case in.Name != "":
		l, err := byName(pullpass.ValidName(in.Name), func() (pullpass.Project, error) { return s.store.ProjectByName(ctx, c.Organization, in.Name) })
		return listed(l, err, api.FromProject)
	}
	l, err := s.store.Projects(ctx, c.Organization, in.page())
	return listed(l, err, api.FromProject)
}

func (s *Server) getProject(ctx context.Context, c pullpass.Caller, in *projectPath) (*body[api.Project], error) {
	p, err := s.project(ctx, c, access.ProjectRead, in.Project)
	if err != nil {
		return nil, err
	}
	return answer(api.FromProject(p)), nil
}

func (s *Server) deleteProject(ctx context.Context, c pullpass.Caller, in *projectPath) (*none, error) {
	p, err := s.project(ctx, c, access.ProjectDelete, in.Project)
	if err != nil {
		return nil, err
	}
	return nil, s.deed(ctx, c, pullpass.Event{Action: "project.delete", Project: p.ID, Target: p.Name}, func(ctx context.Context) error {
		return s.store.DeleteProject(ctx, c.Organization, p.ID)
	})
}
