package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/webhook"
)

// newEgress is the client for what tenants name; what of this machine it may
// reach is said address by address.
func newEgress(t *testing.T, allow ...string) *egress.Client {
	t.Helper()
	c, err := egress.New(egress.Options{Allow: allow})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// people are users with every role, in the organization and in one project.
func (s *stage) people() []actor {
	s.t.Helper()
	var all []actor
	for _, role := range []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin, pullpass.RoleDeveloper, pullpass.RoleAuditor} {
		for _, project := range []pullpass.ProjectID{"", s.payments.ID} {
			all = append(all, s.user(role, project))
		}
	}
	return all
}

// user is a person who has signed in with a role.
func (s *stage) user(role pullpass.Role, project pullpass.ProjectID) actor {
	s.t.Helper()
	ctx, email := s.t.Context(), s.name()+"@example.com"
	m, err := s.db.CreateMember(ctx, pullpass.Member{Organization: s.ours.org, Project: project, Email: email, Role: role})
	must(s.t, err)
	u, _, err := s.db.SignIn(ctx, pullpass.User{Issuer: "https://idp.example", Subject: email, Email: email})
	must(s.t, err)
	text := pullpass.NewBearer(pullpass.TokenSession)
	_, hash, _ := pullpass.HashBearer(text.Reveal())
	_, err = s.db.CreateSession(ctx, s.ours.org, m.ID, pullpass.Token{ID: pullpass.NewTokenID(), Name: email, Hash: hash, ExpiresAt: time.Now().Add(time.Hour)})
	must(s.t, err)
	name := "user " + string(role)
	if project != "" {
		name += " of a project"
	}
	return actor{name, pullpass.Caller{Kind: pullpass.CallerUser, Organization: s.ours.org, ID: string(u.ID), Role: role, Project: project}, text.Reveal()}
}

func (o *tenant) member(p pullpass.ProjectID, name string) pullpass.Member {
	o.w.t.Helper()
	m, err := o.w.db.CreateMember(o.w.t.Context(), pullpass.Member{Organization: o.org, Project: p, Email: name + ".m@example.com", Role: pullpass.RoleAuditor})
	must(o.w.t, err)
	return m
}

func (o *tenant) hook() {
	o.w.t.Helper()
	_, err := o.w.db.SetWebhook(o.w.t.Context(), webhook.Hook{Organization: o.org, URL: "https://127.0.0.1:1/in", Secret: pullpass.NewSecret("hook-" + canary)})
	must(o.w.t, err)
}

// Signing out ends the session at once, and only that one.
func TestSignOut(t *testing.T) {
	s := newStage(t)
	ada, grace := s.user(pullpass.RoleDeveloper, ""), s.user(pullpass.RoleDeveloper, "")
	self := func(a actor) int { return s.raw(http.MethodGet, api.PathSelf, a.token, "").status }
	if got := self(ada); got != 200 {
		t.Fatalf("GET self = %d, want 200", got)
	}
	s.door.fail(&pullpass.Error{Kind: pullpass.Unavailable, Code: "audit_unavailable", What: "refused"})
	wantProblem(t, "signing out without a record", s.raw(http.MethodDelete, api.PathSession, ada.token, ""), http.StatusServiceUnavailable, pullpass.Unavailable)
	s.door.fail(nil)
	if got := s.raw(http.MethodDelete, api.PathSession, ada.token, ""); got.status != 204 {
		t.Errorf("DELETE session = %d %s, want 204", got.status, got.body)
	}
	if got := self(ada); got != 401 {
		t.Errorf("GET self after signing out = %d, want 401", got)
	}
	if got := self(grace); got != 200 {
		t.Errorf("GET self of another = %d, want 200", got)
	}
	all := s.events(s.ours)
	if e := all[len(all)-1]; e.Action != "user.sign_out" || e.Caller.Kind != pullpass.CallerUser || e.Caller.ID != ada.caller.ID || !strings.HasPrefix(e.Target, "tok_") {
		t.Errorf("signing out was recorded as %+v", e)
	}
}

// A member's deletion ends their sessions and the API tokens that they made; an
// owner's token deletion ends a session.
func TestSessionsEnd(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	owner := s.user(pullpass.RoleOwner, "")
	c := s.as(pullpass.NewSecret(owner.token))
	_, made, err := c.CreateToken(ctx, pullpass.Token{Name: "mine", Role: pullpass.RoleAdmin, ExpiresAt: time.Now().Add(90 * 24 * time.Hour)})
	must(t, err) // it may outlive the session
	_, err = s.as(made).Self(ctx)
	must(t, err)
	member := s.memberOf(owner)
	if got := s.raw(http.MethodDelete, strings.Replace(api.PathMember, "{member}", string(member), 1), s.ours.token.Reveal(), ""); got.status != 204 {
		t.Fatalf("DELETE member = %d %s", got.status, got.body)
	}
	for what, token := range map[string]pullpass.Secret{"the session": pullpass.NewSecret(owner.token), "the token": made} {
		_, err := s.as(token).Self(ctx)
		wantKind(t, what+" of a deleted member", err, pullpass.Unauthenticated)
	}
	other := s.user(pullpass.RoleDeveloper, "")
	for token, err := range s.ours.AllTokens(ctx) {
		must(t, err)
		if token.CreatedBy == other.caller.ID {
			must(t, s.ours.DeleteToken(ctx, token.ID))
		}
	}
	_, err = s.as(pullpass.NewSecret(other.token)).Self(ctx)
	wantKind(t, "a session whose token was deleted", err, pullpass.Unauthenticated)
}

func (s *stage) memberOf(a actor) pullpass.MemberID {
	s.t.Helper()
	l, err := s.db.Members(context.Background(), s.ours.org, pullpass.Page{Limit: pullpass.MaxPage})
	must(s.t, err)
	for _, m := range l.Items {
		if string(m.User) == a.caller.ID {
			return m.ID
		}
	}
	s.t.Fatalf("%s is no member", a.name)
	return ""
}

// Nobody hands out more than they have, as members or as tokens.
func TestMembersDoNotExceed(t *testing.T) {
	s := newStage(t)
	for _, role := range []pullpass.Role{pullpass.RoleAdmin, pullpass.RoleDeveloper, pullpass.RoleAuditor} {
		a := s.user(role, "")
		got := s.raw(http.MethodPost, api.PathMembers, a.token, `{"email":"eve@example.com","role":"owner"}`)
		wantProblem(t, string(role)+" adds an owner", got, http.StatusForbidden, pullpass.Denied)
	}
	limited := s.user(pullpass.RoleOwner, s.payments.ID)
	got := s.raw(http.MethodPost, api.PathMembers, limited.token, `{"email":"eve@example.com","role":"owner"}`)
	wantProblem(t, "the owner of a project adds an owner of the organization", got, http.StatusForbidden, pullpass.Denied)
}
