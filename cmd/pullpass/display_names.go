package main

import (
	"context"
	"iter"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// namesOf turns ids into names for people, one list for each kind that is asked for.
// What the caller may not list, or what is deleted, keeps its id.
type namesOf struct {
	ctx   context.Context //nolint:containedctx // lives as long as one command's output
	c     *client.Client
	known map[string]map[string]string
}

func newNames(ctx context.Context, c *client.Client) *namesOf {
	return &namesOf{ctx: ctx, c: c, known: map[string]map[string]string{}}
}

func (n *namesOf) project(id pullpass.ProjectID) string {
	return nameIn(n, "project", string(id), n.c.AllProjects(n.ctx),
		func(p pullpass.Project) (string, string) { return string(p.ID), p.Name })
}

func (n *namesOf) runner(id pullpass.RunnerID) string {
	return nameIn(n, "runner", string(id), n.c.AllRunners(n.ctx),
		func(r pullpass.Runner) (string, string) { return string(r.ID), r.Name })
}

func (n *namesOf) integration(id pullpass.IntegrationID) string {
	return nameIn(n, "integration", string(id), n.c.AllIntegrations(n.ctx),
		func(i pullpass.Integration) (string, string) { return string(i.ID), i.Name })
}

func (n *namesOf) registry(id pullpass.RegistryID) string {
	return nameIn(n, "registry", string(id), n.c.AllRegistries(n.ctx, pullpass.RegistryFilter{}),
		func(r pullpass.Registry) (string, string) { return string(r.ID), r.Name })
}

func (n *namesOf) projects(list []pullpass.ProjectID, none string) string {
	return namesJoined(list, none, n.project)
}

func nameIn[T any](n *namesOf, kind, id string, list iter.Seq2[T, error], of func(T) (string, string)) string {
	if id == "" {
		return ""
	}
	if n.known[kind] == nil {
		n.known[kind] = map[string]string{}
		for item, err := range list {
			if err != nil {
				break
			}
			key, name := of(item)
			n.known[kind][key] = name
		}
	}
	if name := n.known[kind][id]; name != "" {
		return name
	}
	return id
}

func namesJoined[ID ~string](list []ID, none string, name func(ID) string) string {
	if len(list) == 0 {
		return none
	}
	names := make([]string, len(list))
	for i, id := range list {
		names[i] = name(id)
	}
	return strings.Join(names, " ")
}
