package signin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Options of a provider. Issuer, ClientID, Server and HTTP are required.
type Options struct {
	Issuer       string
	ClientID     string
	ClientSecret pullpass.Secret // empty for a public client
	Server       string          // address of this server, without a slash at its end
	Domains      []string        // of e-mail addresses; empty: any
	// Claim is name=value: what a token must say, such as groups=pullpass.
	Claim string
	HTTP  http.RoundTripper
	Now   func() time.Time // nil: time.Now
}

// Provider is an OpenID provider, as this server uses it. It is looked up when it
// is first needed, so that the server starts without it.
type Provider struct {
	options Options
	client  *http.Client

	mu    sync.Mutex
	found *oidc.Provider
}

// New makes a provider of o.
func New(o Options) (*Provider, error) {
	if o.Issuer == "" || o.ClientID == "" || o.Server == "" || o.HTTP == nil {
		return nil, errors.New("signin: an issuer, a client id, the server's address and a transport are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{options: o, client: &http.Client{
		Transport:     o.HTTP,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Server is the address of this server.
func (p *Provider) Server() string { return p.options.Server }

// AuthorizationURL is where the browser is sent.
func (p *Provider) AuthorizationURL(ctx context.Context, state string, b Browser) (string, error) {
	found, err := p.lookUp(ctx)
	if err != nil {
		return "", err
	}
	return p.config(found).AuthCodeURL(state, oidc.Nonce(b.Nonce()), oauth2.S256ChallengeOption(b.Verifier())), nil
}

func (p *Provider) config(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.options.ClientID, ClientSecret: p.options.ClientSecret.Reveal(), Endpoint: found.Endpoint(),
		RedirectURL: p.options.Server + api.PathSignInCallback, Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
}

// lookUp reads the provider's discovery document, once.
func (p *Provider) lookUp(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.options.Issuer)
	var mismatch *oidc.IssuerMismatchError
	switch {
	case errors.As(err, &mismatch):
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "issuer_mismatch", What: "cannot sign in", Err: err,
			Cause: "the OpenID provider calls itself by another name than it is configured with", Hint: "correct --oidc-issuer, character by character"}
	case err != nil:
		return nil, errProvider(err)
	}
	p.found = found
	return found, nil
}

func errProvider(err error) error {
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "provider_unavailable", What: "cannot sign in", Err: err,
		Cause: "the OpenID provider does not answer as one", Hint: "try again; if it persists, the server's log says more"}
}

// Answer is what the provider sent the browser back with.
type Answer struct {
	Code   string
	Issuer string // RFC 9207; empty from providers that do not say it
}

// Person is who signed in: proved, with a verified address.
type Person struct {
	Issuer  string
	Subject string
	Email   string // in its normal form
	Name    string
}

// Person trades the provider's answer for who the person is. Every refusal is
// Denied with a code of its own.
func (p *Provider) Person(ctx context.Context, a Answer, b Browser) (Person, error) {
	if a.Issuer != "" && a.Issuer != p.options.Issuer {
		return Person{}, Refusal("issuer_mismatch")
	}
	found, err := p.lookUp(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.config(found).Exchange(ctx, a.Code, oauth2.VerifierOption(b.Verifier()))
	var answered *oauth2.RetrieveError
	switch {
	case errors.As(err, &answered):
		// Its text may repeat what was sent.
		return Person{}, Refusal("code_refused")
	case err != nil:
		return Person{}, errProvider(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Person{}, Refusal("token_missing")
	}
	claims, err := p.verify(ctx, found, raw, b)
	if err != nil {
		return Person{}, err
	}
	if claims.Email == "" && found.UserInfoEndpoint() != "" {
		if err := p.ask(ctx, found, token, &claims); err != nil {
			return Person{}, err
		}
	}
	return p.person(claims)
}

// verify checks issuer, audience, expiry and signature (go-oidc takes only the
// asymmetric algorithms that the provider announces), then nonce and azp.
func (p *Provider) verify(ctx context.Context, found *oidc.Provider, raw string, b Browser) (claims, error) {
	verifier := found.VerifierContext(ctx, &oidc.Config{ClientID: p.options.ClientID, Now: p.options.Now})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return claims{}, &pullpass.Error{Kind: pullpass.Denied, Code: "token_refused", What: "cannot sign in", Err: err,
			Cause: "the OpenID provider's token does not verify", Hint: "the server's log says more"}
	}
	if token.Nonce != b.Nonce() {
		return claims{}, Refusal("nonce_mismatch")
	}
	c := claims{issuer: token.Issuer, subject: token.Subject}
	if err := c.read(token.Claims); err != nil {
		return claims{}, err
	}
	if (c.AuthorizedParty != "" || len(token.Audience) > 1) && c.AuthorizedParty != p.options.ClientID {
		return claims{}, Refusal("token_refused")
	}
	return c, nil
}

// ask gets from the provider what its token left out.
func (p *Provider) ask(ctx context.Context, found *oidc.Provider, token *oauth2.Token, c *claims) error {
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return errProvider(err)
	}
	if info.Subject != c.subject {
		return Refusal("subject_mismatch")
	}
	return c.read(info.Claims)
}

// person applies what the operator demands.
func (p *Provider) person(c claims) (Person, error) {
	email, ok := pullpass.NormalEmail(c.Email)
	switch {
	case c.subject == "" || len(c.subject) > 255:
		return Person{}, Refusal("token_refused")
	case !ok:
		return Person{}, Refusal("email_missing")
	case !bool(c.EmailVerified):
		return Person{}, Refusal("email_unverified")
	}
	_, domain, _ := strings.Cut(email, "@")
	allowed := func(d string) bool { return strings.EqualFold(d, domain) }
	if len(p.options.Domains) > 0 && !slices.ContainsFunc(p.options.Domains, allowed) {
		return Person{}, Refusal("domain_refused")
	}
	if p.options.Claim != "" && !c.has(p.options.Claim) {
		return Person{}, Refusal("claim_missing")
	}
	return Person{Issuer: c.issuer, Subject: c.subject, Email: email, Name: c.name()}, nil
}
