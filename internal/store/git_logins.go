package store

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// gitLoginPlace binds a password to the repository that it opens, and to its user.
func gitLoginPlace(org pullpass.OrganizationID, id pullpass.ProjectID, version int64, repository, username string) seal.AssociatedData {
	return seal.AssociatedData{
		Organization: org, Table: "git_login", Row: string(id), Field: "password", Version: version,
		Bound: []string{repository, username},
	}
}

// SetGitLogin keeps how a project's repository is read; the zero login forgets it.
func (db *DB) SetGitLogin(ctx context.Context, org pullpass.OrganizationID, p pullpass.Project, login pullpass.GitLogin) error {
	const what = "keep the login of the project's repository"
	version := micros(db.now()) // tells this login from the one before it
	s := sealed{}
	if !login.Password.Empty() {
		var err error
		if s, err = db.seal(ctx, login.Password, gitLoginPlace(org, p.ID, version, p.Repository, login.Username)); err != nil {
			return db.explain(what, err)
		}
	}
	return db.tx(ctx, what, func(x *tx) error {
		if err := x.lockProject(org, p.ID, db.dialect.ForUpdate); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM git_logins WHERE organization = $1 AND project = $2`, org, p.ID); err != nil || login.Password.Empty() {
			return err
		}
		_, err := x.exec(`INSERT INTO git_logins (organization, project, username, sealed, data_key, version) VALUES ($1, $2, $3, $4, $5, $6)`,
			org, p.ID, login.Username, s.bytes, s.key, version)
		return err
	})
}

// GitLogin returns how a project's repository is read: the zero login where
// everybody may, or nothing was given. The password is for the repository that p
// names, and for no other.
func (db *DB) GitLogin(ctx context.Context, org pullpass.OrganizationID, p pullpass.Project) (pullpass.GitLogin, error) {
	const what = "find the login of the project's repository"
	var login pullpass.GitLogin
	rows, err := all(ctx, db.read, func(row scanner) (r sealedRow, err error) {
		err = row.Scan(&login.Username, &r.sealed, &r.version)
		return r, err
	}, `SELECT username, sealed, version FROM git_logins WHERE organization = $1 AND project = $2`, org, p.ID)
	if err != nil || len(rows) == 0 {
		return pullpass.GitLogin{}, db.explain(what, err)
	}
	login.Password, err = db.sealer.Open(ctx, rows[0].sealed, gitLoginPlace(org, p.ID, rows[0].version, p.Repository, login.Username))
	return login, db.explain(what, err)
}

var gitLogins = sealedTable{
	find: `SELECT s.organization, s.project, s.version, s.sealed, s.data_key, p.repository, s.username
		FROM git_logins s JOIN projects p ON p.organization = s.organization AND p.id = s.project`,
	bound: 2,
	replace: `UPDATE git_logins SET sealed = $5, data_key = $6
		WHERE organization = $1 AND project = $2 AND version = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData {
		return gitLoginPlace(r.organization, pullpass.ProjectID(r.id), r.version, r.bound[0], r.bound[1])
	},
}
