package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

type runnerCommand struct {
	Run    runnerRun    `cmd:"" default:"withargs" help:"Be a runner beside a Docker Engine (the default)."`
	Add    runnerAdd    `cmd:"" help:"Add a runner; prints its one-time join token."`
	List   runnerList   `cmd:"" help:"List the runners."`
	Show   runnerShow   `cmd:"" help:"Show one runner."`
	Update runnerUpdate `cmd:"" help:"Say whose environments a runner takes."`
	Delete runnerDelete `cmd:"" help:"Delete a runner and its tokens."`
}

type runnerAdd struct {
	Name     string   `arg:"" help:"Name, unique in the organization."`
	Hosted   bool     `help:"It is operated by whoever operates the server."`
	Projects []string `name:"project" placeholder:"NAME" help:"Take environments of this project only. Can be repeated. Without it the runner takes every project's."`
}

func (r *runnerAdd) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	projects, err := findProjects(ctx, c, r.Projects)
	if err != nil {
		return err
	}
	made, token, err := c.CreateRunner(ctx, pullpass.Runner{Name: r.Name, Kind: pullpass.RunnerDocker, Hosted: r.Hosted, Projects: projects})
	if err != nil {
		return err
	}
	t.say("Added runner %s. This is the only time its join token is shown:", made.Name)
	err = t.show(api.RunnerWithToken{Runner: api.FromRunner(made), Token: api.NewSecret(token)}, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, token.Reveal())
	})
	t.say("Next, beside the Docker Engine: pullpass runner --server %s --join-token-file -", c.Base())
	return err
}

type runnerList struct{}

func (runnerList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	list, err := all(c.AllRunners(ctx), api.FromRunner)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, r := range list {
		rows = append(rows, []string{r.Name, string(r.Kind), string(r.Phase), r.Version, day(r.LastSeenAt), r.Message})
	}
	return t.list(list, []string{"NAME", "KIND", "PHASE", "VERSION", "LAST SEEN", "MESSAGE"}, rows, "Add one: pullpass runner add NAME")
}

type runnerShow struct {
	Runner string `arg:"" help:"Name or id."`
}

func (r *runnerShow) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRunner(ctx, c, r.Runner)
	if err != nil {
		return err
	}
	hosted := ""
	if found.Hosted {
		hosted = "yes: by whoever operates the server"
	}
	return t.show(api.FromRunner(found), func(w io.Writer) {
		facts(w, "name", found.Name, "id", string(found.ID), "kind", string(found.Kind), "hosted", hosted,
			"projects", ids(found.Projects, "any"), "phase", string(found.Phase),
			"message", found.Message, "version", found.Version, "capabilities", ids(found.Capabilities, ""),
			"AWS identity", found.AWSIdentity, "last seen", day(found.LastSeenAt))
	})
}

type runnerUpdate struct {
	Runner     string   `arg:"" help:"Name or id."`
	Projects   []string `name:"project" xor:"projects" required:"" placeholder:"NAME" help:"Take environments of this project only. Can be repeated."`
	AnyProject bool     `xor:"projects" required:"" help:"Take environments of every project."`
}

// Run changes whose environments may be placed on the runner. What runs there goes
// on until it is started anew.
func (r *runnerUpdate) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRunner(ctx, c, r.Runner)
	if err != nil {
		return err
	}
	projects, err := findProjects(ctx, c, r.Projects)
	if err != nil {
		return err
	}
	updated, err := c.UpdateRunner(ctx, found.ID, pullpass.RunnerChange{Projects: &projects})
	if err != nil {
		return err
	}
	t.say("Updated runner %s; environments that run on it go on until they are started anew.", updated.Name)
	return t.show(api.FromRunner(updated), func(io.Writer) {})
}

type runnerDelete struct {
	Runner string `arg:"" help:"Name or id."`
}

func (r *runnerDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRunner(ctx, c, r.Runner)
	if err != nil {
		return err
	}
	if err := c.DeleteRunner(ctx, found.ID); err != nil {
		return err
	}
	t.say("Deleted runner %s.", found.Name)
	return nil
}

func findRunner(ctx context.Context, c *client.Client, nameOrID string) (pullpass.Runner, error) {
	if pullpass.ValidID("run", nameOrID) {
		return c.Runner(ctx, pullpass.RunnerID(nameOrID))
	}
	return c.RunnerByName(ctx, nameOrID)
}

func findRunners(ctx context.Context, c *client.Client, names []string) ([]pullpass.RunnerID, error) {
	var found []pullpass.RunnerID
	for _, name := range names {
		r, err := findRunner(ctx, c, name)
		if err != nil {
			return nil, err
		}
		found = append(found, r.ID)
	}
	return found, nil
}
