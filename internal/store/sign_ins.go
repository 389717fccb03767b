package store

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/signin"
)

const attemptFields = `id, COALESCE(state, ''), browser, COALESCE(user_code, ''), COALESCE(device, ''), COALESCE(code, ''),
	redirect, client_state, challenge, wish_organization, wish_project, COALESCE(organization, ''), COALESCE(member, ''), refusal, expires_at, address`

func scanAttempt(row scanner) (a signin.Attempt, err error) {
	var expires int64
	err = row.Scan(&a.ID, &a.State, &a.Browser, &a.UserCode, &a.Device, &a.Code,
		&a.Redirect, &a.ClientState, &a.Challenge, &a.WishOrganization, &a.WishProject, &a.Organization, &a.Member, &a.Refusal, &expires, &a.Address)
	a.ExpiresAt = moment(expires)
	return a, err
}

// CreateAttempt keeps a sign-in that begins. Those that have run out of time go.
func (db *DB) CreateAttempt(ctx context.Context, a signin.Attempt) error {
	return db.tx(ctx, "begin to sign in", func(x *tx) error {
		if _, err := x.exec(`DELETE FROM sign_ins WHERE expires_at <= $1`, micros(db.now())); err != nil {
			return err
		}
		_, err := x.exec(`INSERT INTO sign_ins (id, state, browser, user_code, device, redirect, client_state, challenge, wish_organization, wish_project, refusal, expires_at, address)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, $12)`,
			a.ID, nullable(a.State), a.Browser, nullable(a.UserCode), nullable(a.Device),
			a.Redirect, a.ClientState, a.Challenge, a.WishOrganization, a.WishProject, micros(a.ExpiresAt), a.Address)
		return err
	})
}

// attempt changes one attempt that is still in time and returns it.
func (db *DB) attempt(ctx context.Context, what, query string, args ...any) (signin.Attempt, error) {
	var a signin.Attempt
	err := db.tx(ctx, what, func(x *tx) (err error) {
		a, err = scanAttempt(x.one(query+` RETURNING `+attemptFields, args...))
		return err
	})
	if err != nil {
		return signin.Attempt{}, err
	}
	return a, nil
}

// TypedAttempt returns the attempt of a code that a person has typed, for the
// question whether it is theirs.
func (db *DB) TypedAttempt(ctx context.Context, userCode signin.Hash) (signin.Attempt, error) {
	a, err := scanAttempt(db.read.QueryRowContext(ctx, `SELECT `+attemptFields+` FROM sign_ins
		WHERE user_code = $1 AND member IS NULL AND refusal = '' AND expires_at > $2`, userCode, micros(db.now())))
	if err != nil {
		return signin.Attempt{}, db.explain("continue to sign in", err)
	}
	return a, nil
}

// SendAttempt notes that the person who typed a code goes to the provider.
func (db *DB) SendAttempt(ctx context.Context, userCode, state, browser signin.Hash) (signin.Attempt, error) {
	return db.attempt(ctx, "continue to sign in", `UPDATE sign_ins SET state = $2, browser = $3
		WHERE user_code = $1 AND member IS NULL AND refusal = '' AND expires_at > $4`, userCode, state, browser, micros(db.now()))
}

// TakeAttempt returns the attempt with this state and browser. The state is used
// up: a second answer with it is NotFound, and so is one from another browser,
// which uses nothing up.
func (db *DB) TakeAttempt(ctx context.Context, state, browser signin.Hash) (signin.Attempt, error) {
	return db.attempt(ctx, "continue to sign in", `UPDATE sign_ins SET state = NULL
		WHERE state = $1 AND browser = $2 AND expires_at > $3`, state, browser, micros(db.now()))
}

// FinishAttempt notes who the person is, as a member. The command line that waits
// redeems it until expires, with the code if there is one.
func (db *DB) FinishAttempt(ctx context.Context, id string, m pullpass.Member, code signin.Hash, expires time.Time) error {
	_, err := db.attempt(ctx, "sign in", `UPDATE sign_ins SET organization = $2, member = $3, code = $4, expires_at = $5
		WHERE id = $1 AND member IS NULL AND refusal = ''`, id, m.Organization, m.ID, nullable(code), micros(expires))
	return err
}

// RefuseAttempt notes why there will be no session, for the command line that waits.
func (db *DB) RefuseAttempt(ctx context.Context, id, code string) error {
	_, err := db.attempt(ctx, "refuse a sign-in", `UPDATE sign_ins SET refusal = $2 WHERE id = $1 AND member IS NULL`, id, code)
	return err
}

// RedeemCode takes the finished attempt of a code, once.
func (db *DB) RedeemCode(ctx context.Context, code signin.Hash) (signin.Attempt, error) {
	return db.attempt(ctx, "sign in", `DELETE FROM sign_ins WHERE code = $1 AND member IS NOT NULL AND expires_at > $2`, code, micros(db.now()))
}

// RedeemDevice takes the attempt of a device, once, when it is finished or
// refused; pending says that it is neither yet.
func (db *DB) RedeemDevice(ctx context.Context, device signin.Hash) (a signin.Attempt, pending bool, err error) {
	const what = "sign in"
	now := micros(db.now())
	// Most who ask are too early: they change nothing.
	a, err = scanAttempt(db.read.QueryRowContext(ctx, `SELECT `+attemptFields+` FROM sign_ins WHERE device = $1 AND expires_at > $2`, device, now))
	if err != nil {
		return signin.Attempt{}, false, db.explain(what, err)
	}
	if a.Member == "" && a.Refusal == "" {
		return a, true, nil
	}
	err = db.tx(ctx, what, func(x *tx) (err error) {
		a, err = scanAttempt(x.one(`DELETE FROM sign_ins WHERE device = $1 AND (member IS NOT NULL OR refusal <> '') AND expires_at > $2 RETURNING `+attemptFields, device, now))
		return err
	})
	if err != nil {
		return signin.Attempt{}, false, err
	}
	return a, false, nil
}
