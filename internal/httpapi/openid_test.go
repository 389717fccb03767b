package httpapi_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
)

// openID is an OpenID provider that is not ours: ory/fosite, over real HTTP, with
// a login page of its own.
type openID struct {
	t      *testing.T
	url    string
	oauth  fosite.OAuth2Provider
	config *fosite.Config
	key    *rsa.PrivateKey

	mu     sync.Mutex
	people map[string]map[string]any // claims, by what is typed at the login
	// tamper changes what a token says, as a provider gone bad would.
	tamper func(*jwt.IDTokenClaims)
	// calls itself by another name in its discovery document.
	alias string
}

const (
	clientID     = "pullpass"
	clientSecret = "client-secret-" + canary
)

func newOpenID(t *testing.T, redirect string) *openID {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	p := &openID{t: t, key: key, people: map[string]map[string]any{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	p.config = &fosite.Config{
		IDTokenIssuer: p.url, EnforcePKCE: true, GlobalSecret: []byte("32 bytes that nobody has to know"),
		HashCost: 4, AuthorizeCodeLifespan: time.Minute, IDTokenLifespan: time.Minute,
	}
	hash, err := (&fosite.BCrypt{Config: p.config}).Hash(t.Context(), []byte(clientSecret))
	must(t, err)
	store := storage.NewMemoryStore()
	store.Clients[clientID] = &fosite.DefaultClient{
		ID: clientID, Secret: hash, RedirectURIs: []string{redirect}, ResponseTypes: []string{"code"},
		GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid", "email", "profile"},
	}
	p.oauth = compose.ComposeAllEnabled(p.config, store, key)
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	return p
}

// person can sign in at the provider from now on.
func (p *openID) person(login, email string, verified any, more map[string]any) {
	claims := map[string]any{"email": email, "email_verified": verified, "name": login}
	for name, value := range more {
		claims[name] = value
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people[login] = claims
}

func (p *openID) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer := p.url
	if p.alias != "" {
		issuer = p.alias
	}
	must(p.t, json.NewEncoder(w).Encode(map[string]any{
		"issuer": issuer, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token", "jwks_uri": p.url + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "subject_types_supported": []string{"public"}, "response_types_supported": []string{"code"},
	}))
}

func (p *openID) keys(w http.ResponseWriter, _ *http.Request) {
	must(p.t, json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}}))
}

var loginPage = template.Must(template.New("login").Parse(`<form method="post"><input name="login"></form>`))

func (p *openID) authorize(w http.ResponseWriter, req *http.Request) {
	ctx := req.Context()
	ar, err := p.oauth.NewAuthorizeRequest(ctx, req)
	if err != nil {
		p.oauth.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	p.mu.Lock()
	claims, known := p.people[req.PostFormValue("login")]
	tamper := p.tamper
	p.mu.Unlock()
	if !known {
		must(p.t, loginPage.Execute(w, nil))
		return
	}
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	session := openid.NewDefaultSession()
	session.Claims = &jwt.IDTokenClaims{Issuer: p.url, Subject: "sub-of-" + req.PostFormValue("login"), RequestedAt: time.Now(), AuthTime: time.Now(), Extra: claims}
	session.Headers = &jwt.Headers{Extra: map[string]any{"kid": "1"}}
	session.Subject = session.Claims.Subject
	if tamper != nil {
		tamper(session.Claims)
	}
	response, err := p.oauth.NewAuthorizeResponse(ctx, ar, session)
	if err != nil {
		p.oauth.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	p.oauth.WriteAuthorizeResponse(ctx, w, ar, response)
}

func (p *openID) token(w http.ResponseWriter, req *http.Request) {
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

// hostPort is what the operator allows for egress.
func hostPort(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	must(t, err)
	return u.Host
}
