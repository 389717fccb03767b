// Package signintest is an OpenID provider that is not ours, for tests.
//
// The one idea: what signs people in is proved against ory/fosite, over real
// HTTP, with a login page of its own, and not against our reading of the
// standard.
//
//	p := signintest.New(t, server+api.PathSignInCallback)
//	p.Person("ada", "ada@example.com", true, nil)
//	provider, err := signin.New(signin.Options{Issuer: p.URL, ClientID: signintest.ClientID, ClientSecret: p.Secret, …})
package signintest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"html/template"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"

	"github.com/pullpass/pullpass"
)

// Provider is an OpenID provider: ory/fosite. It demands PKCE and a client secret.
type Provider struct {
	URL    string
	Secret pullpass.Secret // of the client
	// Tamper changes what a token says, as a provider gone bad would; Alias is
	// another name in its discovery document. Both are set before the first login.
	Tamper func(*jwt.IDTokenClaims)
	Alias  string

	t      *testing.T
	oauth  fosite.OAuth2Provider
	config *fosite.Config
	key    *rsa.PrivateKey

	mu     sync.Mutex
	people map[string]map[string]any // claims, by what is typed at the login
}

// ClientID is what the provider calls its one client.
const ClientID = "pullpass"

// New starts a provider that sends people back to redirect.
func New(t *testing.T, redirect string, secret pullpass.Secret) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{t: t, Secret: secret, key: key, people: map[string]map[string]any{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.URL = server.URL
	p.config = &fosite.Config{
		IDTokenIssuer: p.URL, EnforcePKCE: true, GlobalSecret: []byte("32 bytes that nobody has to know"),
		HashCost: 4, AuthorizeCodeLifespan: time.Minute, IDTokenLifespan: time.Minute,
	}
	hash, err := (&fosite.BCrypt{Config: p.config}).Hash(t.Context(), []byte(secret.Reveal()))
	p.must(err)
	store := storage.NewMemoryStore()
	store.Clients[ClientID] = &fosite.DefaultClient{
		ID: ClientID, Secret: hash, RedirectURIs: []string{redirect}, ResponseTypes: []string{"code"},
		GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid", "email", "profile"},
	}
	p.oauth = compose.ComposeAllEnabled(p.config, store, key)
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	return p
}

// Person can sign in at the provider from now on.
func (p *Provider) Person(login, email string, verified any, more map[string]any) {
	claims := map[string]any{"email": email, "email_verified": verified, "name": login}
	for name, value := range more {
		claims[name] = value
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people[login] = claims
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer := p.URL
	if p.Alias != "" {
		issuer = p.Alias
	}
	p.must(json.NewEncoder(w).Encode(map[string]any{
		"issuer": issuer, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{
			"RS256",
		}, "subject_types_supported": []string{"public"}, "response_types_supported": []string{"code"},
	}))
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.must(
		json.NewEncoder(w).
			Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}}),
	)
}

var loginPage = template.Must(template.New("login").Parse(`<form method="post"><input name="login"></form>`))

func (p *Provider) authorize(w http.ResponseWriter, req *http.Request) {
	ctx := req.Context()
	ar, err := p.oauth.NewAuthorizeRequest(ctx, req)
	if err != nil {
		p.oauth.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	p.mu.Lock()
	claims, known := p.people[req.PostFormValue("login")]
	p.mu.Unlock()
	if !known {
		p.must(loginPage.Execute(w, nil))
		return
	}
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	session := openid.NewDefaultSession()
	session.Claims = &jwt.IDTokenClaims{
		Issuer:      p.URL,
		Subject:     "sub-of-" + req.PostFormValue("login"),
		RequestedAt: time.Now(),
		AuthTime:    time.Now(),
		Extra:       claims,
	}
	session.Headers = &jwt.Headers{Extra: map[string]any{"kid": "1"}}
	session.Subject = session.Claims.Subject
	if p.Tamper != nil {
		p.Tamper(session.Claims)
	}
	response, err := p.oauth.NewAuthorizeResponse(ctx, ar, session)
	if err != nil {
		p.oauth.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	p.oauth.WriteAuthorizeResponse(ctx, w, ar, response)
}

func (p *Provider) token(w http.ResponseWriter, req *http.Request) {
	ctx := req.Context()
	ar, err := p.oauth.NewAccessRequest(ctx, req, openid.NewDefaultSession())
	if err != nil {
		p.oauth.WriteAccessError(ctx, w, ar, err)
		return
	}
	response, err := p.oauth.NewAccessResponse(ctx, ar)
	if err != nil {
		p.oauth.WriteAccessError(ctx, w, ar, err)
		return
	}
	p.oauth.WriteAccessResponse(ctx, w, ar, response)
}

func (p *Provider) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Error(err)
	}
}
