package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pullpass/pullpass"
)

const userColumns = `SELECT id, issuer, subject, email, name, created_at, signed_in_at FROM users`

func scanUser(row scanner) (u pullpass.User, err error) {
	var created, signedIn int64
	err = row.Scan(&u.ID, &u.Issuer, &u.Subject, &u.Email, &u.Name, &created, &signedIn)
	u.CreatedAt, u.SignedInAt = moment(created), moment(signedIn)
	return u, err
}

// SignIn keeps who has proved to be u.Issuer's u.Subject with a verified address,
// takes up the invitations for that address, and returns what the person is a
// member of, in every organization: it is the one query of people that crosses
// them, because the person is what names them.
//
// An invitation is taken up once. Whoever proves the same address later, under
// another subject, does not become that member.
func (db *DB) SignIn(ctx context.Context, u pullpass.User) (pullpass.User, []pullpass.Member, error) {
	const what = "sign in"
	email, ok := pullpass.NormalEmail(u.Email)
	if !ok || u.Issuer == "" || u.Subject == "" {
		return pullpass.User{}, nil, errInvalid(what, "the person is not known by issuer, subject and address", "")
	}
	u.Email = email
	var members []pullpass.Member
	err := db.tx(ctx, what, func(x *tx) (err error) {
		if err := x.keepUser(&u); err != nil {
			return err
		}
		if err := x.takeUp(u); err != nil {
			return err
		}
		members, err = all(x.ctx, x, scanMember, memberColumns+` WHERE person = $1 ORDER BY organization, id`, u.ID)
		return err
	})
	if err != nil {
		return pullpass.User{}, nil, err
	}
	return u, members, nil
}

func (x *tx) keepUser(u *pullpass.User) error {
	now := moment(micros(x.db.now()))
	known, err := scanUser(x.one(userColumns+` WHERE issuer = $1 AND subject = $2`+x.db.dialect.ForUpdate, u.Issuer, u.Subject))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		u.ID, u.CreatedAt, u.SignedInAt = pullpass.NewUserID(), now, now
		_, err = x.exec(`INSERT INTO users (id, issuer, subject, email, name, created_at, signed_in_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			u.ID, u.Issuer, u.Subject, u.Email, u.Name, micros(now), micros(now))
		return x.db.onUnique(err, errOvertaken("sign in")) // twice at once, the first time
	case err != nil:
		return err
	}
	u.ID, u.CreatedAt, u.SignedInAt = known.ID, known.CreatedAt, now
	_, err = x.exec(`UPDATE users SET email = $2, name = $3, signed_in_at = $4 WHERE id = $1`, u.ID, u.Email, u.Name, micros(now))
	return err
}

// takeUp binds the invitations for u's address to u, where u is not a member
// already.
func (x *tx) takeUp(u pullpass.User) error {
	_, err := x.exec(`UPDATE members SET person = $1 WHERE email = $2 AND person IS NULL AND NOT EXISTS (
		SELECT 1 FROM members m WHERE m.organization = members.organization
			AND COALESCE(m.project, '') = COALESCE(members.project, '') AND m.person = $1)`, u.ID, u.Email)
	return err
}

// User returns the person with this id.
func (db *DB) User(ctx context.Context, id pullpass.UserID) (pullpass.User, error) {
	u, err := scanUser(db.read.QueryRowContext(ctx, userColumns+` WHERE id = $1`, id))
	return u, db.explain("find the person", err)
}

// CreateSession stores a session of a member who is one at that moment; role and
// project come from the membership. The person's expired sessions go.
func (db *DB) CreateSession(ctx context.Context, org pullpass.OrganizationID, member pullpass.MemberID, t pullpass.Token) (pullpass.Token, error) {
	const what = "sign in"
	if t.Hash == "" || t.ExpiresAt.IsZero() {
		return pullpass.Token{}, errInvalid(what, "the session has no hash or no end", "")
	}
	t.CreatedAt, t.ExpiresAt = db.createdAt(t.CreatedAt), moment(micros(t.ExpiresAt))
	err := db.tx(ctx, what, func(x *tx) error {
		m, err := scanMember(x.one(memberColumns+` WHERE organization = $1 AND id = $2 AND person IS NOT NULL`+db.dialect.ForShare, org, member))
		if err != nil {
			return err
		}
		t.Kind, t.Organization, t.Role, t.Project, t.CreatedBy = pullpass.TokenSession, org, m.Role, m.Project, string(m.User)
		if _, err := x.exec(`DELETE FROM tokens WHERE organization = $1 AND created_by = $2 AND kind = 'session' AND expires_at <= $3`,
			org, t.CreatedBy, micros(db.now())); err != nil {
			return err
		}
		_, err = x.exec(`INSERT INTO tokens (id, organization, kind, name, hash, role, project, created_by, created_at, expires_at, last_used_at, root)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $8)`,
			t.ID, t.Organization, t.Kind, t.Name, t.Hash, t.Role, nullable(t.Project), t.CreatedBy, micros(t.CreatedAt), micros(t.ExpiresAt))
		return err
	})
	if err != nil {
		return pullpass.Token{}, err
	}
	return t, nil
}
