package store

import (
	"context"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// A registry is a row of registries, what cannot change, joined with one of its
// generations, what can.
const registryFields = `SELECT r.organization, r.id, COALESCE(r.project, ''), r.name, r.host, r.path_prefix, r.auth, r.created_at,
	g.generation, g.username, COALESCE(g.integration, ''), g.inside, g.created_at,
	(SELECT COALESCE(string_agg(gr.runner, ','), '') FROM registry_generation_runners gr
		WHERE gr.organization = g.organization AND gr.registry = g.registry AND gr.generation = g.generation)`

const registryColumns = registryFields + ` FROM registries r
	JOIN registry_generations g ON g.organization = r.organization AND g.registry = r.id AND g.generation = r.generation`

func scanRegistry(row scanner) (r pullpass.Registry, err error) {
	var runners string
	var created, updated int64
	err = row.Scan(&r.Organization, &r.ID, &r.Project, &r.Name, &r.Host, &r.PathPrefix, &r.Auth, &created,
		&r.Generation, &r.Username, &r.Integration, &r.Inside, &updated, &runners)
	r.CreatedAt, r.UpdatedAt, r.Runners = moment(created), moment(updated), idList[pullpass.RunnerID](runners)
	return r, err
}

// Registry returns the registry with this id in its current generation.
func (db *DB) Registry(ctx context.Context, org pullpass.OrganizationID, id pullpass.RegistryID) (pullpass.Registry, error) {
	r, err := scanRegistry(db.read.QueryRowContext(ctx, registryColumns+` WHERE r.organization = $1 AND r.id = $2 AND r.deleted_at = 0`, org, id))
	return r, db.explain("find the registry", err)
}

// RegistryByName returns the registry with this name in one scope: a project, or
// the organization if project is empty.
func (db *DB) RegistryByName(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID, name string) (pullpass.Registry, error) {
	r, err := scanRegistry(db.read.QueryRowContext(ctx,
		registryColumns+` WHERE r.organization = $1 AND COALESCE(r.project, '') = $2 AND r.name = $3 AND r.deleted_at = 0`, org, project, name))
	return r, db.explain("find the registry", err)
}

// Registries lists the organization's registries in their current generation.
func (db *DB) Registries(ctx context.Context, org pullpass.OrganizationID, f pullpass.RegistryFilter, p pullpass.Page) (pullpass.List[pullpass.Registry], error) {
	var w where
	w.and("r.organization = ", org)
	w.and("r.id > ", p.After)
	if f.Project != nil {
		w.and("COALESCE(r.project, '') = ", *f.Project)
	}
	w.fixed("r.deleted_at = 0")
	items, err := all(ctx, db.read, scanRegistry, registryColumns+w.page("r.id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Registry]{}, db.explain("list registries", err)
	}
	return page(items, p.Size(), func(r pullpass.Registry) string { return string(r.ID) }), nil
}

// RegistriesInForce returns what a start in the project would use now: the
// project's registries and the organization's.
func (db *DB) RegistriesInForce(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID) ([]pullpass.Registry, error) {
	// Sorted here: ORDER BY id would make SQLite read all of the organization's.
	items, err := all(ctx, db.read, scanRegistry,
		registryColumns+` WHERE r.organization = $1 AND COALESCE(r.project, '') IN ('', $2) AND r.deleted_at = 0`, org, project)
	slices.SortFunc(items, func(a, b pullpass.Registry) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return items, db.explain("find the registries in force", err)
}

// PinnedRegistries returns the generations an environment was started with,
// those of deleted registries included.
func (db *DB) PinnedRegistries(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) ([]pullpass.Registry, error) {
	const what = "find the registries of the environment"
	items, err := all(ctx, db.read, scanRegistry, registryFields+` FROM environment_registries er
		JOIN registries r ON r.organization = er.organization AND r.id = er.registry
		JOIN registry_generations g ON g.organization = er.organization AND g.registry = er.registry AND g.generation = er.generation
		WHERE er.organization = $1 AND er.environment = $2 ORDER BY er.registry`, org, id)
	if err == nil && len(items) == 0 {
		// None is an answer only if the environment is there.
		var found string
		err = db.read.QueryRowContext(ctx, `SELECT id FROM environments WHERE organization = $1 AND id = $2`, org, id).Scan(&found)
	}
	return items, db.explain(what, err)
}

// RegistrySecret opens the password of one generation of a registry, for the host
// and the user that r names and for nothing else.
func (db *DB) RegistrySecret(ctx context.Context, org pullpass.OrganizationID, r pullpass.Registry) (pullpass.Secret, error) {
	const what = "open the registry's password"
	var s []byte
	err := db.read.QueryRowContext(ctx, `SELECT sealed FROM registry_generations
		WHERE organization = $1 AND registry = $2 AND generation = $3`, org, r.ID, r.Generation).Scan(&s)
	switch {
	case err != nil:
		return pullpass.Secret{}, db.explain(what, err)
	case s == nil:
		return pullpass.Secret{}, errNotFound(what)
	}
	secret, err := db.sealer.Open(ctx, s, registryPlace(org, r))
	return secret, db.explain(what, err)
}
