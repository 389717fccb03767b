package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/store"
)

const handedOver = "canary-handed-over-91c4"

func keyOf(name string) broker.Key { return sha256.Sum256([]byte(name)) }

func (w *world) claim(key broker.Key, c broker.Claim) broker.Claimed {
	w.t.Helper()
	if c.Length == 0 {
		c.Length = time.Minute
	}
	got, err := w.Claim(w.t.Context(), w.org, key, c)
	must(w.t, "Claim", err)
	return got
}

// lease claims a key that nobody has.
func (w *world) lease(key broker.Key) int64 {
	w.t.Helper()
	got := w.claim(key, broker.Claim{})
	if got.Lease == 0 {
		w.t.Fatalf("Claim = %+v, want the lease", got)
	}
	return got.Lease
}

func (w *world) handOver(key broker.Key, lease int64, o broker.Outcome) {
	w.t.Helper()
	must(w.t, "HandOver", w.HandOver(w.t.Context(), w.org, key, lease, o))
}

func credential() broker.Outcome {
	return broker.Outcome{Minted: pullpass.NewSecret(handedOver), Refresh: time.Hour, Serve: 2 * time.Hour}
}

// twoServers are two on one database with one organization.
func twoServers(t *testing.T, open Open) (a, b *world) {
	t.Helper()
	keyring := Keyring(t)
	a = populate(t, openStore(t, open, keyring), "acme")
	b = &world{DB: openStore(t, open, keyring), t: t, org: a.org}
	return a, b
}

// What one server mints the others get, sealed in between; only the one with the
// lease mints, and its failure is the answer of those who waited for it.
func testHandovers(t *testing.T, open Open) {
	a, b := twoServers(t, open)
	key := keyOf("one")
	lease := a.lease(key)
	busy := b.claim(key, broker.Claim{})
	if busy.Lease != 0 || busy.Busy != lease || busy.BusyFor <= 0 || busy.BusyFor > time.Minute {
		t.Errorf("Claim of what is being minted = %+v, want to be told of lease %d", busy, lease)
	}
	changed := b.Watch(t.Context(), b.org, key.String())
	a.handOver(key, lease, credential())
	if b.Shared() { // otherwise there is no other process to tell
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Error("who waits at the other server was not woken")
		}
	}
	got := b.claim(key, broker.Claim{Waited: busy.Busy})
	if got.Version != lease || got.Minted.Reveal() != handedOver || got.Refresh <= 0 || got.Refresh > time.Hour || got.Serve <= time.Hour || got.Serve > 2*time.Hour {
		t.Errorf("Claim of what is minted = %+v, want version %d, refreshed in an hour and served for two", got, lease)
	}
	other := populate(t, a.DB, "globex")
	if got := other.claim(key, broker.Claim{}); got.Lease == 0 || got.Version != 0 {
		t.Errorf("another organization's Claim of the same key = %+v, want a lease of its own", got)
	}

	// The one who has it already wants a newer one; it is served meanwhile.
	second := b.claim(key, broker.Claim{Have: lease})
	if second.Lease <= lease {
		t.Fatalf("Claim of a newer one = %+v, want a lease after %d", second, lease)
	}
	if got := a.claim(key, broker.Claim{}); got.Version != lease {
		t.Errorf("Claim during a refresh = %+v, want what stands", got)
	}
	if got := a.claim(key, broker.Claim{Have: lease}); got.Busy != second.Lease {
		t.Errorf("Claim of a newer one during a refresh = %+v, want busy", got)
	}
	// It fails: who waited is told, what stands stays, and who did not wait tries.
	b.handOver(key, second.Lease, broker.Outcome{Failure: "down"})
	if got := a.claim(key, broker.Claim{Have: lease, Waited: second.Lease}); got.Failure != "down" || got.FailureLasts != 0 {
		t.Errorf("Claim after waiting for a failure = %+v, want it", got)
	}
	if got := a.claim(key, broker.Claim{}); got.Version != lease {
		t.Errorf("Claim after a failed refresh = %+v, want what stands", got)
	}
	third := a.claim(key, broker.Claim{Have: lease})
	if third.Lease <= second.Lease {
		t.Fatalf("Claim after a failed refresh = %+v, want a lease", third)
	}
	// It is given up: nobody is told anything, the next one tries.
	a.handOver(key, third.Lease, broker.Outcome{})
	fourth := b.claim(key, broker.Claim{Have: lease, Waited: third.Lease})
	if fourth.Lease == 0 {
		t.Fatalf("Claim after giving up = %+v, want a lease", fourth)
	}
	// Denied: what stood is gone, for everybody, and the answer stands for a while.
	b.handOver(key, fourth.Lease, broker.Outcome{Failure: "denied", FailureLasts: time.Minute, Revoked: true})
	if got := a.claim(key, broker.Claim{}); got.Failure != "denied" || got.FailureLasts <= 0 {
		t.Errorf("Claim after a denial = %+v, want it", got)
	}
}

// A lease that is not renewed ends, and another server gets it; the one that comes
// too late changes nothing.
func testLeaseEnds(t *testing.T, open Open) {
	a, b := twoServers(t, open)
	key := keyOf("killed")
	lost := a.claim(key, broker.Claim{Length: 50 * time.Millisecond})
	if lost.Lease == 0 {
		t.Fatalf("Claim = %+v, want the lease", lost)
	}
	must(t, "RenewLease", a.RenewLease(t.Context(), a.org, key, lost.Lease, 50*time.Millisecond))
	var taken broker.Claimed
	for deadline := time.Now().Add(10 * time.Second); taken.Lease == 0 && time.Now().Before(deadline); {
		taken = b.claim(key, broker.Claim{})
	}
	if taken.Lease <= lost.Lease {
		t.Fatalf("Claim after the lease = %+v, want a later one than %d", taken, lost.Lease)
	}
	a.handOver(key, lost.Lease, credential())
	must(t, "RenewLease too late", a.RenewLease(t.Context(), a.org, key, lost.Lease, time.Hour))
	if got := a.claim(key, broker.Claim{}); got.Busy != taken.Lease || got.BusyFor > time.Minute {
		t.Errorf("Claim after a late handover = %+v, want the second server's lease untouched", got)
	}
	// Renewed, it stays.
	must(t, "RenewLease", b.RenewLease(t.Context(), b.org, key, taken.Lease, time.Hour))
	if got := a.claim(key, broker.Claim{}); got.BusyFor <= time.Minute {
		t.Errorf("Claim after renewing = %+v, want it busy for an hour", got)
	}
}

// Of many who claim a key at once, on two servers, one mints.
func testClaimRace(t *testing.T, open Open) {
	a, b := twoServers(t, open)
	for round := range 5 {
		var leases atomic.Int64
		var all sync.WaitGroup
		for i := range 16 {
			w := []*world{a, b}[i%2]
			all.Go(func() {
				got, err := w.Claim(t.Context(), w.org, keyOf(fmt.Sprint(round)), broker.Claim{Length: time.Minute})
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				if got.Lease != 0 {
					leases.Add(1)
				}
			})
		}
		all.Wait()
		if n := leases.Load(); n != 1 {
			t.Errorf("%d got the lease of one key, want 1", n)
		}
	}
}

// What is handed over is sealed, opens in its own place only, and goes when it is
// over or its key is exchanged.
func testHandoverSealed(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	first, second := keyOf("first"), keyOf("second")
	w.handOver(first, w.lease(first), credential())
	lease := w.lease(second)
	w.handOver(second, lease, broker.Outcome{Minted: pullpass.NewSecret("another"), Refresh: time.Hour, Serve: time.Hour})
	for _, row := range w.rawHandovers() {
		for _, form := range [][]byte{[]byte(handedOver), []byte(base64.StdEncoding.EncodeToString([]byte(handedOver)))[:24]} {
			if bytes.Contains(row, form) {
				t.Error("a row holds what was minted in the clear")
			}
		}
	}
	// Another row's sealed value, in this one's place: refused once and removed.
	_, err := w.Schema().Write.ExecContext(ctx, `UPDATE handovers SET sealed = (SELECT sealed FROM handovers WHERE id = $1) WHERE id = $2`, first.String(), second.String())
	must(t, "swapping", err)
	_, err = w.Claim(ctx, w.org, second, broker.Claim{Length: time.Minute})
	wantCode(t, err, "seal_broken")
	if got := w.claim(second, broker.Claim{}); got.Lease <= lease {
		t.Errorf("Claim after what did not open = %+v, want a lease after %d", got, lease)
	}

	must(t, "DeleteOldHandovers", w.DeleteOldHandovers(ctx))
	if n := count(t, w.DB, "handovers"); n != 2 {
		t.Errorf("%d rows after tidying, want both: one is served, one is being minted", n)
	}
	_, err = w.NewDataKey(ctx)
	must(t, "NewDataKey", err)
	r, err := w.Rotate(ctx)
	if err != nil || r.Retired != 1 {
		t.Errorf("Rotate = %+v, %v, want the old data key retired", r, err)
	}
	if got := w.claim(first, broker.Claim{}); got.Lease == 0 {
		t.Errorf("Claim after Rotate = %+v, want a lease: the row is gone", got)
	}
}

// What is over goes when somebody tidies up.
func testHandoversEnd(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	over := keyOf("over")
	w.handOver(over, w.lease(over), broker.Outcome{Minted: pullpass.NewSecret("x"), Refresh: time.Hour, Serve: time.Hour})
	if _, ok, err := w.TakeTurn(ctx, bucket(w), slow, 0); err != nil || !ok {
		t.Fatalf("TakeTurn = %v, %v", ok, err)
	}
	for _, statement := range []string{
		`UPDATE handovers SET serve_until = serve_until - 7200000000`,
		`UPDATE buckets SET empty_at = empty_at - 7200000000`,
	} {
		_, err := w.Schema().Write.ExecContext(ctx, statement)
		must(t, "letting time pass", err)
	}
	if got := w.claim(over, broker.Claim{}); got.Version != 0 || got.Lease == 0 {
		t.Errorf("Claim of what is over = %+v, want the lease", got)
	}
	_, err := w.Schema().Write.ExecContext(ctx, `UPDATE handovers SET lease_until = 0`)
	must(t, "ending the lease", err)
	must(t, "DeleteOldHandovers", w.DeleteOldHandovers(ctx))
	if n, m := count(t, w.DB, "handovers"), count(t, w.DB, "buckets"); n != 0 || m != 0 {
		t.Errorf("%d handovers and %d buckets are kept after their time, want none", n, m)
	}
}

func (w *world) rawHandovers() (rows [][]byte) {
	w.t.Helper()
	found, err := w.Schema().Read.QueryContext(w.t.Context(), `SELECT sealed, failure, id FROM handovers WHERE sealed IS NOT NULL`)
	must(w.t, "reading rows", err)
	defer func() { _ = found.Close() }()
	for found.Next() {
		var sealed, failure, id sql.RawBytes
		must(w.t, "Scan", found.Scan(&sealed, &failure, &id))
		rows = append(rows, bytes.Join([][]byte{sealed, failure, id}, nil))
	}
	must(w.t, "reading rows", found.Err())
	if len(rows) == 0 {
		w.t.Error("there is no row to look at")
	}
	return rows
}

// slow is a pace that no test outlasts.
var slow = broker.Pace{Every: time.Hour, Burst: 3}

func bucket(w *world) broker.Bucket {
	return broker.Bucket{Organization: w.org, Account: "111111111111", Service: broker.ServiceSTS, Region: "eu-west-1"}
}

// A bucket gives as many turns at once as it holds, whoever asks, then one after
// the other, and none that is too far away.
func testBuckets(t *testing.T, open Open) {
	a, b := twoServers(t, open)
	ctx := t.Context()
	at := bucket(a)
	var free, waiting, none atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		db := []*store.DB{a.DB, b.DB}[i%2]
		all.Go(func() {
			turn, ok, err := db.TakeTurn(ctx, at, slow, 2*time.Hour)
			switch {
			case err != nil:
				t.Errorf("TakeTurn: %v", err)
			case !ok:
				none.Add(1)
			case turn.Wait == 0:
				free.Add(1)
			default:
				waiting.Add(1)
			}
		})
	}
	all.Wait()
	if free.Load() != 3 || waiting.Load() != 2 || none.Load() != 7 {
		t.Errorf("%d at once, %d later and %d not, want 3, 2 and 7", free.Load(), waiting.Load(), none.Load())
	}
	// The last one can be given back, and is then somebody else's.
	last, ok := takeTurn(t, ctx, a.DB, at, 3*time.Hour)
	if !ok || last.Wait <= 2*time.Hour || last.Wait > 3*time.Hour {
		t.Errorf("TakeTurn = %+v, %v, want one in three hours", last, ok)
	}
	must(t, "ReturnTurn", b.ReturnTurn(ctx, at, slow, last))
	again, ok := takeTurn(t, ctx, b.DB, at, 3*time.Hour)
	if !ok || again.Mark != last.Mark {
		t.Errorf("TakeTurn after one was given back = %+v, %v, want the same again: %+v", again, ok, last)
	}
	must(t, "ReturnTurn of one in the middle", a.ReturnTurn(ctx, at, slow, broker.Turn{Mark: last.Mark - time.Hour.Microseconds()}))
	if turn, ok := takeTurn(t, ctx, a.DB, at, 3*time.Hour); ok {
		t.Errorf("TakeTurn after another's was given back = %+v, want none: those behind it know their times", turn)
	}
	for _, other := range []broker.Bucket{
		{Organization: "org_x", Account: at.Account, Service: at.Service, Region: at.Region},
		{Organization: at.Organization, Account: "222222222222", Service: at.Service, Region: at.Region},
		{Organization: at.Organization, Account: at.Account, Service: broker.ServiceECR, Region: at.Region},
		{Organization: at.Organization, Account: at.Account, Service: at.Service, Region: "eu-west-2"},
	} {
		if turn, ok := takeTurn(t, ctx, a.DB, other, 0); !ok || turn.Wait != 0 {
			t.Errorf("TakeTurn of %+v = %+v, %v, want one at once", other, turn, ok)
		}
	}
}

func takeTurn(t *testing.T, ctx context.Context, db *store.DB, b broker.Bucket, longest time.Duration) (broker.Turn, bool) {
	t.Helper()
	turn, ok, err := db.TakeTurn(ctx, b, slow, longest)
	must(t, "TakeTurn", err)
	return turn, ok
}
