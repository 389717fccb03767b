package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/pullpass/pullpass/internal/delivery"
	"github.com/pullpass/pullpass/internal/delivery/gitlab"
)

type gitlabCommand struct {
	Config gitlabConfig `cmd:"" help:"Print what a runner needs: config.toml, userdata, the job's side."`
	Check  gitlabCheck  `cmd:"" help:"Say what is missing here: in the runner, on the job host, in the job container."`
}

type gitlabConfig struct {
	hostFlags `embed:""`
	Executor  string `enum:"docker,docker+machine,docker-autoscaler,kubernetes" default:"docker" placeholder:"NAME" help:"One of ${enum}."`
	Part      string `enum:",install,runner,userdata,pods,job,volumes" default:"" placeholder:"NAME" help:"Only this part, to put into a file: install, runner, userdata, pods, job or volumes."`
	Store     bool   `help:"Name the helper for every registry (credsStore), and not for these hosts only."`
}

func (k *gitlabConfig) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	o := gitlab.Options{Executor: k.Executor, Server: c.Base(), Organization: "ORGANIZATION"}
	if self, err := c.Self(ctx); err == nil && self.Organization.Name != "" {
		o.Organization = self.Organization.Name
	} else if err != nil {
		return err
	}
	if o.Programs, err = c.Downloads(ctx); err != nil {
		return err
	}
	wanted := delivery.Wanted{Form: delivery.FormVariable, Store: k.Store}
	if !k.Store {
		if wanted.Hosts, err = k.hosts(ctx); err != nil {
			return err
		}
	}
	value, err := delivery.ParseConfig(nil)
	if err != nil {
		return err
	}
	if err := wanted.Apply(value, nil); err != nil {
		return err
	}
	o.AuthConfig = value.Line()
	for _, h := range wanted.Hosts {
		o.Hosts = append(o.Hosts, h.Name)
	}
	return k.print(t, gitlab.Parts(o))
}

func (k *gitlabConfig) print(t *terminal, parts []gitlab.Part) error {
	if k.Part == "" {
		return t.show(parts, func(w io.Writer) {
			for _, p := range parts {
				_, _ = fmt.Fprintf(w, "# %s: %s\n# %s.\n", p.Name, p.Where, p.Why)
				if p.Risk != "" {
					_, _ = fmt.Fprintf(w, "# RISK: %s.\n", p.Risk)
				}
				_, _ = fmt.Fprintln(w, p.Text)
			}
		})
	}
	for _, p := range parts {
		if p.Name == k.Part {
			t.say("For %s: %s.", p.Where, p.Why)
			if p.Risk != "" {
				t.say("Risk: %s.", p.Risk)
			}
			return t.show(p, func(w io.Writer) { _, _ = io.WriteString(w, p.Text) })
		}
	}
	return misuse("the executor "+k.Executor+" has no part "+k.Part, "leave out --part to see which parts there are")
}

type gitlabCheck struct {
	Context      string `enum:",runner,job-host,job-container" default:"" placeholder:"NAME" help:"Where this is: runner, job-host or job-container; guessed unless given."`
	RunnerConfig string `default:"/etc/gitlab-runner/config.toml" placeholder:"PATH" help:"The runner's config.toml."`
}

// Help says what is asked.
func (*gitlabCheck) Help() string {
	return "In the runner it runs the credential helpers that the configuration names, as the runner does, and looks at no secret. " +
		"On the job host and in the job container it asks the instance's metadata for the name of the role, never for keys."
}

// Run prints a line for each thing that is needed; exit code 1 if one is missing.
func (k *gitlabCheck) Run(ctx context.Context, t *terminal) error {
	world := gitlab.Here()
	world.TOML = k.RunnerConfig
	where := gitlab.Context(k.Context)
	if where == "" {
		where = world.Guess()
		t.say("This seems to be the %s; --context says otherwise.", strings.ReplaceAll(string(where), "-", " "))
	}
	found := gitlab.Check(ctx, where, world)
	missing := 0
	for _, f := range found {
		if f.State == gitlab.Missing {
			missing++
		}
	}
	if err := t.show(found, func(w io.Writer) { printGitlab(w, found) }); err != nil {
		return err
	}
	if missing > 0 {
		return exitCode(exitFailed)
	}
	return nil
}

func printGitlab(w io.Writer, found []gitlab.Finding) {
	marks := map[gitlab.State]string{gitlab.OK: "✓", gitlab.Missing: "✗", gitlab.Risky: "!", gitlab.Unknown: "?"}
	for _, f := range found {
		_, _ = fmt.Fprintf(w, "%s %s\n", marks[f.State], f.What)
		if f.Cause != "" {
			_, _ = fmt.Fprintf(w, "    %s\n", f.Cause)
		}
		if f.Fix != "" {
			_, _ = fmt.Fprintf(w, "    hint: %s\n", f.Fix)
		}
	}
}
