package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// maxRefused bounds what is remembered of refused processes.
const maxRefused = 16

// RecordHeartbeat keeps what a runner says of itself. A report older than the last
// one (a retry that was overtaken) changes nothing. A new process takes the place
// of the one before it, as after a restart; when the earlier one reports again,
// both live, and the newcomer is refused from then on: Clone says which.
func (db *DB) RecordHeartbeat(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, r pullpass.RunnerReport) (*pullpass.Clone, error) {
	at := r.At
	if at.IsZero() {
		at = db.now()
	}
	const what = "record the heartbeat"
	var clone *pullpass.Clone
	err := db.tx(ctx, what, func(x *tx) (err error) {
		p, err := x.processes(org, id)
		if err != nil {
			return err
		}
		if slices.Contains(p.refused, r.Process) {
			return errConflict(pullpass.CodeRunnerCloned, what, "another machine has the same runner's token, and reported first: "+p.machine+" is kept, "+r.Machine+" is refused",
				"add a runner for the second machine, and give it a state directory of its own: pullpass runner add NAME")
		}
		clone = p.report(r)
		_, err = x.exec(`UPDATE runners SET version = $3, capabilities = $4, aws_identity = $5, phase = $6, message = $7, last_seen_at = $8, aws_message = $9
			WHERE organization = $1 AND id = $2 AND last_seen_at <= $8`,
			org, id, r.Version, asJSON{r.Capabilities}, r.AWSClaim, r.Phase, r.Message, micros(at), r.AWSMessage)
		if err != nil {
			return err
		}
		return x.saveProcesses(org, id, p, clone)
	})
	return clone, err
}

// processes are those of a runner that have reported.
type processes struct {
	current   string
	machine   string // of the current one
	displaced string // took part before the current one, and has not signed off
	refused   []string
}

func (x *tx) processes(org pullpass.OrganizationID, id pullpass.RunnerID) (p processes, err error) {
	var refused string
	err = x.one(`SELECT process, machine, displaced, refused FROM runners WHERE organization = $1 AND id = $2 AND deleted_at = 0`+x.db.dialect.ForUpdate,
		org, id).Scan(&p.current, &p.machine, &p.displaced, &refused)
	if refused != "" {
		p.refused = strings.Split(refused, ",")
	}
	return p, err
}

// report takes a process's report in, and finds a clone.
func (p *processes) report(r pullpass.RunnerReport) *pullpass.Clone {
	switch {
	case r.Process == "": // an older runner, or one that joins
		return nil
	case r.Phase == pullpass.RunnerInactive: // it signs off: whoever comes next is no second one
		p.current, p.machine, p.displaced = "", "", ""
		return nil
	case r.Process == p.current:
		p.machine = r.Machine
		return nil
	case r.Process == p.displaced:
		clone := &pullpass.Clone{Kept: r.Machine, Refused: p.machine}
		p.refused = append(p.refused, p.current)
		if len(p.refused) > maxRefused {
			p.refused = p.refused[1:]
		}
		p.current, p.machine, p.displaced = r.Process, r.Machine, ""
		return clone
	}
	p.displaced, p.current, p.machine = p.current, r.Process, r.Machine
	return nil
}

func (x *tx) saveProcesses(org pullpass.OrganizationID, id pullpass.RunnerID, p processes, clone *pullpass.Clone) error {
	_, err := x.exec(`UPDATE runners SET process = $3, machine = $4, displaced = $5, refused = $6 WHERE organization = $1 AND id = $2`,
		org, id, p.current, p.machine, p.displaced, strings.Join(p.refused, ","))
	if err != nil || clone == nil {
		return err
	}
	_, err = x.exec(`UPDATE runners SET warning = $3 WHERE organization = $1 AND id = $2`, org, id,
		"another machine ("+clone.Refused+") used this runner's token and was refused; "+clone.Kept+" is kept")
	return err
}

// JoinRunner makes token the one with which a runner works, and spends the join
// token, in one step: earlier tokens of the runner end, and what was known of its
// processes is forgotten. Without a join token it has proved itself otherwise. Of
// two that present one join token, one gets NotFound.
func (db *DB) JoinRunner(ctx context.Context, join pullpass.TokenHash, token pullpass.Token, r pullpass.RunnerReport) (pullpass.Runner, error) {
	const what = "join as a runner"
	var joined pullpass.Runner
	err := db.tx(ctx, what, func(x *tx) (err error) {
		org, id, now := token.Organization, token.Runner, db.now()
		if err := x.lockRunner(org, id, db.dialect.ForUpdate); err != nil {
			return err
		}
		if join != "" {
			// Who lets a machine join stands for the runner from now on.
			_, err := x.exec(`UPDATE runners SET made_by = COALESCE((SELECT created_by FROM tokens WHERE hash = $3), made_by) WHERE organization = $1 AND id = $2`, org, id, join)
			if err != nil {
				return err
			}
			n, err := x.exec(`DELETE FROM tokens WHERE hash = $1 AND kind = $2 AND organization = $3 AND runner = $4 AND (expires_at = 0 OR expires_at > $5)`,
				join, pullpass.TokenJoin, org, id, micros(now))
			if err == nil && n == 0 {
				err = errNotFound(what)
			}
			if err != nil {
				return err
			}
		}
		if _, err := x.exec(`DELETE FROM tokens WHERE organization = $1 AND runner = $2`, org, id); err != nil {
			return err
		}
		if err := x.insertToken("join as a runner", &token); err != nil {
			return err
		}
		_, err = x.exec(`UPDATE runners SET version = $3, capabilities = $4, phase = $5, last_seen_at = $6, aws_identity = $7, aws_message = $8, process = '', machine = '', displaced = '', refused = '', warning = ''
			WHERE organization = $1 AND id = $2`, org, id, r.Version, asJSON{r.Capabilities}, pullpass.RunnerActive, micros(now), r.AWSClaim, r.AWSMessage)
		if err != nil {
			return err
		}
		joined, err = scanRunner(x.one(runnerColumns+` WHERE organization = $1 AND id = $2`, org, id))
		return err
	})
	return joined, err
}

// ReplaceJoinToken stores a join token; those made before for its runner end.
func (db *DB) ReplaceJoinToken(ctx context.Context, token pullpass.Token) error {
	return db.tx(ctx, "make a join token", func(x *tx) error {
		if err := x.lockRunner(token.Organization, token.Runner, db.dialect.ForUpdate); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM tokens WHERE organization = $1 AND runner = $2 AND kind = $3`,
			token.Organization, token.Runner, pullpass.TokenJoin); err != nil {
			return err
		}
		return x.insertToken("join as a runner", &token)
	})
}

// RecordIdentity keeps what AWS confirmed of a runner. Approved by the way it was
// proved (the token of a join), it becomes what policies name, if there is nothing
// yet: another one than the approved waits for an administrator.
func (db *DB) RecordIdentity(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, proved string, first bool) (pullpass.Runner, error) {
	return db.changeRunner(ctx, "record the runner's AWS identity", org, id, func(r *pullpass.Runner) error {
		r.AWSProved, r.AWSMessage = proved, ""
		if first && r.AWSIdentity == "" {
			r.AWSIdentity = proved
		}
		return nil
	})
}

// ApproveIdentity makes identity what policies name for a runner.
func (db *DB) ApproveIdentity(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, identity string) (pullpass.Runner, error) {
	return db.changeRunner(ctx, "approve the runner's AWS identity", org, id, func(r *pullpass.Runner) error {
		r.AWSIdentity = identity
		return nil
	})
}

func (db *DB) changeRunner(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.RunnerID, f func(*pullpass.Runner) error) (pullpass.Runner, error) {
	var r pullpass.Runner
	err := db.tx(ctx, what, func(x *tx) (err error) {
		r, err = scanRunner(x.one(runnerColumns+` WHERE organization = $1 AND id = $2 AND deleted_at = 0`+db.dialect.ForUpdate, org, id))
		if err != nil {
			return err
		}
		if err := f(&r); err != nil {
			return err
		}
		_, err = x.exec(`UPDATE runners SET aws_approved = $3, aws_proved = $4, aws_message = $5 WHERE organization = $1 AND id = $2`,
			org, id, r.AWSIdentity, r.AWSProved, r.AWSMessage)
		return err
	})
	return r, err
}

// UseChallenge remembers that a challenge was answered; a second time is Conflict.
func (db *DB) UseChallenge(ctx context.Context, id string, expires time.Time) error {
	const what = "use the challenge"
	return db.tx(ctx, what, func(x *tx) error {
		if _, err := x.exec(`DELETE FROM runner_challenges WHERE expires_at < $1`, micros(db.now())); err != nil {
			return err
		}
		n, err := x.exec(`INSERT INTO runner_challenges (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, micros(expires))
		if err == nil && n == 0 {
			return errConflict("challenge_used", what, "it has been answered already", "ask for a new one")
		}
		return err
	})
}
