package main

import "context"

type repositoryDelete struct {
	Repository   string `arg:"" help:"Name, host/name or id."`
	DeleteImages bool   `help:"Delete it in ECR, too, with all its images."`
	carefulFlags
}

func (r *repositoryDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRepository(ctx, c, r.Repository)
	if err != nil {
		return err
	}
	d := deletion{Kind: "repository", ID: string(found.ID), Name: found.Image, Goes: []string{"Pullpass's record of it"}}
	if r.DeleteImages {
		d.Goes = append(d.Goes, "the repository in ECR, with its policy and all its images")
	} else {
		d.Stays = append(d.Stays, "the repository in ECR, its images and its policy (--delete-images deletes these, too)")
	}
	return r.delete(ctx, t, d, func(ctx context.Context) error { return c.DeleteRepository(ctx, found.ID, r.DeleteImages) })
}
