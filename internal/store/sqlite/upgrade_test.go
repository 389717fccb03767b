package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// TestUpgrade upgrades a database that an earlier version has written.
func TestUpgrade(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.db")
	text, err := os.ReadFile("testdata/schema-20.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Upgrade(t, func() func(context.Context, *seal.Keyring) (*store.DB, error) {
		path := filepath.Join(t.TempDir(), "pullpass.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return func(ctx context.Context, keyring *seal.Keyring) (*store.DB, error) {
			return sqlite.Open(ctx, path, keyring, store.Options{})
		}
	})
}
