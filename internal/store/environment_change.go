package store

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/pullpass/pullpass"
)

// change reads an environment, locked, lets f change it and write what it
// changed, and returns the outcome.
func (db *DB) change(ctx context.Context, what string, org pullpass.OrganizationID, id pullpass.EnvironmentID, f func(*tx, *pullpass.Environment) error) (pullpass.Environment, error) {
	var e pullpass.Environment
	err := db.tx(ctx, what, func(x *tx) (err error) {
		e, err = scanEnvironment(x.one(environmentColumns+` WHERE organization = $1 AND id = $2`+db.dialect.ForUpdate, org, id))
		if err != nil {
			return err
		}
		return f(x, &e)
	})
	if err != nil {
		return pullpass.Environment{}, err
	}
	return e, nil
}

// SetWanted writes what the caller wants. Running after stopped is a new start,
// with the registries in force now; what is deleted stays so.
func (db *DB) SetWanted(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID, wanted pullpass.Wanted) (pullpass.Environment, error) {
	const what = "change the environment"
	switch wanted {
	case pullpass.WantedRunning, pullpass.WantedStopped, pullpass.WantedDeleted:
	default:
		return pullpass.Environment{}, errInvalid(what, "this is not something that can be wanted", "one of running, stopped, deleted")
	}
	return db.change(ctx, what, org, id, func(x *tx, e *pullpass.Environment) error {
		switch {
		case e.Wanted == wanted:
			return nil
		case e.Wanted == pullpass.WantedDeleted:
			return errDeleted(what)
		case wanted == pullpass.WantedRunning:
			return x.start(e)
		}
		e.Wanted = wanted
		return x.saveEnvironment(e, db.now())
	})
}

// Restart starts the environment anew, with the registries in force now.
func (db *DB) Restart(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID) (pullpass.Environment, error) {
	const what = "restart the environment"
	return db.change(ctx, what, org, id, func(x *tx, e *pullpass.Environment) error {
		if e.Wanted == pullpass.WantedDeleted {
			return errDeleted(what)
		}
		return x.start(e)
	})
}

// start is a new start: other registries, and nothing known of it yet.
func (x *tx) start(e *pullpass.Environment) error {
	if err := x.checkPlace("start the environment", e.Organization, e.Runner, e.Project); err != nil {
		return err
	}
	before := e.Registries
	if err := x.pinAnew(e); err != nil {
		return err
	}
	if err := x.collectAll(e.Organization, before); err != nil {
		return err
	}
	e.Wanted, e.Phase = pullpass.WantedRunning, pullpass.PhaseStarting
	e.Start++
	e.Status, e.Conditions = nil, nil
	return x.saveEnvironment(e, x.db.now())
}

func errDeleted(what string) error {
	return errConflict("environment_deleted", what, "it is deleted, or about to be", "create a new one")
}

// UpdateStatus keeps what a runner reports. A report about an older start is
// refused: it would hide the new one. One that says nothing new changes nothing,
// not even the revision. PhaseDeleted frees the name and all that the
// environment held.
func (db *DB) UpdateStatus(ctx context.Context, org pullpass.OrganizationID, id pullpass.EnvironmentID, u pullpass.StatusUpdate) (pullpass.Environment, error) {
	const what = "report the environment's status"
	return db.change(ctx, what, org, id, func(x *tx, e *pullpass.Environment) error {
		switch {
		case e.Runner != u.Runner:
			return errNotFound(what) // another runner's: the same answer as if it were not there
		case u.Start != e.Start:
			return errConflict("stale_start", what, "the environment was started anew since", "read the wanted environments again")
		case e.Phase == pullpass.PhaseDeleted && u.Phase == pullpass.PhaseDeleted:
			return nil // the runner did not hear our answer
		case e.Phase == pullpass.PhaseDeleted:
			return errDeleted(what)
		case u.Phase == pullpass.PhaseDeleted && e.Wanted != pullpass.WantedDeleted:
			return errConflict("not_wanted", what, "nobody wants the environment deleted", "read the wanted environments again")
		case u.Phase == pullpass.PhaseDeleted:
			return x.bury(e, db.now())
		}
		return x.report(e, u)
	})
}

func (x *tx) report(e *pullpass.Environment, u pullpass.StatusUpdate) error {
	if e.Phase == u.Phase && same(e.Status, u.Status) && same(e.Conditions, u.Conditions) {
		return nil
	}
	e.Phase, e.Status, e.Conditions = u.Phase, u.Status, u.Conditions
	return x.saveReport(e, x.db.now())
}

// same compares as stored: an empty list and none are one.
func same[T any](a, b []T) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	before, err := json.Marshal(a)
	after, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(before, after)
}
