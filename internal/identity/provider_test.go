package identity_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

const org = pullpass.OrganizationID("org_test")

func request(alg identity.Algorithm) identity.Request {
	return identity.Request{
		Organization: org, Subject: "https://git.example/acme/app/tree/main", Audience: []string{"sts.amazonaws.com"}, Algorithm: alg,
		Claims: identity.Claims{Project: "prj_x", Environment: "env_x", Ref: "main"},
	}
}

// parseIndependently checks a token with a library that did not issue it.
func parseIndependently(set identityKeySet, token string, now func() time.Time) (jwt.Token, error) {
	return jwt.Parse([]byte(token), jwt.WithKeySet(set.jwk), jwt.WithIssuer("https://pullpass.example/o/org_test"),
		jwt.WithAudience("sts.amazonaws.com"), jwt.WithClock(jwt.ClockFunc(now)))
}

type identityKeySet struct{ jwk jwk.Set }

func keySet(t *testing.T, p *identity.Provider) identityKeySet {
	t.Helper()
	set, err := p.KeySet(context.Background(), org)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{`"d":`, `"p":`, `"q":`} {
		if strings.Contains(string(text), private) {
			t.Fatalf("the published key set holds a private member %s", private)
		}
	}
	parsed, err := jwk.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return identityKeySet{parsed}
}

func TestTokensVerifyWithAnotherLibrary(t *testing.T) {
	c := newClock()
	p := identity.NewProvider("https://pullpass.example/", &memoryKeys{}, identity.Options{Now: c.now})
	for _, alg := range []identity.Algorithm{identity.RS256, identity.ES256} {
		issued, err := p.Issue(context.Background(), request(alg))
		if err != nil {
			t.Fatal(err)
		}
		token, err := parseIndependently(keySet(t, p), issued.Text.Reveal(), c.now)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if sub, _ := token.Subject(); sub != "https://git.example/acme/app/tree/main" {
			t.Errorf("%s: sub = %q", alg, sub)
		}
		var organization string
		if err := token.Get("organization", &organization); err != nil || organization != string(org) {
			t.Errorf("%s: organization = %q, %v", alg, organization, err)
		}
	}
}

func TestDiscoveryNamesTheIssuerItIsServedAt(t *testing.T) {
	p := identity.NewProvider("https://pullpass.example/", &memoryKeys{}, identity.Options{})
	doc := p.Discovery(org)
	if doc.Issuer != "https://pullpass.example/o/org_test" || doc.JWKSURI != doc.Issuer+"/jwks.json" {
		t.Errorf("discovery = %+v", doc)
	}
	for _, name := range doc.Algorithms {
		if alg, ok := jwa.LookupSignatureAlgorithm(name); !ok || alg.IsSymmetric() {
			t.Errorf("discovery names algorithm %q", name)
		}
	}
}

func TestRotationPublishesBeforeUseAndKeepsAfter(t *testing.T) {
	c := newClock()
	schedule := identity.Schedule{Use: 10 * time.Hour, Lead: 2 * time.Hour, TokenLife: time.Hour}
	keys := &memoryKeys{}
	servers := []*identity.Provider{
		identity.NewProvider("https://pullpass.example", keys, identity.Options{Schedule: schedule, Now: c.now}),
		identity.NewProvider("https://pullpass.example", keys, identity.Options{Schedule: schedule, Now: c.now}),
	}
	cached, fetched := keySet(t, servers[0]), c.now()
	var live []identity.Token
	signers := map[string]bool{}
	for step := range 20 * 10 * 4 { // 20 rotations, every quarter of an hour
		issued, err := servers[step%2].Issue(context.Background(), request(identity.RS256))
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		live = append(live, issued)
		// A verifier that fetches only every CacheFor must know every live token's key.
		if c.now().Sub(fetched) >= servers[0].CacheFor() {
			cached, fetched = keySet(t, servers[0]), c.now()
		}
		for _, token := range live {
			if _, err := parseIndependently(cached, token.Text.Reveal(), c.now); err != nil {
				t.Fatalf("step %d: a live token is refused: %v", step, err)
			}
		}
		signers[strings.Split(issued.Text.Reveal(), ".")[0]] = true
		c.advance(15 * time.Minute)
		for len(live) > 0 && !c.now().Before(live[0].Expires) {
			live = live[1:]
		}
	}
	if len(signers) < 20 {
		t.Errorf("%d keys signed in 200 hours, want at least 20", len(signers))
	}
	if n := len(keys.keys); n > 6 {
		t.Errorf("%d keys are kept, want old ones deleted", n)
	}
}

func TestRotationUnderLoad(t *testing.T) {
	c := newClock()
	schedule := identity.Schedule{Use: 10 * time.Hour, Lead: 2 * time.Hour, TokenLife: time.Hour}
	p := identity.NewProvider("https://pullpass.example", &memoryKeys{}, identity.Options{Schedule: schedule, Now: c.now})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var checked atomic.Int64
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				issued, err := p.Issue(context.Background(), request(identity.ES256))
				if err != nil {
					t.Errorf("issuing while keys rotate: %v", err)
					return
				}
				set, err := p.KeySet(context.Background(), org)
				if err != nil {
					t.Errorf("key set while keys rotate: %v", err)
					return
				}
				header, _, _ := strings.Cut(issued.Text.Reveal(), ".")
				if !c.now().Before(issued.Expires) {
					continue // the clock ran past it meanwhile
				}
				checked.Add(1)
				if !hasKeyOf(set.Keys, header) {
					t.Error("a token's key is not published")
					return
				}
			}
		})
	}
	for range 20 * 10 * 12 {
		c.advance(5 * time.Minute)
		if err := p.Rotate(context.Background(), org); err != nil {
			t.Errorf("Rotate: %v", err)
		}
	}
	close(stop)
	wg.Wait()
	if checked.Load() == 0 {
		t.Error("no token was checked while keys rotated")
	}
}

func TestIssueRefuses(t *testing.T) {
	p := identity.NewProvider("https://pullpass.example", &memoryKeys{}, identity.Options{})
	for name, change := range map[string]func(*identity.Request){
		"no audience":       func(q *identity.Request) { q.Audience = nil },
		"empty audience":    func(q *identity.Request) { q.Audience = []string{""} },
		"no subject":        func(q *identity.Request) { q.Subject = "" },
		"unknown algorithm": func(q *identity.Request) { q.Algorithm = "HS256" },
		"too long":          func(q *identity.Request) { q.Life = 48 * time.Hour },
	} {
		q := request(identity.RS256)
		change(&q)
		if _, err := p.Issue(context.Background(), q); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}
