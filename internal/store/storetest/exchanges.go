package storetest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

func (w *world) ciToken(hash string) pullpass.Token {
	return pullpass.Token{ID: pullpass.NewTokenID(), Organization: w.org, Kind: pullpass.TokenCI, Project: w.project, Name: "ci",
		Hash: pullpass.TokenHash(hash), Action: pullpass.ActionPull, CreatedBy: "trs_1"}
}

// testExchanged: a subject token counts once for an organization, until it has
// expired, and what is remembered of it goes then.
func testExchanged(t *testing.T, open Open) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	ours, theirs := populate(t, db, "acme"), populate(t, db, "globex")
	ctx := t.Context()
	used := func(w *world, subject string) bool {
		t.Helper()
		used, err := db.TokenExchanged(ctx, w.org, subject)
		must(t, "TokenExchanged", err)
		return used
	}
	if used(ours, "job") {
		t.Error("a new token counts as exchanged")
	}
	must(t, "ExchangeToken", db.ExchangeToken(ctx, ours.ciToken("a"), "job", clock.Add(time.Minute)))
	wantKind(t, "the same token again", db.ExchangeToken(ctx, ours.ciToken("b"), "job", clock.Add(time.Minute)), pullpass.Conflict)
	if _, err := db.TokenByHash(ctx, "b"); !pullpass.IsKind(err, pullpass.NotFound) {
		t.Errorf("what the second exchange gave = %v, want nothing", err)
	}
	if !used(ours, "job") || used(theirs, "job") {
		t.Error("the token is not remembered for its organization alone")
	}
	must(t, "the other organization's", db.ExchangeToken(ctx, theirs.ciToken("c"), "job", clock.Add(time.Hour)))
	clock = clock.Add(time.Minute)
	must(t, "another token", db.ExchangeToken(ctx, ours.ciToken("d"), "other", clock.Add(time.Minute)))
	if used(ours, "job") || !used(theirs, "job") {
		t.Error("what is remembered does not go with the token's expiry")
	}
	foreign := ours.ciToken("e")
	foreign.Project = theirs.project
	if err := db.ExchangeToken(ctx, foreign, "third", clock.Add(time.Minute)); err == nil || used(ours, "third") {
		t.Errorf("an exchange that failed (%v) used the token up", err)
	}
}

// testExchangeRace exchanges one token at two servers at once: it counts once.
func testExchangeRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	servers := []*store.DB{w.DB, openStore(t, open, keyring)}
	for i := range 10 {
		subject := "job" + strconv.Itoa(i)
		var won atomic.Int32
		var all sync.WaitGroup
		for j := range 6 {
			all.Go(func() {
				switch err := servers[j%2].ExchangeToken(t.Context(), w.ciToken(subject+"-"+strconv.Itoa(j)), subject, time.Now().Add(time.Hour)); {
				case err == nil:
					won.Add(1)
				case !pullpass.IsKind(err, pullpass.Conflict):
					t.Errorf("ExchangeToken: %v", err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 6 exchanged the token, want 1", won.Load())
		}
	}
}
