package main

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/signin/signintest"
)

// signInServer is the real server, all parts joined, with a provider.
func signInServer(t *testing.T) (*signintest.Provider, *client.Client) {
	t.Helper()
	dir := t.TempDir()
	// The provider knows the redirect address before the server starts, so the
	// server's port is chosen first.
	listener, _, err := listen(t.Context(), &config.Server{Listen: "127.0.0.1:0"})
	ok(t, err)
	address := listener.Addr().String()
	ok(t, listener.Close())
	idp := signintest.New(t, "http://"+address+api.PathSignInCallback, pullpass.NewSecret("client-secret"))
	secret := filepath.Join(dir, "client-secret")
	ok(t, os.WriteFile(secret, []byte(idp.Secret.Reveal()+"\n"), 0o600))
	c := &config.Server{Listen: address, URL: "http://" + address, Data: filepath.Join(dir, "data"),
		People: config.People{OIDCIssuer: idp.URL, OIDCClientID: signintest.ClientID, OIDCClientSecret: secret, OIDCDomains: []string{"example.com"}}}
	ok(t, c.Check())
	running, err := startServer(t.Context(), c, slog.New(slog.DiscardHandler))
	ok(t, err)
	t.Cleanup(running.stop)
	first, err := client.New(running.url)
	ok(t, err)
	_, owner, err := first.Setup(t.Context(), running.setup, "acme", "ada")
	ok(t, err)
	as, err := client.New(running.url, client.WithToken(owner))
	ok(t, err)
	return idp, as
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
}

var (
	consentForm = regexp.MustCompile(`<form method="post" action="([a-z/-]+)">\s*<input type="hidden"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)
	shownWord   = regexp.MustCompile(`<strong>([A-Z]{4}-[A-Z]{4})</strong>`)
)

// browse does what a person with a browser does, until there is nothing to click.
func browse(t *testing.T, link, who string, form url.Values, terminal func() string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	ok(t, err)
	browser := &http.Client{Jar: jar}
	// visit is what entering an address or sending a form does, redirects included.
	visit := func(address string, form url.Values) (at, page string) {
		method := http.MethodGet
		if form != nil {
			method = http.MethodPost
		}
		req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			t.Error(err)
			return "", ""
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := browser.Do(req)
		if err != nil {
			t.Error(err)
			return "", ""
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.Request.URL.String(), string(b)
	}
	at, page := visit(link, nil)
	if form != nil {
		at, page = visit(link, form)
	}
	// The person compares the word with the terminal's, and says yes.
	if answer := consentForm.FindStringSubmatch(page); answer != nil {
		u, err := url.Parse(at)
		ok(t, err)
		u.Path, u.RawQuery = answer[1], ""
		yes := url.Values{}
		for _, field := range hiddenField.FindAllStringSubmatch(page, -1) {
			yes.Set(field[1], html.UnescapeString(field[2]))
		}
		if word := shownWord.FindStringSubmatch(page); word == nil || !strings.Contains(terminal(), word[1]) {
			t.Errorf("the page shows the word %q, and the terminal says %q", word, terminal())
		}
		at, page = visit(u.String(), yes)
	} else {
		t.Errorf("no page asks for consent: %s", page)
	}
	if strings.Contains(page, `name="login"`) {
		visit(at, url.Values{"login": {who}})
	}
}

// guess brings a code of its own to the address at which a command line waits.
func guess(t *testing.T, link string) int {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Error(err)
		return 0
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.Query().Get("redirect_uri")+"?state=guess&code=evil", nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

func TestThroughBrowser(t *testing.T) {
	idp, owner := signInServer(t)
	idp.Person("grace", "grace@example.com", true, nil)
	_, err := owner.AddMember(t.Context(), pullpass.Member{Email: "Grace@example.com", Role: pullpass.RoleAuditor})
	ok(t, err)
	anonymous, err := client.New(owner.Base())
	ok(t, err)
	var talk bytes.Buffer
	var visits sync.WaitGroup
	open := func(who string) func(context.Context, string) error {
		return func(_ context.Context, link string) error {
			visits.Go(func() {
				// Somebody else finds the port, and comes first.
				if got := guess(t, link); got != http.StatusForbidden {
					t.Errorf("a guessed state at the loopback address: %d, want 403", got)
				}
				browse(t, link, who, nil, talk.String)
			})
			return nil
		}
	}
	token, err := throughBrowser(t.Context(), newTerminal(nil, io.Discard, &talk, false), anonymous, wish{}, open("grace"))
	visits.Wait()
	ok(t, err)
	session, err := client.New(owner.Base(), client.WithToken(token))
	ok(t, err)
	self, err := session.Self(t.Context())
	if err != nil || self.Kind != pullpass.CallerUser || self.Role != pullpass.RoleAuditor || self.Name != "grace@example.com" {
		t.Errorf("Self() = %+v, %v, want Grace, an auditor", self, err)
	}
	if strings.Contains(talk.String(), token.Reveal()) {
		t.Error("the session is shown on the terminal")
	}
	ok(t, session.SignOut(t.Context()))
	if _, err := session.Self(t.Context()); !pullpass.IsKind(err, pullpass.Unauthenticated) {
		t.Errorf("Self() after signing out: %v, want unauthenticated", err)
	}

	idp.Person("eve", "eve@example.com", true, nil)
	_, err = throughBrowser(t.Context(), newTerminal(nil, io.Discard, &talk, false), anonymous, wish{}, open("eve"))
	visits.Wait()
	if !pullpass.IsKind(err, pullpass.Denied) || !strings.Contains(pullpass.HintOf(err), "member add") {
		t.Errorf("somebody who was not invited: %v, want denied, with what an owner can do", err)
	}
}

// typing watches what the terminal says and does what it asks for.
type typing struct {
	mu   sync.Mutex
	text bytes.Buffer
	do   func(address, code string)
	once sync.Once
}

var instruction = regexp.MustCompile(`go to (\S+) and type the code:\s+([A-Z]{4}-[A-Z]{4})`)

func (y *typing) Write(b []byte) (int, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.text.Write(b)
	if m := instruction.FindStringSubmatch(y.text.String()); m != nil {
		y.once.Do(func() { y.do(m[1], m[2]) })
	}
	return len(b), nil
}

func (y *typing) said() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.text.String()
}

func TestThroughDevice(t *testing.T) {
	idp, owner := signInServer(t)
	idp.Person("grace", "grace@example.com", true, nil)
	p, err := owner.CreateProject(t.Context(), pullpass.Project{Name: "payments"})
	ok(t, err)
	_, err = owner.AddMember(t.Context(), pullpass.Member{Email: "grace@example.com", Role: pullpass.RoleDeveloper, Project: p.ID})
	ok(t, err)
	anonymous, err := client.New(owner.Base())
	ok(t, err)
	var visits sync.WaitGroup
	person := &typing{}
	person.do = func(address, code string) {
		visits.Go(func() { browse(t, address, "grace", url.Values{"code": {code}}, person.said) })
	}
	token, err := throughDevice(t.Context(), newTerminal(nil, io.Discard, person, false), anonymous, wish{Project: "payments"})
	visits.Wait()
	ok(t, err)
	session, err := client.New(owner.Base(), client.WithToken(token))
	ok(t, err)
	self, err := session.Self(t.Context())
	if err != nil || self.Role != pullpass.RoleDeveloper || self.Project != p.ID {
		t.Errorf("Self() = %+v, %v, want a developer of payments", self, err)
	}
}
