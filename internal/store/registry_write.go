package store

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// registryPlace binds a password to where it goes: moved to another host, path,
// user or project in the database, it does not open.
func registryPlace(org pullpass.OrganizationID, r pullpass.Registry) seal.AssociatedData {
	return seal.AssociatedData{
		Organization: org, Table: "registry", Row: string(r.ID), Field: "secret", Version: r.Generation,
		Bound: []string{r.Host, r.PathPrefix, r.Username, string(r.Project)},
	}
}

// CreateRegistry stores a new registry in generation 1; secret is the password
// of AuthBasic and must be empty for the other ways. A registry that covers the
// same images as another one of its scope is refused: Conflict, registry_tie.
func (db *DB) CreateRegistry(ctx context.Context, r pullpass.Registry, secret pullpass.Secret) (pullpass.Registry, error) {
	const what = "create the registry"
	if err := checkRegistry(what, r, secret); err != nil {
		return pullpass.Registry{}, err
	}
	if r.ID == "" {
		r.ID = pullpass.NewRegistryID()
	}
	if r.Inside == "" {
		r.Inside = pullpass.DefaultInside(r.Project)
	}
	r.Generation, r.Runners = 1, distinct(r.Runners)
	r.CreatedAt = db.createdAt(r.CreatedAt)
	r.UpdatedAt = r.CreatedAt
	s, err := db.seal(ctx, secret, registryPlace(r.Organization, r))
	if err != nil {
		return pullpass.Registry{}, db.explain(what, err)
	}
	err = db.tx(ctx, what, func(x *tx) error {
		if err := x.room(what, r.Organization, "registries", whose{project: r.Project}); err != nil {
			return err
		}
		if r.Project != "" {
			if err := x.lockProject(r.Organization, r.Project, db.dialect.ForShare); err != nil {
				return err
			}
		}
		return x.insertRegistry(what, r, s)
	})
	if err != nil {
		return pullpass.Registry{}, err
	}
	return r, nil
}

// insertRegistry writes a registry in its first generation.
func (x *tx) insertRegistry(what string, r pullpass.Registry, s sealed) error {
	if err := x.checkTie(what, r); err != nil {
		return err
	}
	_, err := x.exec(`INSERT INTO registries (organization, id, project, name, host, path_prefix, auth, generation, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.Organization, r.ID, nullable(r.Project), r.Name, r.Host, r.PathPrefix, r.Auth, r.Generation, micros(r.CreatedAt))
	if err != nil {
		// Another server was faster: the next try's checkTie says with what.
		return x.db.onUnique(err, errAgain)
	}
	return x.insertGeneration(r, s)
}

func checkRegistry(what string, r pullpass.Registry, secret pullpass.Secret) error {
	switch {
	case !pullpass.ValidRegistryName(r.Name):
		return errRegistryName(what)
	case (r.Auth == pullpass.AuthBasic) == secret.Empty():
		return errInvalid(what, "only a basic registry has a password, and it must have one", "give the password, or choose another way to authenticate")
	case (r.Auth == pullpass.AuthIntegration) != (r.Integration != ""):
		return errInvalid(what, "only a registry opened through an integration names one, and it must", "name the integration, or choose another way to authenticate")
	}
	return nil
}

func errRegistryName(what string) error {
	return errInvalid(what, "the name does not have the right form", "use 3 to 127 letters, digits, underscores and hyphens")
}

// checkTie refuses a registry that could not be told from another by any image,
// or by its name. The unique indexes hold the same for servers that race.
func (x *tx) checkTie(what string, r pullpass.Registry) error {
	others, err := all(x.ctx, x, scanRegistry, registryColumns+` WHERE r.organization = $1 AND COALESCE(r.project, '') = $2
		AND r.id <> $3 AND r.deleted_at = 0 AND (r.name = $4 OR (r.host = $5 AND r.path_prefix = $6)) ORDER BY r.id`,
		r.Organization, r.Project, r.ID, r.Name, r.Host, r.PathPrefix)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.Host == r.Host && other.PathPrefix == r.PathPrefix {
			return errConflict("registry_tie", what,
				"the registry "+other.Name+" of the same scope has the same host and path prefix, so no image could tell them apart",
				"update that one, or give this one another path prefix")
		}
	}
	if len(others) > 0 {
		return errConflict("registry_name", what, "there is a registry with this name in the same scope", "choose another name, or update that one")
	}
	return nil
}

// insertGeneration writes the generation that r stands in.
func (x *tx) insertGeneration(r pullpass.Registry, s sealed) error {
	_, err := x.exec(`INSERT INTO registry_generations (organization, registry, generation, username, integration, inside, sealed, data_key, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.Organization, r.ID, r.Generation, r.Username, nullable(r.Integration), r.Inside, s.bytes, s.key, micros(r.UpdatedAt))
	if err != nil {
		return err
	}
	for _, runner := range r.Runners {
		if err := x.lockRunner(r.Organization, runner, x.db.dialect.ForShare); err != nil {
			return err
		}
		if _, err := x.exec(`INSERT INTO registry_generation_runners (organization, registry, generation, runner)
			VALUES ($1, $2, $3, $4)`, r.Organization, r.ID, r.Generation, runner); err != nil {
			return err
		}
	}
	return nil
}

// UpdateRegistry writes a new generation. Environments keep the one they were
// started with; the one before goes when no environment has it.
func (db *DB) UpdateRegistry(ctx context.Context, org pullpass.OrganizationID, id pullpass.RegistryID, c pullpass.RegistryChange) (pullpass.Registry, error) {
	const what = "update the registry"
	if c.Name != nil && !pullpass.ValidRegistryName(*c.Name) {
		return pullpass.Registry{}, errRegistryName(what)
	}
	for attempt := 0; ; attempt++ {
		r, err := db.tryUpdateRegistry(ctx, what, org, id, c)
		if !isAgain(err) || attempt+1 == attempts || !pause(ctx, attempt) {
			return r, err
		}
	}
}

// tryUpdateRegistry seals outside of the transaction (KMS may be slow) for the
// generation it expects, and starts over if another update was faster.
func (db *DB) tryUpdateRegistry(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.RegistryID, c pullpass.RegistryChange) (pullpass.Registry, error) {
	r, err := db.Registry(ctx, org, id)
	if err != nil {
		return pullpass.Registry{}, err
	}
	before := r
	if c.Secret != nil && (r.Auth != pullpass.AuthBasic || c.Secret.Empty()) {
		return pullpass.Registry{}, errInvalid(what, "only a basic registry has a password, and it must have one", "give the password, or leave it out")
	}
	set(&r.Name, c.Name)
	set(&r.Username, c.Username)
	set(&r.Inside, c.Inside)
	if c.Runners != nil {
		r.Runners = distinct(*c.Runners)
	}
	r.Generation++
	r.UpdatedAt = moment(micros(db.now()))
	s, err := db.resealRegistry(ctx, org, before, r, c.Secret)
	if err != nil {
		return pullpass.Registry{}, db.explain(what, err)
	}
	err = db.tx(ctx, what, func(x *tx) error {
		if c.Name != nil {
			if err := x.checkTie(what, r); err != nil {
				return err
			}
		}
		n, err := x.exec(`UPDATE registries SET name = $4, generation = $5
			WHERE organization = $1 AND id = $2 AND generation = $3 AND deleted_at = 0`,
			org, id, before.Generation, r.Name, r.Generation)
		if err != nil {
			return db.onUnique(err, errAgain)
		}
		if n == 0 {
			return errOvertaken(what)
		}
		if err := x.insertGeneration(r, s); err != nil {
			return err
		}
		return x.collect(org, id)
	})
	if err != nil {
		return pullpass.Registry{}, err
	}
	return r, nil
}

// resealRegistry seals the new password, or the present one, for r's generation.
func (db *DB) resealRegistry(ctx context.Context, org pullpass.OrganizationID, before, r pullpass.Registry, change *pullpass.Secret) (sealed, error) {
	if r.Auth != pullpass.AuthBasic {
		return sealed{}, nil
	}
	if change == nil {
		current, err := db.RegistrySecret(ctx, org, before)
		if pullpass.IsKind(err, pullpass.NotFound) {
			return sealed{}, errOvertaken("update the registry") // collected since we read it
		}
		if err != nil {
			return sealed{}, err
		}
		change = &current
	}
	return db.seal(ctx, *change, registryPlace(org, r))
}

// DeleteRegistry takes a registry out of force. Environments that were started
// with it keep their generation until they are deleted or started anew.
func (db *DB) DeleteRegistry(ctx context.Context, org pullpass.OrganizationID, id pullpass.RegistryID) error {
	return db.tx(ctx, "delete the registry", func(x *tx) error { return x.deleteRegistry(org, id) })
}

func (x *tx) deleteRegistry(org pullpass.OrganizationID, id pullpass.RegistryID) error {
	n, err := x.exec(`UPDATE registries SET deleted_at = $3 WHERE organization = $1 AND id = $2 AND deleted_at = 0`,
		org, id, micros(x.db.now()))
	if err != nil {
		return err
	}
	if n == 0 {
		return errNotFound("delete the registry")
	}
	return x.collect(org, id)
}

// unneeded is true of generations t that are not in force and that no
// environment has.
const unneeded = ` WHERE t.organization = $1 AND t.registry = $2
	AND NOT EXISTS (SELECT 1 FROM environment_registries er
		WHERE er.organization = $1 AND er.registry = $2 AND er.generation = t.generation)
	AND NOT EXISTS (SELECT 1 FROM registries r
		WHERE r.organization = $1 AND r.id = $2 AND r.generation = t.generation AND r.deleted_at = 0)`

// collect removes the generations of a registry that nobody needs any more, and
// with the last one the registry if it was deleted.
func (x *tx) collect(org pullpass.OrganizationID, id pullpass.RegistryID) error {
	for _, statement := range []string{
		`DELETE FROM registry_generation_runners AS t` + unneeded,
		`DELETE FROM registry_generations AS t` + unneeded,
		`DELETE FROM registries AS t WHERE t.organization = $1 AND t.id = $2 AND t.deleted_at <> 0
			AND NOT EXISTS (SELECT 1 FROM registry_generations g WHERE g.organization = $1 AND g.registry = $2)`,
	} {
		if _, err := x.exec(statement, org, id); err != nil {
			// An environment pinned the generation at this very moment.
			return x.db.onForeign(err, errAgain)
		}
	}
	return nil
}
