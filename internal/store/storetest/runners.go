package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

const (
	roleOne = "arn:aws:iam::111111111111:role/one"
	roleTwo = "arn:aws:iam::111111111111:role/two"
)

// testRunnerIdentity: what AWS confirmed, what an administrator approved and what the
// runner says stand apart, and none of them becomes another by itself.
func testRunnerIdentity(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	r, err := w.CreateRunner(ctx, pullpass.Runner{Organization: w.org, Name: "by-role", Kind: pullpass.RunnerDocker, AWSRole: roleOne})
	must(t, "CreateRunner", err)
	is := func(what, approved, proved, claim string) {
		t.Helper()
		got, err := w.Runner(ctx, w.org, r.ID)
		must(t, "Runner", err)
		if got.AWSIdentity != approved || got.AWSProved != proved || got.AWSClaim != claim || got.AWSRole != roleOne {
			t.Errorf("%s: approved %q, proved %q, claimed %q, joins as %q; want %q, %q, %q, %q", what,
				got.AWSIdentity, got.AWSProved, got.AWSClaim, got.AWSRole, approved, proved, claim, roleOne)
		}
	}
	is("new", "", "", "")
	_, err = w.RecordHeartbeat(ctx, w.org, r.ID, pullpass.RunnerReport{Phase: pullpass.RunnerActive, AWSClaim: roleTwo})
	must(t, "RecordHeartbeat", err)
	is("after its own word", "", "", roleTwo)
	_, err = w.RecordIdentity(ctx, w.org, r.ID, roleOne, false)
	must(t, "RecordIdentity", err)
	is("confirmed by AWS", "", roleOne, roleTwo)
	_, err = w.RecordIdentity(ctx, w.org, r.ID, roleOne, true)
	must(t, "RecordIdentity by a join", err)
	is("confirmed in a join", roleOne, roleOne, roleTwo)
	_, err = w.RecordIdentity(ctx, w.org, r.ID, roleTwo, true)
	must(t, "RecordIdentity of another one by a join", err)
	is("another one in a join", roleOne, roleTwo, roleTwo)
	_, err = w.ApproveIdentity(ctx, w.org, r.ID, roleTwo)
	must(t, "ApproveIdentity", err)
	is("approved", roleTwo, roleTwo, roleTwo)
	_, err = w.JoinRunner(ctx, "", pullpass.Token{ID: pullpass.NewTokenID(), Organization: w.org, Runner: r.ID, Kind: pullpass.TokenRunner, Name: "one", Hash: "joined"}, pullpass.RunnerReport{})
	must(t, "JoinRunner", err)
	is("joined again", roleTwo, roleTwo, "")

	expires := time.Now().Add(time.Minute)
	must(t, "UseChallenge", w.UseChallenge(ctx, "once", expires))
	wantKind(t, "a challenge used twice", w.UseChallenge(ctx, "once", expires), pullpass.Conflict)
	must(t, "UseChallenge of another one", w.UseChallenge(ctx, "other", time.Now().Add(-time.Minute)))
	must(t, "UseChallenge after the end of the one before", w.UseChallenge(ctx, "other", expires))
}

// testRunnerProcesses: which process works as a runner is kept; of two that report in
// turn the newcomer stays refused, until somebody joins.
func testRunnerProcesses(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	beat := func(process string, phase pullpass.RunnerPhase) (*pullpass.Clone, error) {
		return w.RecordHeartbeat(ctx, w.org, w.runner, pullpass.RunnerReport{Phase: phase, Process: process, Machine: "machine-" + process})
	}
	lives := func(process string) {
		t.Helper()
		if clone, err := beat(process, pullpass.RunnerActive); err != nil || clone != nil {
			t.Errorf("%s reports: %+v, %v, want it taken", process, clone, err)
		}
	}
	refused := func(process string) {
		t.Helper()
		_, err := beat(process, pullpass.RunnerActive)
		if pullpass.CodeOf(err) != pullpass.CodeRunnerCloned {
			t.Errorf("%s reports: %v, want %s", process, err, pullpass.CodeRunnerCloned)
		}
	}
	lives("a")
	lives("b") // a restart
	lives("c")
	if clone, err := beat("b", pullpass.RunnerActive); err != nil || clone == nil || clone.Kept != "machine-b" || clone.Refused != "machine-c" {
		t.Errorf("the one before reports again: %+v, %v, want a clone found", clone, err)
	}
	refused("c")
	lives("b")
	if got, err := w.Runner(ctx, w.org, w.runner); err != nil || got.Warning == "" {
		t.Errorf("the runner has the warning %q, %v, want one", got.Warning, err)
	}
	for i := range 20 { // many more copies, of which the last are remembered
		lives(fmt.Sprint(i))
		if clone, err := beat("b", pullpass.RunnerActive); err != nil || clone == nil {
			t.Fatalf("copy %d: %+v, %v, want it found", i, clone, err)
		}
	}
	refused("19")
	refused("4")
	if _, err := beat("b", pullpass.RunnerInactive); err != nil {
		t.Errorf("signing off: %v", err)
	}
	if got, err := w.Runner(ctx, w.org, w.runner); err != nil || got.Phase != pullpass.RunnerInactive {
		t.Errorf("signed off: phase %s, %v, want inactive", got.Phase, err)
	}
	lives("d")
	if clone, err := beat("e", pullpass.RunnerActive); err != nil || clone != nil {
		t.Errorf("after signing off: %+v, %v, want no clone", clone, err)
	}

	join := pullpass.Token{ID: pullpass.NewTokenID(), Organization: w.org, Runner: w.runner, Kind: pullpass.TokenJoin, Name: "x", Hash: "join-1", ExpiresAt: time.Now().Add(time.Hour)}
	must(t, "ReplaceJoinToken", w.ReplaceJoinToken(ctx, join))
	join.ID, join.Hash = pullpass.NewTokenID(), "join-2"
	must(t, "ReplaceJoinToken", w.ReplaceJoinToken(ctx, join))
	own := pullpass.Token{ID: pullpass.NewTokenID(), Organization: w.org, Runner: w.runner, Kind: pullpass.TokenRunner, Name: "x", Hash: "own-1"}
	_, err := w.JoinRunner(ctx, "join-1", own, pullpass.RunnerReport{})
	wantKind(t, "joining with a token that was replaced", err, pullpass.NotFound)
	joined, err := w.JoinRunner(ctx, "join-2", own, pullpass.RunnerReport{Version: "1.2.3"})
	must(t, "JoinRunner", err)
	if joined.Warning != "" || joined.Version != "1.2.3" || joined.Phase != pullpass.RunnerActive {
		t.Errorf("joined as %+v, want it active, with its version and without a warning", joined)
	}
	lives("19") // refused until then
	own.ID, own.Hash = pullpass.NewTokenID(), "own-2"
	_, err = w.JoinRunner(ctx, "join-2", own, pullpass.RunnerReport{})
	wantKind(t, "joining with a token that was spent", err, pullpass.NotFound)
	if _, err := w.TokenByHash(ctx, "own-1"); err != nil {
		t.Errorf("a join that failed has ended the runner's token: %v", err)
	}
}
