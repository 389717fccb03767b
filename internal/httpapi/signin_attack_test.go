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

// Where a code would be sent to is the command line's own machine, or nowhere.
func TestSignInRedirects(t *testing.T) {
	l := newLobby(t, nil)
	for _, redirect := range []string{
		"", "https://evil.example/", "http://evil.example:80/", "http://localhost:1234/", "http://127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:99999/",
		"https://127.0.0.1:1234/", "http://127.0.0.1:1234@evil.example/", "http://evil.example#@127.0.0.1:1234/", "http://127.0.0.1:1234/?x=1",
		"http://127.0.0.1:1234/#x", "http://user@127.0.0.1:1234/", "http://127.1:1234/", "http://127.0.0.2:1234/", "http://2130706433:1234/", "http://0.0.0.0:1234/",
		"http://[::ffff:127.0.0.1]:1234/", "http://[::1%25lo]:1234/", "http://127.0.0.1.evil.example:1234/", "http://127.0.0.1:1234\\@evil.example/",
		"//127.0.0.1:1234/", "http:127.0.0.1:1234", "http://127.0.0.1:01234/", "http://127.0.0.1:1234/../x", "http://127.0.0.1:1234/%2e", "HTTP://127.0.0.1:1234/",
		"http://127.0.0.1:1234/\r\nSet-Cookie: a=b", "http://169.254.169.254:80/", "javascript:alert(1)",
	} {
		if p := newVisitor(t).begin(l.line().link("redirect_uri", redirect)); p.status != http.StatusBadRequest && p.status != http.StatusUnprocessableEntity || p.next != "" {
			t.Errorf("redirect_uri=%q: %d to %q, want a refusal", redirect, p.status, p.next)
		}
	}
	for _, redirect := range []string{"http://127.0.0.1:1/", "http://127.0.0.1:65535/callback", "http://[::1]:1234/a/b", "http://127.0.0.1:1234"} {
		if p := newVisitor(t).begin(l.line().link("redirect_uri", redirect)); !strings.HasPrefix(p.next, l.idp.URL) {
			t.Errorf("redirect_uri=%q: %d %s, want a redirect to the provider", redirect, p.status, p.body)
		}
	}
}

// The command line's own proof is demanded from the start.
func TestSignInNeedsAChallenge(t *testing.T) {
	l := newLobby(t, nil)
	for _, change := range [][]string{
		{"code_challenge", ""}, {"code_challenge", "short"}, {"code_challenge_method", ""}, {"code_challenge_method", "plain"}, {"state", ""}, {"state", "guess"},
	} {
		if p := newVisitor(t).begin(l.line().link(change...)); p.next != "" || p.status < 400 || p.status > 499 {
			t.Errorf("%s=%q: %d to %q, want a refusal", change[0], change[1], p.status, p.next)
		}
	}
	// Without its verifier the code is worth nothing, and is gone.
	l.invite(l.ours, "ada@example.com", pullpass.RoleDeveloper, "")
	c := l.line()
	code := param(t, newVisitor(t).through(c.link(), "ada").next, "code")
	thief := l.line()
	_, got := thief.redeem(code)
	wantProblem(t, "a code with another verifier", got, http.StatusUnauthorized, pullpass.Unauthenticated)
	_, got = c.redeem(code)
	wantProblem(t, "the code after somebody else tried it", got, http.StatusUnauthorized, pullpass.Unauthenticated)
}

func TestSignInStateAndCode(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleDeveloper, "")
	refused := func(what string, p page) {
		t.Helper()
		if p.next != "" || p.status != http.StatusUnauthorized || strings.Contains(p.body, "code=") {
			t.Errorf("%s: %d to %q %s, want 401", what, p.status, p.next, p.body)
		}
	}
	begin := func(v visitor) (c line, back string) {
		c = l.line()
		return c, v.login(v.begin(c.link()).next, "ada")
	}
	ada, eve := newVisitor(t), newVisitor(t)
	_, back := begin(ada)
	refused("another state", ada.open(withParam(t, back, "state", signin.NewText()), nil))
	refused("no state", ada.open(withParam(t, back, "state", ""), nil))
	refused("two states", ada.open(back+"&state="+signin.NewText(), nil))
	refused("a browser that began nothing", eve.open(back, nil))
	eve.begin(l.line().link())
	refused("a browser that began another sign-in", eve.open(back, nil))
	if p := ada.open(back, nil); param(t, p.next, "code") == "" {
		t.Fatalf("Ada's own answer: %d to %q %s, want a code: what was refused used nothing up", p.status, p.next, p.body)
	}
	refused("the answer again", ada.open(back, nil))

	// Eve's code from the provider in Ada's sign-in: PKCE has another verifier.
	_, hers := begin(ada)
	_, eves := begin(eve)
	p := ada.open(withParam(t, hers, "code", param(t, eves, "code")), nil)
	if param(t, p.next, "error") != "code_refused" || param(t, p.next, "code") != "" {
		t.Errorf("another sign-in's code: %q %s, want code_refused", p.next, p.body)
	}
	// A code that the provider has given before.
	c, back := begin(ada)
	spent := param(t, back, "code")
	ada.open(back, nil)
	_, next := begin(ada)
	p = ada.open(withParam(t, next, "code", spent), nil)
	if param(t, p.next, "error") != "code_refused" {
		t.Errorf("a spent code of %s: %q %s, want code_refused", c.redirect, p.next, p.body)
	}
	// An answer that says it is another issuer's (RFC 9207).
	_, back = begin(ada)
	p = ada.open(withParam(t, back, "iss", "https://evil.example"), nil)
	if param(t, p.next, "error") != "issuer_mismatch" {
		t.Errorf("another issuer's answer: %q %s, want issuer_mismatch", p.next, p.body)
	}
	// Too late.
	_, back = begin(ada)
	l.clock.forward(signin.AttemptFor + time.Second)
	refused("after ten minutes", ada.open(back, nil))
}

// What somebody on the way changes of the request to the provider.
func TestSignInRequestChanged(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleDeveloper, "")
	for _, test := range []struct{ name, parameter, value, want string }{
		{"another nonce", "nonce", signin.NewText(), "nonce_mismatch"},
		{"no nonce", "nonce", "", "nonce_mismatch"},
		{"no challenge", "code_challenge", "", "provider_refused"}, // the provider demands one
		{"another challenge", "code_challenge", signin.Challenge(signin.NewText()), "code_refused"},
	} {
		v := newVisitor(t)
		authorize := v.begin(l.line().link()).next
		for _, parameter := range []string{"state", "nonce", "code_challenge"} {
			if param(t, authorize, parameter) == "" {
				t.Fatalf("the request to the provider has no %s", parameter)
			}
		}
		p := v.open(v.login(withParam(t, authorize, test.parameter, test.value), "ada"), nil)
		if got := param(t, p.next, "error"); got != test.want || param(t, p.next, "code") != "" {
			t.Errorf("%s: %q %d %s, want error=%s", test.name, p.next, p.status, p.body, test.want)
		}
	}
}

// Without a record nobody is signed in, and the session of one organization opens
// nothing of another.
func TestSignInRecordsAndReach(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.theirs, "ada@example.com", pullpass.RoleOwner, "")
	secret := l.ours.project("secret")
	c := l.line()
	code := param(t, newVisitor(t).through(c.link(), "ada").next, "code")
	l.door.fail(&pullpass.Error{Kind: pullpass.Unavailable, Code: "audit_unavailable", What: "refused"})
	s, got := c.redeem(code)
	wantProblem(t, "a sign-in without a record", got, http.StatusServiceUnavailable, pullpass.Unavailable)
	if !s.Token.IsZero() || strings.Contains(got.body, "ppus_") {
		t.Error("a session left without a record")
	}
	l.door.fail(nil)
	c = l.line()
	s, _ = c.redeem(param(t, newVisitor(t).through(c.link(), "ada").next, "code"))
	token := s.Token.Secret().Reveal()
	there := l.raw(http.MethodGet, strings.Replace(api.PathProject, "{project}", string(secret.ID), 1), token, "")
	nowhere := l.raw(http.MethodGet, strings.Replace(api.PathProject, "{project}", string(pullpass.NewProjectID()), 1), token, "")
	if there.status != http.StatusNotFound || there.body != nowhere.body {
		t.Errorf("another organization's project: %d %s, want the answer for what is not there", there.status, there.body)
	}
	if list := l.raw(http.MethodGet, api.PathProjects, token, ""); strings.Contains(list.body, string(secret.ID)) {
		t.Errorf("the list tells of another organization's project: %s", list.body)
	}
}

func TestSignInIsOffWithoutAProvider(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{api.PathSignIn, api.PathSignInCallback, api.PathDevice} {
		if got := w.raw(http.MethodGet, path, "", ""); got.status != http.StatusConflict {
			t.Errorf("GET %s = %d, want 409", path, got.status)
		}
	}
	_, err := w.anonymous().BeginDevice(t.Context(), api.NewDevice{})
	wantKind(t, "a device without a provider", err, pullpass.Conflict)
	if p := newVisitor(t).open(w.url+api.PathDevice, url.Values{"code": {"x"}}); p.status != http.StatusConflict {
		t.Errorf("POST %s = %d, want 409", api.PathDevice, p.status)
	}
}
