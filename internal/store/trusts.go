package store

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

var trustColumns = `SELECT organization, id, name, issuer, audience, conditions, project, action, life, created_at, ` + makerColumns("trusts", "made_by") + ` FROM trusts`

func scanTrust(row scanner) (t identity.Trust, err error) {
	var life, created int64
	var maker scannedMaker
	err = row.Scan(append([]any{&t.Organization, &t.ID, &t.Name, &t.Issuer, &t.Audience, asJSON{&t.Conditions}, &t.Project, &t.Action, &life, &created}, maker.columns()...)...)
	t.Maker = maker.maker()
	t.Life, t.CreatedAt = time.Duration(life)*time.Second, moment(created)
	return t, err
}

// CreateTrust stores a trusted issuer and gives it an id if it has none.
func (db *DB) CreateTrust(ctx context.Context, t identity.Trust) (identity.Trust, error) {
	const what = "add the trust"
	if err := checkName(what, t.Name); err != nil {
		return identity.Trust{}, err
	}
	if t.ID == "" {
		t.ID = pullpass.NewTrustID()
	}
	t.CreatedAt, t.Life = db.createdAt(t.CreatedAt), t.Life.Truncate(time.Second)
	err := db.tx(ctx, what, func(x *tx) error {
		if err := x.room(what, t.Organization, "trusted issuers", whose{}); err != nil {
			return err
		}
		if err := x.lockProject(t.Organization, t.Project, db.dialect.ForShare); err != nil {
			return err
		}
		_, err := x.exec(`INSERT INTO trusts (organization, id, name, issuer, audience, conditions, project, action, life, created_at, made_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t.Organization, t.ID, t.Name, t.Issuer, t.Audience, asJSON{t.Conditions}, t.Project, t.Action, int64(t.Life/time.Second), micros(t.CreatedAt), t.Maker.ID)
		return err
	})
	if err != nil {
		return identity.Trust{}, err
	}
	return t, nil
}

// Trust returns the trust with this id.
func (db *DB) Trust(ctx context.Context, org pullpass.OrganizationID, id pullpass.TrustID) (identity.Trust, error) {
	t, err := scanTrust(db.read.QueryRowContext(ctx, trustColumns+` WHERE organization = $1 AND id = $2`, org, id))
	return t, db.explain("find the trust", err)
}

// TrustByName returns the trust with this name.
func (db *DB) TrustByName(ctx context.Context, org pullpass.OrganizationID, name string) (identity.Trust, error) {
	t, err := scanTrust(db.read.QueryRowContext(ctx, trustColumns+` WHERE organization = $1 AND name = $2`, org, name))
	return t, db.explain("find the trust", err)
}

// Trusts lists the organization's trusts.
func (db *DB) Trusts(ctx context.Context, org pullpass.OrganizationID, p pullpass.Page) (pullpass.List[identity.Trust], error) {
	var w where
	w.and("organization = ", org)
	w.and("id > ", p.After)
	items, err := all(ctx, db.read, scanTrust, trustColumns+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[identity.Trust]{}, db.explain("list trusts", err)
	}
	return page(items, p.Size(), func(t identity.Trust) string { return string(t.ID) }), nil
}

// DeleteTrust deletes a trust, and the tokens that were given out for it.
func (db *DB) DeleteTrust(ctx context.Context, org pullpass.OrganizationID, id pullpass.TrustID) error {
	const what = "delete the trust"
	return db.tx(ctx, what, func(x *tx) error {
		n, err := x.exec(`DELETE FROM trusts WHERE organization = $1 AND id = $2`, org, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return errNotFound(what)
		}
		_, err = x.exec(`DELETE FROM tokens WHERE organization = $1 AND kind = 'ci' AND created_by = $2`, org, id)
		return err
	})
}

// DeleteExpiredTokens removes the tokens of CI jobs that have ended: they are made
// by the thousand, and nobody else removes them.
func (db *DB) DeleteExpiredTokens(ctx context.Context) error {
	return db.tx(ctx, "remove expired tokens", func(x *tx) error {
		_, err := x.exec(`DELETE FROM tokens WHERE kind = 'ci' AND expires_at > 0 AND expires_at <= $1`, micros(db.now()))
		return err
	})
}
