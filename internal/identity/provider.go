package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/pullpass/pullpass"
)

// Keys is where signing keys are kept.
type Keys interface {
	SigningKeys(context.Context, pullpass.OrganizationID) ([]StoredKey, error)
	// AddSigningKey fails with Conflict if the sequence number is taken.
	AddSigningKey(context.Context, StoredKey) error
	// DeleteSigningKeys removes keys below a sequence number.
	DeleteSigningKeys(ctx context.Context, org pullpass.OrganizationID, alg Algorithm, below int64) error
}

// Provider is the OIDC provider of every organization of a server.
type Provider struct {
	base     string
	keys     Keys
	schedule Schedule
	now      func() time.Time

	reading singleflight.Group // one reader of an organization's keys at a time

	mu     sync.Mutex
	chains map[pullpass.OrganizationID]*ring
}

// ring is what a provider remembers of one organization's keys.
type ring struct {
	chains map[Algorithm]chain
	read   time.Time
}

// Options of a Provider; the zero value is good.
type Options struct {
	Schedule Schedule
	Now      func() time.Time
}

// NewProvider returns a provider whose issuers live below base.
func NewProvider(base string, keys Keys, o Options) *Provider {
	if o.Schedule == (Schedule{}) {
		o.Schedule = DefaultSchedule()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{
		base: strings.TrimSuffix(base, "/"), keys: keys, schedule: o.Schedule, now: o.Now,
		chains: map[pullpass.OrganizationID]*ring{},
	}
}

// Issuer returns an organization's issuer URL, without a trailing slash.
func (p *Provider) Issuer(org pullpass.OrganizationID) string {
	return p.base + "/o/" + string(org)
}

// Discovery is the document at <issuer>/.well-known/openid-configuration.
type Discovery struct {
	Issuer                string   `json:"issuer"`
	JWKSURI               string   `json:"jwks_uri"`
	ResponseTypes         []string `json:"response_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	Algorithms            []string `json:"id_token_signing_alg_values_supported"`
	Scopes                []string `json:"scopes_supported"`
	Claims                []string `json:"claims_supported"`
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
}

// Discovery returns the discovery document of an organization.
func (p *Provider) Discovery(org pullpass.OrganizationID) Discovery {
	issuer := p.Issuer(org)
	return Discovery{
		Issuer:        issuer,
		JWKSURI:       issuer + "/jwks.json",
		ResponseTypes: []string{"id_token"},
		SubjectTypes:  []string{"public"},
		Algorithms:    []string{string(RS256), string(ES256)},
		Scopes:        []string{"openid"},
		Claims: []string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti",
			"organization", "project", "environment", "runner", "repository", "ref", "commit"},
	}
}

// KeySet returns the public keys of an organization.
func (p *Provider) KeySet(ctx context.Context, org pullpass.OrganizationID) (jose.JSONWebKeySet, error) {
	r, err := p.ring(ctx, org)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, alg := range algorithms {
		for _, k := range r.chains[alg].published(p.now(), p.schedule) {
			set.Keys = append(set.Keys, k.jwk())
		}
	}
	return set, nil
}

// CacheFor is how long verifiers may keep a key set.
func (p *Provider) CacheFor() time.Duration { return p.schedule.Lead / 2 }

// Request is a token to be issued. Subject comes from a Subjects template: the
// provider signs what it is given.
type Request struct {
	Organization pullpass.OrganizationID
	Subject      string
	Audience     []string
	Algorithm    Algorithm     // RS256 if empty
	Life         time.Duration // the schedule's TokenLife if zero, and at most
	Claims       Claims
}

// Claims are what a token says beside the registered claims.
type Claims struct {
	AuthorizedParty string                  `json:"azp,omitempty"`
	Organization    pullpass.OrganizationID `json:"organization,omitempty"`
	Project         pullpass.ProjectID      `json:"project,omitempty"`
	Environment     pullpass.EnvironmentID  `json:"environment,omitempty"`
	Runner          pullpass.RunnerID       `json:"runner,omitempty"`
	Repository      string                  `json:"repository,omitempty"`
	Ref             string                  `json:"ref,omitempty"`
	Commit          string                  `json:"commit,omitempty"`
}

// Token is an issued token and what a caller needs to know of it.
type Token struct {
	Text    pullpass.Secret
	ID      string // jti: what the audit record names
	Expires time.Time
}

type payload struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience []string `json:"aud"`
	Expires  int64    `json:"exp"`
	Issued   int64    `json:"iat"`
	Before   int64    `json:"nbf"`
	ID       string   `json:"jti"`
	Claims
}

// Issue signs a token.
func (p *Provider) Issue(ctx context.Context, q Request) (Token, error) {
	if err := q.check(p.schedule.TokenLife); err != nil {
		return Token{}, err
	}
	r, err := p.ring(ctx, q.Organization)
	if err != nil {
		return Token{}, err
	}
	now := p.now()
	k := r.chains[q.algorithm()].signing(now)
	if k == nil {
		return Token{}, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			What:  "cannot issue an identity token",
			Cause: "the organization has no signing key in force yet",
		}
	}
	life := q.Life
	if life == 0 {
		life = p.schedule.TokenLife
	}
	body := payload{
		Issuer: p.Issuer(q.Organization), Subject: q.Subject, Audience: q.Audience,
		Expires: now.Add(life).Unix(), Issued: now.Unix(), Before: now.Unix(),
		ID: tokenID(), Claims: q.Claims,
	}
	body.Claims.Organization = q.Organization
	text, err := sign(k, body)
	if err != nil {
		return Token{}, err
	}
	return Token{Text: pullpass.NewSecret(text), ID: body.ID, Expires: time.Unix(body.Expires, 0)}, nil
}

// Challenge makes what a runner has to sign into its request to AWS. Nothing is
// kept: the signature says that it is ours, and whoever accepts an answer remembers
// the id until the challenge expires.
func (p *Provider) Challenge(
	ctx context.Context,
	org pullpass.OrganizationID,
	runner pullpass.RunnerID,
) (string, error) {
	r, err := p.ring(ctx, org)
	if err != nil {
		return "", err
	}
	now := p.now()
	k := r.chains[ES256].signing(now)
	if k == nil {
		return "", &pullpass.Error{
			Kind:  pullpass.Unavailable,
			What:  "cannot make a challenge",
			Cause: "the organization has no signing key in force yet",
		}
	}
	data, err := json.Marshal(
		challengePayload{
			Issuer:  p.Issuer(org),
			Org:     org,
			Runner:  runner,
			Expires: now.Add(challengeLife).Unix(),
			ID:      tokenID(),
		},
	)
	if err != nil {
		return "", fmt.Errorf("encoding a challenge: %w", err)
	}
	signed, err := k.challenges.Sign(data)
	if err != nil {
		return "", fmt.Errorf("signing with key %s: %w", k.ID, err)
	}
	return signed.CompactSerialize()
}

// OpenChallenge returns the id of a challenge that this provider made for this
// runner and that has not expired.
func (p *Provider) OpenChallenge(
	ctx context.Context,
	org pullpass.OrganizationID,
	runner pullpass.RunnerID,
	text string,
) (id string, expires time.Time, err error) {
	refused := &pullpass.Error{
		Kind:  pullpass.Invalid,
		Code:  "challenge_refused",
		What:  "cannot check the runner's AWS identity",
		Cause: "the challenge that it answers is not this server's for this runner, or has expired",
		Hint:  "check the clocks of both machines; the runner asks for a new one by itself",
	}
	if len(text) > maxChallenge {
		return "", expires, refused
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(signed.Signatures) != 1 ||
		signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != challengeType {
		return "", expires, refused
	}
	keys, err := p.KeySet(ctx, org)
	if err != nil {
		return "", expires, err
	}
	kid := signed.Signatures[0].Protected.KeyID
	found := keys.Key(kid)
	if kid == "" || len(found) != 1 || !fits(ES256, found[0].Key) {
		return "", expires, refused
	}
	data, err := signed.Verify(found[0].Key)
	if err != nil {
		return "", expires, refused
	}
	var body challengePayload
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	expires = time.Time{}
	if err := d.Decode(&body); err != nil || body.ID == "" || body.Org != org || body.Runner != runner ||
		body.Issuer != p.Issuer(org) {
		return "", expires, refused
	}
	left := body.Expires - p.now().Unix()
	if left <= 0 || left > int64(challengeLife/time.Second) {
		return "", expires, refused
	}
	return body.ID, time.Unix(body.Expires, 0), nil
}

// SignGrant signs a grant for the runner that it names. A grant is of use to that
// runner alone, which has the AWS identity; it is handled as a secret all the same.
func (p *Provider) SignGrant(ctx context.Context, g pullpass.Grant) (pullpass.Secret, string, error) {
	r, err := p.ring(ctx, g.Organization)
	if err != nil {
		return pullpass.Secret{}, "", err
	}
	now := p.now()
	k := r.chains[ES256].signing(now)
	if k == nil {
		return pullpass.Secret{}, "", &pullpass.Error{
			Kind:  pullpass.Unavailable,
			What:  "cannot sign a grant",
			Cause: "the organization has no signing key in force yet",
		}
	}
	body := grantPayload{
		Issuer:   p.Issuer(g.Organization),
		Audience: string(g.Runner),
		Expires:  g.Expires.Unix(),
		Issued:   now.Unix(),
		ID:       tokenID(),
		Grant:    g,
	}
	data, err := json.Marshal(body)
	if err != nil {
		return pullpass.Secret{}, "", fmt.Errorf("encoding a grant: %w", err)
	}
	signed, err := k.grants.Sign(data)
	if err != nil {
		return pullpass.Secret{}, "", fmt.Errorf("signing with key %s: %w", k.ID, err)
	}
	text, err := signed.CompactSerialize()
	return pullpass.NewSecret(text), body.ID, err
}

// Succession returns an organization's keys, signed with each of them that has
// begun to sign: one token for each. Whoever knows one of these keys finds the
// others by it, and takes nobody else's.
func (p *Provider) Succession(ctx context.Context, org pullpass.OrganizationID) ([]string, error) {
	r, err := p.ring(ctx, org)
	if err != nil {
		return nil, err
	}
	set, err := p.KeySet(ctx, org)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(successionPayload{Issuer: p.Issuer(org), Issued: p.now().Unix(), Keys: set})
	if err != nil {
		return nil, fmt.Errorf("encoding a key set: %w", err)
	}
	var list []string
	for _, k := range r.chains[ES256].published(p.now(), p.schedule) {
		if k.ActiveFrom.After(p.now()) {
			continue
		}
		signed, err := k.successions.Sign(data)
		if err != nil {
			return nil, fmt.Errorf("signing with key %s: %w", k.ID, err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			return nil, fmt.Errorf("writing a key set: %w", err)
		}
		list = append(list, text)
	}
	return list, nil
}

func (q Request) algorithm() Algorithm {
	if q.Algorithm == "" {
		return RS256
	}
	return q.Algorithm
}

func (q Request) check(longest time.Duration) error {
	invalid := func(cause, hint string) error {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot issue an identity token", Cause: cause, Hint: hint}
	}
	switch {
	case len(q.Audience) == 0 || slices.Contains(q.Audience, ""):
		return invalid("it has no audience", "name who will check it: --audience sts.amazonaws.com")
	case len(q.Audience) > 10:
		return invalid("it has more than 10 audiences", "ask for one token each")
	case q.Subject == "" || q.Organization == "":
		return invalid("it has no subject", "")
	case !slices.Contains(algorithms, q.algorithm()):
		return invalid("its algorithm is neither RS256 nor ES256", "")
	case q.Life < 0 || q.Life > longest:
		return invalid(fmt.Sprintf("it would live longer than %s", longest), "ask for less")
	}
	return nil
}

func sign(k *key, body payload) (string, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encoding a token: %w", err)
	}
	signed, err := k.signer.Sign(data)
	if err != nil {
		return "", fmt.Errorf("signing with key %s: %w", k.ID, err)
	}
	return signed.CompactSerialize()
}
