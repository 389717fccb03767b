package main

import (
	"context"
	"iter"
	"slices"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/nearest"
)

// auditRegistry finds a registry by id or name. By id it may be deleted; its
// records are not.
func auditRegistry(ctx context.Context, c *client.Client, name string, project pullpass.ProjectID) (pullpass.RegistryID, error) {
	if name == "" || pullpass.ValidID("reg", name) {
		return pullpass.RegistryID(name), nil
	}
	var filter pullpass.RegistryFilter
	if project != "" {
		filter.Project = &project
	}
	return onlyNamed(c.AllRegistries(ctx, filter), "registry", name,
		func(r pullpass.Registry) (pullpass.RegistryID, string) { return r.ID, r.Name })
}

// auditEnvironment finds an environment by id or name.
func auditEnvironment(ctx context.Context, c *client.Client, name string, project pullpass.ProjectID) (pullpass.EnvironmentID, error) {
	if name == "" || pullpass.ValidID("env", name) {
		return pullpass.EnvironmentID(name), nil
	}
	return onlyNamed(c.AllEnvironments(ctx, pullpass.EnvironmentFilter{Project: project}), "environment", name,
		func(e pullpass.Environment) (pullpass.EnvironmentID, string) { return e.ID, e.Name })
}

// onlyNamed finds the one thing of a name; what is near is offered.
func onlyNamed[T any, ID ~string](list iter.Seq2[T, error], thing, name string, of func(T) (ID, string)) (ID, error) {
	var found []ID
	var names []string
	for item, err := range list {
		if err != nil {
			return "", err
		}
		id, called := of(item)
		names = append(names, called)
		if called == name {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", unknownName(thing, name, names, "give its id where it was deleted")
	}
	return "", misuse("several projects have a "+thing+" named "+name, "name one with --project, or give an id: "+ids(found, ""))
}

func unknownName(thing, name string, known []string, hint string) error {
	if near := nearest.Word(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return misuseError{&pullpass.Error{Kind: pullpass.NotFound, Code: thing + "_not_found", What: "there is no " + thing + " " + name, Hint: hint}}
}

// explainNothing tells a filter that nothing meets from one that names something
// that does not exist: an auditor must not take a typing error for innocence.
func explainNothing(ctx context.Context, c *client.Client, f pullpass.EventFilter) error {
	if f.Caller != "" {
		if err := knownInLog(ctx, c, "caller", f.Caller, pullpass.EventFilter{Caller: f.Caller}, callerNames); err != nil {
			return err
		}
	}
	if f.Action != "" {
		return knownInLog(ctx, c, "action", f.Action, pullpass.EventFilter{Action: f.Action}, actionNames)
	}
	return nil
}

// knownInLog is an error where neither the log nor a list knows the name.
func knownInLog(ctx context.Context, c *client.Client, thing, name string, alone pullpass.EventFilter, list func(context.Context, *client.Client) []string) error {
	l, err := c.Events(ctx, alone, pullpass.Page{Limit: 1})
	if err != nil || len(l.Items) > 0 {
		return err
	}
	names := list(ctx, c)
	if slices.Contains(names, name) {
		return nil
	}
	return unknownName(thing, name, names, "see callers and actions: pullpass audit list")
}

// callerNames are the names and ids that records may carry, as far as one may
// list them.
func callerNames(ctx context.Context, c *client.Client) (names []string) {
	for m, err := range c.AllMembers(ctx) {
		if err == nil {
			names = append(names, m.Email, string(m.ID))
		}
	}
	for token, err := range c.AllTokens(ctx) {
		if err == nil {
			names = append(names, token.Name, string(token.ID))
		}
	}
	for r, err := range c.AllRunners(ctx) {
		if err == nil {
			names = append(names, r.Name, string(r.ID))
		}
	}
	for e, err := range c.AllEnvironments(ctx, pullpass.EnvironmentFilter{}) {
		if err == nil {
			names = append(names, e.Name, string(e.ID))
		}
	}
	return append(names, recentOf(ctx, c, func(e pullpass.Event) string { return e.Caller.Name })...)
}

// actionNames are those of the permissions, as which changes are recorded, and
// those of the newest records.
func actionNames(ctx context.Context, c *client.Client) []string {
	var names []string
	for _, p := range access.All() {
		names = append(names, string(p))
	}
	return append(names, recentOf(ctx, c, func(e pullpass.Event) string { return e.Action })...)
}

func recentOf(ctx context.Context, c *client.Client, of func(pullpass.Event) string) (names []string) {
	l, err := c.Events(ctx, pullpass.EventFilter{Newest: true}, pullpass.Page{Limit: pullpass.MaxPage})
	if err != nil {
		return nil
	}
	for _, e := range l.Items {
		if name := of(e); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
