package main

import (
	"context"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

type registryDelete struct {
	Registry string `arg:"" help:"Name or id."`
	Project  string `placeholder:"NAME" help:"The project it belongs to, where several have one of that name."`
	carefulFlags
}

func (r *registryDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	reg, err := findRegistry(ctx, c, r.Project, r.Registry)
	if err != nil {
		return err
	}
	plan, err := registryDeletion(ctx, c, reg)
	if err != nil {
		return err
	}
	return r.delete(ctx, t, plan, func(ctx context.Context) error { return c.DeleteRegistry(ctx, reg.ID) })
}

func registryDeletion(ctx context.Context, c *client.Client, reg pullpass.Registry) (deletion, error) {
	d := deletion{Kind: "registry", ID: string(reg.ID), Name: reg.Name, Goes: []string{"how Pullpass opens " + hostAndPath(reg)}}
	switch reg.Auth {
	case pullpass.AuthBasic:
		d.Goes = append(d.Goes, "the stored password of "+reg.Username)
	case pullpass.AuthIntegration:
		d.Stays = append(d.Stays, "the integration that it uses")
	}
	d.Stays = append(d.Stays, "the images in "+hostAndPath(reg), "environments that were started with it keep it until they are deleted")
	for e, err := range c.AllEnvironments(ctx, pullpass.EnvironmentFilter{Project: reg.Project}) {
		if err != nil {
			return d, err
		}
		for _, s := range e.Services {
			if strings.HasPrefix(s.Image, hostAndPath(reg)+"/") {
				d.Stays = append(d.Stays, "environment "+e.Name+", which runs "+s.Image)
			}
		}
	}
	return d, nil
}
