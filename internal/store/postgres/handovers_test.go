package postgres_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// TestThousandKeysTenConnections: two servers with ten connections each want 1,000
// keys at once. While one of them mints all and the other waits for all, the
// database goes on answering; then everybody has the same.
func TestThousandKeysTenConnections(t *testing.T) {
	address, keyring := parts.Postgres(t), storetest.Keyring(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const keys = 1000
	began := time.Now()
	release := make(chan struct{})
	var mints atomic.Int64
	allMint := make(chan struct{})
	mint := func(ctx context.Context) (broker.Minted, error) {
		if mints.Add(1) == keys {
			close(allMint)
		}
		select {
		case <-release:
		case <-ctx.Done():
			return broker.Minted{}, ctx.Err()
		}
		return broker.Minted{Credential: pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret("x"), Expires: time.Now().Add(12 * time.Hour)}}, nil
	}
	var all sync.WaitGroup
	var servers []*store.DB
	for range 2 {
		db := openAt(t, address, keyring)
		db.Schema().Write.SetMaxOpenConns(10)
		keeper := broker.NewKeeper(db, time.Now, keys)
		t.Cleanup(keeper.Close)
		for i := range keys {
			all.Go(func() {
				_, _, err := keeper.Get(ctx, sha256.Sum256(fmt.Append(nil, i)), broker.Source{Organization: "org_1", Mint: func(ctx context.Context, _ bool) (broker.Minted, error) { return mint(ctx) }})
				if err != nil {
					t.Errorf("key %d: %v", i, err)
				}
			})
		}
		servers = append(servers, db)
	}
	select {
	case <-allMint:
	case <-ctx.Done():
		t.Fatal("not every key is being minted: somebody waits with a connection in hand")
	}
	for _, db := range servers {
		must(t, "Ping while everybody waits", db.Ping(ctx))
	}
	close(release)
	all.Wait()
	// A server that has not renewed its lease for twelve seconds counts as dead, and
	// another one mints; a machine under load is as slow as a dead one.
	switch n, took := mints.Load(), time.Since(began); {
	case n < keys, n > keys && took < 10*time.Second:
		t.Errorf("%d were minted in %v, want %d: one a key", n, took, keys)
	case n > keys:
		t.Logf("%d were minted instead of %d: it took %v, longer than a lease", n, keys, took)
	}
}
