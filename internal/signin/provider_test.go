package signin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/signin"
)

const (
	client = "pullpass-client"
	here   = "https://pullpass.example.com"
)

// idp is an OpenID provider that says what a test has it say.
type idp struct {
	*httptest.Server
	key       *ecdsa.PrivateKey
	claims    map[string]any // of the token, over the right ones; nil removes
	userinfo  map[string]any // nil: it has no such endpoint
	failInfo  bool
	noToken   bool
	refuse    bool // the code
	down      bool // the token endpoint
	issuer    string
	discovery int // how often it was looked up
	form      url.Values
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.discovery++
		doc := map[string]any{"issuer": p.issuer, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}}
		if p.userinfo != nil || p.failInfo {
			doc["userinfo_endpoint"] = p.URL + "/userinfo"
		}
		answer(w, doc)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) {
		if p.failInfo {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answer(w, p.userinfo)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.form = r.PostForm
		switch {
		case p.down:
			hijacked, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = hijacked.Close()
			}
		case p.refuse:
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]any{"error": "invalid_grant"})
		case p.noToken:
			answer(w, map[string]any{"access_token": "a", "token_type": "Bearer"})
		default:
			answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": p.token(t)})
		}
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.issuer = p.URL
	return p
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *idp) token(t *testing.T) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	raw, err := jwt.Signed(signer).Claims(p.claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return raw
}

// signIn trades a code at p for a person, whose token says the right things but
// for those of claims.
func signIn(t *testing.T, p *idp, o signin.Options, claims map[string]any, a signin.Answer) (signin.Person, error) {
	t.Helper()
	b := signin.NewBrowser()
	now := time.Now()
	p.claims = map[string]any{"iss": p.URL, "sub": "ada", "aud": client, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"nonce": b.Nonce(), "email": "Ada@Example.com", "email_verified": true, "name": "Ada"}
	maps.Copy(p.claims, claims)
	maps.DeleteFunc(p.claims, func(_ string, v any) bool { return v == nil })
	o.Issuer, o.ClientID, o.Server, o.HTTP = p.URL, client, here, http.DefaultTransport
	provider, err := signin.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if a.Code == "" {
		a.Code = "code"
	}
	person, err := provider.Person(t.Context(), a, b)
	if err == nil && p.form.Get("code_verifier") != b.Verifier() {
		t.Errorf("the provider got the verifier %q, not the browser's", p.form.Get("code_verifier"))
	}
	return person, err
}

func codeOf(err error) string {
	var e *pullpass.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// What a token has to say, what the operator demands, and the code of each refusal.
func TestPerson(t *testing.T) {
	groups := signin.Options{Claim: "groups=pullpass"}
	domains := signin.Options{Domains: []string{"other.example", "EXAMPLE.com"}}
	for _, test := range []struct {
		name   string
		o      signin.Options
		claims map[string]any
		answer signin.Answer
		want   string
	}{
		{"as it should be", signin.Options{}, nil, signin.Answer{}, ""},
		{"another nonce", signin.Options{}, map[string]any{"nonce": "x"}, signin.Answer{}, "nonce_mismatch"},
		{"no nonce", signin.Options{}, map[string]any{"nonce": nil}, signin.Answer{}, "nonce_mismatch"},
		{"another audience", signin.Options{}, map[string]any{"aud": "x"}, signin.Answer{}, "token_refused"},
		{"two audiences without azp", signin.Options{}, map[string]any{"aud": []string{client, "x"}}, signin.Answer{}, "token_refused"},
		{"two audiences, azp another", signin.Options{}, map[string]any{"aud": []string{client, "x"}, "azp": "x"}, signin.Answer{}, "token_refused"},
		{"two audiences, azp ours", signin.Options{}, map[string]any{"aud": []string{client, "x"}, "azp": client}, signin.Answer{}, ""},
		{"one audience in a list, without azp", signin.Options{}, map[string]any{"aud": []string{client}}, signin.Answer{}, ""},
		{"azp another", signin.Options{}, map[string]any{"azp": "x"}, signin.Answer{}, "token_refused"},
		{"azp ours", signin.Options{}, map[string]any{"azp": client}, signin.Answer{}, ""},
		{"expired", signin.Options{}, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, signin.Answer{}, "token_refused"},
		{"another issuer", signin.Options{}, map[string]any{"iss": "https://evil.example"}, signin.Answer{}, "token_refused"},
		{"the answer names another issuer", signin.Options{}, nil, signin.Answer{Issuer: "https://evil.example"}, "issuer_mismatch"},
		{"no subject", signin.Options{}, map[string]any{"sub": ""}, signin.Answer{}, "token_refused"},
		{"the longest subject", signin.Options{}, map[string]any{"sub": strings.Repeat("s", 255)}, signin.Answer{}, ""},
		{"a longer subject", signin.Options{}, map[string]any{"sub": strings.Repeat("s", 256)}, signin.Answer{}, "token_refused"},
		{"a claim of another type", signin.Options{}, map[string]any{"email": 7}, signin.Answer{}, "token_refused"},
		{"no address", signin.Options{}, map[string]any{"email": nil}, signin.Answer{}, "email_missing"},
		{"no usable address", signin.Options{}, map[string]any{"email": "ada"}, signin.Answer{}, "email_missing"},
		{"an address not verified", signin.Options{}, map[string]any{"email_verified": false}, signin.Answer{}, "email_unverified"},
		{"nothing said of the address", signin.Options{}, map[string]any{"email_verified": nil}, signin.Answer{}, "email_unverified"},
		{"verified, as a text", signin.Options{}, map[string]any{"email_verified": "true"}, signin.Answer{}, ""},
		{"verified, as another text", signin.Options{}, map[string]any{"email_verified": "yes"}, signin.Answer{}, "email_unverified"},
		{"a domain of the list", domains, nil, signin.Answer{}, ""},
		{"a domain of no list", domains, map[string]any{"email": "ada@example.org"}, signin.Answer{}, "domain_refused"},
		{"a domain below one of the list", domains, map[string]any{"email": "ada@evil.example.com"}, signin.Answer{}, "domain_refused"},
		{"the demanded claim, alone", groups, map[string]any{"groups": "pullpass"}, signin.Answer{}, ""},
		{"the demanded claim, in a list", groups, map[string]any{"groups": []string{"a", "pullpass"}}, signin.Answer{}, ""},
		{"another value", groups, map[string]any{"groups": "pullpass2"}, signin.Answer{}, "claim_missing"},
		{"a list of others", groups, map[string]any{"groups": []string{"pull", "pass"}}, signin.Answer{}, "claim_missing"},
		{"the demanded claim is not there", groups, nil, signin.Answer{}, "claim_missing"},
		{"a demanded truth", signin.Options{Claim: "staff=true"}, map[string]any{"staff": true}, signin.Answer{}, ""},
		{"a required claim that is false", signin.Options{Claim: "staff=true"}, map[string]any{"staff": false}, signin.Answer{}, "claim_missing"},
	} {
		p := newIDP(t)
		if test.answer.Issuer == "" && test.want == "" {
			test.answer.Issuer = p.URL // RFC 9207: providers may name themselves
		}
		person, err := signIn(t, p, test.o, test.claims, test.answer)
		if got := codeOf(err); got != test.want || (err == nil) != (test.want == "") {
			t.Errorf("%s: Person = %+v, %v, want code %q", test.name, person, err, test.want)
			continue
		}
		if test.want == "" && (person.Email != "ada@example.com" || person.Issuer != p.URL || person.Name != "Ada") {
			t.Errorf("%s: Person = %+v", test.name, person)
		}
		if test.want != "" && person != (signin.Person{}) {
			t.Errorf("%s: a refusal comes with %+v", test.name, person)
		}
	}
}

// What the provider does wrong is its own code: unavailable, or refused.
func TestProviderFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*idp)
		want   string
		kind   pullpass.Kind
	}{
		{"it refuses the code", func(p *idp) { p.refuse = true }, "code_refused", pullpass.Denied},
		{"it gives no identity token", func(p *idp) { p.noToken = true }, "token_missing", pullpass.Denied},
		{"its token endpoint is down", func(p *idp) { p.down = true }, "provider_unavailable", pullpass.Unavailable},
		{"it calls itself otherwise", func(p *idp) { p.issuer = "https://other.example" }, "issuer_mismatch", pullpass.Unavailable},
		{"it is not there", func(p *idp) { p.CloseClientConnections(); p.Close() }, "provider_unavailable", pullpass.Unavailable},
	} {
		p := newIDP(t)
		test.change(p)
		if _, err := signIn(t, p, signin.Options{}, nil, signin.Answer{}); codeOf(err) != test.want || pullpass.KindOf(err) != test.kind {
			t.Errorf("%s: %v (%s), want %s", test.name, err, codeOf(err), test.want)
		}
	}
}

// An address that the token leaves out comes from userinfo, of the same subject
// only; what the token says goes before what userinfo says.
func TestUserInfo(t *testing.T) {
	withAddress := map[string]any{"sub": "ada", "email": "ada@example.com", "email_verified": true, "groups": "pullpass"}
	without := map[string]any{"email": nil, "email_verified": nil}
	groups := signin.Options{Claim: "groups=pullpass"}
	for _, test := range []struct {
		name   string
		info   map[string]any
		fail   bool
		o      signin.Options
		claims map[string]any
		want   string
	}{
		{"the address", withAddress, false, signin.Options{}, without, ""},
		{"of somebody else", map[string]any{"sub": "eve", "email": "ada@example.com", "email_verified": true}, false, signin.Options{}, without, "subject_mismatch"},
		{"it fails", nil, true, signin.Options{}, without, "provider_unavailable"},
		{"it fails, and is not needed", nil, true, signin.Options{}, nil, ""},
		{"there is none", nil, false, signin.Options{}, without, "email_missing"},
		{"of a form that cannot be", map[string]any{"sub": "ada", "email": []int{1}}, false, signin.Options{}, without, "provider_unavailable"},
		{"it has the demanded claim", withAddress, false, groups, without, ""},
		{"the token denies the demanded claim", withAddress, false, groups,
			map[string]any{"email": nil, "email_verified": nil, "groups": "others"}, "claim_missing"},
	} {
		p := newIDP(t)
		p.userinfo, p.failInfo = test.info, test.fail
		if person, err := signIn(t, p, test.o, test.claims, signin.Answer{}); codeOf(err) != test.want {
			t.Errorf("%s: %+v, %v (%s), want %q", test.name, person, err, codeOf(err), test.want)
		}
	}
}

// A name that a screen cannot be shown, or a long one, is replaced by the next best.
func TestPersonsName(t *testing.T) {
	for _, test := range []struct {
		claims map[string]any
		want   string
	}{
		{map[string]any{"name": strings.Repeat("n", 127)}, strings.Repeat("n", 127)},
		{map[string]any{"name": strings.Repeat("n", 128), "preferred_username": "ada1"}, "ada1"},
		{map[string]any{"name": nil, "preferred_username": "ada1"}, "ada1"},
		{map[string]any{"name": "\x1b[2J"}, "Ada@Example.com"},
	} {
		person, err := signIn(t, newIDP(t), signin.Options{}, test.claims, signin.Answer{})
		if person.Name != test.want || err != nil {
			t.Errorf("with %v the person is called %q, %v, want %q", test.claims, person.Name, err, test.want)
		}
	}
}

// The browser is sent to the provider with everything that ties the answer to it,
// and the provider is looked up once; before it answers, nothing is known.
func TestAuthorizationURL(t *testing.T) {
	p := newIDP(t)
	provider, err := signin.New(signin.Options{Issuer: p.URL, ClientID: client, Server: here, HTTP: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	p.issuer = "https://other.example"
	b := signin.NewBrowser()
	if address, err := provider.AuthorizationURL(t.Context(), "state", b); codeOf(err) != "issuer_mismatch" || address != "" {
		t.Errorf("AuthorizationURL = %q, %v, want issuer_mismatch", address, err)
	}
	p.issuer, p.discovery = p.URL, 0
	for range 2 {
		address, err := provider.AuthorizationURL(t.Context(), "state", b)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"client_id": client, "state": "state", "nonce": b.Nonce(), "code_challenge": signin.Challenge(b.Verifier()),
			"code_challenge_method": "S256", "response_type": "code", "scope": "openid email profile",
		} {
			if got := u.Query().Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if redirect := u.Query().Get("redirect_uri"); !strings.HasPrefix(redirect, here+"/") {
			t.Errorf("the answer goes to %q", redirect)
		}
	}
	if p.discovery != 1 {
		t.Errorf("the provider was looked up %d times, want once", p.discovery)
	}
}

// What a provider needs is refused when it is missing, not at the first sign-in.
func TestNewNeeds(t *testing.T) {
	whole := signin.Options{Issuer: "https://idp.example.com", ClientID: client, Server: here, HTTP: http.DefaultTransport}
	if p, err := signin.New(whole); err != nil || p.Server() != here {
		t.Errorf("New = %v, %v", p, err)
	}
	for name, drop := range map[string]func(*signin.Options){
		"issuer": func(o *signin.Options) { o.Issuer = "" }, "client id": func(o *signin.Options) { o.ClientID = "" },
		"server": func(o *signin.Options) { o.Server = "" }, "transport": func(o *signin.Options) { o.HTTP = nil },
	} {
		o := whole
		drop(&o)
		if _, err := signin.New(o); err == nil {
			t.Errorf("New without %s succeeded", name)
		}
	}
}

// The clock that decides on expiry is the given one.
func TestPersonByTheGivenClock(t *testing.T) {
	late := signin.Options{Now: func() time.Time { return time.Now().Add(2 * time.Hour) }}
	if _, err := signIn(t, newIDP(t), late, nil, signin.Answer{}); codeOf(err) != "token_refused" {
		t.Errorf("two hours later: %v, want token_refused", err)
	}
}
