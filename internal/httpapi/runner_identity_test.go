package httpapi_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/httpapi"
)

const evil = "arn:aws:iam::666666666666:user/evil"

// proofFor answers a challenge; the played AWS does not look at the signature.
func proofFor(c api.Challenge) pullpass.IdentityProof {
	return pullpass.IdentityProof{Challenge: c.Challenge, Host: "sts.eu-west-1.amazonaws.com", Credential: "x", Date: "x", Signature: "x"}
}

// A heartbeat is the runner's own word: it becomes no identity. What AWS confirmed
// waits for an administrator, and each step is on record.
func TestARunnerProvesWhoItIs(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, token := o.joined("one")
	own := w.as(token)
	now, err := own.Heartbeat(t.Context(), pullpass.RunnerReport{AWSClaim: evil, Phase: pullpass.RunnerActive})
	must(t, err)
	if now.AWSIdentity != "" || now.AWSProved != "" || now.AWSClaim != evil {
		t.Errorf("after a heartbeat that names %s: %+v, want it as a claim only", evil, now)
	}
	_, err = o.ApproveIdentity(t.Context(), r.ID, evil)
	wantKind(t, "approving what the runner says", err, pullpass.Conflict)

	c, err := own.OwnChallenge(t.Context())
	must(t, err)
	now, err = own.ProveIdentity(t.Context(), proofFor(c))
	must(t, err)
	if now.AWSProved != role || now.AWSIdentity != "" {
		t.Errorf("after the proof: %+v, want %s confirmed and not approved", now, role)
	}
	if bound := w.prover.bound[len(w.prover.bound)-1]; bound != pullpass.Bind(o.org, r.ID, c.Challenge) {
		t.Errorf("AWS was asked about %q, want what ties it to the challenge and the runner", bound)
	}
	_, err = own.ProveIdentity(t.Context(), proofFor(c))
	wantKind(t, "a challenge that is answered twice", err, pullpass.Conflict)
	other, otherToken := o.joined("two")
	c, err = own.OwnChallenge(t.Context())
	must(t, err)
	_, err = w.as(otherToken).ProveIdentity(t.Context(), proofFor(c))
	wantKind(t, "another runner's challenge", err, pullpass.Invalid)
	w.clock.forward(6 * time.Minute)
	_, err = own.ProveIdentity(t.Context(), proofFor(c))
	wantKind(t, "a challenge that has expired", err, pullpass.Invalid)
	_ = other

	_, err = o.ApproveIdentity(t.Context(), r.ID, evil)
	wantKind(t, "approving another one than AWS confirmed", err, pullpass.Conflict)
	withPath := strings.Replace(role, "role/", "role/team/", 1)
	now, err = o.ApproveIdentity(t.Context(), r.ID, withPath)
	must(t, err)
	if now.AWSIdentity != withPath {
		t.Errorf("approved with its path: %+v", now)
	}
	// Another identity, later: policies go on naming the approved one.
	w.prover.says(evil, nil)
	c, err = own.OwnChallenge(t.Context())
	must(t, err)
	now, err = own.ProveIdentity(t.Context(), proofFor(c))
	must(t, err)
	if now.AWSProved != evil || now.AWSIdentity != withPath {
		t.Errorf("after another identity: %+v, want it to wait", now)
	}
	var actions []string
	for e, err := range o.AllEvents(t.Context(), pullpass.EventFilter{}) {
		must(t, err)
		if e.Runner == r.ID {
			actions = append(actions, e.Action)
		}
	}
	for _, want := range []string{"runner.identity", "runner.approve-identity"} {
		if !slices.Contains(actions, want) {
			t.Errorf("the audit log has %v, want %s", actions, want)
		}
	}
}

// With the join an administrator's token vouches for what is proved.
func TestAJoinPinsTheIdentity(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	_, join, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	must(t, err)
	c, err := w.anonymous().Challenge(t.Context(), client.Joining{Token: join})
	must(t, err)
	mine := pullpass.NewBearer(pullpass.TokenRunner)
	joined, err := w.anonymous().JoinAs(t.Context(), client.Joining{Token: join, Kind: pullpass.RunnerDocker, Own: mine, Proof: proofFor(c)})
	must(t, err)
	if joined.Runner.AWSIdentity != role || joined.Token.Reveal() != mine.Reveal() || joined.Issuer == "" || len(joined.Keys) == 0 {
		t.Errorf("joined: %+v, want its identity, its own token, the issuer and its keys", joined.Runner)
	}
	_, err = w.as(mine).Self(t.Context())
	must(t, err)
	_, err = w.anonymous().Challenge(t.Context(), client.Joining{Token: join})
	wantKind(t, "a challenge for a token that was spent", err, pullpass.Unauthenticated)
	for name, own := range map[string]pullpass.Secret{"an API token's form": pullpass.NewBearer(pullpass.TokenAPI), "a weak one": pullpass.NewSecret("pprt_password")} {
		_, next, err := o.RejoinRunner(t.Context(), joined.Runner.ID)
		must(t, err)
		_, err = w.anonymous().JoinAs(t.Context(), client.Joining{Token: next, Kind: pullpass.RunnerDocker, Own: own})
		wantKind(t, "a token of its own in "+name, err, pullpass.Invalid)
	}
}

// A runner that was added for a role is joined by that role, and by no other.
func TestJoiningByRole(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, _, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker, AWSRole: role})
	must(t, err)
	plain, _, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "two", Kind: pullpass.RunnerDocker})
	must(t, err)
	try := func(org pullpass.OrganizationID, id pullpass.RunnerID) (client.Joined, error) {
		j := client.Joining{Organization: org, Runner: id, Kind: pullpass.RunnerDocker}
		c, err := w.anonymous().Challenge(t.Context(), j)
		if err != nil {
			return client.Joined{}, err
		}
		j.Proof = proofFor(c)
		return w.anonymous().JoinAs(t.Context(), j)
	}
	_, err = try(o.org, plain.ID)
	wantKind(t, "a runner that has no role", err, pullpass.Unauthenticated)
	_, err = try(w.second().org, r.ID)
	wantKind(t, "in the name of another organization", err, pullpass.Unauthenticated)
	_, err = w.anonymous().JoinAs(t.Context(), client.Joining{Organization: o.org, Runner: r.ID, Kind: pullpass.RunnerDocker})
	wantKind(t, "without a proof", err, pullpass.Unauthenticated)
	for _, who := range []string{evil, "arn:aws:iam::666666666666:role/pull", "arn:aws:iam::111111111111:role/pull2", "arn:aws:iam::111111111111:user/pull"} {
		w.prover.says(who, nil)
		_, err = try(o.org, r.ID)
		wantKind(t, "as "+who, err, pullpass.Denied)
	}
	w.prover.says(role, nil)
	first, err := try(o.org, r.ID)
	must(t, err)
	if first.Runner.ID != r.ID || first.Runner.AWSIdentity != role {
		t.Errorf("joined as %+v, want the runner with its role", first.Runner)
	}
	second, err := try(o.org, r.ID)
	must(t, err)
	_, err = w.as(first.Token).Self(t.Context())
	wantKind(t, "the token of the join before", err, pullpass.Unauthenticated)
	_, err = w.as(second.Token).Self(t.Context())
	must(t, err)
}

// Two processes that report in turn are two machines: the newcomer is refused, and
// named. A restart is not.
func TestAClonedRunnerIsFound(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, token := o.joined("one")
	own := w.as(token)
	beat := func(process, machine string) error {
		w.clock.forward(time.Second)
		_, err := own.Heartbeat(t.Context(), pullpass.RunnerReport{Phase: pullpass.RunnerActive, Process: process, Machine: machine})
		return err
	}
	must(t, beat("p1", "machine-a"))
	must(t, beat("p2", "machine-a")) // killed and started again
	must(t, beat("p2", "machine-a"))
	must(t, beat("p3", "machine-b")) // a copy of the state
	must(t, beat("p2", "machine-a"))
	err := beat("p3", "machine-b")
	wantKind(t, "the second machine", err, pullpass.Conflict)
	if text := pullpass.Explain(err); !strings.Contains(text, "machine-a") || !strings.Contains(text, "machine-b") {
		t.Errorf("it is told %q, want both machines named", text)
	}
	must(t, beat("p2", "machine-a"))
	now, err := o.Runner(t.Context(), r.ID)
	must(t, err)
	if !strings.Contains(now.Warning, "machine-b") {
		t.Errorf("the runner's warning is %q, want the second machine in it", now.Warning)
	}
	found := 0
	for e, err := range o.AllEvents(t.Context(), pullpass.EventFilter{}) {
		must(t, err)
		if e.Action == "runner.clone" && e.Decision == pullpass.DecisionDenied && e.Detail["kept"] == "machine-a" && e.Detail["refused"] == "machine-b" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d records of the clone, want one", found)
	}
	// A process that signs off leaves its place.
	_, err = own.Heartbeat(t.Context(), pullpass.RunnerReport{Phase: pullpass.RunnerInactive, Process: "p2", Machine: "machine-a"})
	must(t, err)
	must(t, beat("p4", "machine-c"))
}

// What a dead runner holds can be forgotten; what a live one cares for cannot, but
// by an explicit word.
func TestForgettingWhatADeadRunnerHolds(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, token := o.joined("one")
	project := o.project("payments")
	one, two := o.environment(project.ID, r.ID, "one"), o.environment(project.ID, r.ID, "two")
	wantKind(t, "forgetting an environment of a live runner", o.DeleteEnvironment(t.Context(), one.ID, client.ForceAbsent), pullpass.Conflict)
	wantKind(t, "forgetting a live runner", o.DeleteRunner(t.Context(), r.ID, client.ForceAbsent), pullpass.Conflict)
	w.clock.forward(4 * time.Minute)
	wantKind(t, "after four minutes", o.DeleteEnvironment(t.Context(), one.ID, client.ForceAbsent), pullpass.Conflict)
	w.clock.forward(2 * time.Minute)
	must(t, o.DeleteEnvironment(t.Context(), one.ID, client.ForceAbsent))
	got, err := o.Environment(t.Context(), one.ID)
	must(t, err)
	if got.Phase != pullpass.PhaseDeleted {
		t.Errorf("forgotten: phase %s, want deleted", got.Phase)
	}
	wantKind(t, "deleting a runner with an environment", o.DeleteRunner(t.Context(), r.ID), pullpass.Conflict)
	_, err = w.as(token).Heartbeat(t.Context(), pullpass.RunnerReport{Phase: pullpass.RunnerInactive})
	must(t, err)
	now, err := o.Runner(t.Context(), r.ID)
	must(t, err)
	if now.Phase != pullpass.RunnerInactive {
		t.Errorf("signed off: phase %s, want inactive at once", now.Phase)
	}
	must(t, o.DeleteRunner(t.Context(), r.ID, client.ForceAbsent))
	got, err = o.Environment(t.Context(), two.ID)
	must(t, err)
	if got.Phase != pullpass.PhaseDeleted {
		t.Errorf("with its runner: phase %s, want deleted", got.Phase)
	}
	live, _ := o.joined("three")
	o.environment(project.ID, live.ID, "three")
	must(t, o.DeleteRunner(t.Context(), live.ID, client.ForceAlways))
}

// The token that a runner has lost is replaced, for the same runner.
func TestARunnerJoinsAgain(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, lost := o.joined("one")
	_, first, err := o.RejoinRunner(t.Context(), r.ID)
	must(t, err)
	_, second, err := o.RejoinRunner(t.Context(), r.ID)
	must(t, err)
	_, err = w.as(lost).Self(t.Context())
	must(t, err) // it works until somebody joins
	_, _, err = w.anonymous().Join(t.Context(), first, pullpass.RunnerDocker, pullpass.RunnerReport{})
	wantKind(t, "a join token that was replaced", err, pullpass.Unauthenticated)
	again, fresh, err := w.anonymous().Join(t.Context(), second, pullpass.RunnerDocker, pullpass.RunnerReport{})
	must(t, err)
	if again.ID != r.ID {
		t.Errorf("joined as %s, want %s", again.ID, r.ID)
	}
	_, err = w.as(lost).Self(t.Context())
	wantKind(t, "the lost token", err, pullpass.Unauthenticated)
	_, err = w.as(fresh).Self(t.Context())
	must(t, err)
}

// countingStore counts what long polls read.
type countingStore struct {
	httpapi.Store
	reads atomic.Int64
}

func (c *countingStore) WantedOf(ctx context.Context, org pullpass.OrganizationID, r pullpass.RunnerID, p pullpass.Page) (pullpass.List[pullpass.Environment], error) {
	c.reads.Add(1)
	return c.Store.WantedOf(ctx, org, r, p)
}

// A runner whose 100 environments pull, and report it 500 times, reads for its long
// poll what is wanted when it asks and when it is answered, and not once for each of
// its own reports. What somebody else wants answers it at once.
func TestOwnReportsDoNotWakeTheRunnersPoll(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, token := o.joined("one")
	project := o.project("payments")
	const environments, reports = 100, 5
	var all []pullpass.Environment
	for k := range environments {
		e, err := w.db.CreateEnvironment(t.Context(), pullpass.Environment{Organization: o.org, Project: project.ID, Runner: r.ID, Name: fmt.Sprintf("e%d", k),
			Services: []pullpass.Service{{Name: "web", Image: "alpine"}}})
		must(t, err)
		all = append(all, e)
	}
	own := w.as(token)
	seen, err := own.Wanted(t.Context(), "", 0)
	must(t, err)
	w.reads.reads.Store(0)
	answered := make(chan client.Wanted, 1)
	go func() {
		next, err := own.Wanted(t.Context(), seen.State, 30*time.Second)
		if err != nil {
			t.Error(err)
		}
		answered <- next
	}()
	for w.reads.reads.Load() == 0 { // it has read once, and waits
		runtime.Gosched()
	}
	for k := range reports {
		for _, e := range all {
			_, err := w.db.UpdateStatus(t.Context(), o.org, e.ID, pullpass.StatusUpdate{Runner: r.ID, Start: 1, Phase: pullpass.PhaseStarting,
				Status: []pullpass.ServiceStatus{{Name: "web", State: pullpass.ServicePulling, Pull: &pullpass.Progress{BytesDone: int64(k + 1)}}}})
			must(t, err)
		}
	}
	_, err = o.StopEnvironment(t.Context(), all[0].ID)
	must(t, err)
	if next := <-answered; next.Unchanged {
		t.Error("what somebody wants did not answer the poll")
	}
	if n := w.reads.reads.Load(); n > 2 {
		t.Errorf("%d reads of all that is wanted for %d reports of the runner's own, want 2", n, environments*reports)
	}
}

// One address that has AWS asked without end, in the name of a runner of its own, does
// not keep the runners of others from joining.
func TestProofsOfOneAddressDoNotStopOthers(t *testing.T) {
	w := newWorld(t)
	o, other := w.first(), w.second()
	theirs, _, err := other.CreateRunner(t.Context(), pullpass.Runner{Name: "flood", Kind: pullpass.RunnerDocker, AWSRole: role})
	must(t, err)
	ours, _, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "honest", Kind: pullpass.RunnerDocker, AWSRole: role})
	must(t, err)
	join := func(from string, org pullpass.OrganizationID, id pullpass.RunnerID) error {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := client.New(w.url, client.WithAttempts(1), client.WithTransport(&http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}))
		must(t, err)
		j := client.Joining{Organization: org, Runner: id, Kind: pullpass.RunnerDocker}
		challenge, err := c.Challenge(t.Context(), j)
		must(t, err)
		j.Proof = proofFor(challenge)
		_, err = c.JoinAs(t.Context(), j)
		return err
	}
	w.prover.says(evil, nil)
	limited := 0
	for range 200 { // more than there is for all together
		if err := join("127.0.0.2", other.org, theirs.ID); pullpass.IsKind(err, pullpass.Limited) {
			limited++
		}
	}
	if limited < 100 {
		t.Errorf("%d of 200 proofs of one address were refused, want most", limited)
	}
	w.prover.says(role, nil)
	if err := join("127.0.0.3", o.org, ours.ID); err != nil {
		t.Errorf("another organization's runner meanwhile: %v", err)
	}
}
