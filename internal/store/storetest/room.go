package storetest

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

// disk is one whose room is kept for what must not fail, if it is full.
type disk struct{ full atomic.Bool }

func (*disk) Ensure() {}

func (d *disk) Room() error {
	if !d.full.Load() {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: pullpass.CodeDiskReserved, What: "cannot write this now"}
}

// testRoom: on a disk that is almost full nothing is added that callers make as they
// like. What issuing needs is written, and things are deleted.
func testRoom(t *testing.T, open Open) {
	d := &disk{}
	db, err := open(Keyring(t), store.Options{Disk: d})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	ctx := t.Context()
	event := func(action string) pullpass.Event {
		return pullpass.Event{Organization: w.org, Action: action, At: time.Now(), Decision: pullpass.DecisionAllowed}
	}
	token, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Name: "t", Hash: "t"})
	must(t, "CreateToken", err)
	doomed := w.newProject("doomed")
	env := w.newEnvironment("env")

	d.full.Store(true)
	refused := func(what string, err error) {
		t.Helper()
		if pullpass.CodeOf(err) != pullpass.CodeDiskReserved {
			t.Errorf("%s on a disk that is almost full: %v, want %s", what, err, pullpass.CodeDiskReserved)
		}
	}
	for what, create := range makers {
		refused(what, create(ctx, w, "more", w.project, "usr_1"))
	}
	refused("output", w.AppendOutput(ctx, w.org, env.ID, "web", 1, 0, []byte("text")))
	refused("a setup token", func() error {
		_, err := w.CreateToken(ctx, pullpass.Token{Kind: pullpass.TokenSetup, Hash: "s"})
		return err
	}())

	_, err = w.AppendEvents(ctx, []pullpass.Event{event("credential.issue"), event("token.delete")})
	must(t, "AppendEvents", err)
	must(t, "ExchangeToken", w.ExchangeToken(ctx, w.ciToken("ci"), "job", time.Now().Add(time.Hour)))
	must(t, "AddSigningKey", w.AddSigningKey(ctx, signingKey(w.org, 1, "secret")))
	must(t, "DeleteToken", w.DeleteToken(ctx, w.org, token.ID))
	must(t, "DeleteProject", w.DeleteProject(ctx, w.org, doomed))
	must(t, "Ping", w.Ping(ctx))
	must(t, "CheckAudit", w.CheckAudit(ctx, w.org))
	cut, removed, err := w.PruneEvents(ctx, w.org, time.Now().Add(time.Hour))
	if err != nil || removed == 0 {
		t.Errorf("PruneEvents = %v, %d, %v, want records removed", cut, removed, err)
	}
	report, err := audit.Verify(ctx, db, w.org, audit.Head{})
	if err != nil || !report.Whole() {
		t.Errorf("Verify = %+v, %v, want whole", report, err)
	}

	d.full.Store(false)
	for what, create := range makers {
		must(t, what+" when there is room again", create(ctx, w, strings.ReplaceAll(what, " ", "-"), w.project, "usr_1"))
	}
	d.full.Store(true)
	must(t, "AddDataKey", w.AddDataKey(ctx, seal.DataKey{Number: 99, KEK: "k", Wrapped: []byte("w")}))
}
