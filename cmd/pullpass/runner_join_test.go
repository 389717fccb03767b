package main

import (
	"log/slog"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// joinForTest joins with a state directory of the test's own.
func joinForTest(t *testing.T, server string, token pullpass.Secret) runnerIdentity {
	t.Helper()
	state, err := openRunnerState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(state.close)
	id, err := join(t.Context(), server, client.Joining{Token: token}, nil, state, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return id
}
