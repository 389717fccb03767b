package storetest

import (
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// testMakers: runners, trusts and members know who made them, and what has become of
// that token or person; whoever lets a runner's machine join stands for it from then
// on; those of before know it from the audit log.
func testMakers(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	ctx := t.Context()
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	token := func(name string, expires time.Time) pullpass.TokenID {
		made, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Name: name, Hash: pullpass.TokenHash(name), CreatedBy: "setup", ExpiresAt: expires})
		must(t, "CreateToken", err)
		return made.ID
	}
	brief, lasting := token("brief", end), token("lasting", time.Time{})
	_, err := w.CreateMember(ctx, pullpass.Member{Organization: w.org, Email: "ada@example.com", Role: pullpass.RoleOwner, CreatedBy: string(lasting)})
	must(t, "CreateMember", err)
	_, mine, err := w.SignIn(ctx, pullpass.User{Issuer: "https://idp.example", Subject: "ada", Email: "ada@example.com"})
	must(t, "SignIn", err)
	ada := mine[0]

	makers := map[string]string{"brief": string(brief), "lasting": string(lasting), "ada": string(ada.User), "before": "", "setup": "setup"}
	runners, trusts := map[string]pullpass.RunnerID{}, map[string]pullpass.TrustID{}
	for name, by := range makers {
		r, err := w.CreateRunner(ctx, pullpass.Runner{Organization: w.org, Name: "by-" + name, Kind: pullpass.RunnerDocker, Maker: pullpass.Maker{ID: by}})
		must(t, "CreateRunner", err)
		trust, err := w.CreateTrust(ctx, identity.Trust{Organization: w.org, Name: "by-" + name, Project: w.project, Maker: pullpass.Maker{ID: by}})
		must(t, "CreateTrust", err)
		runners[name], trusts[name] = r.ID, trust.ID
	}
	want := func(when, name string, at time.Time, state pullpass.MakerState) {
		t.Helper()
		r, err := w.Runner(ctx, w.org, runners[name])
		must(t, "Runner", err)
		trust, err := w.Trust(ctx, w.org, trusts[name])
		must(t, "Trust", err)
		list, err := w.Runners(ctx, w.org, pullpass.Page{Limit: 100})
		must(t, "Runners", err)
		for _, item := range list.Items {
			if item.ID == r.ID && item.Maker != r.Maker {
				t.Errorf("%s: the list says %+v, the runner %+v", when, item.Maker, r.Maker)
			}
		}
		for what, m := range map[string]pullpass.Maker{"runner": r.Maker, "trust": trust.Maker} {
			if got := m.At(at); got.State != state || got.ID != makers[name] {
				t.Errorf("%s, the %s by %s: %+v, want %s", when, what, name, got, state)
			}
		}
	}
	now := time.Now()
	want("at first", "brief", now, pullpass.MakerExpiring)
	want("two hours later", "brief", now.Add(2*time.Hour), pullpass.MakerExpired)
	want("at first", "lasting", now.Add(1000*time.Hour), pullpass.MakerActive)
	want("at first", "ada", now, pullpass.MakerActive)
	want("at first", "before", now, pullpass.MakerUnknown)
	want("at first", "setup", now, pullpass.MakerActive)
	if ada.Maker.ID != string(lasting) || ada.CreatedBy != string(lasting) || ada.Maker.At(now).State != pullpass.MakerActive {
		t.Errorf("the member: %+v, want it made by %s", ada, lasting)
	}

	// A machine joins as ada's runner with a token that brief made.
	join := pullpass.Token{Organization: w.org, Kind: pullpass.TokenJoin, Name: "j", Hash: "join", Runner: runners["ada"], CreatedBy: string(brief), Parent: brief, ExpiresAt: end}
	must(t, "ReplaceJoinToken", w.ReplaceJoinToken(ctx, join))
	want("before it joins", "ada", now, pullpass.MakerActive)
	joined, err := w.JoinRunner(ctx, join.Hash, pullpass.Token{ID: pullpass.NewTokenID(), Organization: w.org, Kind: pullpass.TokenRunner, Hash: "own", Runner: runners["ada"]}, pullpass.RunnerReport{})
	must(t, "JoinRunner", err)
	if joined.Maker.ID != string(brief) || joined.Maker.At(now).State != pullpass.MakerExpiring {
		t.Errorf("after it joined: %+v, want it made by %s", joined.Maker, brief)
	}

	must(t, "DeleteToken", w.DeleteToken(ctx, w.org, lasting))
	must(t, "DeleteToken", w.DeleteToken(ctx, w.org, brief))
	want("after the deletion", "lasting", now, pullpass.MakerGone)
	want("after the deletion", "brief", now, pullpass.MakerGone)
	member, err := w.Member(ctx, w.org, ada.ID)
	must(t, "Member", err)
	if member.Maker.At(now).State != pullpass.MakerGone {
		t.Errorf("the member of a deleted token: %+v, want its maker gone", member.Maker)
	}
	must(t, "DeleteMember", w.DeleteMember(ctx, w.org, ada.ID))
	trust, err := w.Trust(ctx, w.org, trusts["ada"])
	must(t, "Trust", err)
	if trust.Maker.At(now).State != pullpass.MakerGone {
		t.Errorf("the trust of a former member: %+v, want its maker gone", trust.Maker)
	}

	// A token of the same id elsewhere is not ours.
	theirs, err := other.CreateToken(ctx, pullpass.Token{ID: lasting, Organization: other.org, Kind: pullpass.TokenAPI, Name: "t", Hash: "theirs", CreatedBy: "setup"})
	must(t, "CreateToken of another organization", err)
	if theirs.ID == lasting {
		want("with a namesake elsewhere", "lasting", now, pullpass.MakerGone)
	}
}

// testMakersOfBefore: after an upgrade the audit log tells who made what is there.
func testMakersOfBefore(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	ctx := t.Context()
	recorded := w.newRunner("recorded")
	trust, err := w.CreateTrust(ctx, identity.Trust{Organization: w.org, Name: "gitlab", Project: w.project})
	must(t, "CreateTrust", err)
	by := func(id string) pullpass.EventActor { return pullpass.EventActor{Kind: pullpass.CallerToken, ID: id} }
	_, err = w.AppendEvents(ctx, []pullpass.Event{
		{Organization: w.org, Action: "runner.create", Decision: pullpass.DecisionDenied, Runner: recorded, Caller: by("tok_denied")},
		{Organization: w.org, Action: "runner.create", Decision: pullpass.DecisionAllowed, Runner: recorded, Caller: by("tok_first")},
		{Organization: w.org, Action: "runner.update", Decision: pullpass.DecisionAllowed, Runner: recorded, Caller: by("tok_later")},
		{Organization: w.org, Action: "trust.create", Decision: pullpass.DecisionAllowed, Target: string(trust.ID), Caller: by("tok_second")},
	})
	must(t, "AppendEvents", err)
	for _, undo := range []string{
		`ALTER TABLE runners DROP COLUMN made_by`, `ALTER TABLE trusts DROP COLUMN made_by`,
		`DROP TABLE chores`, `DROP INDEX environments_gone`, `DROP INDEX tokens_over`, `DELETE FROM goose_db_version WHERE version_id >= 47`,
	} {
		_, err := w.Schema().Write.ExecContext(ctx, undo)
		must(t, undo, err)
	}
	w.DB = openStore(t, open, keyring)
	for id, want := range map[pullpass.RunnerID]string{recorded: "tok_first", w.runner: ""} {
		if r, err := w.Runner(ctx, w.org, id); err != nil || r.Maker.ID != want {
			t.Errorf("runner %s: made by %q (%v), want %q", r.Name, r.Maker.ID, err, want)
		}
	}
	if got, err := w.Trust(ctx, w.org, trust.ID); err != nil || got.Maker.ID != "tok_second" {
		t.Errorf("the trust: made by %q (%v), want tok_second", got.Maker.ID, err)
	}
}
