package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/signin"
	"github.com/pullpass/pullpass/internal/store"
)

const ada = "ada@example.com"

func person(subject, email string) pullpass.User {
	return pullpass.User{Issuer: "https://idp.example", Subject: subject, Email: email, Name: "Ada"}
}

func (w *world) invite(email string, role pullpass.Role, project pullpass.ProjectID) pullpass.Member {
	w.t.Helper()
	m, err := w.CreateMember(w.t.Context(), pullpass.Member{Organization: w.org, Project: project, Email: email, Role: role, CreatedBy: "tok_1"})
	must(w.t, "CreateMember", err)
	return m
}

func testMembers(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	ctx := t.Context()
	m := w.invite("Ada@Example.com", pullpass.RoleDeveloper, "")
	if m.Email != ada || m.User != "" {
		t.Errorf("CreateMember = %+v, want the address in lower case and nobody yet", m)
	}
	got, err := w.Member(ctx, w.org, m.ID)
	must(t, "Member", err)
	m.Maker = pullpass.Maker{ID: m.CreatedBy, State: pullpass.MakerGone} // there is no such token
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("Member differs from what was created:\n%s", diff)
	}
	_, err = w.Member(ctx, other.org, m.ID)
	wantKind(t, "another organization's member", err, pullpass.NotFound)
	wantKind(t, "deleting another organization's member", w.DeleteMember(ctx, other.org, m.ID), pullpass.NotFound)
	_, err = w.CreateMember(ctx, pullpass.Member{Organization: w.org, Email: ada, Role: pullpass.RoleOwner})
	wantKind(t, "a second membership of the same scope", err, pullpass.Conflict)
	_, err = w.CreateMember(ctx, pullpass.Member{Organization: w.org, Project: other.project, Email: ada, Role: pullpass.RoleAuditor})
	wantKind(t, "a member of another organization's project", err, pullpass.NotFound)
	_, err = w.CreateMember(ctx, pullpass.Member{Organization: w.org, Email: "ada", Role: pullpass.RoleAuditor})
	wantKind(t, "no address", err, pullpass.Invalid)
	_, err = w.CreateMember(ctx, pullpass.Member{Organization: w.org, Email: ada, Role: "root"})
	wantKind(t, "no role", err, pullpass.Invalid)
	w.invite(ada, pullpass.RoleAdmin, w.project)
	list, err := w.Members(ctx, w.org, pullpass.Page{})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("Members = %+v, %v, want two", list, err)
	}
	must(t, "DeleteProject", w.DeleteProject(ctx, w.org, w.project))
	list, err = w.Members(ctx, w.org, pullpass.Page{})
	if err != nil || len(list.Items) != 1 || list.Items[0].ID != m.ID {
		t.Errorf("after the project is gone: Members = %+v, %v, want the organization's alone", list, err)
	}
}

// Invitations are taken up by the first who proves the address, in every
// organization, and by nobody after.
func testSignIn(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	ctx := t.Context()
	_, members, err := w.SignIn(ctx, person("0", "nobody@example.com"))
	if err != nil || len(members) != 0 {
		t.Errorf("SignIn of a stranger = %+v, %v, want no membership", members, err)
	}
	here, there := w.invite(ada, pullpass.RoleDeveloper, ""), other.invite(ada, pullpass.RoleOwner, "")
	first, members, err := w.SignIn(ctx, person("1", "ADA@example.com"))
	must(t, "SignIn", err)
	if len(members) != 2 || members[0].User != first.ID || members[1].User != first.ID {
		t.Fatalf("SignIn = %+v, want the memberships %s and %s taken up", members, here.ID, there.ID)
	}
	again, members, err := w.SignIn(ctx, person("1", "ada@married.example"))
	if err != nil || again.ID != first.ID || len(members) != 2 {
		t.Errorf("SignIn with a new address = %+v %+v, %v, want the same person and memberships", again, members, err)
	}
	_, members, err = w.SignIn(ctx, person("2", ada))
	if err != nil || len(members) != 0 {
		t.Errorf("SignIn of another subject with the same address = %+v, %v, want no membership", members, err)
	}
	elsewhere := person("1", ada)
	elsewhere.Issuer = "https://other.example"
	_, members, err = w.SignIn(ctx, elsewhere)
	if err != nil || len(members) != 0 {
		t.Errorf("SignIn of another issuer's 1 = %+v, %v, want no membership", members, err)
	}
	w.invite("ada@married.example", pullpass.RoleOwner, "")
	_, members, err = w.SignIn(ctx, person("1", "ada@married.example"))
	if err != nil || len(members) != 2 {
		t.Errorf("SignIn = %+v, %v, want no second membership of one scope", members, err)
	}
	_, _, err = w.SignIn(ctx, pullpass.User{Email: ada})
	wantKind(t, "somebody without issuer and subject", err, pullpass.Invalid)
}

func testSessions(t *testing.T, open Open) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	ctx := t.Context()
	whole, part := w.invite(ada, pullpass.RoleOwner, ""), w.invite(ada, pullpass.RoleAuditor, w.project)
	_, err = w.CreateSession(ctx, w.org, whole.ID, session("early", clock))
	wantKind(t, "a session of an invitation", err, pullpass.NotFound)
	user, _, err := w.SignIn(ctx, person("1", ada))
	must(t, "SignIn", err)
	for hash, m := range map[string]pullpass.Member{"whole": whole, "part": part} {
		_, err := w.CreateSession(ctx, w.org, m.ID, session(hash, clock))
		must(t, "CreateSession", err)
		got, err := w.TokenByHash(ctx, pullpass.TokenHash(hash))
		if err != nil || got.Kind != pullpass.TokenSession || got.Role != m.Role || got.Project != m.Project || got.CreatedBy != string(user.ID) || got.Organization != w.org {
			t.Errorf("session of %+v = %+v, %v", m, got, err)
		}
	}
	_, err = w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Hash: "made", Role: pullpass.RoleAdmin, CreatedBy: string(user.ID)})
	must(t, "CreateToken", err)
	must(t, "DeleteMember(project)", w.DeleteMember(ctx, w.org, part.ID))
	_, err = w.TokenByHash(ctx, "part")
	wantKind(t, "a session of a deleted member", err, pullpass.NotFound)
	for _, hash := range []pullpass.TokenHash{"whole", "made"} {
		_, err := w.TokenByHash(ctx, hash)
		must(t, "the other membership's "+string(hash), err)
	}
	must(t, "DeleteMember", w.DeleteMember(ctx, w.org, whole.ID))
	for _, hash := range []pullpass.TokenHash{"whole", "made"} {
		_, err := w.TokenByHash(ctx, hash)
		wantKind(t, string(hash)+" of a deleted member", err, pullpass.NotFound)
	}
	_, err = w.CreateSession(ctx, w.org, whole.ID, session("late", clock))
	wantKind(t, "a session of a deleted member", err, pullpass.NotFound)
}

func session(hash string, now time.Time) pullpass.Token {
	return pullpass.Token{ID: pullpass.NewTokenID(), Name: ada, Hash: pullpass.TokenHash(hash), ExpiresAt: now.Add(time.Hour)}
}

func testAttempts(t *testing.T, open Open) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	ctx := t.Context()
	m := w.invite(ada, pullpass.RoleDeveloper, "")
	loopback := signin.Attempt{ID: "a", State: "state", Browser: "browser", Redirect: "http://127.0.0.1:1/", ClientState: "s", Challenge: "c",
		WishOrganization: "acme", WishProject: "shop", ExpiresAt: clock.Add(time.Minute)}
	must(t, "CreateAttempt", w.CreateAttempt(ctx, loopback))
	_, err = w.TakeAttempt(ctx, "state", "another browser")
	wantKind(t, "another browser", err, pullpass.NotFound)
	got, err := w.TakeAttempt(ctx, "state", "browser")
	must(t, "TakeAttempt", err)
	loopback.State = ""
	if diff := cmp.Diff(loopback, got); diff != "" {
		t.Errorf("TakeAttempt differs from what was created:\n%s", diff)
	}
	_, err = w.TakeAttempt(ctx, "state", "browser")
	wantKind(t, "the state again", err, pullpass.NotFound)
	_, err = w.RedeemCode(ctx, "code")
	wantKind(t, "a code before its time", err, pullpass.NotFound)
	must(t, "FinishAttempt", w.FinishAttempt(ctx, "a", m, "code", clock.Add(time.Minute)))
	wantKind(t, "finishing again", w.FinishAttempt(ctx, "a", m, "code2", clock.Add(time.Minute)), pullpass.NotFound)
	if a := redeemedOnce(t, w, "code"); a.Member != m.ID || a.Organization != w.org || a.Challenge != "c" {
		t.Errorf("RedeemCode = %+v", a)
	}

	device := signin.Attempt{ID: "d", UserCode: "typed", Device: "device", ExpiresAt: clock.Add(time.Minute)}
	must(t, "CreateAttempt", w.CreateAttempt(ctx, device))
	_, pending, err := w.RedeemDevice(ctx, "device")
	if err != nil || !pending {
		t.Errorf("RedeemDevice before the person has come = %v, %v, want pending", pending, err)
	}
	_, err = w.SendAttempt(ctx, "typed", "state-2", "browser-2")
	must(t, "SendAttempt", err)
	got, err = w.TakeAttempt(ctx, "state-2", "browser-2")
	must(t, "TakeAttempt", err)
	must(t, "RefuseAttempt", w.RefuseAttempt(ctx, got.ID, "email_unverified"))
	_, err = w.SendAttempt(ctx, "typed", "state-3", "browser-3")
	wantKind(t, "a code that was refused", err, pullpass.NotFound)
	got, pending, err = w.RedeemDevice(ctx, "device")
	if err != nil || pending || got.Refusal != "email_unverified" {
		t.Errorf("RedeemDevice of a refusal = %+v, %v, %v", got, pending, err)
	}
	_, _, err = w.RedeemDevice(ctx, "device")
	wantKind(t, "the device again", err, pullpass.NotFound)

	must(t, "CreateAttempt", w.CreateAttempt(ctx, device))
	must(t, "FinishAttempt", w.FinishAttempt(ctx, "d", m, "", clock.Add(time.Minute)))
	must(t, "DeleteMember", w.DeleteMember(ctx, w.org, m.ID))
	_, _, err = w.RedeemDevice(ctx, "device")
	wantKind(t, "an attempt whose member is deleted", err, pullpass.NotFound)
	must(t, "CreateAttempt", w.CreateAttempt(ctx, signin.Attempt{ID: "c", ExpiresAt: clock.Add(time.Minute)}))
	must(t, "FinishAttempt", w.FinishAttempt(ctx, "c", w.invite("grace@example.com", pullpass.RoleDeveloper, ""), "late-code", clock.Add(time.Minute)))
	late := signin.Attempt{ID: "l", State: "late", Browser: "b", UserCode: "late", Device: "late", ExpiresAt: clock.Add(time.Minute)}
	must(t, "CreateAttempt", w.CreateAttempt(ctx, late))
	clock = clock.Add(time.Minute)
	_, err = w.RedeemCode(ctx, "late-code")
	wantKind(t, "a code out of time", err, pullpass.NotFound)
	_, err = w.TakeAttempt(ctx, "late", "b")
	wantKind(t, "a state out of time", err, pullpass.NotFound)
	_, _, err = w.RedeemDevice(ctx, "late")
	wantKind(t, "a device out of time", err, pullpass.NotFound)
	late.ID, late.State, late.UserCode, late.Device, late.ExpiresAt = "x", "x", "x", "x", clock.Add(time.Hour)
	must(t, "CreateAttempt", w.CreateAttempt(ctx, late))
	if n := count(t, w.DB, "sign_ins"); n != 1 {
		t.Errorf("%d sign-ins are kept, want the one that is in time", n)
	}
}

// redeemedOnce redeems a code from several sides at once: one gets it.
func redeemedOnce(t *testing.T, w *world, code signin.Hash) (got signin.Attempt) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	wins := 0
	for range 8 {
		all.Go(func() {
			a, err := w.RedeemCode(t.Context(), code)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				wins++
				got = a
			} else if !pullpass.IsKind(err, pullpass.NotFound) {
				t.Errorf("RedeemCode: %v, want not found for all but one", err)
			}
		})
	}
	all.Wait()
	if wins != 1 {
		t.Errorf("%d of 8 redeemed one code, want 1", wins)
	}
	return got
}
