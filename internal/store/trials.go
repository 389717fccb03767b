package store

import (
	"context"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

const trialFields = `organization, id, runner, subject, asked, state, result, created_at, expires_at`

func scanTrial(row scanner) (t pullpass.Trial, err error) {
	var created, expires int64
	err = row.Scan(&t.Organization, &t.ID, &t.Runner, asJSON{&t.Subject}, asJSON{&t.Asked}, &t.State, &t.Result, &created, &expires)
	t.CreatedAt, t.ExpiresAt = moment(created), moment(expires)
	return t, err
}

// trialPlace takes the time of creation for the version: a trial has one. It binds
// the password to the runner that may take it and to what that is asked to try.
func trialPlace(org pullpass.OrganizationID, id pullpass.TrialID, created int64, runner pullpass.RunnerID, subject, asked string) seal.AssociatedData {
	return seal.AssociatedData{
		Organization: org, Table: "trial", Row: string(id), Field: "password", Version: created,
		Bound: []string{string(runner), subject, asked},
	}
}

// CreateTrial makes a trial wait for its runner. The password is that of a
// registry which is not saved; it is gone when the runner takes the trial. Those
// that have run out of time go, everybody's.
func (db *DB) CreateTrial(ctx context.Context, t pullpass.Trial, password pullpass.Secret, most pullpass.TrialLimits) (pullpass.Trial, error) {
	const what = "try it on the runner"
	if t.ID == "" {
		t.ID = pullpass.NewTrialID()
	}
	t.State, t.Result = pullpass.TrialWaiting, ""
	t.CreatedAt = db.createdAt(t.CreatedAt)
	t.ExpiresAt = moment(micros(t.ExpiresAt))
	s, err := db.seal(ctx, password, trialPlace(t.Organization, t.ID, micros(t.CreatedAt), t.Runner, jsonText(t.Subject), jsonText(t.Asked)))
	if err != nil {
		return pullpass.Trial{}, db.explain(what, err)
	}
	err = db.tx(ctx, what, func(x *tx) error {
		if err := x.roomForTrial(t, most); err != nil {
			return err
		}
		_, err := x.exec(`INSERT INTO trials (organization, id, runner, subject, asked, sealed, data_key, state, result, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t.Organization, t.ID, t.Runner, asJSON{t.Subject}, asJSON{t.Asked}, s.bytes, s.key, t.State, t.Result, micros(t.CreatedAt), micros(t.ExpiresAt))
		x.announceTrial(t)
		return err
	})
	if err != nil {
		return pullpass.Trial{}, err
	}
	return t, nil
}

// roomForTrial counts with the organization's row locked: of many that are made at
// once on several servers, so many get through.
func (x *tx) roomForTrial(t pullpass.Trial, most pullpass.TrialLimits) error {
	var found string
	if err := x.one(`SELECT id FROM organizations WHERE id = $1`+x.db.dialect.ForUpdate, t.Organization).Scan(&found); err != nil {
		return err
	}
	if err := x.lockRunner(t.Organization, t.Runner, x.db.dialect.ForShare); err != nil {
		return err
	}
	if _, err := x.exec(`DELETE FROM trials WHERE expires_at <= $1`, micros(x.db.now())); err != nil {
		return err
	}
	var total, here int
	if err := x.one(`SELECT COUNT(*), COUNT(CASE WHEN runner = $2 THEN 1 END) FROM trials WHERE organization = $1`, t.Organization, t.Runner).Scan(&total, &here); err != nil {
		return err
	}
	limited := func(whose string) error {
		return &pullpass.Error{Kind: pullpass.Limited, Code: "tests_limited", What: "cannot try it on the runner",
			Cause: whose + " is trying as many things as it may at the same time", Hint: "try again in a minute"}
	}
	switch {
	case here >= most.Runner:
		return limited("the runner")
	case total >= most.Organization:
		return limited("the organization")
	}
	return nil
}

// announceTrial wakes the runner, and whoever waits for the outcome.
func (x *tx) announceTrial(t pullpass.Trial) {
	x.changed = append(x.changed, strings.Join([]string{string(t.Organization), string(t.ID), string(t.Runner)}, " "))
}

// WaitingTrials lists what waits for a runner.
func (db *DB) WaitingTrials(ctx context.Context, org pullpass.OrganizationID, runner pullpass.RunnerID) ([]pullpass.TrialID, error) {
	ids, err := all(ctx, db.read, func(row scanner) (id pullpass.TrialID, err error) {
		err = row.Scan(&id)
		return id, err
	}, `SELECT id FROM trials WHERE organization = $1 AND runner = $2 AND state = 'waiting' AND expires_at > $3 ORDER BY id`,
		org, runner, micros(db.now()))
	return ids, db.explain("find what is to be tried", err)
}

// Trial returns a trial as it is now.
func (db *DB) Trial(ctx context.Context, org pullpass.OrganizationID, id pullpass.TrialID) (pullpass.Trial, error) {
	t, err := scanTrial(db.read.QueryRowContext(ctx, `SELECT `+trialFields+` FROM trials WHERE organization = $1 AND id = $2`, org, id))
	return t, db.explain("find the trial", err)
}

// TakeTrial gives a trial to its runner, once, with the password of a registry
// that is not saved: from then on nobody has it but the runner. Another runner's
// trial and one that is over are NotFound, one that is taken is Conflict.
func (db *DB) TakeTrial(ctx context.Context, org pullpass.OrganizationID, runner pullpass.RunnerID, id pullpass.TrialID) (pullpass.Trial, pullpass.Secret, error) {
	const what = "take the trial"
	var t pullpass.Trial
	var secret []byte
	var subject, asked string
	err := db.tx(ctx, what, func(x *tx) (err error) {
		if t, err = x.trialOf(org, runner, id); err != nil {
			return err
		}
		if t.State != pullpass.TrialWaiting {
			return errConflict("trial_taken", what, "it has been taken already", "")
		}
		if err := x.one(`SELECT sealed, subject, asked FROM trials WHERE organization = $1 AND id = $2`, org, id).Scan(&secret, &subject, &asked); err != nil {
			return err
		}
		t.State = pullpass.TrialTaken
		_, err = x.exec(`UPDATE trials SET state = $3, sealed = NULL, data_key = NULL WHERE organization = $1 AND id = $2`, org, id, t.State)
		x.announceTrial(t)
		return err
	})
	if err != nil || secret == nil {
		return t, pullpass.Secret{}, err
	}
	password, err := db.sealer.Open(ctx, secret, trialPlace(org, id, micros(t.CreatedAt), runner, subject, asked))
	return t, password, db.explain(what, err)
}

// FinishTrial keeps what came out, for whoever waits.
func (db *DB) FinishTrial(ctx context.Context, org pullpass.OrganizationID, runner pullpass.RunnerID, id pullpass.TrialID, result string) error {
	const what = "report the trial"
	return db.tx(ctx, what, func(x *tx) error {
		t, err := x.trialOf(org, runner, id)
		if err != nil {
			return err
		}
		if t.State != pullpass.TrialTaken {
			return errConflict("trial_not_taken", what, "it is "+string(t.State), "")
		}
		_, err = x.exec(`UPDATE trials SET state = $3, result = $4 WHERE organization = $1 AND id = $2`, org, id, pullpass.TrialDone, result)
		x.announceTrial(t)
		return err
	})
}

// trialOf reads and locks a runner's trial that is still in time.
func (x *tx) trialOf(org pullpass.OrganizationID, runner pullpass.RunnerID, id pullpass.TrialID) (pullpass.Trial, error) {
	return scanTrial(x.one(`SELECT `+trialFields+` FROM trials WHERE organization = $1 AND id = $2 AND runner = $3 AND expires_at > $4`+x.db.dialect.ForUpdate,
		org, id, runner, micros(x.db.now())))
}

// DeleteTrial forgets a trial; one that is not there is fine.
func (db *DB) DeleteTrial(ctx context.Context, org pullpass.OrganizationID, id pullpass.TrialID) error {
	return db.tx(ctx, "forget the trial", func(x *tx) error {
		_, err := x.exec(`DELETE FROM trials WHERE organization = $1 AND id = $2`, org, id)
		return err
	})
}

// DeleteExpiredTrials forgets what nobody waits for any more: a server that was
// killed could not.
func (db *DB) DeleteExpiredTrials(ctx context.Context) error {
	return db.tx(ctx, "forget old trials", func(x *tx) error {
		_, err := x.exec(`DELETE FROM trials WHERE expires_at <= $1`, micros(db.now()))
		return err
	})
}

var trialSecrets = sealedTable{
	find:  `SELECT s.organization, s.id, s.created_at, s.sealed, s.data_key, s.runner, s.subject, s.asked FROM trials s`,
	bound: 3,
	replace: `UPDATE trials SET sealed = $5, data_key = $6
		WHERE organization = $1 AND id = $2 AND created_at = $3 AND data_key = $4`,
	place: func(r sealedRow) seal.AssociatedData {
		return trialPlace(r.organization, pullpass.TrialID(r.id), r.version, pullpass.RunnerID(r.bound[0]), r.bound[1], r.bound[2])
	},
}
