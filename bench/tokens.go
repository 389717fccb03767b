package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
)

const signers = 2 // the machine has two cores

// measureTokens issues identity tokens with the keys of a real store beside what
// the library signs when nothing else is done. They take short turns, and the median
// of the pairs counts: whatever else the machine does falls on both.
func measureTokens(ctx context.Context, s *setting) ([]figure, error) {
	db, err := tokenStore(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: "bench"})
	if err != nil {
		return nil, err
	}
	provider := identity.NewProvider("https://pullpass.example.com", db, identity.Options{})
	request := identity.Request{Organization: org.ID, Subject: "https://github.com/acme/app/tree/main", Audience: []string{"sts.amazonaws.com"},
		Claims: identity.Claims{Project: pullpass.NewProjectID(), Environment: pullpass.NewEnvironmentID(), Runner: pullpass.NewRunnerID(), Ref: "main"}}
	issue := func() error { _, err := provider.Issue(ctx, request); return err }
	if err := issue(); err != nil { // makes the keys
		return nil, err
	}
	raw, err := rawSigning(request)
	if err != nil {
		return nil, err
	}
	turn, turns := 200*time.Millisecond, 31
	if s.quick {
		turn, turns = 100*time.Millisecond, 3
	}
	var ours, library float64
	var shares []float64
	for range turns {
		a, err := rate(turn, raw)
		if err != nil {
			return nil, err
		}
		b, err := rate(turn, issue)
		if err != nil {
			return nil, err
		}
		library, ours = library+a/float64(turns), ours+b/float64(turns)
		shares = append(shares, 100*b/a)
	}
	slices.Sort(shares)
	share := shares[len(shares)/2]
	return []figure{
		{what: "identity tokens issued a second, RS256, keys from the store", got: ours, unit: "/s"},
		{what: "go-jose alone, RS256, the same claims", got: library, unit: "/s"},
		{what: "issuing beside the library alone, median of pairs", got: share, unit: "%", goal: "≥ 85 %", met: share >= 85},
	}, nil
}

func tokenStore(ctx context.Context, s *setting) (*store.DB, error) {
	key, err := seal.OpenKeyFile(filepath.Join(s.dir, "tokens.key"))
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, filepath.Join(s.dir, "tokens.db"), seal.NewKeyring(key), store.Options{})
}

// rawSigning signs ready bytes of the same form with a key in memory.
func rawSigning(q identity.Request) (func() error, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	claims, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return func() error {
		signed, err := signer.Sign(claims)
		if err == nil {
			_, err = signed.CompactSerialize()
		}
		return err
	}, nil
}

// rate counts how often do runs in a second, on all cores.
func rate(d time.Duration, do func() error) (float64, error) {
	var n atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began := time.Now()
	for range signers {
		wg.Go(func() {
			for time.Since(began) < d {
				if err := do(); err != nil {
					failed.Store(&err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n.Load()) / time.Since(began).Seconds(), nil
}
