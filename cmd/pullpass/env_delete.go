package main

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

type envDelete struct {
	envRef
	forceFlags
	Wait bool `help:"Wait until its runner has deleted it."`
}

func (e *envDelete) Run(ctx context.Context, t *terminal) error {
	c, env, err := e.find(ctx)
	if err != nil {
		return err
	}
	if e.Wait && e.Force {
		return misuse("--force does not wait for the runner", "give --wait or --force")
	}
	careful := e.careful()
	if env.Phase == pullpass.PhaseStopped {
		careful.Yes = true // nothing runs that a person would miss
	}
	plan := environmentDeletion(env)
	plan.later = !e.Wait && !e.Force
	return careful.delete(ctx, t, plan, func(ctx context.Context) error {
		if err := c.DeleteEnvironment(ctx, env.ID, e.force()); err != nil {
			return err
		}
		switch {
		case e.Force:
			t.say("What still runs is left to whoever has its runner's machine; if the runner comes back, it removes it.")
			return nil
		case e.Wait:
			return waitDeleted(ctx, c, t, env)
		}
		t.say("Environment %s will be deleted by its runner.", env.Name)
		if now, err := c.Environment(ctx, env.ID); err == nil {
			(&absentRunner{t: t}).update(now)
		}
		return nil
	})
}

func environmentDeletion(e pullpass.Environment) deletion {
	d := deletion{Kind: "environment", ID: string(e.ID), Name: e.Name, Stays: []string{"the images and the registries"}}
	for _, s := range e.Services {
		d.Goes = append(d.Goes, "service "+s.Name+" ("+string(statusOf(e, s.Name).State)+"), with what it has written: "+s.Image)
	}
	return d
}

// waitDeleted follows an environment until it is gone.
func waitDeleted(ctx context.Context, c *client.Client, t *terminal, e pullpass.Environment) error {
	absent, runner := outage{t: t}, absentRunner{t: t}
	for e.Phase != pullpass.PhaseDeleted {
		next, err := c.WaitEnvironment(ctx, e.ID, e.Revision, 20*time.Second)
		switch {
		case pullpass.IsKind(err, pullpass.NotFound):
			return nil
		case absent.waitOut(ctx, err):
			continue
		case err != nil:
			return err
		}
		absent.over()
		e = next
		runner.update(e)
	}
	return nil
}
