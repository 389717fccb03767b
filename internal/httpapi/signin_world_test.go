package httpapi_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/signin"
	"github.com/pullpass/pullpass/internal/signin/signintest"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/web"
)

// lobby is a server with an OpenID provider, and two organizations.
type lobby struct {
	*world
	idp          *signintest.Provider
	ours, theirs *tenant
}

// newLobby changes the provider's options before the server starts.
func newLobby(t *testing.T, change func(*signin.Options)) *lobby {
	t.Helper()
	keyFile, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	w := &world{t: t, log: &logbook{}, issuer: &issuer{}, clock: &clock{}, dir: t.TempDir()}
	w.db, err = sqlite.Open(t.Context(), filepath.Join(w.dir, "pullpass.db"), seal.NewKeyring(keyFile), store.Options{Now: w.clock.now})
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	door := audit.NewDoor(w.db, audit.Options{})
	t.Cleanup(func() { must(t, door.Close()) })
	w.door = &faultyDoor{Auditor: door}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	w.url = "http://" + server.Listener.Addr().String()
	idp := signintest.New(t, w.url+api.PathSignInCallback, pullpass.NewSecret("client-secret-"+canary))
	o := signin.Options{Issuer: idp.URL, ClientID: signintest.ClientID, ClientSecret: idp.Secret, Server: w.url, HTTP: newEgress(t, hostPort(t, idp.URL)), Now: w.clock.now}
	if change != nil {
		change(&o)
	}
	provider, err := signin.New(o)
	must(t, err)
	proxies, err := httpapi.ParseProxies([]string{"127.0.0.1"})
	must(t, err)
	w.Server, err = httpapi.New(httpapi.Options{Store: w.db, Issuer: w.issuer, Auditor: w.door, Now: w.clock.now, SignIn: provider, Dashboard: web.Dashboard, Proxies: proxies,
		Logger: slog.New(slog.NewJSONHandler(w.log, nil))})
	must(t, err)
	server.Config.Handler = w
	server.Start()
	t.Cleanup(server.Close)
	w.setup, err = w.SetupToken(t.Context())
	must(t, err)
	l := &lobby{world: w, idp: idp, ours: w.first(), theirs: w.second()}
	idp.Person("ada", "ada@example.com", true, nil)
	return l
}

func (l *lobby) invite(o *tenant, email string, role pullpass.Role, p pullpass.ProjectID) {
	l.t.Helper()
	_, err := l.db.CreateMember(l.t.Context(), pullpass.Member{Organization: o.org, Project: p, Email: email, Role: role})
	must(l.t, err)
}

// line is a command line that signs in: what only it knows.
type line struct {
	l                         *lobby
	state, verifier, redirect string
}

func (l *lobby) line() line {
	return line{l, signin.NewText(), signin.NewText(), "http://127.0.0.1:49152/callback"}
}

func (c line) link(more ...string) string {
	q := url.Values{"redirect_uri": {c.redirect}, "state": {c.state}, "code_challenge": {signin.Challenge(c.verifier)}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Del(more[i])
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	return c.l.url + api.PathSignIn + "?" + q.Encode()
}

func (c line) redeem(code string) (api.SignedIn, reply) {
	c.l.t.Helper()
	return c.l.redeem(`{"code":"` + code + `","code_verifier":"` + c.verifier + `"}`)
}

func (l *lobby) redeem(body string) (s api.SignedIn, got reply) {
	l.t.Helper()
	got = l.raw(http.MethodPost, api.PathSignInSession, "", body)
	if got.status == http.StatusOK {
		must(l.t, json.Unmarshal([]byte(got.body), &s))
	}
	return s, got
}

// visitor is a browser with its own cookies, whose redirects are walked by hand.
type visitor struct {
	t    *testing.T
	http *http.Client
}

func newVisitor(t *testing.T) visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return visitor{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is what a visitor sees, and where it is.
type page struct {
	status int
	at     string
	next   string // where it redirects to
	body   string
}

func (v visitor) open(address string, form url.Values, headers ...string) page {
	v.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, body)
	must(v.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := v.http.Do(req)
	must(v.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(v.t, err)
	p := page{status: resp.StatusCode, at: address, body: string(b)}
	if location, err := resp.Location(); err == nil {
		p.next = location.String()
	}
	return p
}

// login goes to where the server sent the visitor, logs in there, and returns the
// address that the provider sends the visitor back to, not yet visited.
func (v visitor) login(authorize, who string) string {
	v.t.Helper()
	if p := v.open(authorize, nil); p.status != 200 || !strings.Contains(p.body, `name="login"`) {
		return p.next // refused already
	}
	return v.open(authorize, url.Values{"login": {who}}).next
}

// begin follows a command line's link and says yes on the page that it leads to.
func (v visitor) begin(link string) page {
	v.t.Helper()
	p := v.open(link, nil)
	if p.status != http.StatusOK || !strings.Contains(p.body, `action="/sign-in"`) {
		return p
	}
	u, err := url.Parse(link)
	must(v.t, err)
	form := u.Query()
	u.RawQuery = ""
	return v.open(u.String(), form)
}

// typeCode types a device's code and says yes on the page that comes then.
func (v visitor) typeCode(address, code string) page {
	v.t.Helper()
	p := v.open(address, url.Values{"code": {code}})
	return v.open(address, url.Values{"code": {code}, "word": {wordOf(p)}})
}

var shownWord = regexp.MustCompile(`name="word" value="([A-Z-]+)"`)

func wordOf(p page) string {
	m := shownWord.FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return m[1]
}

// through walks the whole way and returns where the visitor ends.
func (v visitor) through(link, who string) page {
	v.t.Helper()
	start := v.begin(link)
	if start.next == "" {
		v.t.Fatalf("%s: %d %s, want a redirect to the provider", link, start.status, start.body)
	}
	return v.open(v.login(start.next, who), nil)
}

func param(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u.Query().Get(name)
}

func withParam(t *testing.T, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	q := u.Query()
	q.Del(name)
	if value != "" {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// hostPort is what the operator allows for egress.
func hostPort(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	must(t, err)
	return u.Host
}
