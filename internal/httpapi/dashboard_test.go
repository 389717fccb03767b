package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/signin"
)

func (l *lobby) recorded(action string) []pullpass.Event {
	l.t.Helper()
	list, err := l.db.Events(l.t.Context(), l.ours.org, pullpass.EventFilter{Action: action}, pullpass.Page{})
	must(l.t, err)
	return list.Items
}

// environmentOf makes a project, a runner and an environment of these names.
func (o *tenant) environmentOf(name string) pullpass.Environment {
	o.w.t.Helper()
	r, _ := o.joined(name)
	o.basic("", name)
	return o.environment(o.project(name).ID, r.ID, name)
}

// signedIn is a visitor who has walked the whole way to the dashboard.
func (l *lobby) signedIn(who string) visitor {
	l.t.Helper()
	v := newVisitor(l.t)
	if p := v.through(l.url+api.PathDashboardSignIn, who); p.next != l.url+api.PathDashboard {
		l.t.Fatalf("%s signs in: %d to %q %s, want the dashboard", who, p.status, p.next, p.body)
	}
	return v
}

func (v visitor) session(address string) string {
	v.t.Helper()
	u, err := url.Parse(address)
	must(v.t, err)
	for _, c := range v.http.Jar.Cookies(u) {
		if c.Name == "pullpass_session" {
			return c.Value
		}
	}
	return ""
}

func TestDashboardSession(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleAdmin, "")
	home := l.url + api.PathDashboard

	stranger := newVisitor(t).open(home, nil)
	if stranger.status != http.StatusUnauthorized || !strings.Contains(stranger.body, api.PathDashboardSignIn) || strings.Contains(stranger.body, "acme") {
		t.Errorf("a stranger sees %d %s", stranger.status, stranger.body)
	}
	ada := l.signedIn("ada")
	got := ada.open(home, nil)
	if got.status != http.StatusOK || !strings.Contains(got.body, "ada@example.com, admin of acme") {
		t.Errorf("ada sees %d %s", got.status, got.body)
	}
	cookie := ada.session(home)
	if kind, _, ok := pullpass.HashBearer(cookie); !ok || kind != pullpass.TokenSession {
		t.Error("the cookie holds no session token")
	}
	if elsewhere := ada.session(l.url + api.PathSelf); elsewhere != "" {
		t.Error("the session's cookie goes to the API as well")
	}
	if e := l.recorded("user.sign_in"); len(e) != 1 || e[0].Detail["method"] != "dashboard" {
		t.Errorf("signing in was recorded as %+v", e)
	}
	// The API takes no cookie, so no other site can make the browser use it.
	if api := newVisitor(t).open(l.url+api.PathSelf, nil, "Cookie", "pullpass_session="+cookie); api.status != http.StatusUnauthorized {
		t.Errorf("the API with a cookie: %d, want 401", api.status)
	}
	// A token of another kind is nothing for a browser.
	if other := newVisitor(t).open(home, nil, "Cookie", "pullpass_session="+l.ours.token.Reveal()); other.status != http.StatusUnauthorized {
		t.Errorf("the dashboard with an API token: %d, want 401", other.status)
	}

	leave := l.url + api.PathDashboardSignOut
	if p := ada.open(leave, url.Values{}, "Sec-Fetch-Site", "cross-site"); p.status != http.StatusForbidden || ada.open(home, nil).status != http.StatusOK {
		t.Errorf("another site signs ada out: %d", p.status)
	}
	if p := ada.open(leave, url.Values{}); p.next != home || ada.session(home) != "" {
		t.Errorf("signing out: %d to %q, cookie %q", p.status, p.next, ada.session(home))
	}
	if again := newVisitor(t).open(home, nil, "Cookie", "pullpass_session="+cookie); again.status != http.StatusUnauthorized {
		t.Errorf("the cookie after signing out: %d, want 401", again.status)
	}
	if e := l.recorded("user.sign_out"); len(e) != 1 {
		t.Errorf("signing out was recorded as %+v", e)
	}

	late := l.signedIn("ada")
	l.clock.forward(signin.SessionFor + time.Minute)
	if p := late.open(home, nil); p.status != http.StatusUnauthorized {
		t.Errorf("after %s: %d, want 401", signin.SessionFor, p.status)
	}
	if strings.Contains(l.log.String(), cookie) {
		t.Error("the log holds a session's token")
	}
}

func TestDashboardRefusesStrangers(t *testing.T) {
	l := newLobby(t, nil)
	v := newVisitor(t)
	p := v.through(l.url+api.PathDashboardSignIn, "ada") // proved, and invited by nobody
	if p.status != http.StatusForbidden || v.session(l.url+api.PathDashboard) != "" {
		t.Errorf("somebody without an invitation: %d %s", p.status, p.body)
	}
	other := newVisitor(t)
	start := v.open(l.url+api.PathDashboardSignIn, nil)
	if p := other.open(v.login(start.next, "ada"), nil); p.status != http.StatusUnauthorized || other.session(l.url+api.PathDashboard) != "" {
		t.Errorf("another browser takes the answer: %d %s", p.status, p.body)
	}
}

// Everybody sees what the API would answer them, and no more.
func TestDashboardShowsWhatOneMaySee(t *testing.T) {
	l := newLobby(t, nil)
	ours, theirs := l.ours.environmentOf("payments"), l.theirs.environmentOf("secrets")
	_, err := l.db.UpdateStatus(t.Context(), l.ours.org, ours.ID, pullpass.StatusUpdate{Runner: ours.Runner, Start: ours.Start, Phase: pullpass.PhaseFailed,
		Conditions: []pullpass.Condition{{Code: "pull_denied", Severity: pullpass.SeverityError, What: "<script>alert(1)</script>", Fix: "ask its owner"}}})
	must(t, err)
	page := func(path string) string { return l.url + api.PathDashboard + path }
	for _, c := range []struct {
		who     string
		role    pullpass.Role
		project pullpass.ProjectID
		denied  string
	}{
		{"owner", pullpass.RoleOwner, "", ""},
		{"developer", pullpass.RoleDeveloper, "", "/audit"},
		{"auditor", pullpass.RoleAuditor, "", ""},
		{"contractor", pullpass.RoleDeveloper, l.ours.project("elsewhere").ID, "/audit"},
	} {
		l.idp.Person(c.who, c.who+"@example.com", true, nil)
		l.invite(l.ours, c.who+"@example.com", c.role, c.project)
		v := l.signedIn(c.who)
		for _, path := range []string{"", "/registries", "/integrations", "/runners", "/audit"} {
			want := http.StatusOK
			if path != "" && path == c.denied {
				want = http.StatusForbidden
			}
			got := v.open(page(path), nil)
			if got.status != want {
				t.Errorf("%s opens %q: %d, want %d: %s", c.who, path, got.status, want, got.body)
			}
			if link := strings.Contains(got.body, `href="`+api.PathDashboard+`/audit"`); link == (c.denied == "/audit") {
				t.Errorf("%s sees a link to the audit records on %q: %t", c.who, path, link)
			}
			if strings.Contains(got.body, "secrets") {
				t.Errorf("%s sees another organization on %q", c.who, path)
			}
		}
		mine, absent, foreign := v.open(page("/environments/"+string(ours.ID)), nil), v.open(page("/environments/"+string(pullpass.NewEnvironmentID())), nil), v.open(page("/environments/"+string(theirs.ID)), nil)
		if absent.status != http.StatusNotFound || foreign.status != absent.status || foreign.body != absent.body {
			t.Errorf("%s: not there %d, not theirs %d; want the same answer", c.who, absent.status, foreign.status)
		}
		switch {
		case c.project != "":
			if mine.status != http.StatusNotFound || mine.body != absent.body {
				t.Errorf("%s opens another project's environment: %d", c.who, mine.status)
			}
		case mine.status != http.StatusOK || !strings.Contains(mine.body, "&lt;script&gt;") || strings.Contains(mine.body, "<script>") || !strings.Contains(mine.body, "ask its owner"):
			t.Errorf("%s opens the environment: %d %s", c.who, mine.status, mine.body)
		}
	}
}

// Records are shown newest first, and every one on some page.
func TestDashboardAuditPages(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleAuditor, "")
	for range 120 {
		must(t, l.door.Record(t.Context(), pullpass.Event{Organization: l.ours.org, At: l.clock.now(), Action: "test.deed", Decision: pullpass.DecisionAllowed}))
	}
	v := l.signedIn("ada")
	seen, address := 0, l.url+api.PathDashboard+"/audit"
	first := v.open(address, nil)
	if at := strings.Index(first.body, "user.sign_in"); at < 0 || at > strings.Index(first.body, "test.deed") {
		t.Error("the newest record is not the first")
	}
	for p := first; ; p = v.open(address, nil) {
		seen += strings.Count(p.body, "<td>test.deed</td>")
		_, rest, more := strings.Cut(p.body, `<a href="?before=`)
		if !more {
			break
		}
		before, _, _ := strings.Cut(rest, `"`)
		address = l.url + api.PathDashboard + "/audit?before=" + before
	}
	if seen != 120 {
		t.Errorf("%d records on all pages, want 120", seen)
	}
}
