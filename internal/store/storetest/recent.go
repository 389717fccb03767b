package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

// testKnownEnvironment: what is kept of an environment never outlives a change of
// it, whichever server makes the change, and is no way into another organization.
func testKnownEnvironment(t *testing.T, open Open) {
	ring := Keyring(t)
	first, err := open(ring, store.Options{})
	must(t, "opening", err)
	t.Cleanup(func() { _ = first.Close() })
	second, err := open(ring, store.Options{})
	must(t, "opening again", err)
	t.Cleanup(func() { _ = second.Close() })
	w, other := populate(t, first, "acme"), populate(t, first, "other")
	ctx := t.Context()
	e := w.newEnvironment("dev")
	for range 2 {
		got, err := first.KnownEnvironment(ctx, w.org, e.ID)
		must(t, "KnownEnvironment", err)
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("KnownEnvironment (-want +got):\n%s", diff)
		}
		got.Services[0].Image = "changed by a caller"
	}
	stopped, err := second.SetWanted(ctx, w.org, e.ID, pullpass.WantedStopped)
	must(t, "SetWanted at another server", err)
	got, err := first.KnownEnvironment(ctx, w.org, e.ID)
	if err != nil || got.Wanted != pullpass.WantedStopped || got.Revision != stopped.Revision {
		t.Errorf("after a change elsewhere: %s at revision %d, %v; want stopped at %d", got.Wanted, got.Revision, err, stopped.Revision)
	}
	_, err = first.KnownEnvironment(ctx, other.org, e.ID)
	wantKind(t, "another organization's known environment", err, pullpass.NotFound)
}
