package postgres_test

import (
	"strconv"
	"testing"

	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/postgres"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

func benchStore(b *testing.B) *store.DB {
	b.Helper()
	db, err := postgres.Open(b.Context(), parts.Postgres(b), storetest.Keyring(b), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

// BenchmarkDoor is how many records a second 64 callers get into PostgreSQL.
func BenchmarkDoor(b *testing.B) { storetest.BenchmarkDoor(b, benchStore(b)) }

// BenchmarkScale compares the named operations at 1,000 and 1,000,000
// environments.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { storetest.BenchmarkScale(b, benchStore(b), n) })
	}
}
