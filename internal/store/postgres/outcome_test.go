package postgres_test

import (
	"errors"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// TestAnswerToACommitIsLost cuts the connection while the answer to a commit arrives,
// after any number of its bytes: the change is there, and nobody says that it was
// refused, nor makes it a second time.
func TestAnswerToACommitIsLost(t *testing.T) {
	address, keyring := parts.Postgres(t), storetest.Keyring(t)
	wire, near := plug(t, address)
	db, other := openAt(t, near, keyring), openAt(t, address, keyring)
	ctx := t.Context()
	org, err := other.CreateOrganization(ctx, pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	unknown := 0
	for after := 0; after < 80; after += 5 { // of a description, a row, two ends, and "ready"
		name := "p" + string(rune('a'+after/5))
		wire.loseAnswer(after)
		_, err := db.CreateProject(ctx, pullpass.Project{Organization: org.ID, Name: name})
		settle(t, other)
		_, found := other.ProjectByName(ctx, org.ID, name)
		switch {
		case err == nil && found != nil:
			t.Errorf("after %d bytes: an acknowledged project is not there: %v", after, found)
		case errors.Is(err, store.ErrOutcome):
			unknown++
			if pullpass.CodeOf(err) != store.CodeOutcome || pullpass.HintOf(err) == "" {
				t.Errorf("after %d bytes: %v (%s), want to be told to look", after, err, pullpass.CodeOf(err))
			}
		case err != nil && found == nil:
			t.Errorf("after %d bytes: a refused project is there: %v", after, err)
		}
	}
	if unknown < 10 {
		t.Errorf("%d answers were lost, want most of 16", unknown)
	}
}
