package main

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

type integrationDelete struct {
	Integration string `arg:"" help:"Name or id."`
	carefulFlags
}

func (i *integrationDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id, err := findIntegration(ctx, c, i.Integration)
	if err != nil {
		return err
	}
	found, err := c.Integration(ctx, id)
	if err != nil {
		return err
	}
	plan, err := integrationDeletion(ctx, c, found)
	if err != nil {
		return err
	}
	return i.delete(ctx, t, plan, func(ctx context.Context) error {
		return usersNamed(c.DeleteIntegration(ctx, id), plan.Blocked)
	})
}

func integrationDeletion(ctx context.Context, c *client.Client, i pullpass.Integration) (deletion, error) {
	d := deletion{Kind: "integration", ID: string(i.ID), Name: i.Name, Goes: []string{"how Pullpass gets into AWS: " + string(i.Mode)}}
	if i.Mode == pullpass.ModeAccessKey {
		d.Goes = append(d.Goes, "the stored secret of access key "+i.AccessKeyID)
		d.Stays = append(d.Stays, "the access key itself, in AWS")
	}
	for _, hop := range i.Chain {
		d.Stays = append(d.Stays, "role "+hop.RoleARN+", in AWS")
	}
	for r, err := range c.AllRegistries(ctx, pullpass.RegistryFilter{}) {
		if err != nil {
			return d, err
		}
		if r.Integration == i.ID {
			d.Blocked = append(d.Blocked, "registry "+r.Name+": pullpass registry delete "+r.Name)
		}
	}
	for r, err := range c.AllRepositories(ctx, pullpass.RepositoryFilter{}) {
		if err != nil {
			return d, err
		}
		if r.Integration == i.ID || r.Puller == i.ID {
			d.Blocked = append(d.Blocked, "repository "+r.Image+": pullpass repository delete "+r.Image)
		}
	}
	return d, nil
}
