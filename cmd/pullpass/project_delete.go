package main

import (
	"context"
	"iter"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

type projectDelete struct {
	Project string `arg:"" help:"Name or id."`
	carefulFlags
}

func (p *projectDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findProject(ctx, c, p.Project)
	if err != nil {
		return err
	}
	plan, err := projectDeletion(ctx, c, found)
	if err != nil {
		return err
	}
	return p.delete(ctx, t, plan, func(ctx context.Context) error { return c.DeleteProject(ctx, found.ID) })
}

// projectDeletion lists what a project takes with it. What the caller may not list,
// it may not know by name.
func projectDeletion(ctx context.Context, c *client.Client, p pullpass.Project) (deletion, error) {
	d := deletion{Kind: "project", ID: string(p.ID), Name: p.Name, Goes: []string{"the project"}}
	for e, err := range c.AllEnvironments(ctx, pullpass.EnvironmentFilter{Project: p.ID}) {
		if err != nil {
			return d, err
		}
		d.Blocked = append(d.Blocked, "environment "+e.Name+": pullpass env delete "+e.Name+" --project "+p.Name)
	}
	for r, err := range c.AllRegistries(ctx, pullpass.RegistryFilter{Project: &p.ID}) {
		if err != nil {
			return d, err
		}
		d.Goes = append(d.Goes, "registry "+r.Name+" for "+hostAndPath(r))
	}
	for r, err := range c.AllRepositories(ctx, pullpass.RepositoryFilter{Project: p.ID}) {
		if err != nil {
			return d, err
		}
		d.Stays = append(d.Stays, "repository "+r.Image+" with its images, in AWS; Pullpass no longer keeps it")
	}
	for w, err := range c.AllTrusts(ctx) {
		if err == nil && w.Project == p.ID {
			d.Goes = append(d.Goes, "trust "+w.Name)
		}
	}
	d.Goes = append(d.Goes, named(c.AllMembers(ctx), func(m pullpass.Member) (string, bool) {
		return "member " + m.Email + " as " + string(m.Role), m.Project == p.ID
	})...)
	d.Goes = append(d.Goes, named(c.AllTokens(ctx), func(k pullpass.Token) (string, bool) {
		return "token " + k.Name, k.Project == p.ID
	})...)
	return d, nil
}

// named are the items of a list, as far as the caller may see it, that belong.
func named[T any](list iter.Seq2[T, error], of func(T) (string, bool)) (names []string) {
	for item, err := range list {
		if err != nil {
			return names
		}
		if name, belongs := of(item); belongs {
			names = append(names, name)
		}
	}
	return names
}
