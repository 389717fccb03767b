package storetest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/webhook"
)

func hookOf(org pullpass.OrganizationID) webhook.Hook {
	return webhook.Hook{Organization: org, URL: "https://siem.example/in", Secret: pullpass.NewSecret("signing-" + string(org))}
}

func (w *world) record(n int) {
	w.t.Helper()
	for i := range n {
		_, err := w.AppendEvents(w.t.Context(), []pullpass.Event{{Organization: w.org, Action: "test." + strconv.Itoa(i), At: time.Now(), Decision: pullpass.DecisionAllowed}})
		must(w.t, "AppendEvents", err)
	}
}

func testWebhooks(t *testing.T, open Open) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	other := populate(t, db, "globex")
	ctx := t.Context()
	_, err = w.Webhook(ctx, w.org)
	wantKind(t, "no webhook", err, pullpass.NotFound)
	_, err = w.SetWebhook(ctx, hookOf(w.org))
	must(t, "SetWebhook", err)
	_, err = w.Webhook(ctx, other.org)
	wantKind(t, "another organization's webhook", err, pullpass.NotFound)
	got, err := w.Webhook(ctx, w.org)
	if err != nil || got.Secret.Reveal() != "signing-"+string(w.org) || got.Generation != 1 || got.State() != "active" {
		t.Errorf("Webhook = %+v, %v", got, err)
	}
	claim := func(holder string) (webhook.Hook, bool) {
		t.Helper()
		h, ok, err := w.ClaimWebhook(ctx, holder, clock.Add(time.Minute))
		must(t, "ClaimWebhook", err)
		return h, ok
	}
	behind := func(what string, waits bool, failures, paused int64) {
		t.Helper()
		l, err := w.WebhookLag(ctx)
		if err != nil || l.Oldest.IsZero() == waits || l.Failures != failures || l.Paused != paused {
			t.Errorf("WebhookLag %s = %+v, %v, want records that wait: %t, %d failures and %d paused", what, l, err, waits, failures, paused)
		}
	}
	behind("without records", false, 0, 0)
	if _, ok := claim("a"); ok {
		t.Error("ClaimWebhook gave a hook without records")
	}
	other.record(1)
	behind("beside an organization without a hook", false, 0, 0)
	if _, ok := claim("a"); ok {
		t.Error("ClaimWebhook gave a hook for another organization's records")
	}
	w.record(3)
	behind("with records", true, 0, 0)
	h, ok := claim("a")
	if !ok || h.Organization != w.org || h.Delivered != 0 || h.Secret.Reveal() != "signing-"+string(w.org) {
		t.Fatalf("ClaimWebhook = %+v, %v, want the hook", h, ok)
	}
	if _, ok := claim("b"); ok {
		t.Error("ClaimWebhook gave one hook twice")
	}
	must(t, "WebhookDelivered by another", w.WebhookDelivered(ctx, h, "b", 3))
	clock = clock.Add(2 * time.Minute)
	second, ok := claim("b")
	if !ok || second.Delivered != 0 {
		t.Fatalf("ClaimWebhook after the lease = %+v, %v, want the hook where it was", second, ok)
	}
	must(t, "WebhookDelivered by the late one", w.WebhookDelivered(ctx, h, "a", 3))
	must(t, "WebhookDelivered", w.WebhookDelivered(ctx, second, "b", 2))
	h, ok = claim("a")
	if !ok || h.Delivered != 2 {
		t.Fatalf("ClaimWebhook = %+v, %v, want what only the holder delivered: 2", h, ok)
	}
	h.Failures, h.Problem, h.FailingSince, h.NextAt = 1, "it answered with the status 500", clock, clock.Add(time.Second)
	must(t, "WebhookFailed", w.WebhookFailed(ctx, h, "a"))
	if _, ok := claim("a"); ok {
		t.Error("ClaimWebhook gave a hook before it is due")
	}
	clock = clock.Add(time.Second)
	h, ok = claim("a")
	if !ok || h.State() != "failing" || !h.FailingSince.Equal(clock.Add(-time.Second)) {
		t.Errorf("ClaimWebhook = %+v, %v, want the failing hook", h, ok)
	}
	behind("after a failure", true, 1, 0)
	h.Paused = true
	must(t, "WebhookFailed", w.WebhookFailed(ctx, h, "a"))
	behind("of a paused one", true, 1, 1)
	clock = clock.Add(time.Hour)
	if _, ok := claim("a"); ok {
		t.Error("ClaimWebhook gave a paused hook")
	}
	must(t, "ResumeWebhook", w.ResumeWebhook(ctx, w.org))
	h, ok = claim("a")
	if !ok || h.State() != "active" || h.Delivered != 2 {
		t.Errorf("ClaimWebhook after ResumeWebhook = %+v, %v", h, ok)
	}
	again := hookOf(w.org)
	again.Delivered = 3
	again, err = w.SetWebhook(ctx, again)
	if err != nil || again.Generation != 2 {
		t.Errorf("SetWebhook = %+v, %v, want generation 2", again, err)
	}
	must(t, "WebhookFailed of the hook before", w.WebhookFailed(ctx, h, "a"))
	if got, err := w.Webhook(ctx, w.org); err != nil || got.Failures != 0 || got.Delivered != 3 {
		t.Errorf("Webhook = %+v, %v, want untouched by who held the one before", got, err)
	}
	must(t, "DeleteWebhook", w.DeleteWebhook(ctx, w.org))
	wantKind(t, "deleting it again", w.DeleteWebhook(ctx, w.org), pullpass.NotFound)
}

// Of many who ask at once, on two servers, one gets the hook.
func testWebhookRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := openStore(t, open, keyring)
	_, err := w.SetWebhook(t.Context(), hookOf(w.org))
	must(t, "SetWebhook", err)
	w.record(1)
	var mu sync.Mutex
	var all sync.WaitGroup
	won := 0
	for i := range 8 {
		db := w.DB
		if i%2 == 1 {
			db = second
		}
		all.Go(func() {
			_, ok, err := db.ClaimWebhook(t.Context(), "holder-"+strconv.Itoa(i), time.Now().Add(time.Minute))
			if err != nil {
				t.Errorf("ClaimWebhook: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if ok {
				won++
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d of 8 got the hook, want 1", won)
	}
}

// The secret of a hook moves to a new data key with everything else.
func testWebhookRotate(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, err := w.SetWebhook(t.Context(), hookOf(w.org))
	must(t, "SetWebhook", err)
	_, err = w.NewDataKey(t.Context())
	must(t, "NewDataKey", err)
	r, err := w.Rotate(t.Context())
	if err != nil || r.Resealed != 1 || r.Retired != 1 {
		t.Errorf("Rotate = %+v, %v, want the hook's secret sealed anew", r, err)
	}
	got, err := w.Webhook(t.Context(), w.org)
	if err != nil || got.Secret.Reveal() != "signing-"+string(w.org) {
		t.Errorf("Webhook after Rotate = %+v, %v", got, err)
	}
}
