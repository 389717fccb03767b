package broker

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
)

// Shared is what several servers on one database have in common.
type Shared interface {
	Handovers
	Buckets
}

// Handovers let one server mint what the others want, too, and give it to them.
// Every duration counts from the moment of the call by the database's clock: no
// server compares its own clock with another's.
type Handovers interface {
	// Claim returns what is known of a key, or the lease to mint it.
	Claim(context.Context, pullpass.OrganizationID, Key, Claim) (Claimed, error)
	// RenewLease makes a lease last for length from now on.
	RenewLease(ctx context.Context, org pullpass.OrganizationID, key Key, lease int64, length time.Duration) error
	// HandOver ends a lease with its outcome, and wakes those who wait.
	HandOver(ctx context.Context, org pullpass.OrganizationID, key Key, lease int64, o Outcome) error
	// Watch gets a value when one of the keys may have changed.
	Watch(ctx context.Context, org pullpass.OrganizationID, keys ...string) <-chan struct{}
}

// Claim is what a server wants to know or to do.
type Claim struct {
	Have   int64         // the version that it holds: a newer one is wanted
	Waited int64         // the lease that it has been waiting for: its failure is the answer
	Length time.Duration // of the lease
}

// Claimed is one of four things: the lease, what was minted, why it was not, or
// who is minting.
type Claimed struct {
	Lease int64 // the caller mints, and hands over

	Version        int64 // of what was minted: the lease that did
	Minted         pullpass.Secret
	Refresh, Serve time.Duration

	Failure      string
	FailureLasts time.Duration

	Busy    int64
	BusyFor time.Duration // its lease ends then, if the server that holds it has died
}

// Outcome of minting. All empty: it was canceled, and somebody else should try.
type Outcome struct {
	Minted         pullpass.Secret
	Refresh, Serve time.Duration

	Failure      string
	FailureLasts time.Duration
	Revoked      bool // what was minted before is not to be served on
}

// Buckets give turns to call AWS.
type Buckets interface {
	// TakeTurn reserves the next turn; none, and false, if that is further away
	// than longest.
	TakeTurn(ctx context.Context, b Bucket, p Pace, longest time.Duration) (Turn, bool, error)
	// ReturnTurn gives one back that is not used after all, where that is possible.
	ReturnTurn(context.Context, Bucket, Pace, Turn) error
}

// Bucket is what AWS counts by, and whose calls they are: no organization can use
// up what is another's by naming its account.
type Bucket struct {
	Organization pullpass.OrganizationID
	Account      string
	Service      Service
	Region       string
}

// Pace is how fast a bucket fills, and how much it holds.
type Pace struct {
	Every time.Duration // one turn
	Burst int           // turns that a full bucket gives at once
}

// Tolerance is how far ahead of its pace a full bucket may be.
func (p Pace) Tolerance() time.Duration { return time.Duration(p.Burst) * p.Every }

// Turn is a reserved one.
type Turn struct {
	Wait time.Duration
	Mark int64 // which one
}
