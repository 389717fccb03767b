package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/reference"
)

// environmentDiagnosis is the JSON of `doctor ENVIRONMENT`.
type environmentDiagnosis struct {
	Environment pullpass.EnvironmentID `json:"environment"`
	Name        string                 `json:"name"`
	Phase       pullpass.Phase         `json:"phase"`
	Healthy     bool                   `json:"healthy"`
	Conditions  []pullpass.Condition   `json:"conditions"`
	Images      []api.Diagnosis        `json:"images"`
}

// environment explains the environment's conditions, which its runner reported,
// and has its images pulled.
func (d *doctorCommand) environment(ctx context.Context, t *terminal) error {
	c, env, err := (&envRef{Environment: d.Target, Project: d.Project}).find(ctx)
	if err != nil {
		return err
	}
	out := environmentDiagnosis{
		Environment: env.ID, Name: env.Name, Phase: env.Phase, Images: []api.Diagnosis{},
		Conditions: append([]pullpass.Condition{}, env.Conditions...),
	}
	out.Healthy = !slices.ContainsFunc(env.Conditions, func(c pullpass.Condition) bool { return c.Severity == pullpass.SeverityError })
	pull, err := d.puller(ctx, t, c, env)
	if err != nil {
		return err
	}
	for _, image := range imagesOf(env) {
		diagnosis, err := pull(ctx, image)
		if err != nil {
			return err
		}
		out.Healthy = out.Healthy && diagnosis.Healthy
		out.Images = append(out.Images, diagnosis)
	}
	if err := t.show(out, func(w io.Writer) { writeEnvironment(w, out) }); err != nil {
		return err
	}
	if !out.Healthy {
		return exitCode(exitFailed)
	}
	return nil
}

// puller lets the environment's runner make the pulls, where a start makes them;
// or this machine, where it was told to or the runner cannot.
func (d *doctorCommand) puller(ctx context.Context, t *terminal, c *client.Client, env pullpass.Environment) (func(context.Context, string) (api.Diagnosis, error), error) {
	ask, whom := api.CredentialRequest{Environment: env.ID}, "for environment "+env.Name
	if env.Wanted != pullpass.WantedRunning { // it gets no credentials any more
		ask, whom = api.CredentialRequest{Project: env.Project}, "for the project of environment "+env.Name
	}
	here := func(ctx context.Context, image string) (api.Diagnosis, error) {
		if err := runnerOnly(ctx, t, c, env, image); err != nil {
			return api.Diagnosis{}, err
		}
		return d.serviceImage(ctx, t, image, issuedOpener{c, ask, whom})
	}
	const told = "The conditions are what the runner reported. The pulls are made from this machine, which may see another network than the runner."
	images := imagesOf(env)
	switch {
	case d.Here || len(images) == 0:
		t.say(told)
		return here, nil
	case env.Wanted != pullpass.WantedRunning:
		t.say("The environment is not to run, so its runner gets nothing for it.")
		t.say(told)
		return here, nil
	}
	first, failed := c.TestEnvironment(ctx, env.ID, images[0])
	if e := cannotTry(failed); e != nil {
		t.say("Its runner cannot make the pulls: %s.", e.Cause)
		t.say(told)
		return here, nil //nolint:nilerr // it has been told, and this machine does it instead
	}
	if failed != nil {
		return nil, failed
	}
	t.say("The conditions are what the runner reported, and it made the pulls, as a start does.")
	return func(ctx context.Context, image string) (api.Diagnosis, error) {
		if image == images[0] {
			return first, nil
		}
		return c.TestEnvironment(ctx, env.ID, image)
	}, nil
}

// runnerOnly refuses to try from here what nobody but a runner that starts the
// environment may have: that a person gets no credential says nothing of the pull.
func runnerOnly(ctx context.Context, t *terminal, c *client.Client, env pullpass.Environment, image string) error {
	i, err := reference.ParseImage(image)
	if err != nil {
		return nil //nolint:nilerr // the steps say what is wrong with it
	}
	list, err := all(c.AllRegistries(ctx, pullpass.RegistryFilter{}), func(r pullpass.Registry) pullpass.Registry { return r })
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r pullpass.Registry) bool { return r.Project != "" && r.Project != env.Project })
	r, found := broker.Choose(list, i.Host, i.Repository)
	if !found || r.Inside.Open() {
		return nil
	}
	t.say("%s", pullpass.Explain(&pullpass.Error{
		Kind: pullpass.Unavailable, Code: "runner_only", What: "cannot try " + image + " from this machine",
		Cause: "the registry " + r.Name + " gives its credential to runners that start environments, and to nobody else: only the runner of " + env.Name + " can try it",
		Hint:  "see that its runner is there (pullpass runner list) and that it is to run; then: pullpass doctor " + env.Name,
	}))
	return exitCode(exitUnknown)
}

// cannotTry finds out of an error that no runner will try for now.
func cannotTry(err error) *pullpass.Error {
	var e *pullpass.Error
	if errors.As(err, &e) && runnerAbsent(e.Code) {
		return e
	}
	return nil
}

// serviceImage pulls one image as its environment may, or anonymously where no
// registry is configured for it: that is what a runner does.
func (d *doctorCommand) serviceImage(ctx context.Context, t *terminal, image string, opener issuedOpener) (api.Diagnosis, error) {
	options := d.hereOptions
	options.Anonymous = true // only until the opener is replaced
	h, err := options.examiner(ctx, t, image)
	if err != nil {
		return api.Diagnosis{}, err
	}
	defer h.close()
	h.opener = orAnonymous{opener}
	return h.examine(ctx, image), nil
}

func imagesOf(env pullpass.Environment) []string {
	var images []string
	for _, s := range env.Services {
		if s.Image != "" && !slices.Contains(images, s.Image) {
			images = append(images, s.Image)
		}
	}
	return images
}

func writeEnvironment(w io.Writer, d environmentDiagnosis) {
	_, _ = fmt.Fprintf(w, "environment %s (%s): %s\n", d.Name, d.Environment, d.Phase)
	for _, c := range d.Conditions {
		_, _ = fmt.Fprintf(w, "\n  %-8s %s\n", c.Severity, c.What)
		for _, line := range [][2]string{{"service", c.Service}, {"cause", c.Cause}, {"fix", c.Fix}} {
			if line[1] != "" {
				_, _ = fmt.Fprintf(w, "           %s: %s\n", line[0], line[1])
			}
		}
	}
	for _, image := range d.Images {
		_, _ = fmt.Fprintln(w)
		_ = doctor.WriteText(w, image)
	}
	_, _ = fmt.Fprintf(w, "\n%s\n", d.verdict())
}

// verdict is the last line, and says what the exit code does: an image can be pulled
// here and not by the engine.
func (d environmentDiagnosis) verdict() string {
	if d.Healthy {
		return "environment " + d.Name + ": healthy"
	}
	var found []string
	for _, c := range d.Conditions {
		if c.Severity == pullpass.SeverityError {
			found = append(found, c.What)
		}
	}
	for _, image := range d.Images {
		if !image.Healthy {
			found = append(found, "a pull of "+image.Image+" fails")
		}
	}
	return "environment " + d.Name + ": not healthy: " + strings.Join(found, "; ")
}

// orAnonymous asks without a credential where the server has no registry for the
// host.
type orAnonymous struct{ issuedOpener }

// Open implements doctor.Opener.
func (o orAnonymous) Open(ctx context.Context, host reference.Host, repository string, tell func(doctor.Rung)) (pullpass.Credential, error) {
	var held *doctor.Rung
	c, err := o.issuedOpener.Open(ctx, host, repository, func(r doctor.Rung) {
		if isNoRegistry(r.Err) {
			held = &r
			return
		}
		tell(r)
	})
	if held == nil {
		return c, err
	}
	tell(asNobody)
	return pullpass.Credential{Host: host.Name}, nil
}

// asNobody is told where the server has no registry for a host.
var asNobody = doctor.Rung{Step: doctor.StepIdentity, Detail: "nobody: no registry is configured for this host, so it is asked anonymously"}

func isNoRegistry(err error) bool {
	var e *pullpass.Error
	return errors.As(err, &e) && e.Code == pullpass.CodeNoRegistry
}
