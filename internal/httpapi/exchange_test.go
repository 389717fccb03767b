package httpapi_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/identity"
)

// ciSystem is a CI system's issuer over https.
type ciSystem struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newCISystem(t *testing.T) *ciSystem {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	c := &ciSystem{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": c.URL, "jwks_uri": c.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	})
	c.Server = httptest.NewTLSServer(mux)
	t.Cleanup(c.Close)
	return c
}

// token is a GitLab job's id_token, with changes.
func (c *ciSystem) token(t *testing.T, changes ...any) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": c.URL, "aud": "pullpass", "sub": "project_path:acme/app:ref_type:branch:ref:main", "project_path": "acme/app",
		"ref": "main", "jti": rand.Text(), "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	for i := 0; i+1 < len(changes); i += 2 {
		claims[changes[i].(string)] = changes[i+1] //nolint:forcetypeassert // written here
	}
	return c.sign(t, claims, "JWT", c.key)
}

func (c *ciSystem) sign(t *testing.T, claims map[string]any, typ jose.ContentType, key any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType(typ).WithHeader("kid", "one"))
	must(t, err)
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	must(t, err)
	return text
}

func (r *realWorld) trustCI(o *tenant, c *ciSystem, p pullpass.ProjectID, name string, action pullpass.Action) api.Trust {
	r.t.Helper()
	trust, err := o.CreateTrust(r.t.Context(), api.NewTrust{Name: name, Issuer: c.URL, Audience: "pullpass", Project: p, Action: action,
		Conditions: []string{"project_path=acme/app", "ref~ma*"}})
	must(r.t, err)
	return trust
}

func (r *realWorld) post(form url.Values) (status int, body map[string]any, header http.Header) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+api.PathExchange, strings.NewReader(form.Encode()))
	must(r.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := r.http.Do(req)
	must(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	must(r.t, json.NewDecoder(resp.Body).Decode(&body))
	return resp.StatusCode, body, resp.Header
}

func exchangeForm(org pullpass.OrganizationID, token string, changes ...string) url.Values {
	form := url.Values{"grant_type": {api.GrantTokenExchange}, "subject_token_type": {api.TokenTypeJWT}, "subject_token": {token}, "organization": {string(org)}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// Of a shared issuer anybody has a token: one that was made for somebody else is
// refused without a record, one that was made for us is recorded.
func TestTokensForOthersLeaveNoRecord(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, _ := r.tenants()
	ci := newCISystem(t)
	r.trustCI(ours, ci, ours.project("app").ID, "gitlab", pullpass.ActionPull)
	for _, test := range []struct {
		audience string
		want     int
	}{{"somebody-else", 0}, {"pullpass", 1}} {
		if status, body, _ := r.post(exchangeForm(ours.org, ci.token(t, "aud", test.audience, "ref", "other"))); status != http.StatusBadRequest {
			t.Fatalf("a token that meets no trust: %d %v", status, body)
		}
		list, err := r.db.Events(t.Context(), ours.org, pullpass.EventFilter{Action: "token.exchange"}, pullpass.Page{})
		must(t, err)
		if len(list.Items) != test.want {
			t.Errorf("a refused token for %q left %d records in all, want %d", test.audience, len(list.Items), test.want)
		}
	}
}

// A CI job's token buys one for its project, to pull or to push, for a while.
func TestExchange(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, theirs := r.tenants()
	ci := newCISystem(t)
	app, other := ours.project("app"), ours.project("other")
	ours.basic(app.ID, "hub")
	trust := r.trustCI(ours, ci, app.ID, "gitlab", pullpass.ActionPull)
	status, body, header := r.post(exchangeForm(ours.org, ci.token(t)))
	if status != http.StatusOK || body["token_type"] != "Bearer" || body["issued_token_type"] != api.TokenTypeAccess || body["scope"] != "pull" || body["expires_in"].(float64) > 600 || body["expires_in"].(float64) < 500 || // the job's token has ten minutes
		header.Get("Cache-Control") != "no-store" || header.Get("Content-Type") != api.ContentType {
		t.Fatalf("exchange = %d %v %v", status, body, header)
	}
	byIssuer := exchangeForm("", ci.token(t), "audience", r.provider.Issuer(ours.org), "project", "app")
	if status, body, _ := r.post(byIssuer); status != http.StatusOK {
		t.Errorf("by the organization's issuer URL, for a project by name: %d %v", status, body)
	}
	text, _ := body["access_token"].(string)
	if !strings.HasPrefix(text, "ppci_") {
		t.Errorf("the token begins with %.5s, want ppci_", text)
	}
	job := r.client(pullpass.NewSecret(text))
	self, err := job.Self(t.Context())
	if err != nil || self.Kind != pullpass.CallerCI || self.Project != app.ID || self.Role != "" {
		t.Errorf("Self = %+v, %v", self, err)
	}
	ask := api.CredentialRequest{Project: app.ID, Host: "hub.example.com", Repository: "team/app"}
	for _, named := range []pullpass.ProjectID{app.ID, "app", ""} { // its id, its name, and nothing: the token has one project
		ask.Project = named
		if _, err := job.Credential(t.Context(), ask); err != nil {
			t.Errorf("to pull for its project as %q: %v", named, err)
		}
		if hosts, err := job.CredentialHosts(t.Context(), named); err != nil || len(hosts) != 1 {
			t.Errorf("the hosts of its project as %q: %v, %v", named, hosts, err)
		}
	}
	for _, named := range []pullpass.ProjectID{other.ID, "other", "nobodys"} {
		_, err := job.CredentialHosts(t.Context(), named)
		wantKind(t, "the hosts of "+string(named), err, pullpass.NotFound)
		ask.Project = named
		_, err = job.Credential(t.Context(), ask)
		wantKind(t, "a credential of "+string(named), err, pullpass.NotFound)
	}
	if got, err := ours.Exchange(t.Context(), r.organizationName(ours), pullpass.NewSecret(ci.token(t)), "app", ""); err != nil || got.Scope != pullpass.ActionPull {
		t.Errorf("for the organization by name: %+v, %v", got, err)
	}
	_, unknown := ours.Exchange(t.Context(), "nobodys", pullpass.NewSecret(ci.token(t)), "", "")
	_, untrusting := ours.Exchange(t.Context(), r.organizationName(theirs), pullpass.NewSecret(ci.token(t)), "", "")
	if unknown == nil || untrusting == nil || unknown.Error() != untrusting.Error() {
		t.Errorf("an organization that is not there: %v; one that trusts nobody: %v; want the same refusal", unknown, untrusting)
	}
	ask.Project = app.ID
	ask.Action = pullpass.ActionPush
	_, err = job.Credential(t.Context(), ask)
	wantKind(t, "to push with a token for pulling", err, pullpass.Denied)
	ask.Project, ask.Action = other.ID, pullpass.ActionPull
	_, err = job.Credential(t.Context(), ask)
	wantKind(t, "for another project", err, pullpass.NotFound)
	_, err = job.Projects(t.Context(), pullpass.Page{})
	wantKind(t, "to read projects", err, pullpass.Denied)

	r.trustCI(ours, ci, other.ID, "gitlab-push", pullpass.ActionPush)
	ours.basic(other.ID, "push")
	status, body, _ = r.post(exchangeForm(ours.org, ci.token(t), "project", string(other.ID)))
	if status != http.StatusOK || body["scope"] != "push" {
		t.Fatalf("exchange for the other project = %d %v", status, body)
	}
	text, _ = body["access_token"].(string)
	if _, err := r.client(pullpass.NewSecret(text)).Credential(t.Context(), api.CredentialRequest{Project: other.ID, Host: "push.example.com", Repository: "a", Action: pullpass.ActionPush}); err != nil {
		t.Errorf("to push where push is trusted: %v", err)
	}
	if status, body, _ := r.post(exchangeForm(ours.org, ci.token(t), "project", "other", "scope", "pull")); status != http.StatusOK || body["scope"] != "pull" {
		t.Errorf("scope narrowed to pull = %d %v", status, body)
	}
	if status, body, _ := r.post(exchangeForm(ours.org, ci.token(t), "project", "app", "scope", "push")); status != http.StatusBadRequest || body["error"] != "invalid_scope" {
		t.Errorf("scope widened to push = %d %v", status, body)
	}
	must(t, ours.DeleteTrust(t.Context(), trust.ID))
	_, err = job.Self(t.Context())
	wantKind(t, "a token of a trust that is no more", err, pullpass.Unauthenticated)
	r.clock.forward(2 * time.Hour)
	_, err = r.client(pullpass.NewSecret(text)).Self(t.Context())
	wantKind(t, "an exchanged token after its life", err, pullpass.Unauthenticated)
	r.exchangesRecorded(ours)
}

func (r *realWorld) organizationName(o *tenant) string {
	r.t.Helper()
	self, err := o.Self(r.t.Context())
	must(r.t, err)
	return self.Organization.Name
}

func (r *realWorld) exchangesRecorded(o *tenant) {
	r.t.Helper()
	n := 0
	for e, err := range o.AllEvents(r.t.Context(), pullpass.EventFilter{Action: "token.exchange"}) {
		must(r.t, err)
		n++
		if e.Detail["subject"] == "" || e.Detail["issuer"] == "" || e.Detail["jti"] == "" || e.Caller.Kind != pullpass.CallerCI {
			r.t.Errorf("record %+v, want it to say whose token it was", e)
		}
	}
	if n == 0 {
		r.t.Error("exchanges left no record")
	}
}

// What is not exactly a good token of a trusted issuer is refused, in OAuth's words
// and in ours. The verifier's own attack list is in internal/identity.
func TestExchangeRefusesTheAttackList(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, theirs := r.tenants()
	ci, stranger := newCISystem(t), newCISystem(t)
	p, address := r.proved(ours, "app", "acme/app")
	_ = address
	r.trustCI(ours, ci, p.ID, "gitlab", pullpass.ActionPull)
	if status, body, _ := r.post(exchangeForm(ours.org, ci.token(t))); status != http.StatusOK {
		t.Fatalf("a good token: %d %v; the rest would prove nothing", status, body)
	}
	good := ci.token(t)
	parts := strings.Split(good, ".")
	environment, err := r.inside(ours, p.ID, "dev", "main").AgentToken(t.Context(), api.IdentityTokenRequest{Audience: []string{"pullpass"}})
	must(t, err)
	now := time.Now()
	claims := map[string]any{"iss": ci.URL, "aud": "pullpass", "project_path": "acme/app", "ref": "main", "exp": now.Add(time.Minute).Unix()}
	tokens := map[string]string{
		"none":                  encoded(`{"alg":"none","kid":"one"}`) + "." + parts[1] + ".",
		"NONE":                  encoded(`{"alg":"NONE","kid":"one"}`) + "." + parts[1] + ".",
		"HS256":                 encoded(`{"alg":"HS256","kid":"one"}`) + "." + parts[1] + "." + parts[2],
		"header jwk":            encoded(`{"alg":"RS256","kid":"one","jwk":{}}`) + "." + parts[1] + "." + parts[2],
		"header jku":            encoded(`{"alg":"RS256","kid":"one","jku":"`+stranger.URL+`/keys"}`) + "." + parts[1] + "." + parts[2],
		"header x5u":            encoded(`{"alg":"RS256","kid":"one","x5u":"https://x"}`) + "." + parts[1] + "." + parts[2],
		"crit":                  encoded(`{"alg":"RS256","kid":"one","crit":["x"]}`) + "." + parts[1] + "." + parts[2],
		"kid traversal":         encoded(`{"alg":"RS256","kid":"../one"}`) + "." + parts[1] + "." + parts[2],
		"duplicate claims":      parts[0] + "." + encoded(`{"aud":"x","aud":"pullpass"}`) + "." + parts[2],
		"signed by a stranger":  ci.sign(t, claims, "JWT", stranger.key),
		"of a stranger":         stranger.token(t),
		"another kind of token": ci.sign(t, claims, "at+jwt", ci.key),
		"audience prefix":       ci.token(t, "aud", "pullpass.evil"),
		"audience trick":        ci.token(t, "aud", []any{[]string{"pullpass"}}),
		"issuer with a slash":   ci.token(t, "iss", ci.URL+"/"),
		"expired":               ci.token(t, "exp", now.Add(-time.Hour).Unix()),
		"huge exp":              ci.token(t, "exp", 1e18),
		"negative exp":          ci.token(t, "exp", -1),
		"no exp":                ci.token(t, "exp", nil),
		"not yet":               ci.token(t, "nbf", now.Add(time.Hour).Unix()),
		"another project's":     ci.token(t, "project_path", "acme/other"),
		"a list of projects":    ci.token(t, "project_path", []string{"acme/app"}),
		"JWE":                   "a.b.c.d.e",
		"cut":                   good[:len(good)-5],
		"our API token":         ours.token.Reveal(),
		"our identity token":    environment.Token.Secret().Reveal(),
	}
	for name, token := range tokens {
		status, body, _ := r.post(exchangeForm(ours.org, token))
		if status != http.StatusBadRequest || body["error"] != "invalid_grant" || body["detail"] == "" || body["kind"] == "" || body["access_token"] != nil {
			t.Errorf("%s: %d %v, want 400 invalid_grant", name, status, body)
		}
	}
	forms := map[string]struct {
		form url.Values
		want string
	}{
		"another organization":        {exchangeForm(theirs.org, good), "invalid_grant"},
		"no such organization":        {exchangeForm(pullpass.NewOrganizationID(), good), "invalid_grant"},
		"not an organization":         {exchangeForm("acme/../org", good), "invalid_target"},
		"another server's issuer":     {exchangeForm("", good, "audience", "https://evil.example/o/"+string(ours.org)), "invalid_target"},
		"another project":             {exchangeForm(ours.org, good, "project", "nothing"), "invalid_grant"},
		"another grant":               {exchangeForm(ours.org, good, "grant_type", "password"), "unsupported_grant_type"},
		"another type":                {exchangeForm(ours.org, good, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"},
		"no token":                    {exchangeForm(ours.org, ""), "invalid_request"},
		"delegation":                  {exchangeForm(ours.org, good, "actor_token", good), "invalid_request"},
		"a refresh token asked for":   {exchangeForm(ours.org, good, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
		"a parameter twice":           {url.Values{"grant_type": {api.GrantTokenExchange}, "subject_token_type": {api.TokenTypeJWT}, "subject_token": {good, good}, "organization": {string(ours.org)}}, "invalid_request"},
		"a scope that there is not":   {exchangeForm(ours.org, good, "scope", "admin"), "invalid_scope"},
		"several scopes":              {exchangeForm(ours.org, good, "scope", "pull push"), "invalid_scope"},
		"an organization with a null": {exchangeForm(ours.org+"\x00", good), "invalid_target"},
	}
	for name, c := range forms {
		status, body, _ := r.post(c.form)
		if status != http.StatusBadRequest || body["error"] != c.want || body["access_token"] != nil {
			t.Errorf("%s: %d %v, want 400 %s", name, status, body, c.want)
		}
	}
	if a, b := forms["another organization"], forms["no such organization"]; !sameAnswer(r, a.form, b.form) {
		t.Error("an organization that trusts nobody is told from one that is not there")
	}
}

func sameAnswer(r *realWorld, a, b url.Values) bool {
	status, first, _ := r.post(a)
	other, second, _ := r.post(b)
	x, _ := json.Marshal(first)
	y, _ := json.Marshal(second)
	return status == other && string(x) == string(y)
}

// A token of one kind is never taken for one of another.
func TestKindsOfTokensAreApart(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, _ := r.tenants()
	ci := newCISystem(t)
	p := ours.project("app")
	r.trustCI(ours, ci, p.ID, "gitlab", pullpass.ActionPull)
	exchanged, err := ours.Exchange(t.Context(), string(ours.org), pullpass.NewSecret(ci.token(t)), "", "")
	must(t, err)
	job := exchanged.AccessToken.Secret()
	_, _, err = r.client(pullpass.Secret{}).Join(t.Context(), job, pullpass.RunnerDocker, pullpass.RunnerReport{})
	wantKind(t, "a CI token to join a runner", err, pullpass.Unauthenticated)
	_, _, err = r.client(pullpass.Secret{}).Setup(t.Context(), job, "x1", "x1")
	wantKind(t, "a CI token to set the server up", err, pullpass.Unauthenticated)
	_, err = r.client(job).IdentityToken(t.Context(), pullpass.NewEnvironmentID(), forAWS)
	wantKind(t, "a CI token for an identity token", err, pullpass.Denied)
	_, err = r.client(job).CreateTrust(t.Context(), api.NewTrust{Name: "x1", Issuer: ci.URL, Audience: "x", Conditions: []string{"a=b"}, Project: p.ID})
	wantKind(t, "a CI token to trust an issuer", err, pullpass.Denied)
	_, join, err := ours.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	must(t, err)
	for name, token := range map[string]pullpass.Secret{"a join token": join, "the CI system's token": pullpass.NewSecret(ci.token(t)),
		"a CI token with another prefix": pullpass.NewSecret("ppat_" + strings.TrimPrefix(job.Reveal(), "ppci_"))} {
		_, err := r.client(token).Self(t.Context())
		wantKind(t, name+" as a bearer", err, pullpass.Unauthenticated)
	}
}

func TestTrustTestExplains(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, _ := r.tenants()
	ci := newCISystem(t)
	p := ours.project("app")
	r.trustCI(ours, ci, p.ID, "gitlab", pullpass.ActionPull)
	for _, c := range []struct {
		token    string
		accepted bool
		failing  string
	}{{ci.token(t), true, ""}, {ci.token(t, "ref", "feature"), false, "ref"}, {ci.token(t, "aud", "x"), false, "aud"}} {
		got, err := ours.TestTrust(t.Context(), pullpass.NewSecret(c.token))
		must(t, err)
		if got.Accepted != c.accepted || len(got.Matches) != 1 || len(got.Matches[0].Claims) != 3 {
			t.Errorf("TestTrust = %+v, want accepted %v and three claims", got, c.accepted)
			continue
		}
		for _, claim := range got.Matches[0].Claims {
			if claim.OK == (claim.Claim == c.failing) {
				t.Errorf("claim %+v, want only %q to fail", claim, c.failing)
			}
		}
	}
	got, err := ours.TestTrust(t.Context(), pullpass.NewSecret("not a token"))
	if err != nil || got.Accepted || got.Cause == "" {
		t.Errorf("TestTrust of nonsense = %+v, %v, want a cause", got, err)
	}
	for name, in := range map[string]api.NewTrust{
		"anybody on GitHub": {Issuer: "https://token.actions.githubusercontent.com", Conditions: []string{"ref=refs/heads/main"}},
		"any repository":    {Issuer: "https://token.actions.githubusercontent.com", Conditions: []string{"sub~repo:*/*"}},
		"everything":        {Issuer: ci.URL, Conditions: []string{"sub~*"}},
		"a wildcard in =":   {Issuer: ci.URL, Conditions: []string{"sub=repo:*"}},
		"no condition":      {Issuer: ci.URL},
		"no URL":            {Issuer: "gitlab", Conditions: []string{"a=b"}},
		"a query":           {Issuer: ci.URL + "?x", Conditions: []string{"a=b"}},
	} {
		in.Name, in.Audience, in.Project = "wide", "pullpass", p.ID
		_, err := ours.CreateTrust(t.Context(), in)
		wantKind(t, name, err, pullpass.Invalid)
	}
}

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
