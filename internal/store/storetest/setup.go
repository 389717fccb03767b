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

func setupToken(hash string, expires time.Time) pullpass.Token {
	return pullpass.Token{ID: pullpass.NewTokenID(), Kind: pullpass.TokenSetup, Name: "setup", Hash: pullpass.TokenHash(hash), ExpiresAt: expires}
}

// testSetUp: there is one setup token at a time, it counts once and for its time,
// and none after the setup.
func testSetUp(t *testing.T, open Open) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	ctx := t.Context()
	start := func(hash string) bool {
		made, err := db.ReplaceSetupToken(ctx, setupToken(hash, clock.Add(time.Hour)))
		must(t, "ReplaceSetupToken", err)
		return made
	}
	setUp := func(hash pullpass.TokenHash, name string) (pullpass.Organization, error) {
		return db.SetUp(ctx, hash, pullpass.Organization{ID: pullpass.NewOrganizationID(), Name: name})
	}
	if !start("first") || !start("second") {
		t.Fatal("there is no setup token before the setup")
	}
	_, err = setUp("first", "acme")
	wantKind(t, "the token of an earlier start", err, pullpass.NotFound)
	clock = clock.Add(time.Hour)
	_, err = setUp("second", "acme")
	wantKind(t, "an expired token", err, pullpass.NotFound)
	start("third")
	org, err := setUp("third", "acme")
	must(t, "SetUp", err)
	_, err = setUp("third", "acme")
	wantKind(t, "a token that was used", err, pullpass.NotFound)

	if !start("again") { // the owner's token was never made
		t.Fatal("there is no setup token after half a setup")
	}
	_, err = setUp("again", "globex")
	wantKind(t, "finishing under another name", err, pullpass.Conflict)
	half, err := setUp("again", "acme")
	if err != nil || half.ID != org.ID {
		t.Errorf("finishing = %+v, %v, want %s", half, err, org.ID)
	}
	_, err = db.CreateToken(ctx, pullpass.Token{Organization: org.ID, Kind: pullpass.TokenAPI, Hash: "owner", Role: pullpass.RoleOwner})
	must(t, "CreateToken", err)
	if start("late") {
		t.Error("there is a setup token after the setup")
	}
	_, err = db.CreateToken(ctx, setupToken("planted", time.Time{}))
	must(t, "CreateToken", err)
	_, err = setUp("planted", "globex")
	wantKind(t, "a second setup", err, pullpass.Conflict)
}

// testSetUpRace sets two servers up at once, with different tokens and names, as
// starts of older versions left them: there is one organization.
func testSetUpRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	servers := []*store.DB{openStore(t, open, keyring), openStore(t, open, keyring)}
	const callers = 8
	for i := range callers {
		_, err := servers[0].CreateToken(t.Context(), setupToken("t"+strconv.Itoa(i), time.Time{}))
		must(t, "CreateToken", err)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			_, err := servers[i%2].SetUp(t.Context(), pullpass.TokenHash("t"+strconv.Itoa(i)),
				pullpass.Organization{ID: pullpass.NewOrganizationID(), Name: "org" + strconv.Itoa(i)})
			switch {
			case err == nil:
				won.Add(1)
			case !pullpass.IsKind(err, pullpass.NotFound):
				t.Errorf("SetUp: %v", err)
			}
		})
	}
	all.Wait()
	orgs, err := servers[0].Organizations(t.Context(), pullpass.Page{})
	must(t, "Organizations", err)
	if won.Load() != 1 || len(orgs.Items) != 1 {
		t.Errorf("%d of %d set the server up and made %d organizations, want 1 and 1", won.Load(), callers, len(orgs.Items))
	}
}
