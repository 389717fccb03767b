package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

// One runner works with a state directory; when it ends the next one may, and finds
// who it is.
func TestOneRunnerOnAState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := openRunnerState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openRunnerState(dir); !pullpass.IsKind(err, pullpass.Conflict) || pullpass.CodeOf(err) != "runner_running_already" || pullpass.HintOf(err) == "" {
		t.Errorf("a second runner on the same state: %v, want it refused with a hint", err)
	}
	id := runnerIdentity{Runner: pullpass.NewRunnerID(), Name: "one", Token: api.NewSecret(pullpass.NewBearer(pullpass.TokenRunner))}
	if err := first.write(id); err != nil {
		t.Fatal(err)
	}
	first.close()
	next, err := openRunnerState(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.close)
	if got, ok, err := next.read(); err != nil || !ok || got.Runner != id.Runner || got.Token.Secret().Reveal() != id.Token.Secret().Reveal() {
		t.Errorf("read = %+v, %v, %v, want what was written", got.Runner, ok, err)
	}
}

// A join token is not spent where the runner's identity cannot be kept, and what is
// kept before the server answers is the very token that it will know.
func TestAJoinIsTriedBeforeItsTokenIsSpent(t *testing.T) {
	r := newRoom(t)
	server := os.Getenv("PULLPASS_SERVER")
	made, token, err := r.owner.CreateRunner(t.Context(), pullpass.Runner{Name: "late", Kind: pullpass.RunnerDocker})
	r.must(err)
	log := slog.New(slog.DiscardHandler)
	state, err := openRunnerState(filepath.Join(t.TempDir(), "state"))
	r.must(err)
	t.Cleanup(state.close)
	r.must(os.Mkdir(state.path(), 0o700)) // nothing can take its place
	if _, err := join(t.Context(), server, client.Joining{Token: token}, nil, state, log); err == nil {
		t.Fatal("joining where nothing can be kept: no error")
	}
	r.must(os.Remove(state.path()))
	id, err := join(t.Context(), server, client.Joining{Token: token}, nil, state, log)
	r.must(err)
	kept, _, err := state.read()
	r.must(err)
	if id.Runner != made.ID || kept.Token.Secret().Reveal() != id.Token.Secret().Reveal() || kept.Issuer == "" || len(kept.Keys) == 0 {
		t.Errorf("after the join: %+v kept as %+v, want the runner, its token, the issuer and its keys", id.Runner, kept.Runner)
	}
}
