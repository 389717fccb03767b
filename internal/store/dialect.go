package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pressly/goose/v3"
)

// Dialect is what one database does differently from another.
type Dialect struct {
	Goose        goose.Dialect
	GooseOptions []goose.ProviderOption // the lock that lets several servers start at once
	// AppendOnly is run once, after the schema is made: it has the database
	// refuse changes to audit records.
	AppendOnly []string
	// Prunable is run once, later: records up to a signed cut may be deleted.
	Prunable []string
	// ForUpdate and ForShare end a SELECT to lock the rows it read; empty where
	// a writing transaction is alone anyway.
	ForUpdate, ForShare string
	// Prepare keeps statements compiled, for drivers that do not do so themselves.
	Prepare bool
	// Local says that the database is in this process: no read waits for a network.
	Local bool
	// Clock is the database's time as an SQL expression: microseconds since 1970.
	// Several servers agree on it, whatever their own clocks say.
	Clock string
	// Unlogged makes a table that is in no log and no backup, if there is such a thing.
	Unlogged string
	// Arrays says that a list can be an argument (unnest): audit records are then
	// appended with one statement.
	Arrays bool
	// EventRows is how many audit records one INSERT holds.
	EventRows int
	// Notify, with the payload as its argument, tells other servers of a change
	// when the transaction commits; empty if there can be no others.
	Notify string
	// Present reports an error when the files that are open are no longer where
	// they were opened; nil where the database is not in files of ours.
	Present func() error
	// Copy, with a path as its argument, writes a consistent copy of the database into
	// an empty file; empty where the database has tools of its own for that.
	Copy string
	// Fault classifies an error of the driver.
	Fault func(error) Fault
	// Reason says in words what keeps the database from working, "" if the error
	// does not tell: its disk is full, it is read-only.
	Reason func(error) string
}

// ErrOutcome is in the chain of an error after which nobody knows whether the
// transaction happened: the database was told to commit, and did not answer.
var ErrOutcome = errors.New("the database did not confirm the transaction")

// Fault is what an error of the database means to us.
type Fault int

// The faults.
const (
	FaultOther   Fault = iota
	FaultUnique        // a unique index refused the row
	FaultForeign       // a foreign key refused it
	FaultCheck         // a check refused it, or a value cannot be stored
	FaultBusy          // lock, deadlock or serialization: the transaction may be tried again
	FaultCut           // the connection was cut in the middle: another one may do
	FaultLost          // the connection or the server is gone, or the disk is full
)

// Listener hears from other servers; PostgreSQL has one.
type Listener interface {
	// Listen calls heard for each payload, and missed whenever some may have
	// been lost, until ctx ends.
	Listen(ctx context.Context, heard func(payload string), missed func())
}

// Connections are the pools of a database. For PostgreSQL reading and writing are
// the same.
type Connections struct {
	Read  *sql.DB
	Write *sql.DB
	// Migrate changes the schema, which may take longer than any request; closed
	// when that is done. Nil: Write does.
	Migrate *sql.DB
}
