package client

import (
	"context"
	"iter"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// CreateProject takes p's name and repository.
func (c *Client) CreateProject(ctx context.Context, p pullpass.Project) (pullpass.Project, error) {
	w, err := do[api.Project](ctx, c, post(api.PathProjects, api.NewProject{Name: p.Name, Repository: p.Repository}))
	return project(w), err
}

// Project gets one project.
func (c *Client) Project(ctx context.Context, id pullpass.ProjectID) (pullpass.Project, error) {
	w, err := do[api.Project](ctx, c, get(path(api.PathProject, id), nil))
	return project(w), err
}

// ProjectByName gets the project of that name.
func (c *Client) ProjectByName(ctx context.Context, name string) (pullpass.Project, error) {
	l, err := list(ctx, c, api.PathProjects, byName(name), pullpass.Page{}, project)
	return only(l, err, "project", name)
}

// Projects gets one page of the projects.
func (c *Client) Projects(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Project], error) {
	return list(ctx, c, api.PathProjects, nil, page, project)
}

// AllProjects walks all projects.
func (c *Client) AllProjects(ctx context.Context) iter.Seq2[pullpass.Project, error] {
	return all(ctx, c.Projects)
}

// DeleteProject deletes a project and its registries.
func (c *Client) DeleteProject(ctx context.Context, id pullpass.ProjectID) error {
	return c.send(ctx, remove(path(api.PathProject, id)))
}
