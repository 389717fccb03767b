package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/pullpass/pullpass"
)

// CodeOutcome is the code of an error after which it is not known whether the
// change was made.
const CodeOutcome = "outcome_unknown"

const hintLost = "see the server's log and /readyz"

// explain maps err to the kinds of the root package. Errors that have a kind
// already (decided in a transaction) pass as they are.
func (db *DB) explain(what string, err error) error {
	var known *pullpass.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	out := &pullpass.Error{Kind: pullpass.Internal, What: "cannot " + what, Err: err}
	switch {
	case errors.Is(err, ErrOutcome):
		out.Kind, out.Code = pullpass.Unavailable, CodeOutcome
		out.What, out.Cause = "cannot say whether it happened: "+what, "the database did not confirm it in time"
		out.Hint = "look whether it is there before you try again"
		return out
	case errors.Is(err, context.DeadlineExceeded):
		out.Kind, out.Code = pullpass.Unavailable, "database_timeout"
		out.Cause, out.Hint = "the database did not answer in time; nothing was changed", hintLost
		return out
	case errors.Is(err, context.Canceled):
		out.Kind, out.Cause = pullpass.Unavailable, "the request ended before the database answered"
		return out
	case errors.Is(err, sql.ErrNoRows):
		return errNotFound(what)
	case errors.Is(err, errAgain):
		out.Kind, out.Cause, out.Hint = pullpass.Unavailable, "others kept changing the same thing", "try again"
		return out
	case errors.Is(err, sql.ErrConnDone):
		out.Kind, out.Cause = pullpass.Unavailable, "the database connection is closed"
		return out
	}
	switch db.dialect.Fault(err) {
	case FaultUnique:
		out.Kind, out.Cause = pullpass.Conflict, "there is one with this name or id already"
	case FaultForeign:
		out.Kind, out.Cause = pullpass.NotFound, "something that it refers to is not there"
	case FaultCheck:
		out.Kind, out.Cause = pullpass.Invalid, "a value has a form that cannot be stored"
	case FaultBusy:
		out.Kind, out.Cause, out.Hint = pullpass.Unavailable, "the database is busy", "try again"
	case FaultLost, FaultCut:
		out.Kind, out.Cause, out.Hint = pullpass.Unavailable, "the database does not answer", hintLost
		if db.dialect.Reason != nil {
			out.Cause = cmp.Or(db.dialect.Reason(err), out.Cause)
		}
	case FaultOther:
	}
	return out
}

// fault is explain for errors while opening, which only the operator reads: there is
// no server yet whose log would hold the cause.
func (db *DB) fault(err error) error {
	explained := db.explain("open the database", err)
	var e *pullpass.Error
	if !errors.As(explained, &e) || e.Err == nil || errors.As(err, new(*pullpass.Error)) {
		return explained
	}
	e.Cause = strings.TrimPrefix(e.Cause+": "+pullpass.Chain(e.Err), ": ")
	e.Hint = "see that PostgreSQL answers at the address in --database, with this user and password"
	if db.dialect.Local {
		e.Hint = "see that the disk of --data has room, and that this user may write there"
	}
	return e
}

func errNotFound(what string) error {
	return &pullpass.Error{
		Kind: pullpass.NotFound, What: "cannot " + what, Err: sql.ErrNoRows,
		Cause: "there is nothing with this id or name in the organization",
	}
}

func errConflict(code, what, cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Conflict, Code: code, What: "cannot " + what, Cause: cause, Hint: hint}
}

func errInvalid(what, cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot " + what, Cause: cause, Hint: hint}
}

// onUnique replaces the refusal of a unique index by err, which says it better.
func (db *DB) onUnique(got, err error) error {
	if got != nil && db.dialect.Fault(got) == FaultUnique {
		return err
	}
	return got
}

// onForeign does the same for a foreign key.
func (db *DB) onForeign(got, err error) error {
	if got != nil && db.dialect.Fault(got) == FaultForeign {
		return err
	}
	return got
}
