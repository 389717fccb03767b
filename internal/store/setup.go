package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pullpass/pullpass"
)

// ReplaceSetupToken stores the one setup token there is: those of earlier starts
// end. Once the server is set up there is none, and made is false.
func (db *DB) ReplaceSetupToken(ctx context.Context, t pullpass.Token) (made bool, err error) {
	const what = "make the setup token"
	err = db.tx(ctx, what, func(x *tx) error {
		made = false
		// Deleting comes first: it waits for a setup that is under way.
		if _, err := x.exec(`DELETE FROM tokens WHERE kind = 'setup'`); err != nil {
			return err
		}
		_, done, err := x.standingSetup()
		if err != nil || done {
			return err
		}
		made = true
		return x.insertToken(what, &t)
	})
	return made && err == nil, err
}

// SetUp spends a setup token for the server's first organization, and ends all
// others: of several at once, with whichever tokens, one makes it and the rest get
// NotFound. A setup that stopped halfway goes on under the name it began with.
func (db *DB) SetUp(ctx context.Context, setup pullpass.TokenHash, o pullpass.Organization) (pullpass.Organization, error) {
	const what = "set the server up"
	if err := checkName(what, o.Name); err != nil {
		return pullpass.Organization{}, err
	}
	o.CreatedAt = db.createdAt(o.CreatedAt)
	out := o
	err := db.tx(ctx, what, func(x *tx) error {
		out = o
		spent, err := all(x.ctx, x, scanToken, `DELETE FROM tokens WHERE kind = 'setup' RETURNING `+tokenFields)
		if err != nil {
			return err
		}
		valid := false
		for _, t := range spent {
			valid = valid || t.Hash == setup && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(db.now()))
		}
		if !valid {
			return errNotFound(what)
		}
		half, done, err := x.standingSetup()
		switch {
		case err != nil:
			return err
		case done:
			return errConflict("already_set_up", what, "it is set up already", "ask its owner for a token")
		case half.ID == "":
			_, err := x.exec(`INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)`, o.ID, o.Name, micros(o.CreatedAt))
			return err
		case half.Name != o.Name:
			return errConflict("setup_halfway", what, "an earlier setup stopped after it had made the organization "+half.Name, "use that name")
		}
		out = half
		return nil
	})
	if err != nil {
		return pullpass.Organization{}, err
	}
	return out, nil
}

// standingSetup returns the organization that an earlier setup made before it
// stopped halfway, without a token to reach it; done means that nothing is left
// to set up.
func (x *tx) standingSetup() (half pullpass.Organization, done bool, err error) {
	orgs, err := all(x.ctx, x, scanOrganization, `SELECT id, name, created_at FROM organizations ORDER BY id LIMIT 2`)
	if err != nil || len(orgs) == 0 {
		return pullpass.Organization{}, false, err
	}
	var id string
	err = x.one(`SELECT id FROM tokens WHERE organization = $1 LIMIT 1`, orgs[0].ID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return orgs[0], len(orgs) > 1, nil
	}
	return orgs[0], true, err
}
