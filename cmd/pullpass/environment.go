package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/runner"
)

type envCommand struct {
	Create  envCreate  `cmd:"" help:"Create an environment and wait until it runs."`
	List    envList    `cmd:"" help:"List the environments."`
	Show    envShow    `cmd:"" help:"Show one environment: its services, and what is wrong with it."`
	Start   envStart   `cmd:"" help:"Start a stopped environment, with the registries in force now."`
	Stop    envStop    `cmd:"" help:"Stop an environment."`
	Restart envRestart `cmd:"" help:"Start it anew, with the registries in force now."`
	Delete  envDelete  `cmd:"" help:"Delete an environment."`
	Logs    envLogs    `cmd:"" help:"Print the end of what a service has printed."`
}

type envCreate struct {
	Name    string   `arg:"" help:"Name, unique in the project."`
	Project string   `env:"PULLPASS_PROJECT" placeholder:"NAME" help:"Project it belongs to; the only one, unless given."`
	Image   string   `placeholder:"IMAGE" help:"Image of its one service."`
	Service []string `placeholder:"NAME=IMAGE" help:"A service. Can be repeated; instead of --image."`
	envSource
	Runner   string   `placeholder:"NAME" help:"Runner to start it on; not needed where there is only one."`
	Ref      string   `placeholder:"REF" help:"Branch or tag of the project's repository; the server looks up its commit. Identity tokens name both."`
	NoWait   bool     `xor:"wait" help:"Do not wait until it runs."`
	UntilEnd bool     `xor:"wait" help:"Wait until its services have ended, and exit with the code of the first that failed."`
	Command  []string `arg:"" optional:"" passthrough:"partial" help:"After --: command of the one service, instead of the image's own. If it ends at once, its code is the exit code."`
}

// lookAgain is how long a command that was given is watched after it has begun to
// run: one that ends at once is reported as ended, with its code.
const lookAgain = 2 * time.Second

func (e *envCreate) Run(ctx context.Context, t *terminal) error {
	services, err := e.services(t)
	if err != nil {
		return err
	}
	c, err := connect()
	if err != nil {
		return err
	}
	wanted := pullpass.Environment{Name: e.Name, Ref: e.Ref, Services: services}
	project, err := givenOrDefaultProject(ctx, c, e.Project)
	if err != nil {
		return err
	}
	wanted.Project = project.ID
	if e.Runner != "" {
		runners, err := findRunners(ctx, c, []string{e.Runner})
		if err != nil {
			return err
		}
		wanted.Runner = runners[0]
	}
	made, err := c.CreateEnvironment(ctx, wanted)
	if err != nil {
		return err
	}
	if !e.NoWait && (e.UntilEnd || len(e.Command) > 0) {
		if made, err = watchEnd(ctx, c, t, made, e.UntilEnd); err != nil {
			return err
		}
	}
	return settle(ctx, c, t, made, e.NoWait)
}

func (e *envCreate) services(t *terminal) ([]pullpass.Service, error) {
	command := e.Command
	if len(command) > 0 {
		if command[0] != "--" {
			return nil, misuse("unexpected argument "+command[0], "a command comes after --: pullpass env create "+e.Name+" --project "+e.Project+" --image IMAGE -- "+strings.Join(command, " "))
		}
		command = command[1:]
	}
	switch {
	case e.From != "" && (e.Image != "" || len(e.Service) > 0 || len(command) > 0):
		return nil, misuse("--from says what to start, and so do --image, --service and a command", "give one of them")
	case e.From != "":
		return e.read(t)
	case e.File != "" || len(e.Input) > 0:
		return nil, misuse("--file and --input are for --from", "add --from DIR")
	case e.Image != "" && len(e.Service) == 0:
		return []pullpass.Service{{Name: "main", Image: e.Image, Command: command}}, nil
	case e.Image == "" && len(e.Service) > 0 && len(command) == 0:
		var services []pullpass.Service
		for _, s := range e.Service {
			name, image, ok := strings.Cut(s, "=")
			if !ok {
				return nil, misuse("a service needs a name and an image", "--service web="+s)
			}
			services = append(services, pullpass.Service{Name: name, Image: image})
		}
		return services, nil
	}
	return nil, misuse("an environment needs one image, or several services", "give --image IMAGE, or --service NAME=IMAGE for each, or --from DIR")
}

// settle waits until an environment is as wanted, and shows it.
func settle(ctx context.Context, c *client.Client, t *terminal, e pullpass.Environment, noWait bool) error {
	if !noWait {
		var err error
		if e, err = watch(ctx, c, t, e); err != nil {
			if ctx.Err() != nil {
				t.say("No longer waiting; the environment goes on. Look at it: pullpass env show %s. End it: pullpass env delete %s", e.ID, e.ID)
			}
			return err
		}
		if e.Phase == pullpass.PhaseDeleted || e.Wanted == pullpass.WantedDeleted {
			return &pullpass.Error{Kind: pullpass.Conflict, Code: "environment_deleted", What: "the environment " + e.Name + " was deleted while this command waited for it",
				Hint: "who deleted it: pullpass audit list --action environment.delete"}
		}
	}
	if err := showEnvironment(t, newNames(ctx, c), e); err != nil {
		return err
	}
	if e.Phase == pullpass.PhaseRunning {
		t.say("Next: pullpass env logs %s", e.ID)
	}
	if e.Wanted == pullpass.WantedRunning && e.Phase == pullpass.PhaseStopped {
		t.say("Its command ended with code 0. Its output: pullpass env logs %s", e.ID)
	}
	return verdict(e)
}

// verdict is the exit code of a command that has waited for an environment: that of
// the first service whose command failed, if it is only that.
func verdict(e pullpass.Environment) error {
	switch {
	case e.Phase != pullpass.PhaseFailed:
		return nil
	case slices.ContainsFunc(e.Conditions, func(c pullpass.Condition) bool {
		return c.Severity == pullpass.SeverityError && c.Code != runner.CodeServiceExited && !runnerAbsent(c.Code)
	}):
		return exitCode(exitFailed)
	}
	for _, s := range e.Status {
		if s.ExitCode != nil && *s.ExitCode > 0 && *s.ExitCode < 256 {
			return exitCode(*s.ExitCode)
		}
	}
	return exitCode(exitFailed)
}

type envList struct {
	wideFlag
	Project string `placeholder:"NAME" help:"Only this project's."`
}

func (e *envList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	var filter pullpass.EnvironmentFilter
	if filter.Project, err = optionalProject(ctx, c, e.Project); err != nil {
		return err
	}
	list, err := all(c.AllEnvironments(ctx, filter), api.FromEnvironment)
	if err != nil {
		return err
	}
	names := newNames(ctx, c)
	var rows [][]string
	for _, env := range list {
		rows = append(rows, e.row([]string{env.Name, names.project(env.Project), string(env.Phase), problem(env.Conditions)},
			images(env.Services), day(env.CreatedAt), string(env.ID)))
	}
	return t.list(list, e.row([]string{"NAME", "PROJECT", "PHASE", "PROBLEM"}, "IMAGES", "CREATED", "ID"), rows, "Create one: pullpass env create NAME --project PROJECT --image IMAGE")
}

// envRef names an environment: by id alone, or by name and project.
type envRef struct {
	Environment string `arg:"" help:"Name or id."`
	Project     string `placeholder:"NAME" help:"Project it belongs to; not needed where only one has the name."`
}

func (r *envRef) find(ctx context.Context) (*client.Client, pullpass.Environment, error) {
	c, err := connect()
	if err != nil {
		return nil, pullpass.Environment{}, err
	}
	if pullpass.ValidID("env", r.Environment) {
		e, err := c.Environment(ctx, pullpass.EnvironmentID(r.Environment))
		return c, e, err
	}
	if r.Project == "" {
		e, err := onlyOfName(ctx, c, r.Environment)
		return c, e, err
	}
	project, err := findProject(ctx, c, r.Project)
	if err != nil {
		return c, pullpass.Environment{}, err
	}
	e, err := c.EnvironmentByName(ctx, project.ID, r.Environment)
	return c, e, orNearest(err, r.Environment, "pullpass env list", c.AllEnvironments(ctx, pullpass.EnvironmentFilter{Project: project.ID}),
		func(e pullpass.Environment) string { return e.Name })
}

// onlyOfName finds an environment by name where only one project has it.
func onlyOfName(ctx context.Context, c *client.Client, name string) (pullpass.Environment, error) {
	var found []pullpass.Environment
	var names []string
	for e, err := range c.AllEnvironments(ctx, pullpass.EnvironmentFilter{}) {
		if err != nil {
			return pullpass.Environment{}, err
		}
		names = append(names, e.Name)
		if e.Name == name {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		missing := &pullpass.Error{Kind: pullpass.NotFound, Code: "environment_not_found", What: "there is no environment " + strconv.Quote(name)}
		return pullpass.Environment{}, withNearest(missing, name, names, "pullpass env list")
	}
	preferred, err := preferredProject(ctx, c)
	for _, e := range found {
		if err == nil && e.Project == preferred {
			return e, nil
		}
	}
	return pullpass.Environment{}, misuse("several projects have an environment "+name, "say which: --project NAME")
}

type envShow struct{ envRef }

func (e *envShow) Run(ctx context.Context, t *terminal) error {
	c, env, err := e.find(ctx)
	if err != nil {
		return err
	}
	if env, err = c.Environment(ctx, env.ID); err != nil { // lists leave values out
		return err
	}
	return showEnvironment(t, newNames(ctx, c), env)
}

func showEnvironment(t *terminal, names *namesOf, e pullpass.Environment) error {
	return t.show(api.FromEnvironment(e), func(w io.Writer) {
		facts(w, "name", e.Name, "id", string(e.ID), "phase", string(e.Phase), "wanted", string(e.Wanted),
			"project", names.project(e.Project), "runner", names.runner(e.Runner), "starts", fmt.Sprint(e.Start))
		for _, s := range e.Services {
			status := statusOf(e, s.Name)
			_, _ = fmt.Fprintf(w, "service %s: %s %s\n", s.Name, s.Image, status.State)
			if status.Digest != "" {
				_, _ = fmt.Fprintf(w, "  digest %s\n", status.Digest)
			}
			for _, name := range s.EnvNames {
				if value, shown := s.Env[name]; shown {
					_, _ = fmt.Fprintf(w, "  %s=%s\n", name, value)
				} else {
					_, _ = fmt.Fprintf(w, "  %s (value not shown)\n", name)
				}
			}
		}
		for _, condition := range e.Conditions {
			_, _ = fmt.Fprintf(w, "\n%s: %s\n", condition.Severity, condition.What)
			if condition.Cause != "" {
				_, _ = fmt.Fprintf(w, "cause: %s\n", condition.Cause)
			}
			if condition.Fix != "" {
				_, _ = fmt.Fprintf(w, "hint:  %s\n", condition.Fix)
			}
		}
	})
}

func statusOf(e pullpass.Environment, service string) pullpass.ServiceStatus {
	for _, s := range e.Status {
		if s.Name == service {
			return s
		}
	}
	return pullpass.ServiceStatus{Name: service, State: pullpass.ServiceWaiting}
}

type envStart struct {
	envRef
	NoWait bool `help:"Do not wait until it runs."`
}

func (e *envStart) Run(ctx context.Context, t *terminal) error {
	c, env, err := e.find(ctx)
	if err != nil {
		return err
	}
	if env, err = c.StartEnvironment(ctx, env.ID); err != nil {
		return err
	}
	return settle(ctx, c, t, env, e.NoWait)
}

type envStop struct {
	envRef
	NoWait bool `help:"Do not wait until it has stopped."`
}

func (e *envStop) Run(ctx context.Context, t *terminal) error {
	c, env, err := e.find(ctx)
	if err != nil {
		return err
	}
	if env, err = c.StopEnvironment(ctx, env.ID); err != nil {
		return err
	}
	return settle(ctx, c, t, env, e.NoWait)
}

type envRestart struct {
	envRef
	NoWait bool `help:"Do not wait until it runs."`
}

func (e *envRestart) Run(ctx context.Context, t *terminal) error {
	c, env, err := e.find(ctx)
	if err != nil {
		return err
	}
	if env, err = c.RestartEnvironment(ctx, env.ID); err != nil {
		return err
	}
	return settle(ctx, c, t, env, e.NoWait)
}

type envLogs struct {
	envRef
	Service string `placeholder:"NAME" help:"Which service; not needed where there is only one."`
	Raw     bool   `help:"Print every byte as it is: on a terminal, escape sequences and other controls are shown as text otherwise."`
}

func (e *envLogs) Run(ctx context.Context, t *terminal) error {
	c, env, err := e.find(ctx)
	if err != nil {
		return err
	}
	output, err := c.Output(ctx, env.ID, e.Service)
	if err != nil {
		return err
	}
	if len(output.Data) == 0 {
		t.say("It has printed nothing yet; it is %s.", env.Phase)
	}
	if t.json {
		return t.encode(output)
	}
	printOutput(t, output.Data, e.Raw)
	return nil
}

// printOutput shows what a container has printed. It must not steer the screen; a
// pipe or a file takes the bytes.
func printOutput(t *terminal, data []byte, raw bool) {
	to := t.out
	if raw || !isTerminal(t.raw) {
		to = t.raw
	}
	_, _ = to.Write(data)
}

func images(services []pullpass.Service) string {
	var texts []string
	for _, s := range services {
		texts = append(texts, s.Image)
	}
	return strings.Join(texts, " ")
}

// problem is the first error among conditions, as a list has room for it, or that
// its runner does not say how it is.
func problem(conditions []pullpass.Condition) string {
	for _, c := range conditions {
		if c.Severity == pullpass.SeverityError || runnerAbsent(c.Code) {
			return c.Code
		}
	}
	return ""
}
