package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ory/fosite/token/jwt"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/signin"
)

// The whole way, through a provider that is not ours: invitation, login, code,
// token, loopback address, session.
func TestSignInLoopback(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "Ada@Example.com", pullpass.RoleDeveloper, "")
	c, v := l.line(), newVisitor(t)
	end := v.through(c.link(), "ada")
	if !strings.HasPrefix(end.next, c.redirect+"?") || param(t, end.next, "state") != c.state || param(t, end.next, "code") == "" {
		t.Fatalf("the visitor ends at %d %q %s, want the loopback address with code and state", end.status, end.next, end.body)
	}
	signedIn, got := c.redeem(param(t, end.next, "code"))
	token := signedIn.Token.Secret()
	if got.status != 200 || !strings.HasPrefix(token.Reveal(), "ppus_") || !signedIn.ExpiresAt.After(time.Now().Add(11*time.Hour)) {
		t.Fatalf("redeeming the code: %d %+v, want a session of 12 hours", got.status, signedIn)
	}
	self, err := l.as(token).Self(t.Context())
	must(t, err)
	if self.Kind != pullpass.CallerUser || self.Name != "ada@example.com" || self.Role != pullpass.RoleDeveloper || self.Organization.ID != l.ours.org {
		t.Errorf("Self() = %+v, want Ada, a developer of ours", self)
	}
	var found bool
	for e, err := range l.ours.AllEvents(t.Context(), pullpass.EventFilter{Action: "user.sign_in"}) {
		must(t, err)
		found = e.Caller.ID == self.ID && e.Caller.Kind == pullpass.CallerUser && e.Caller.Address != "" && e.Detail["issuer"] == l.idp.URL && e.Detail["method"] == "loopback"
	}
	if !found {
		t.Error("no record says that Ada signed in")
	}
	_, got = c.redeem(param(t, end.next, "code"))
	wantProblem(t, "the code again", got, http.StatusUnauthorized, pullpass.Unauthenticated)
	l.clock.forward(signin.SessionFor + time.Minute)
	_, err = l.as(token).Self(t.Context())
	wantKind(t, "the session after 12 hours", err, pullpass.Unauthenticated)
}

func TestSignInDevice(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleAdmin, "")
	d, err := l.anonymous().BeginDevice(t.Context(), api.NewDevice{})
	must(t, err)
	device := `{"device_code":"` + d.DeviceCode.Secret().Reveal() + `"}`
	if s, got := l.redeem(device); got.status != 200 || !s.Pending || !s.Token.IsZero() {
		t.Errorf("before the person has come: %d %s, want pending", got.status, got.body)
	}
	v := newVisitor(t)
	if p := v.open(d.VerificationURI, nil); p.status != 200 || !strings.Contains(p.body, "<form") {
		t.Fatalf("%s: %d %s, want a form", d.VerificationURI, p.status, p.body)
	}
	if p := v.open(d.VerificationURI, url.Values{"code": {"BBBB-BBBB"}}); p.status != 404 || p.next != "" {
		t.Errorf("a code that nobody has: %d to %q, want 404", p.status, p.next)
	}
	typed := url.Values{"code": {strings.ToLower(strings.ReplaceAll(d.UserCode, "-", " "))}}
	if p := v.open(d.VerificationURI, typed, "Sec-Fetch-Site", "cross-site"); p.next != "" || p.status < 400 {
		t.Errorf("another site's form: %d to %q, want a refusal", p.status, p.next)
	}
	start := v.typeCode(d.VerificationURI, typed.Get("code"))
	end := v.open(v.login(start.next, "ada"), nil)
	if end.status != 200 || !strings.Contains(end.body, "Signed in") {
		t.Fatalf("the visitor ends at %d %s", end.status, end.body)
	}
	s, got := l.redeem(device)
	if got.status != 200 || s.Pending {
		t.Fatalf("after: %d %s, want a session", got.status, got.body)
	}
	self, err := l.as(s.Token.Secret()).Self(t.Context())
	if err != nil || self.Role != pullpass.RoleAdmin {
		t.Errorf("Self() = %+v, %v, want an admin", self, err)
	}
	_, got = l.redeem(device)
	wantProblem(t, "the device code again", got, http.StatusUnauthorized, pullpass.Unauthenticated)
	if p := v.open(d.VerificationURI, typed); p.status != 404 {
		t.Errorf("the typed code again: %d, want 404", p.status)
	}
}

// Who is refused, and that the command line learns why.
func TestSignInRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*signin.Options)
		before func(*lobby)
		want   string
	}{
		{"nobody invited", nil, func(l *lobby) { l.idp.Person("ada", "stranger@example.com", true, nil) }, "not_a_member"},
		{"an address that is not verified", nil, func(l *lobby) { l.idp.Person("ada", "ada@example.com", false, nil) }, "email_unverified"},
		{"an address of which nothing is said", nil, func(l *lobby) { l.idp.Person("ada", "ada@example.com", nil, nil) }, "email_unverified"},
		{"no address", nil, func(l *lobby) { l.idp.Person("ada", "", true, nil) }, "email_missing"},
		{"another domain", func(o *signin.Options) { o.Domains = []string{"corp.example"} }, nil, "domain_refused"},
		{"a domain that ends alike", func(o *signin.Options) { o.Domains = []string{"ample.com"} }, nil, "domain_refused"},
		{"without the claim", func(o *signin.Options) { o.Claim = "groups=pullpass" }, nil, "claim_missing"},
		{"with another claim", func(o *signin.Options) { o.Claim = "groups=pullpass" }, func(l *lobby) {
			l.idp.Person("ada", "ada@example.com", true, map[string]any{"groups": []string{"pullpass-not"}})
		}, "claim_missing"},
		{"a token of another issuer", nil, tampered(func(c *jwt.IDTokenClaims) { c.Issuer = "https://evil.example" }), "token_refused"},
		{"an issuer with a slash more", nil, tampered(func(c *jwt.IDTokenClaims) { c.Issuer += "/" }), "token_refused"},
		{"a token for another application", nil, tampered(func(c *jwt.IDTokenClaims) { c.Extra["azp"] = "another" }), "token_refused"},
		{"a token that has expired", nil, tampered(func(c *jwt.IDTokenClaims) { c.ExpiresAt = time.Now().Add(2 * time.Second) }), "token_refused"},
		{"another address than the invited one", nil, func(l *lobby) { l.idp.Person("ada", "ada@example.com.evil.example", true, nil) }, "not_a_member"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLobby(t, test.change)
			l.invite(l.ours, "ada@example.com", pullpass.RoleDeveloper, "")
			if test.before != nil {
				test.before(l)
			}
			if strings.Contains(test.name, "expired") {
				l.clock.forward(10 * time.Second) // ours is ahead of the provider's
			}
			c := l.line()
			end := newVisitor(t).through(c.link(), "ada")
			if param(t, end.next, "error") != test.want || param(t, end.next, "code") != "" || param(t, end.next, "state") != c.state {
				t.Errorf("the visitor ends at %q %s, want the loopback address with error=%s", end.next, end.body, test.want)
			}
			if strings.Contains(l.log.String(), canary) {
				t.Error("the log holds the client's secret")
			}
		})
	}
}

func tampered(f func(*jwt.IDTokenClaims)) func(*lobby) { return func(l *lobby) { l.idp.Tamper = f } }

// The claim that an operator demands, alone or in a list.
func TestSignInClaim(t *testing.T) {
	for _, groups := range []any{"pullpass", []string{"staff", "pullpass"}} {
		l := newLobby(t, func(o *signin.Options) { o.Claim, o.Domains = "groups=pullpass", []string{"Example.com"} })
		l.invite(l.ours, "ada@example.com", pullpass.RoleDeveloper, "")
		l.idp.Person("ada", "ada@example.com", "true", map[string]any{"groups": groups}) // "true" as text, as some write it
		if end := newVisitor(t).through(l.line().link(), "ada"); param(t, end.next, "code") == "" {
			t.Errorf("groups %v: the visitor ends at %q %s, want a code", groups, end.next, end.body)
		}
	}
}

// A provider that calls itself by another name is not the one that was configured.
func TestSignInOtherIssuer(t *testing.T) {
	l := newLobby(t, nil)
	l.idp.Alias = "https://evil.example"
	if p := newVisitor(t).begin(l.line().link()); p.next != "" || p.status != http.StatusServiceUnavailable {
		t.Errorf("a provider of another name: %d to %q, want 503", p.status, p.next)
	}
}

// Several memberships: the organization's before those of its projects, and
// otherwise the one that is named.
func TestSignInChooses(t *testing.T) {
	l := newLobby(t, nil)
	payments := l.ours.project("payments")
	l.invite(l.ours, "ada@example.com", pullpass.RoleDeveloper, "")
	l.invite(l.ours, "ada@example.com", pullpass.RoleOwner, payments.ID)
	l.invite(l.theirs, "ada@example.com", pullpass.RoleAuditor, "")
	for _, test := range []struct {
		name string
		more []string
		org  pullpass.OrganizationID
		role pullpass.Role
		in   pullpass.ProjectID
		want string
	}{
		{"nothing said", nil, "", "", "", "member_ambiguous"},
		{"ours", []string{"organization", "acme"}, l.ours.org, pullpass.RoleDeveloper, "", ""},
		{"theirs, by id", []string{"organization", string(l.theirs.org)}, l.theirs.org, pullpass.RoleAuditor, "", ""},
		{"the project", []string{"project", "payments"}, l.ours.org, pullpass.RoleOwner, payments.ID, ""},
		{"another organization's project", []string{"organization", "globex", "project", "payments"}, "", "", "", "not_a_member"},
		{"an organization that is not there", []string{"organization", "initech"}, "", "", "", "not_a_member"},
	} {
		c := l.line()
		end := newVisitor(t).through(c.link(test.more...), "ada")
		if got := param(t, end.next, "error"); got != test.want {
			t.Errorf("%s: error %q at %q, want %q", test.name, got, end.next, test.want)
		}
		if test.want != "" {
			continue
		}
		s, _ := c.redeem(param(t, end.next, "code"))
		self, err := l.as(s.Token.Secret()).Self(t.Context())
		if err != nil || self.Organization.ID != test.org || self.Role != test.role || self.Project != test.in {
			t.Errorf("%s: Self() = %+v, %v", test.name, self, err)
		}
	}
}
