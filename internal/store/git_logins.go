package store

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

func gitLoginPlace(org pullpass.OrganizationID, id pullpass.ProjectID, version int64) seal.AssociatedData {
	return seal.AssociatedData{Organization: org, Table: "git_login", Row: string(id), Field: "password", Version: version}
}

// SetGitLogin keeps how a project's repository is read; the zero login forgets it.
func (db *DB) SetGitLogin(ctx context.Context, org pullpass.OrganizationID, id pullpass.ProjectID, login pullpass.GitLogin) error {
	const what = "keep the login of the project's repository"
	version := micros(db.now()) // tells this login from the one before it
	s := sealed{}
	if !login.Password.Empty() {
		var err error
		if s, err = db.seal(ctx, login.Password, gitLoginPlace(org, id, version)); err != nil {
			return db.explain(what, err)
		}
	}
	return db.tx(ctx, what, func(x *tx) error {
		if err := x.lockProject(org, id, db.dialect.ForUpdate); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM git_logins WHERE organization = $1 AND project = $2`, org, id); err != nil || login.Password.Empty() {
			return err
		}
		_, err := x.exec(`INSERT INTO git_logins (organization, project, username, sealed, data_key, version) VALUES ($1, $2, $3, $4, $5, $6)`,
			org, id, login.Username, s.bytes, s.key, version)
		return err
	})
}

// GitLogin returns how a project's repository is read: the zero login where
// everybody may, or nothing was given.
func (db *DB) GitLogin(ctx context.Context, org pullpass.OrganizationID, id pullpass.ProjectID) (pullpass.GitLogin, error) {
	const what = "find the login of the project's repository"
	var login pullpass.GitLogin
	rows, err := all(ctx, db.read, func(row scanner) (r sealedRow, err error) {
		err = row.Scan(&login.Username, &r.sealed, &r.version)
		return r, err
	}, `SELECT username, sealed, version FROM git_logins WHERE organization = $1 AND project = $2`, org, id)
	if err != nil || len(rows) == 0 {
		return pullpass.GitLogin{}, db.explain(what, err)
	}
	login.Password, err = db.sealer.Open(ctx, rows[0].sealed, gitLoginPlace(org, id, rows[0].version))
	return login, db.explain(what, err)
}

var gitLogins = sealedTable{
	find: `SELECT organization, project, version, sealed, data_key FROM git_logins WHERE data_key < $1 LIMIT $2`,
	replace: `UPDATE git_logins SET sealed = $5, data_key = $6
		WHERE organization = $1 AND project = $2 AND version = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData {
		return gitLoginPlace(r.organization, pullpass.ProjectID(r.id), r.version)
	},
}
