package main

import (
	"context"
	"os"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// findProject takes what a person has: a name, or an id from --json.
func findProject(ctx context.Context, c *client.Client, nameOrID string) (pullpass.Project, error) {
	if pullpass.ValidID("prj", nameOrID) {
		return c.Project(ctx, pullpass.ProjectID(nameOrID))
	}
	found, err := c.ProjectByName(ctx, nameOrID)
	return found, orNearest(err, nameOrID, "pullpass project list", c.AllProjects(ctx),
		func(p pullpass.Project) string { return p.Name })
}

// optionalProject is findProject for a flag that may be left out.
func optionalProject(ctx context.Context, c *client.Client, nameOrID string) (pullpass.ProjectID, error) {
	if nameOrID == "" {
		return "", nil
	}
	p, err := findProject(ctx, c, nameOrID)
	return p.ID, err
}

// findProjects turns names or ids into ids; an empty list stays one.
func findProjects(ctx context.Context, c *client.Client, namesOrIDs []string) ([]pullpass.ProjectID, error) {
	found := []pullpass.ProjectID{}
	for _, nameOrID := range namesOrIDs {
		p, err := findProject(ctx, c, nameOrID)
		if err != nil {
			return nil, err
		}
		found = append(found, p.ID)
	}
	return found, nil
}

// givenOrDefaultProject is the project of what has to have one: the flag's (or
// PULLPASS_PROJECT's), else that of the session or token, else the only one there is.
func givenOrDefaultProject(ctx context.Context, c *client.Client, nameOrID string) (pullpass.Project, error) {
	if nameOrID != "" {
		return findProject(ctx, c, nameOrID)
	}
	limited, err := sessionProject(ctx, c)
	if err != nil {
		return pullpass.Project{}, err
	}
	if limited != "" {
		return c.Project(ctx, limited)
	}
	l, err := c.Projects(ctx, pullpass.Page{Limit: 2})
	switch {
	case err != nil:
		return pullpass.Project{}, err
	case len(l.Items) == 1:
		return l.Items[0], nil
	case len(l.Items) == 0:
		return pullpass.Project{}, misuse("there is no project yet", "pullpass project create NAME")
	}
	return pullpass.Project{}, misuse("several projects are there, and none is named", "say which: --project NAME, or PULLPASS_PROJECT")
}

// preferredProject decides between things of one name: PULLPASS_PROJECT, else the
// project of the session or token; "" where neither says.
func preferredProject(ctx context.Context, c *client.Client) (pullpass.ProjectID, error) {
	if name := os.Getenv("PULLPASS_PROJECT"); name != "" {
		return optionalProject(ctx, c, name)
	}
	return sessionProject(ctx, c)
}

// sessionProject is the project that the session or token is limited to, if it is.
func sessionProject(ctx context.Context, c *client.Client) (pullpass.ProjectID, error) {
	self, err := c.Self(ctx)
	return self.Project, err
}
