package postgres_test

import (
	"testing"

	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/postgres"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		url := parts.Postgres(t)
		return func(keyring *seal.Keyring, o store.Options) (*store.DB, error) {
			return postgres.Open(t.Context(), url, keyring, o)
		}
	})
}
