package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pullpass/pullpass"
)

var runnerColumns = `SELECT organization, id, name, kind, hosted, version, capabilities,
	aws_approved, aws_proved, aws_identity, aws_message, aws_role, phase, message, warning, last_seen_at, created_at,
	(SELECT COALESCE(string_agg(rp.project, ','), '') FROM runner_projects rp
		WHERE rp.organization = runners.organization AND rp.runner = runners.id), ` + makerColumns("runners", "made_by") + ` FROM runners`

func scanRunner(row scanner) (r pullpass.Runner, err error) {
	var seen, created int64
	var projects string
	var maker scannedMaker
	err = row.Scan(append([]any{&r.Organization, &r.ID, &r.Name, &r.Kind, &r.Hosted, &r.Version, asJSON{&r.Capabilities},
		&r.AWSIdentity, &r.AWSProved, &r.AWSClaim, &r.AWSMessage, &r.AWSRole, &r.Phase, &r.Message, &r.Warning, &seen, &created, &projects}, maker.columns()...)...)
	r.Maker = maker.maker()
	r.Projects = idList[pullpass.ProjectID](projects)
	r.LastSeenAt, r.CreatedAt = moment(seen), moment(created)
	return r, err
}

// CreateRunner stores a new runner, in phase created unless it says otherwise.
func (db *DB) CreateRunner(ctx context.Context, r pullpass.Runner) (pullpass.Runner, error) {
	const what = "create the runner"
	if err := checkName(what, r.Name); err != nil {
		return pullpass.Runner{}, err
	}
	if r.ID == "" {
		r.ID = pullpass.NewRunnerID()
	}
	if r.Phase == "" {
		r.Phase = pullpass.RunnerCreated
	}
	r.Projects = distinct(r.Projects)
	r.CreatedAt, r.LastSeenAt = db.createdAt(r.CreatedAt), moment(micros(r.LastSeenAt))
	err := db.tx(ctx, what, func(x *tx) error {
		if err := x.room(what, r.Organization, "runners", whose{}); err != nil {
			return err
		}
		_, err := x.exec(`INSERT INTO runners (organization, id, name, kind, hosted, version, capabilities, aws_identity,
				phase, message, last_seen_at, created_at, aws_role, made_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			r.Organization, r.ID, r.Name, r.Kind, r.Hosted, r.Version, asJSON{r.Capabilities}, "",
			r.Phase, r.Message, micros(r.LastSeenAt), micros(r.CreatedAt), r.AWSRole, r.Maker.ID)
		if err != nil {
			return err
		}
		return x.setRunnerProjects(r)
	})
	if err != nil {
		return pullpass.Runner{}, err
	}
	return r, nil
}

// Runner returns the runner with this id.
func (db *DB) Runner(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID) (pullpass.Runner, error) {
	r, err := scanRunner(db.read.QueryRowContext(ctx, runnerColumns+` WHERE organization = $1 AND id = $2 AND deleted_at = 0`, org, id))
	return r, db.explain("find the runner", err)
}

// RunnerByName returns the runner with this name.
func (db *DB) RunnerByName(ctx context.Context, org pullpass.OrganizationID, name string) (pullpass.Runner, error) {
	r, err := scanRunner(db.read.QueryRowContext(ctx, runnerColumns+` WHERE organization = $1 AND name = $2 AND deleted_at = 0`, org, name))
	return r, db.explain("find the runner", err)
}

// Runners lists the organization's runners.
func (db *DB) Runners(ctx context.Context, org pullpass.OrganizationID, p pullpass.Page) (pullpass.List[pullpass.Runner], error) {
	var w where
	w.and("organization = ", org)
	w.and("id > ", p.After)
	w.fixed("deleted_at = 0")
	items, err := all(ctx, db.read, scanRunner, runnerColumns+w.page("id", p.Size()), w.args...)
	if err != nil {
		return pullpass.List[pullpass.Runner]{}, db.explain("list runners", err)
	}
	return page(items, p.Size(), func(r pullpass.Runner) string { return string(r.ID) }), nil
}

// DeleteRunner deletes a runner and its tokens. While it has environments that
// somebody wants the answer is Conflict, unless they are to be forgotten; those
// that nobody wants any more go with it, because nobody else can report them
// deleted.
func (db *DB) DeleteRunner(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID, forget bool) error {
	const what = "delete the runner"
	return db.tx(ctx, what, func(x *tx) error {
		if err := x.lockRunner(org, id, db.dialect.ForUpdate); err != nil {
			return err
		}
		left, err := all(x.ctx, x, scanEnvironment, environmentColumns+
			` WHERE organization = $1 AND runner = $2 AND phase <> 'deleted' ORDER BY id`+db.dialect.ForUpdate, org, id)
		if err != nil {
			return err
		}
		now := db.now()
		for _, e := range left {
			if e.Wanted != pullpass.WantedDeleted && !forget {
				return errConflict("runner_in_use", what, fmt.Sprintf("it still has environments: %d", len(left)),
					"delete its environments first: pullpass env delete NAME; if the runner will not come back: pullpass runner delete NAME --force")
			}
		}
		for _, e := range left {
			e.Wanted = pullpass.WantedDeleted
			if err := x.bury(&e, now); err != nil {
				return err
			}
		}
		if _, err := x.exec(`DELETE FROM tokens WHERE organization = $1 AND runner = $2`, org, id); err != nil {
			return err
		}
		if _, err := x.exec(`DELETE FROM runner_projects WHERE organization = $1 AND runner = $2`, org, id); err != nil {
			return err
		}
		_, err = x.exec(`UPDATE runners SET deleted_at = $3, phase = $4 WHERE organization = $1 AND id = $2`,
			org, id, micros(now), pullpass.RunnerDeleting)
		return err
	})
}

// ForgetEnvironment makes an environment deleted without its runner's word: what
// runs there still is for whoever has the machine.
func (db *DB) ForgetEnvironment(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	return db.change(ctx, "forget the environment", org, id, func(x *tx, e *pullpass.Environment) error {
		if e.Phase == pullpass.PhaseDeleted {
			return nil
		}
		e.Wanted = pullpass.WantedDeleted
		return x.bury(e, db.now())
	})
}

func (x *tx) lockRunner(org pullpass.OrganizationID, id pullpass.RunnerID, lock string) error {
	var found string
	return x.one(`SELECT id FROM runners WHERE organization = $1 AND id = $2 AND deleted_at = 0`+lock, org, id).Scan(&found)
}

// bury makes e deleted for good: its name is free, its pins and output are gone.
func (x *tx) bury(e *pullpass.Environment, now time.Time) error {
	e.Phase, e.Status, e.Conditions = pullpass.PhaseDeleted, nil, nil
	if err := x.saveEnvironment(e, now); err != nil {
		return err
	}
	if _, err := x.exec(`DELETE FROM environment_output WHERE organization = $1 AND environment = $2`, e.Organization, e.ID); err != nil {
		return err
	}
	if _, err := x.exec(`UPDATE environments SET sealed = NULL, data_key = NULL WHERE organization = $1 AND id = $2`, e.Organization, e.ID); err != nil {
		return err // nobody needs its variables any more
	}
	return x.unpin(e)
}
