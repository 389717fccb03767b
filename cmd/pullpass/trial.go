package main

import (
	"context"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/printable"
)

// registryTrial makes `registry add` try before it saves.
type registryTrial struct {
	Test       bool     `help:"Have it pulled first; save only if every step works."`
	TestOn     []string `name:"test-on" placeholder:"NAME" help:"With --test: who makes the pull, a runner or the server: server. Can be repeated. Without it, each --runner, else the server."`
	Repository string   `placeholder:"PATH" help:"With --test: what to pull. Without it only the login is tried."`
	Tag        string   `placeholder:"TAG" help:"With --test: the repository's tag; latest if it is not given."`
}

// tryFirst has a pull made with settings that are not saved. What is found goes to
// the person: the data of this command is the registry.
func (r *registryTrial) tryFirst(ctx context.Context, c *client.Client, t *terminal, reg pullpass.Registry, password pullpass.Secret) error {
	if !r.Test {
		if r.Repository != "" || r.Tag != "" || len(r.TestOn) > 0 {
			return misuse("a repository, a tag and --test-on are for a test", "add --test")
		}
		return nil
	}
	places, err := placesOf(ctx, c, r.TestOn, reg.Runners)
	if err != nil {
		return err
	}
	found, err := everywhereOf(places, func(runner pullpass.RunnerID) (api.Diagnosis, error) {
		return c.TestRegistrySettings(ctx, reg, password, client.RegistryTest{Repository: r.Repository, Tag: r.Tag, Runner: runner})
	})
	if err != nil {
		t.say("Nothing was saved: it could not be tried.")
		return err
	}
	if !together(found).Healthy {
		t.say("Nothing was saved: the test failed.")
		return showDiagnoses(t, found)
	}
	if !t.json {
		return writeDiagnoses(printable.NewWriter(t.talk), found)
	}
	return nil
}

type registryTest struct {
	Registry   string   `arg:"" help:"Name or id."`
	Project    string   `placeholder:"NAME" help:"The project it belongs to, if it is not the organization's."`
	Repository string   `placeholder:"PATH" help:"What to pull. Without it only the login is tried."`
	Tag        string   `placeholder:"TAG" help:"The repository's tag; latest if it is not given."`
	Runners    []string `name:"runner" placeholder:"NAME" help:"Let this runner make the pull, or the server: server. Can be repeated. Without it, each runner that the registry is limited to, else the server."`
}

func (r *registryTest) Run(ctx context.Context, t *terminal) error {
	return (&doctorCommand{Target: r.Registry, Project: r.Project, Repository: r.Repository, Tag: r.Tag, Runners: r.Runners}).registry(ctx, t)
}

type integrationTest struct {
	Integration string `arg:"" help:"Name or id."`
	Runner      string `placeholder:"NAME" help:"Let this runner try, with its own AWS identity: for runner-native."`
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
	var runner pullpass.Runner
	if i.Runner != "" {
		if runner, err = findRunner(ctx, c, i.Runner); err != nil {
			return err
		}
	}
	out, err := c.TestIntegration(ctx, id, runner.ID)
	if err != nil {
		return err
	}
	var failed error
	if err := t.show(out, func(w io.Writer) {
		facts(w, "tried on", out.Where, "principal", out.Principal, "account", out.Account, "region", out.Region)
		failed = doctor.WriteSteps(w, out.Steps)
	}); err != nil {
		return err
	}
	if failed == nil && !out.Healthy {
		return exitCode(exitFailed)
	}
	return failed
}
