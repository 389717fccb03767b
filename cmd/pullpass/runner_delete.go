package main

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

type runnerDelete struct {
	Runner string `arg:"" help:"Name or id."`
	forceFlags
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
	plan, err := runnerDeletion(ctx, c, found, r.Force)
	if err != nil {
		return err
	}
	return r.careful().delete(ctx, t, plan, func(ctx context.Context) error {
		return usersNamed(c.DeleteRunner(ctx, found.ID, r.force()), plan.Blocked)
	})
}

func runnerDeletion(ctx context.Context, c *client.Client, r pullpass.Runner, force bool) (deletion, error) {
	d := deletion{Kind: "runner", ID: string(r.ID), Name: r.Name, Goes: []string{"the runner and its tokens: the machine cannot come back as it"}}
	d.Stays = append(d.Stays, "the machine, its Docker Engine and the images there")
	for e, err := range c.AllEnvironments(ctx, pullpass.EnvironmentFilter{Runner: r.ID}) {
		switch {
		case err != nil:
			return d, err
		case force:
			d.Goes = append(d.Goes, "environment "+e.Name+"; what runs of it is left to whoever has the machine")
		default:
			d.Blocked = append(d.Blocked, "environment "+e.Name+": pullpass env delete "+e.Name)
		}
	}
	return d, nil
}

// forceFlags delete what a runner has not let go of.
type forceFlags struct {
	Force bool `help:"Do not wait for the runner. It must be absent: not seen for five minutes, signed off, or never joined. What runs is left to whoever has its machine."`
	Yes   bool `short:"y" help:"Do not ask first. With --force: even if the runner may still run."`
	dryRunFlag
}

func (f forceFlags) careful() carefulFlags { return carefulFlags{Yes: f.Yes, dryRunFlag: f.dryRunFlag} }

func (f forceFlags) force() client.Force {
	switch {
	case f.Force && f.Yes:
		return client.ForceAlways
	case f.Force:
		return client.ForceAbsent
	}
	return client.ForceNone
}
