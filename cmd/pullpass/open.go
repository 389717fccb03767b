package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/logs"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/postgres"
	"github.com/pullpass/pullpass/internal/store/sqlite"
)

// repeatsWithin is how long what repeats is counted before the log says so.
const repeatsWithin = time.Minute

// newLogger makes the log that config.Log describes.
func newLogger(w io.Writer, o config.Log) *slog.Logger {
	log, _ := newLeveledLogger(w, o)
	return log
}

// newLeveledLogger is newLogger with the level in a variable: it can be changed while
// the program runs.
func newLeveledLogger(w io.Writer, o config.Log) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	setLevel(level, o)
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: logs.Causes}
	var handler slog.Handler = slog.NewTextHandler(printable.NewWriter(w), options)
	if o.LogFormat == "json" {
		handler = slog.NewJSONHandler(printable.JSONWriter{To: w}, options)
	}
	return slog.New(logs.NewHandler(handler, repeatsWithin)), level
}

func setLevel(level *slog.LevelVar, o config.Log) {
	var l slog.Level
	_ = l.UnmarshalText([]byte(o.LogLevel)) // the parser allows known levels only
	level.Set(l)
}

// openStore opens the keys and the database that c names, if they belong together.
func openStore(ctx context.Context, c *config.Server, o store.Options) (*store.DB, error) {
	if err := checkKeyFile(ctx, c); err != nil {
		return nil, err
	}
	keyring, err := openKeyring(ctx, c)
	if err != nil {
		return nil, err
	}
	db, err := openDatabase(ctx, c, keyring, o)
	if err != nil {
		return nil, err
	}
	if err := db.CheckKeys(ctx); err != nil {
		return nil, errors.Join(errWrongKey(c, err), db.Close())
	}
	return db, nil
}

// sealOld seals what an older version of the server wrote in clear text, or bound to
// less than it is bound to now. Values that do not open stop no server.
func sealOld(ctx context.Context, db *store.DB, log *slog.Logger) error {
	r, err := db.SealOld(ctx)
	if r.Resealed > 0 {
		log.Info("sealed what an older version wrote", "values", r.Resealed)
	}
	if len(r.Skipped) > 0 {
		log.Error("sealed values do not open: they were changed in the database, or their key is gone", "values", r.Skipped)
	}
	return err
}

// openExisting is openStore for maintenance: it makes no database where there is
// none, because that would succeed on the wrong directory.
func openExisting(ctx context.Context, c *config.Server, t *terminal) (*store.DB, error) {
	if err := c.Check(); err != nil {
		return nil, misuseError{err}
	}
	if c.Database == "" {
		if found, err := there(databasePath(c)); err != nil || !found {
			return nil, errors.Join(err, &pullpass.Error{
				Kind: pullpass.NotFound, Code: "database_missing", What: "cannot find the server's data",
				Cause: "there is no database at " + databasePath(c),
				Hint:  "name the server's directory or its configuration: --data DIR, --config FILE",
			})
		}
	}
	return openStore(ctx, c, store.Options{Logger: newLogger(t.talk, c.Log), Quotas: c.QuotaLimits()})
}

// databaseOf and keyOf name what a maintenance verb acts on.
func databaseOf(c *config.Server) string {
	if c.Database != "" {
		return "the PostgreSQL database"
	}
	return databasePath(c)
}

func keyOf(c *config.Server) string {
	if c.KMSKey != "" {
		return "the KMS key " + c.KMSKey
	}
	return "the key file " + c.KeyPath()
}

func openDatabase(ctx context.Context, c *config.Server, keyring *seal.Keyring, o store.Options) (*store.DB, error) {
	if c.Database != "" {
		address, err := c.DatabaseURL()
		if err != nil {
			return nil, err
		}
		return postgres.Open(ctx, address, keyring, o)
	}
	return sqlite.Open(ctx, databasePath(c), keyring, o)
}

func databasePath(c *config.Server) string { return filepath.Join(c.Data, "pullpass.db") }

// checkKeyFile refuses a key file without its database and a database without its
// key file, before either is made anew: an empty server under a known address
// looks like a loss of everything, and a second key makes the first one hard to
// miss.
func checkKeyFile(ctx context.Context, c *config.Server) error {
	if c.KMSKey != "" {
		return nil
	}
	key, err := there(c.KeyPath())
	if err != nil {
		return err
	}
	database := true // on PostgreSQL, an empty one is new: nobody can have lost it by a missing mount
	if c.Database == "" {
		if database, err = there(databasePath(c)); err != nil {
			return err
		}
	}
	switch {
	case key && !database:
		return &pullpass.Error{
			Kind: pullpass.Conflict, Code: "database_missing", What: "cannot start with an empty database",
			Cause: "the key file " + c.KeyPath() + " is there, and its database " + databasePath(c) + " is not: removed, or not mounted",
			Hint:  "mount or restore " + c.Data + "; to begin anew, move the key file away",
		}
	case key || !database:
		return nil
	}
	db, err := openDatabase(ctx, c, &seal.Keyring{}, store.Options{})
	if err != nil {
		return err
	}
	err = db.CheckKeys(ctx)
	if err != nil {
		err = errWrongKey(c, err)
	}
	return errors.Join(err, db.Close())
}

func errWrongKey(c *config.Server, err error) error {
	var missing *pullpass.Error
	if !errors.As(err, &missing) || missing.Code != seal.CodeKeyMissing {
		return err
	}
	from, hint := "the key file "+c.KeyPath(), "put the key file back that this database was written with"
	if c.KMSKey != "" {
		from, hint = c.KMSKey, "name the KMS key, or the key file, that this database was written with"
	}
	return &pullpass.Error{
		Kind: pullpass.Conflict, Code: missing.Code, What: "cannot start on this database",
		Cause: "it holds what is sealed with another key than those of " + from + ": " + missing.Cause, Hint: hint, Err: err,
	}
}

func there(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
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
