package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/signin"
)

// The link of somebody else's command line leads a signed-in person no further
// than a page that says who asks, with the word that this command line shows.
func TestSignInAsksForConsent(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleOwner, "")
	evil, ada := l.line(), newVisitor(t)
	p := ada.open(evil.link("organization", "acme"), nil)
	if p.status != http.StatusOK || p.next != "" || !strings.Contains(p.body, "<form") {
		t.Fatalf("the link: %d to %q, want a page that asks", p.status, p.next)
	}
	word := signin.Word(signin.Challenge(evil.verifier))
	for _, want := range []string{word, "127.0.0.1:49152", "acme", "act as you"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page does not say %q: %s", want, p.body)
		}
	}
	if strings.Contains(p.body, signin.Word(signin.Challenge(l.line().verifier))) {
		t.Error("the page shows another command line's word")
	}
	u, err := url.Parse(evil.link())
	must(t, err)
	form := u.Query()
	for name, headers := range map[string][]string{
		"another site": {"Sec-Fetch-Site", "cross-site"}, "a sibling domain": {"Sec-Fetch-Site", "same-site"},
		"an old browser on another site": {"Origin", "https://evil.example"},
	} {
		if p := ada.open(l.url+api.PathSignIn, form, headers...); p.next != "" || p.status != http.StatusForbidden {
			t.Errorf("the form, sent by %s: %d to %q, want 403", name, p.status, p.next)
		}
	}
	if p := ada.open(l.url+api.PathSignIn, form, "Sec-Fetch-Site", "same-origin"); !strings.HasPrefix(p.next, l.idp.URL) {
		t.Errorf("the person's own yes: %d to %q, want the provider", p.status, p.next)
	}
}

// A device's code alone leads nowhere either.
func TestDeviceAsksForConsent(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleOwner, "")
	began := l.raw(http.MethodPost, api.PathSignInDevice, "", `{}`, "X-Forwarded-For", "203.0.113.66")
	var d struct {
		UserCode   string `json:"user_code"`
		DeviceCode string `json:"device_code"`
	}
	must(t, json.Unmarshal([]byte(began.body), &d))
	ada := newVisitor(t)
	p := ada.open(l.url+api.PathDevice, url.Values{"code": {d.UserCode}})
	word := signin.Word(string(signin.HashOf(d.DeviceCode)))
	if p.status != http.StatusOK || p.next != "" || wordOf(p) != word || !strings.Contains(p.body, "203.0.113.66") {
		t.Fatalf("the code: %d to %q %s, want a page with the word %s and the address that asks", p.status, p.next, p.body, word)
	}
	if p := ada.open(l.url+api.PathDevice, url.Values{"code": {d.UserCode}, "word": {"BBBB-BBBB"}}); p.next != "" {
		t.Errorf("another word: to %q, want the page again", p.next)
	}
	if p := ada.open(l.url+api.PathDevice, url.Values{"code": {d.UserCode}, "word": {word}}, "Sec-Fetch-Site", "cross-site"); p.next != "" {
		t.Errorf("another site's yes: to %q, want a refusal", p.next)
	}
	if p := ada.open(l.url+api.PathDevice, url.Values{"code": {d.UserCode}, "word": {word}}); !strings.HasPrefix(p.next, l.idp.URL) {
		t.Errorf("the person's own yes: %d to %q, want the provider", p.status, p.next)
	}
}

// One address that floods each step uses up its own share only.
func TestOneAddressDoesNotLockOthersOut(t *testing.T) {
	l := newLobby(t, nil)
	l.invite(l.ours, "ada@example.com", pullpass.RoleOwner, "")
	const many = 700 // more than there is for all together
	limited := map[string]int{}
	for range many {
		for name, path := range map[string]string{"begin": api.PathSignInDevice, "redeem": api.PathSignInSession} {
			if got := l.raw(http.MethodPost, path, "", `{}`, "X-Forwarded-For", "203.0.113.66"); got.status == http.StatusTooManyRequests {
				limited[name]++
			}
		}
		if got := newVisitor(t).open(l.url+api.PathDevice, url.Values{"code": {"BBBB-BBBB"}}, "X-Forwarded-For", "203.0.113.66"); got.status == http.StatusTooManyRequests {
			limited["typed"]++
		}
	}
	for _, name := range []string{"begin", "redeem", "typed"} {
		if limited[name] < many/2 {
			t.Errorf("%s: %d of %d requests of one address were refused, want most", name, limited[name], many)
		}
	}
	c := l.line()
	end := newVisitor(t).through(c.link(), "ada")
	if s, got := c.redeem(param(t, end.next, "code")); got.status != http.StatusOK || s.Token.IsZero() {
		t.Errorf("somebody else meanwhile: %d %s, want a session", got.status, got.body)
	}
	if p := newVisitor(t).open(l.url+api.PathDevice, url.Values{"code": {"BBBB-BBBB"}}); p.status != http.StatusNotFound {
		t.Errorf("somebody else types a code: %d, want 404", p.status)
	}
	// Whoever has 2^64 addresses of version 6 has one share, too.
	refused := 0
	for i := range many {
		if got := l.raw(http.MethodPost, api.PathSignInDevice, "", `{}`, "X-Forwarded-For", fmt.Sprintf("2001:db8::%x", i+1)); got.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < many/2 {
		t.Errorf("%d of %d requests of one network were refused, want most", refused, many)
	}
}

// Under https cookies are bound to this host: what a sibling domain sets is none
// of ours, and where there are two of one name neither counts.
func TestCookiesAreBoundToTheHost(t *testing.T) {
	l := newLobby(t, func(o *signin.Options) { o.Server = "https://pullpass.example" })
	l.invite(l.ours, "ada@example.com", pullpass.RoleOwner, "")
	for name, set := range map[string]string{
		"sign-in":   postedCookie(t, l, l.line().link()),
		"dashboard": gotCookie(t, l.url+api.PathDashboardSignIn),
	} {
		for _, want := range []string{"__Host-pullpass_sign_in=", "; Path=/;", "Secure", "HttpOnly", "SameSite=Lax"} {
			if !strings.Contains(set, want) {
				t.Errorf("%s: the cookie is %q, want %q in it", name, set, want)
			}
		}
		if strings.Contains(set, "Domain") {
			t.Errorf("%s: the cookie is %q, want no domain", name, set)
		}
	}
	if got := l.raw(http.MethodGet, api.PathLive, "", "").header.Get("Strict-Transport-Security"); got == "" {
		t.Error("no answer tells browsers to stay with https")
	}
	session := l.session("ada@example.com")
	home := l.url + api.PathDashboard
	if p := newVisitor(t).open(home, nil, "Cookie", "__Host-pullpass_session="+session); p.status != http.StatusOK {
		t.Fatalf("the dashboard with its cookie: %d", p.status)
	}
	for _, cookie := range []string{"pullpass_session=" + session, "__Host-pullpass_session=" + session + "; __Host-pullpass_session=x"} {
		if p := newVisitor(t).open(home, nil, "Cookie", cookie); p.status != http.StatusUnauthorized {
			t.Errorf("the dashboard with another cookie: %d, want 401", p.status)
		}
	}
}

// session begins a session without the way there.
func (l *lobby) session(email string) string {
	l.t.Helper()
	_, members, err := l.db.SignIn(l.t.Context(), pullpass.User{Issuer: l.idp.URL, Subject: "ada", Email: email, Name: "Ada"})
	must(l.t, err)
	text := pullpass.NewBearer(pullpass.TokenSession)
	_, hash, _ := pullpass.HashBearer(text.Reveal())
	_, err = l.db.CreateSession(l.t.Context(), members[0].Organization, members[0].ID,
		pullpass.Token{Kind: pullpass.TokenSession, Name: email, Hash: hash, ExpiresAt: l.clock.now().Add(time.Hour)})
	must(l.t, err)
	return text.Reveal()
}

func gotCookie(t *testing.T, address string) string {
	t.Helper()
	return setCookie(t, address, nil)
}

func postedCookie(t *testing.T, l *lobby, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	must(t, err)
	return setCookie(t, l.url+api.PathSignIn, u.Query())
}

func setCookie(t *testing.T, address string, form url.Values) string {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	must(t, resp.Body.Close())
	return resp.Header.Get("Set-Cookie")
}
