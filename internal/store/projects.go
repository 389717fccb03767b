package store

import (
	"context"

	"github.com/pullpass/pullpass"
)

const projectColumns = `SELECT organization, id, name, repository, ownership_proved, created_at FROM projects`

func scanProject(row scanner) (p pullpass.Project, err error) {
	var created int64
	err = row.Scan(&p.Organization, &p.ID, &p.Name, &p.Repository, &p.OwnershipProved, &created)
	p.CreatedAt = moment(created)
	return p, err
}

// CreateProject stores a new project and gives it an id if it has none.
func (db *DB) CreateProject(ctx context.Context, p pullpass.Project) (pullpass.Project, error) {
	const what = "create the project"
	if err := checkName(what, p.Name); err != nil {
		return pullpass.Project{}, err
	}
	if p.ID == "" {
		p.ID = pullpass.NewProjectID()
	}
	p.CreatedAt = db.createdAt(p.CreatedAt)
	err := db.tx(ctx, what, func(x *tx) error {
		if err := x.room(what, p.Organization, "projects", whose{}); err != nil {
			return err
		}
		_, err := x.exec(`INSERT INTO projects (organization, id, name, repository, ownership_proved, created_at)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			p.Organization, p.ID, p.Name, p.Repository, p.OwnershipProved, micros(p.CreatedAt))
		return err
	})
	if err != nil {
		return pullpass.Project{}, err
	}
	return p, nil
}

// Project returns the project with this id.
func (db *DB) Project(ctx context.Context, org pullpass.OrganizationID, id pullpass.ProjectID) (pullpass.Project, error) {
	p, err := scanProject(db.read.QueryRowContext(ctx,
		projectColumns+` WHERE organization = $1 AND id = $2 AND deleted_at = 0`, org, id))
	return p, db.explain("find the project", err)
}

// ProjectByName returns the project with this name.
func (db *DB) ProjectByName(ctx context.Context, org pullpass.OrganizationID, name string) (pullpass.Project, error) {
	p, err := scanProject(db.read.QueryRowContext(ctx,
		projectColumns+` WHERE organization = $1 AND name = $2 AND deleted_at = 0`, org, name))
	return p, db.explain("find the project", err)
}

// Projects lists the organization's projects.
func (db *DB) Projects(ctx context.Context, org pullpass.OrganizationID, p pullpass.Page) (pullpass.List[pullpass.Project], error) {
	var w where
	w.and("organization = ", org)
	w.and("id > ", p.After)
	w.fixed("deleted_at = 0")
	items, err := all(ctx, db.read, scanProject, projectColumns+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Project]{}, db.explain("list projects", err)
	}
	return page(items, p.Size(), func(p pullpass.Project) string { return string(p.ID) }), nil
}

// DeleteProject deletes a project with its registries, its members and the tokens
// limited to it. While it has environments that are not deleted the answer is Conflict.
func (db *DB) DeleteProject(ctx context.Context, org pullpass.OrganizationID, id pullpass.ProjectID) error {
	const what = "delete the project"
	return db.tx(ctx, what, func(x *tx) error {
		if err := x.lockProject(org, id, db.dialect.ForUpdate); err != nil {
			return err
		}
		var busy int
		err := x.one(`SELECT COUNT(*) FROM (SELECT 1 FROM environments
			WHERE organization = $1 AND project = $2 AND phase <> 'deleted' LIMIT 1) AS found`, org, id).Scan(&busy)
		if err != nil {
			return err
		}
		if busy > 0 {
			return errConflict("project_in_use", what, "it still has environments", "delete its environments first: pullpass env delete NAME")
		}
		if err := x.forgetAllowed(what, org, id); err != nil {
			return err
		}
		// What ECR has stays there: images are deleted by name, or not at all.
		if _, err := x.exec(`DELETE FROM repositories WHERE organization = $1 AND project = $2`, org, id); err != nil {
			return err
		}
		registries, err := all(x.ctx, x, scanID[pullpass.RegistryID],
			`SELECT id FROM registries WHERE organization = $1 AND project = $2 AND deleted_at = 0 ORDER BY id`+db.dialect.ForUpdate, org, id)
		if err != nil {
			return err
		}
		for _, registry := range registries {
			if err := x.deleteRegistry(org, registry); err != nil {
				return err
			}
		}
		if _, err := x.exec(`DELETE FROM git_logins WHERE organization = $1 AND project = $2`, org, id); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM trusts WHERE organization = $1 AND project = $2`, org, id); err != nil {
			return err
		}
		if err := x.deleteMembers(org, id); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM tokens WHERE organization = $1 AND project = $2`, org, id); err != nil {
			return err
		}
		_, err = x.exec(`UPDATE projects SET deleted_at = $3 WHERE organization = $1 AND id = $2`, org, id, micros(db.now()))
		return err
	})
}

// lockProject holds a project in place: shared while something is put into it,
// for update while it is deleted.
func (x *tx) lockProject(org pullpass.OrganizationID, id pullpass.ProjectID, lock string) error {
	var found string
	return x.one(`SELECT id FROM projects WHERE organization = $1 AND id = $2 AND deleted_at = 0`+lock, org, id).Scan(&found)
}

func scanID[T ~string](row scanner) (id T, err error) {
	err = row.Scan(&id)
	return id, err
}
