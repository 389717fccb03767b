package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		dir := t.TempDir()
		return func(keyring *seal.Keyring, o store.Options) (*store.DB, error) {
			return sqlite.Open(t.Context(), filepath.Join(dir, "data", "pullpass.db"), keyring, o)
		}
	})
}
