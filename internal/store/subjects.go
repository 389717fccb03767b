package store

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// SubjectTemplate returns how the subjects of an organization's identity tokens
// read; empty for the default.
func (db *DB) SubjectTemplate(ctx context.Context, org pullpass.OrganizationID) (text string, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT subject FROM organizations WHERE id = $1`, org).Scan(&text)
	return text, db.explain("find the subject template", err)
}

// SetSubjectTemplate stores a template that identity.ParseTemplate has accepted.
func (db *DB) SetSubjectTemplate(ctx context.Context, org pullpass.OrganizationID, text string) error {
	const what = "set the subject template"
	return db.tx(ctx, what, func(x *tx) error {
		n, err := x.exec(`UPDATE organizations SET subject = $2 WHERE id = $1`, org, text)
		if err == nil && n == 0 {
			return errNotFound(what)
		}
		return err
	})
}

// ProjectProof returns the proof of a project. Where it has no challenge yet,
// fresh becomes it: of two who ask at once, both get the one that was first.
func (db *DB) ProjectProof(ctx context.Context, org pullpass.OrganizationID, id pullpass.ProjectID, fresh string) (identity.Proof, error) {
	const what = "find the project's challenge"
	p, err := db.proof(ctx, what, org, id)
	if err != nil || p.Challenge != "" || fresh == "" {
		return p, err
	}
	err = db.tx(ctx, what, func(x *tx) error {
		_, err := x.exec(`UPDATE projects SET challenge = $3 WHERE organization = $1 AND id = $2 AND challenge = '' AND deleted_at = 0`, org, id, fresh)
		return err
	})
	if err != nil {
		return identity.Proof{}, err
	}
	return db.proof(ctx, what, org, id)
}

func (db *DB) proof(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.ProjectID) (p identity.Proof, err error) {
	var proved int64
	err = db.read.QueryRowContext(ctx, `SELECT challenge, proved_at FROM projects
		WHERE organization = $1 AND id = $2 AND deleted_at = 0`, org, id).Scan(&p.Challenge, &proved)
	p.ProvedAt = moment(proved)
	return p, db.explain(what, err)
}

// SetProved notes when the ownership of a project's repository was last shown;
// the zero time says that it no longer is.
func (db *DB) SetProved(ctx context.Context, org pullpass.OrganizationID, id pullpass.ProjectID, at time.Time) error {
	const what = "note the ownership of the project's repository"
	return db.tx(ctx, what, func(x *tx) error {
		n, err := x.exec(`UPDATE projects SET ownership_proved = $3, proved_at = $4
			WHERE organization = $1 AND id = $2 AND deleted_at = 0`, org, id, !at.IsZero(), micros(at))
		if err == nil && n == 0 {
			return errNotFound(what)
		}
		return err
	})
}
