package main

import (
	"context"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/doctor"
)

// registryTrial makes `registry add` try before it saves.
type registryTrial struct {
	Test       bool   `help:"Let the server pull first; save only if every step works."`
	Repository string `placeholder:"PATH" help:"With --test: what to pull. Without it only the login is tried."`
	Tag        string `placeholder:"TAG" help:"With --test: the repository's tag; latest if it is not given."`
}

// tryFirst lets the server pull with settings that are not saved. What it finds
// goes to the person: the data of this command is the registry.
func (r *registryTrial) tryFirst(ctx context.Context, c *client.Client, t *terminal, reg pullpass.Registry, password pullpass.Secret) error {
	if !r.Test {
		if r.Repository != "" || r.Tag != "" {
			return misuse("a repository and tag are for a test", "add --test")
		}
		return nil
	}
	diagnosis, err := c.TestRegistrySettings(ctx, reg, password, r.Repository, r.Tag)
	if err != nil {
		return err
	}
	if !diagnosis.Healthy {
		t.say("Nothing was saved: the test failed.")
		return showDiagnosis(t, diagnosis)
	}
	if !t.json {
		return doctor.WriteText(t.talk, diagnosis)
	}
	return nil
}

type registryTest struct {
	Registry   string `arg:"" help:"Name or id."`
	Project    string `placeholder:"NAME" help:"The project it belongs to, if it is not the organization's."`
	Repository string `placeholder:"PATH" help:"What to pull. Without it only the login is tried."`
	Tag        string `placeholder:"TAG" help:"The repository's tag; latest if it is not given."`
}

func (r *registryTest) Run(ctx context.Context, t *terminal) error {
	return (&doctorCommand{Target: r.Registry, Project: r.Project, Repository: r.Repository, Tag: r.Tag}).registry(ctx, t)
}

type integrationTest struct {
	Integration string `arg:"" help:"Name or id."`
}

// Run exits with 0 if every role of the chain could be assumed.
func (i *integrationTest) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id, err := findIntegration(ctx, c, i.Integration)
	if err != nil {
		return err
	}
	out, err := c.TestIntegration(ctx, id)
	if err != nil {
		return err
	}
	var failed error
	if err := t.show(out, func(w io.Writer) {
		facts(w, "principal", out.Principal, "account", out.Account, "region", out.Region)
		failed = doctor.WriteSteps(w, out.Steps)
	}); err != nil {
		return err
	}
	if failed == nil && !out.Healthy {
		return exitCode(exitFailed)
	}
	return failed
}
