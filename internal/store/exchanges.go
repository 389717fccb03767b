package store

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
)

// TokenExchanged reports whether a subject token, known by a hash of its name, has
// bought a token already.
func (db *DB) TokenExchanged(ctx context.Context, org pullpass.OrganizationID, subject string) (bool, error) {
	var n int
	err := db.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM exchanged_tokens WHERE organization = $1 AND id = $2`, org, subject).Scan(&n)
	return n > 0, db.explain("look the subject token up", err)
}

// ExchangeToken stores the token that a subject token buys. A second time it is
// Conflict, on whichever server; it is remembered until the subject token expires.
func (db *DB) ExchangeToken(ctx context.Context, t pullpass.Token, subject string, until time.Time) error {
	const what = "exchange the token"
	return db.vital(ctx, what, func(x *tx) error {
		if _, err := x.exec(`DELETE FROM exchanged_tokens WHERE expires_at <= $1`, micros(db.now())); err != nil {
			return err
		}
		n, err := x.exec(`INSERT INTO exchanged_tokens (organization, id, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			t.Organization, subject, micros(until))
		switch {
		case err != nil:
			return err
		case n == 0:
			return errConflict("token_exchanged", what, "it has been exchanged already", "ask its issuer for a new one")
		}
		if err := x.lockProject(t.Organization, t.Project, db.dialect.ForShare); err != nil {
			return err
		}
		return x.insertToken(what, &t)
	})
}
