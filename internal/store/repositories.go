package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/pullpass/pullpass"
)

const repositoryColumns = `SELECT organization, id, project, integration, puller, registry, host, account, region, name,
	settings, principals, state, reason, created_at, updated_at, applied_at FROM repositories`

func scanRepository(row scanner) (r pullpass.Repository, err error) {
	var created, updated, applied int64
	err = row.Scan(&r.Organization, &r.ID, &r.Project, &r.Integration, &r.Puller, &r.Registry, &r.Host, &r.Account, &r.Region, &r.Name,
		asJSON{&r.Settings}, asJSON{&r.Principals}, &r.State, &r.Reason, &created, &updated, &applied)
	r.CreatedAt, r.UpdatedAt, r.AppliedAt = moment(created), moment(updated), moment(applied)
	return r, err
}

// CreateRepository stores a repository together with the registry entry through
// which its project reaches it: both or neither. Its place (account, region,
// name) is taken once: Conflict, repository_taken.
func (db *DB) CreateRepository(ctx context.Context, r pullpass.Repository, entry pullpass.Registry) (pullpass.Repository, error) {
	const what = "create the repository"
	if err := checkRegistry(what, entry, pullpass.Secret{}); err != nil {
		return pullpass.Repository{}, err
	}
	if r.ID == "" {
		r.ID = pullpass.NewRepositoryID()
	}
	if entry.ID == "" {
		entry.ID = pullpass.NewRegistryID()
	}
	r.CreatedAt = db.createdAt(r.CreatedAt)
	r.UpdatedAt, r.AppliedAt = r.CreatedAt, moment(micros(r.AppliedAt))
	r.Registry, entry.Organization, entry.Project = entry.ID, r.Organization, r.Project
	entry.Generation, entry.Runners = 1, distinct(entry.Runners)
	entry.CreatedAt, entry.UpdatedAt = r.CreatedAt, r.CreatedAt
	if entry.Inside == "" {
		entry.Inside = pullpass.DefaultInside(entry.Project)
	}
	err := db.tx(ctx, what, func(x *tx) error {
		for _, things := range []string{"repositories", "registries"} {
			if err := x.room(what, r.Organization, things, whose{project: r.Project}); err != nil {
				return err
			}
		}
		if err := x.lockProject(r.Organization, r.Project, db.dialect.ForShare); err != nil {
			return err
		}
		if err := x.placeIsFree(what, r); err != nil {
			return err
		}
		if err := x.insertRegistry(what, entry, sealed{}); err != nil {
			// A tie with an entry that came meanwhile is another repository's of the place.
			var tie *pullpass.Error
			if !errors.As(err, &tie) || tie.Code != "registry_tie" {
				return err
			}
			if taken := x.placeIsFree(what, r); taken != nil {
				return taken
			}
			return err
		}
		_, err := x.exec(`INSERT INTO repositories (organization, id, project, integration, puller, registry, host, account, region, name,
				settings, principals, state, reason, created_at, updated_at, applied_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
			r.Organization, r.ID, r.Project, r.Integration, r.Puller, r.Registry, r.Host, r.Account, r.Region, r.Name,
			asJSON{r.Settings}, asJSON{r.Principals}, r.State, r.Reason, micros(r.CreatedAt), micros(r.UpdatedAt), micros(r.AppliedAt))
		// Another server was faster: the next try says so.
		return db.onUnique(err, errAgain)
	})
	if err != nil {
		return pullpass.Repository{}, err
	}
	return r, nil
}

func (x *tx) placeIsFree(what string, r pullpass.Repository) error {
	var id string
	err := x.one(`SELECT id FROM repositories WHERE organization = $1 AND account = $2 AND region = $3 AND name = $4`,
		r.Organization, r.Account, r.Region, r.Name).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return errConflict("repository_taken", what, "the name is taken in this account and region: a repository is kept for one project", "choose another one: --name")
}

// Repository returns the repository with this id.
func (db *DB) Repository(ctx context.Context, org pullpass.OrganizationID, id pullpass.RepositoryID) (pullpass.Repository, error) {
	r, err := scanRepository(db.read.QueryRowContext(ctx, repositoryColumns+` WHERE organization = $1 AND id = $2`, org, id))
	return r, db.explain("find the repository", err)
}

// RepositoryAt returns the repository of this place.
func (db *DB) RepositoryAt(ctx context.Context, org pullpass.OrganizationID, account, region, name string) (pullpass.Repository, error) {
	r, err := scanRepository(db.read.QueryRowContext(ctx,
		repositoryColumns+` WHERE organization = $1 AND account = $2 AND region = $3 AND name = $4`, org, account, region, name))
	return r, db.explain("find the repository", err)
}

// RepositoryOfOthers returns the name of a repository of this account and region
// that is kept for another project and that pattern opens: a name, a name with all
// below it ("team/*"), or "*". Empty: there is none.
func (db *DB) RepositoryOfOthers(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID, account, region, pattern string) (string, error) {
	const what = "find the repositories of other projects"
	query := `SELECT name FROM repositories WHERE organization = $1 AND account = $2 AND region = $3 AND project <> $4`
	args := []any{org, account, region, project}
	switch prefix, below := strings.CutSuffix(pattern, "*"); {
	case pattern == "*":
	case below:
		query += ` AND substr(name, 1, length(CAST($5 AS TEXT))) = $5`
		args = append(args, prefix)
	default:
		query += ` AND name = $5`
		args = append(args, pattern)
	}
	var name string
	err := db.read.QueryRowContext(ctx, query+` LIMIT 1`, args...).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, db.explain(what, err)
}

// RepositoryOf returns the repository that a registry entry was made for.
func (db *DB) RepositoryOf(ctx context.Context, org pullpass.OrganizationID, registry pullpass.RegistryID) (pullpass.Repository, error) {
	r, err := scanRepository(db.read.QueryRowContext(ctx, repositoryColumns+` WHERE organization = $1 AND registry = $2`, org, registry))
	return r, db.explain("find the repository", err)
}

// Repositories lists the organization's repositories.
func (db *DB) Repositories(ctx context.Context, org pullpass.OrganizationID, f pullpass.RepositoryFilter, p pullpass.Page) (pullpass.List[pullpass.Repository], error) {
	var w where
	w.and("organization = ", org)
	w.and("id > ", p.After)
	if f.Project != "" {
		w.and("project = ", f.Project)
	}
	items, err := all(ctx, db.read, scanRepository, repositoryColumns+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Repository]{}, db.explain("list repositories", err)
	}
	return page(items, p.Size(), func(r pullpass.Repository) string { return string(r.ID) }), nil
}

// SetRepositorySettings changes what is set of a repository; applying it is
// another matter.
func (db *DB) SetRepositorySettings(ctx context.Context, org pullpass.OrganizationID, id pullpass.RepositoryID, s pullpass.RepositorySettings) (pullpass.Repository, error) {
	return db.changeRepository(ctx, "update the repository", org, id, func(r *pullpass.Repository) { r.Settings = s })
}

// ReportRepository keeps how an attempt ended: with a reason it failed, without
// one the repository is as it should be and its policy names the principals.
func (db *DB) ReportRepository(ctx context.Context, org pullpass.OrganizationID, id pullpass.RepositoryID, principals []string, reason string) (pullpass.Repository, error) {
	return db.changeRepository(ctx, "note the repository's state", org, id, func(r *pullpass.Repository) {
		r.State, r.Reason = pullpass.RepositoryFailed, reason
		if reason == "" {
			r.State, r.Principals, r.AppliedAt = pullpass.RepositoryReady, principals, moment(micros(db.now()))
		}
	})
}

func (db *DB) changeRepository(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.RepositoryID, change func(*pullpass.Repository)) (pullpass.Repository, error) {
	var r pullpass.Repository
	err := db.tx(ctx, what, func(x *tx) (err error) {
		if r, err = scanRepository(x.one(repositoryColumns+` WHERE organization = $1 AND id = $2`+db.dialect.ForUpdate, org, id)); err != nil {
			return err
		}
		change(&r)
		r.UpdatedAt = moment(micros(db.now()))
		_, err = x.exec(`UPDATE repositories SET settings = $3, principals = $4, state = $5, reason = $6, updated_at = $7, applied_at = $8
			WHERE organization = $1 AND id = $2`,
			org, id, asJSON{r.Settings}, asJSON{r.Principals}, r.State, r.Reason, micros(r.UpdatedAt), micros(r.AppliedAt))
		return err
	})
	if err != nil {
		return pullpass.Repository{}, err
	}
	return r, nil
}

// DeleteRepository forgets a repository and takes its registry entry out of
// force; what ECR has is not touched.
func (db *DB) DeleteRepository(ctx context.Context, org pullpass.OrganizationID, id pullpass.RepositoryID) error {
	const what = "delete the repository"
	return db.tx(ctx, what, func(x *tx) error {
		var registry pullpass.RegistryID
		if err := x.one(`SELECT registry FROM repositories WHERE organization = $1 AND id = $2`+db.dialect.ForUpdate, org, id).Scan(&registry); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM repositories WHERE organization = $1 AND id = $2`, org, id); err != nil {
			return err
		}
		err := x.deleteRegistry(org, registry)
		if pullpass.IsKind(err, pullpass.NotFound) {
			return nil // somebody deleted the entry before
		}
		return err
	})
}

// RepositoryDefaults returns what the organization sets for all repositories.
func (db *DB) RepositoryDefaults(ctx context.Context, org pullpass.OrganizationID) (s pullpass.RepositorySettings, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT settings FROM repository_defaults WHERE organization = $1`, org).Scan(asJSON{&s})
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	return s, db.explain("read the repository defaults", err)
}

// SetRepositoryDefaults replaces them.
func (db *DB) SetRepositoryDefaults(ctx context.Context, org pullpass.OrganizationID, s pullpass.RepositorySettings) error {
	return db.tx(ctx, "set the repository defaults", func(x *tx) error {
		_, err := x.exec(`INSERT INTO repository_defaults (organization, settings) VALUES ($1, $2)
			ON CONFLICT (organization) DO UPDATE SET settings = excluded.settings`, org, asJSON{s})
		return err
	})
}
