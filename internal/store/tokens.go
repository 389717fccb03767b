package store

import (
	"context"
	"errors"
	"time"

	"github.com/pullpass/pullpass"
)

const tokenFields = `id, COALESCE(organization, ''), kind, name, hash, role, action, COALESCE(project, ''), COALESCE(runner, ''),
	created_by, created_at, expires_at, last_used_at, COALESCE(parent, ''), root`

func scanToken(row scanner) (t pullpass.Token, err error) {
	var created, expires, used int64
	err = row.Scan(&t.ID, &t.Organization, &t.Kind, &t.Name, &t.Hash, &t.Role, &t.Action, &t.Project, &t.Runner,
		&t.CreatedBy, &created, &expires, &used, &t.Parent, &t.Root)
	t.CreatedAt, t.ExpiresAt, t.LastUsedAt = moment(created), moment(expires), moment(used)
	return t, err
}

// CreateToken stores a token by its hash. Only a setup token may be without an
// organization.
func (db *DB) CreateToken(ctx context.Context, t pullpass.Token) (pullpass.Token, error) {
	const what = "create the token"
	if t.Hash == "" {
		return pullpass.Token{}, errInvalid(what, "it has no hash", "")
	}
	if t.Organization == "" && t.Kind != pullpass.TokenSetup {
		return pullpass.Token{}, errInvalid(what, "it has no organization", "")
	}
	if t.ID == "" {
		t.ID = pullpass.NewTokenID()
	}
	t.CreatedAt, t.ExpiresAt, t.LastUsedAt = db.createdAt(t.CreatedAt), moment(micros(t.ExpiresAt)), moment(micros(t.LastUsedAt))
	err := db.tx(ctx, what, func(x *tx) error {
		if t.Project != "" {
			if err := x.lockProject(t.Organization, t.Project, db.dialect.ForShare); err != nil {
				return err
			}
		}
		if t.Runner != "" {
			if err := x.lockRunner(t.Organization, t.Runner, db.dialect.ForShare); err != nil {
				return err
			}
		}
		return x.insertToken(what, &t)
	})
	if err != nil {
		return pullpass.Token{}, err
	}
	return t, nil
}

// roomForToken refuses a token too many of those that callers make as they like.
// Expired ones of CI jobs, which are removed once an hour, are nobody's obstacle.
func (x *tx) roomForToken(what string, t pullpass.Token) error {
	if t.Organization == "" {
		return nil // the database refuses what has to have one
	}
	switch t.Kind {
	case pullpass.TokenAPI, pullpass.TokenJoin:
		return x.room(what, t.Organization, "tokens", whose{member: t.Root})
	case pullpass.TokenCI:
		err := x.room(what, t.Organization, "tokens of CI jobs", whose{})
		if pullpass.CodeOf(err) != codeQuota {
			return err
		}
		n, removing := x.exec(`DELETE FROM tokens WHERE organization = $1 AND kind = 'ci' AND expires_at <> 0 AND expires_at <= $2`,
			t.Organization, micros(x.db.now()))
		if removing != nil || n == 0 {
			return errors.Join(removing, err)
		}
		return x.room(what, t.Organization, "tokens of CI jobs", whose{})
	case pullpass.TokenRunner, pullpass.TokenSetup, pullpass.TokenSession:
	}
	return nil
}

// descend gives t its root, and refuses a parent that is not there any more, has
// expired, or would be outlived.
func (x *tx) descend(what string, t *pullpass.Token) error {
	t.Root = t.CreatedBy
	if t.Parent == "" {
		return nil
	}
	parent, err := scanToken(x.one(`SELECT `+tokenFields+` FROM tokens WHERE id = $1 AND organization = $2 AND (expires_at = 0 OR expires_at > $3)`+
		x.db.dialect.ForShare, t.Parent, t.Organization, micros(x.db.now())))
	if err != nil {
		return err
	}
	if !parent.ExpiresAt.IsZero() && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(parent.ExpiresAt)) {
		return &pullpass.Error{Kind: pullpass.Denied, Code: "grant_exceeds", What: "cannot " + what,
			Cause: "it would outlive the token that makes it", Hint: "let it expire by then"}
	}
	t.Root = parent.Root
	return nil
}

// insertToken stores a token below the one that makes it.
func (x *tx) insertToken(what string, t *pullpass.Token) error {
	if err := x.descend(what, t); err != nil {
		return err
	}
	if err := x.roomForToken(what, *t); err != nil {
		return err
	}
	_, err := x.exec(`INSERT INTO tokens (id, organization, kind, name, hash, role, project, runner, created_by, created_at, expires_at, last_used_at, action,
			parent, root)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		t.ID, nullable(t.Organization), t.Kind, t.Name, t.Hash, t.Role, nullable(t.Project), nullable(t.Runner),
		t.CreatedBy, micros(t.CreatedAt), micros(t.ExpiresAt), micros(t.LastUsedAt), t.Action,
		nullable(t.Parent), t.Root)
	return err
}

// usePrecision is how exactly LastUsedAt is kept: a write for every request
// would cost more than it tells.
const usePrecision = time.Minute

// noteWithin is how long a request waits for its use of the token to be noted.
const noteWithin = time.Second

// TokenByHash returns the token that a bearer presented, and notes the use to
// the minute. An expired one is NotFound. It is the one query without an
// organization: the token is what names it.
func (db *DB) TokenByHash(ctx context.Context, hash pullpass.TokenHash) (pullpass.Token, error) {
	const what = "find the token"
	t, err := scanToken(db.read.QueryRowContext(ctx, `SELECT `+tokenFields+` FROM tokens WHERE hash = $1`, hash))
	if err != nil {
		return pullpass.Token{}, db.explain(what, err)
	}
	now := db.now()
	if !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) {
		return pullpass.Token{}, errNotFound(what)
	}
	if now.Sub(t.LastUsedAt) < usePrecision {
		return t, nil
	}
	t.LastUsedAt = moment(micros(now))
	noting, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	err = db.first(noting, what, func(x *tx) error {
		n, err := x.exec(`UPDATE tokens SET last_used_at = $2 WHERE hash = $1`, hash, micros(now))
		if err == nil && n == 0 {
			return errNotFound(what) // deleted since we read it
		}
		return err
	})
	if pullpass.IsKind(err, pullpass.NotFound) {
		return t, err
	}
	db.useNoted(err)
	return t, nil
}

// useNoted logs that uses are not noted, once until they are again. That is no
// reason to refuse: on a full disk people still look at what there is.
func (db *DB) useNoted(err error) {
	if failing := err != nil; db.usesFail.Swap(failing) == failing || !failing {
		return
	}
	var e *pullpass.Error
	if errors.As(err, &e) && e.Err != nil {
		err = e.Err // the driver's own words
	}
	db.log.Warn("the last use of tokens is not noted while the database cannot be written", "error", err)
}

// Tokens lists the organization's tokens.
func (db *DB) Tokens(ctx context.Context, org pullpass.OrganizationID, p pullpass.Page) (pullpass.List[pullpass.Token], error) {
	var w where
	w.and("organization = ", org)
	w.and("id > ", p.After)
	items, err := all(ctx, db.read, scanToken, `SELECT `+tokenFields+` FROM tokens`+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Token]{}, db.explain("list tokens", err)
	}
	return page(items, p.Size(), func(t pullpass.Token) string { return string(t.ID) }), nil
}

// DeleteToken revokes a token and all that it made: from now on they are NotFound.
func (db *DB) DeleteToken(ctx context.Context, org pullpass.OrganizationID, id pullpass.TokenID) error {
	const what = "delete the token"
	return db.tx(ctx, what, func(x *tx) error {
		n, err := x.exec(`DELETE FROM tokens WHERE organization = $1 AND id = $2`, org, id)
		if err == nil && n == 0 {
			return errNotFound(what)
		}
		return err
	})
}
