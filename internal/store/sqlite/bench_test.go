package sqlite_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// BenchmarkDoor is how many records a second 64 callers get onto this disk.
func BenchmarkDoor(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "pullpass.db"), storetest.Keyring(b), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	storetest.BenchmarkDoor(b, db)
}

// BenchmarkScale compares the named operations at 1,000 and 1,000,000
// environments.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "pullpass.db"), storetest.Keyring(b), store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			storetest.BenchmarkScale(b, db, n)
		})
	}
}
