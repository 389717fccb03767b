package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

type projectCommand struct {
	Create projectCreate `cmd:"" help:"Create a project."`
	List   projectList   `cmd:"" help:"List the projects."`
	Show   projectShow   `cmd:"" help:"Show one project."`
	Prove  projectProve  `cmd:"" help:"Prove that its repository is yours, so that identity tokens may name it."`
	Login  projectLogin  `cmd:"" help:"Give the server an access token for the project's private repository."`
	Logout projectLogout `cmd:"" help:"Have the server forget the access token for its repository."`
	Delete projectDelete `cmd:"" help:"Delete a project and its registries."`
}

type projectCreate struct {
	Name       string `arg:"" help:"Name, unique in the organization."`
	Repository string `placeholder:"URL" help:"https URL of its Git repository."`

	Integration     string `placeholder:"NAME" help:"Create its private ECR repository, too, through this integration."`
	ImageRepository string `placeholder:"NAME" help:"Name of that ECR repository; without it, derived from the project's."`
	OnFirstPush     bool   `help:"Create the ECR repository with the first push."`
}

func (p *projectCreate) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	if p.Integration == "" && (p.ImageRepository != "" || p.OnFirstPush) {
		return misuse("an ECR repository is created through an integration", "add --integration NAME")
	}
	var integration pullpass.IntegrationID
	if p.Integration != "" { // first: a misspelt name is not to leave a project behind
		if integration, err = findIntegration(ctx, c, p.Integration); err != nil {
			return err
		}
	}
	made, err := c.CreateProject(ctx, pullpass.Project{Name: p.Name, Repository: p.Repository})
	if err != nil {
		return err
	}
	t.say("Created project %s.", made.Name)
	if integration != "" {
		return p.createRepository(ctx, t, c, made, integration)
	}
	t.say("Next: pullpass registry add NAME --project %s --host HOST", made.Name)
	return t.show(api.FromProject(made), func(io.Writer) {})
}

type projectList struct{ wideFlag }

func (l *projectList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	projects, err := all(c.AllProjects(ctx), api.FromProject)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, p := range projects {
		rows = append(rows, l.row([]string{p.Name, p.Repository}, day(p.CreatedAt), string(p.ID)))
	}
	return t.list(projects, l.row([]string{"NAME", "REPOSITORY"}, "CREATED", "ID"), rows, "Create one: pullpass project create NAME")
}

type projectShow struct {
	Project string `arg:"" help:"Name or id."`
}

func (p *projectShow) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findProject(ctx, c, p.Project)
	if err != nil {
		return err
	}
	return t.show(api.FromProject(found), func(w io.Writer) {
		proved := "not proved"
		if found.OwnershipProved {
			proved = "proved"
		}
		if found.Repository == "" {
			proved = ""
		}
		facts(w, "name", found.Name, "id", string(found.ID), "repository", found.Repository, "ownership", proved, "created", day(found.CreatedAt))
	})
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04 MST")
}

func ids[T ~string](list []T, none string) string {
	if len(list) == 0 {
		return none
	}
	texts := make([]string, len(list))
	for i, id := range list {
		texts[i] = string(id)
	}
	return strings.Join(texts, " ")
}
