package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/identity"
)

// verifyOverHTTP checks a token as a stranger does: discovery, keys and signature
// with a library that is not the one that issued it.
func (r *realWorld) verifyOverHTTP(ctx context.Context, org pullpass.OrganizationID, token string) error {
	issuer := r.provider.Issuer(org)
	var document identity.Discovery
	if err := r.getJSON(ctx, issuer+"/.well-known/openid-configuration", func(data []byte) error { return json.Unmarshal(data, &document) }); err != nil {
		return err
	}
	var keys jwk.Set
	if err := r.getJSON(ctx, document.JWKSURI, func(data []byte) (err error) { keys, err = jwk.Parse(data); return err }); err != nil {
		return err
	}
	_, err := jwt.Parse([]byte(token), jwt.WithKeySet(keys), jwt.WithIssuer(document.Issuer), jwt.WithAudience("sts.amazonaws.com"),
		jwt.WithClock(jwt.ClockFunc(r.clock.now)), jwt.WithAcceptableSkew(time.Minute))
	return err
}

func (r *realWorld) getJSON(ctx context.Context, address string, read func([]byte) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return read(data)
}

// Twenty rotations while tokens are issued and verified over https: none fails, and
// a token is good to its end although keys have changed since.
func TestRotationUnderLoadOverHTTP(t *testing.T) {
	const rotations = 20
	schedule := identity.Schedule{Use: 10 * time.Hour, Lead: 2 * time.Hour, TokenLife: time.Hour}
	r := newRealWorld(t, schedule)
	ours, _ := r.tenants()
	own, e := r.placed(ours, ours.project("app").ID, "dev", "")
	e.Organization = ours.org
	stop := make(chan struct{})
	var workers sync.WaitGroup
	var verified atomic.Int64
	for _, algorithm := range []string{"RS256", "ES256", "ES256"} {
		workers.Go(func() { r.issueAndVerify(own, e, algorithm, stop, &verified) })
	}
	seen := map[string]bool{}
	for range rotations * 20 { // half an hour each: twenty lives of a key
		r.clock.forward(30 * time.Minute)
		if err := r.provider.Rotate(t.Context(), ours.org); err != nil {
			t.Errorf("Rotate: %v", err)
		}
		keys, err := r.db.SigningKeys(t.Context(), ours.org)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			seen[k.ID] = true
		}
	}
	close(stop)
	workers.Wait()
	if len(seen) < 2*rotations {
		t.Errorf("%d keys were seen, want %d rotations of two kinds", len(seen), rotations)
	}
	if verified.Load() < rotations {
		t.Errorf("%d tokens were verified meanwhile; the test proves little", verified.Load())
	}
	t.Logf("%d keys, %d tokens verified", len(seen), verified.Load())
}

func (r *realWorld) issueAndVerify(own *client.Client, e pullpass.Environment, algorithm string, stop chan struct{}, verified *atomic.Int64) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		ctx := context.Background()
		token, err := own.IdentityToken(ctx, e.ID, api.IdentityTokenRequest{Audience: forAWS.Audience, Algorithm: algorithm})
		if err != nil {
			r.t.Errorf("issuing while keys rotate: %v", err)
			return
		}
		err = r.verifyOverHTTP(ctx, e.Organization, token.Token.Secret().Reveal())
		if !r.clock.now().Before(token.Expires) {
			continue // the clock ran past it meanwhile
		}
		if err != nil {
			r.t.Errorf("verifying while keys rotate: %v", err)
			return
		}
		verified.Add(1)
	}
}
