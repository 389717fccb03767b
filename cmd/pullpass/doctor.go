package main

import (
	"context"
	"io"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/doctor"
)

type doctorCommand struct {
	Target  string `arg:"" optional:"" placeholder:"IMAGE|ENVIRONMENT|REGISTRY" help:"What to check: an image, or an environment or registry of the server by name or id."`
	Message string `placeholder:"FILE" help:"Say what a message of docker, aws or kubectl means; - is standard input."`

	Project    string   `placeholder:"NAME" help:"Use the credential that the server issues for this project; or the project that the environment or registry belongs to."`
	Repository string   `placeholder:"PATH" help:"With a registry: what to pull. Without it only the login is tried."`
	Tag        string   `placeholder:"TAG" help:"With a registry: the repository's tag; latest if it is not given."`
	Runners    []string `name:"runner" placeholder:"NAME" help:"With a registry: let this runner make the pull, or the server: server. Can be repeated. Without it, each runner that the registry is limited to, else the server."`
	Here       bool     `help:"With an environment: pull from this machine, not from its runner."`
	hereOptions
}

// Run checks, and exits with 0 if every step works and 1 if not.
func (d *doctorCommand) Run(ctx context.Context, t *terminal) error {
	if d.Message != "" {
		return d.explainMessage(t)
	}
	if d.Target == "" {
		return misuse("nothing to check is given", "pullpass doctor IMAGE; or ENVIRONMENT, REGISTRY, --message FILE")
	}
	switch {
	case len(d.Runners) > 0 && !pullpass.ValidID("reg", d.Target):
		return d.registry(ctx, t) // nothing else is tried on a runner of one's choice
	case pullpass.ValidID("env", d.Target):
		return d.environment(ctx, t)
	case pullpass.ValidID("reg", d.Target):
		return d.registry(ctx, t)
	case strings.ContainsAny(d.Target, "/:.@"):
		return d.image(ctx, t)
	}
	return d.named(ctx, t)
}

// named is for a word that can be an environment, a registry, or an image on
// Docker Hub: what the server has goes first.
func (d *doctorCommand) named(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return d.image(ctx, t) // without a server there are images only
	}
	if _, err := findRegistry(ctx, c, d.Project, d.Target); err == nil {
		return d.registry(ctx, t)
	} else if !pullpass.IsKind(err, pullpass.NotFound) && !pullpass.IsKind(err, pullpass.Invalid) {
		return err
	}
	_, _, err = (&envRef{Environment: d.Target, Project: d.Project}).find(ctx)
	switch {
	case err == nil:
		return d.environment(ctx, t)
	case pullpass.IsKind(err, pullpass.NotFound):
		t.say("The server has no registry and no environment %s; taking it for an image.", d.Target)
		return d.image(ctx, t)
	}
	return err
}

// image makes the pull from here.
func (d *doctorCommand) image(ctx context.Context, t *terminal) error {
	h, err := d.examiner(ctx, t, d.Target)
	if err != nil {
		return err
	}
	defer h.close()
	if d.Project != "" {
		c, err := connect()
		if err != nil {
			return err
		}
		project, err := findProject(ctx, c, d.Project)
		if err != nil {
			return err
		}
		h.opener = issuedOpener{c, api.CredentialRequest{Project: project.ID}, "for project " + project.Name}
	}
	return showDiagnosis(t, h.examine(ctx, d.Target))
}

// registry has the pull made with what the server has stored.
func (d *doctorCommand) registry(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	reg, err := findRegistry(ctx, c, d.Project, d.Target)
	if err != nil {
		return err
	}
	places, err := placesOf(ctx, c, d.Runners, reg.Runners)
	if err != nil {
		return err
	}
	found, err := everywhereOf(places, func(runner pullpass.RunnerID) (api.Diagnosis, error) {
		if runner == "" {
			t.say("The server makes the pull, where it runs. A runner may see another network: --runner NAME")
		}
		return c.TestRegistry(ctx, reg.ID, client.RegistryTest{Repository: d.Repository, Tag: d.Tag, Runner: runner})
	})
	if err != nil {
		return err
	}
	return showDiagnoses(t, found)
}

func showDiagnosis(t *terminal, d api.Diagnosis) error {
	var failed error
	if err := t.show(d, func(w io.Writer) { failed = doctor.WriteText(w, d) }); err != nil {
		return err
	}
	if failed == nil && !d.Healthy {
		return exitCode(exitFailed)
	}
	return failed
}

// issuedOpener opens registries with what the server issues: the start's own
// credential, on record there.
type issuedOpener struct {
	client *client.Client
	ask    api.CredentialRequest
	whom   string
}

// explainMessage says what another program's message means, with what it names
// filled into cause and fix.
func (d *doctorCommand) explainMessage(t *terminal) error {
	text, err := readFile(t, d.Message)
	if err != nil {
		return misuseError{err}
	}
	found, ok := doctor.Explain(string(text))
	if !ok {
		return &pullpass.Error{
			Kind: pullpass.NotFound, What: "cannot explain the message", Code: "message_unknown",
			Cause: "it names no cause that the doctor knows", Hint: doctor.WouldTell(string(text)),
		}
	}
	shown := struct {
		Symptom string            `json:"symptom"`
		Seen    string            `json:"seen"`
		Cause   string            `json:"cause"`
		Fix     string            `json:"fix"`
		Facts   map[string]string `json:"facts,omitempty"`
	}{found.Code, found.Seen, found.Cause, found.Fix, found.Facts}
	return t.show(shown, func(w io.Writer) {
		facts(w, "symptom", found.Code, "cause", found.Cause, "fix", found.Fix)
	})
}
