package main

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/postgres"
	"github.com/pullpass/pullpass/internal/store/sqlite"
)

// newLogger makes the log that config.Log describes.
func newLogger(w io.Writer, o config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(o.LogLevel)) // the parser allows known levels only
	options := &slog.HandlerOptions{Level: level}
	if o.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(printable.JSONWriter{To: w}, options))
	}
	return slog.New(slog.NewTextHandler(printable.NewWriter(w), options))
}

// openStore opens the keys and the database that c names.
func openStore(ctx context.Context, c *config.Server, log *slog.Logger) (*store.DB, error) {
	keyring, err := openKeyring(ctx, c)
	if err != nil {
		return nil, err
	}
	options := store.Options{Logger: log}
	if c.Database != "" {
		return postgres.Open(ctx, c.Database, keyring, options)
	}
	return sqlite.Open(ctx, filepath.Join(c.Data, "pullpass.db"), keyring, options)
}

func openKeyring(ctx context.Context, c *config.Server) (*seal.Keyring, error) {
	if c.KMSKey != "" {
		key, err := seal.OpenKMS(ctx, c.KMSKey, seal.KMSOptions{Endpoint: c.KMSEndpoint})
		if err != nil {
			return nil, err
		}
		return seal.NewKeyring(key), nil
	}
	key, err := seal.OpenKeyFile(c.KeyPath())
	if err != nil {
		return nil, err
	}
	return seal.NewKeyring(key), nil
}
