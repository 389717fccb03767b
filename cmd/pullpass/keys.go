package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

type keysCommand struct {
	Rotate keysRotate `cmd:"" help:"Add a new key, and seal everything stored with it. Can be interrupted and run again."`
	Retire keysRetire `cmd:"" help:"Remove keys from the key file that nothing is sealed with any more."`
}

// standing says which server's data the keys are of, and refuses a directory that
// holds none: a new database, with a new key, is not what anybody maintains.
func standing(t *terminal, c *config.Server) error {
	if c.Database != "" {
		t.say("Working on the PostgreSQL database of --database, with the key of %s.", keyOf(c))
		return nil
	}
	path := databasePath(c)
	if _, err := os.Stat(path); err != nil {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot work on the server's keys", Cause: "there is no database at " + path,
			Hint: "name the server's directory or its file: pullpass keys rotate --data DIR, or --config FILE"}
	}
	t.say("Working on %s, with the key of %s.", path, keyOf(c))
	return nil
}

func keyOf(c *config.Server) string {
	if c.KMSKey != "" {
		return c.KMSKey
	}
	return c.KeyPath()
}

type keysRotate struct{ config.Server }

func (k *keysRotate) Run(ctx context.Context, t *terminal) error {
	if err := k.Check(); err != nil {
		return err
	}
	if err := standing(t, &k.Server); err != nil {
		return err
	}
	if k.KMSKey == "" {
		if _, err := seal.OpenKeyFile(k.KeyPath()); err != nil {
			return err
		}
		if _, err := seal.RotateKeyFile(k.KeyPath()); err != nil {
			return err
		}
	}
	db, err := openStore(ctx, &k.Server, newLogger(t.talk, k.Log))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rotation, err := db.Rotate(ctx)
	if err != nil {
		return err
	}
	if len(rotation.Skipped) == 0 {
		t.say("Restart the servers, so that they read the new key; then: pullpass keys retire")
	}
	if err := showRotation(t, rotation); err != nil {
		return err
	}
	if len(rotation.Skipped) > 0 {
		return &pullpass.Error{Kind: pullpass.Conflict, Code: "values_broken", What: "not everything was sealed anew",
			Cause: fmt.Sprintf("%d values do not open: %s", len(rotation.Skipped), strings.Join(rotation.Skipped, ", ")),
			Hint:  "they were changed in the database, or their key is gone: restore them from a backup, or set them again; then rotate again"}
	}
	return nil
}

func showRotation(t *terminal, r store.Rotation) error {
	return t.show(map[string]any{"data_key": r.DataKey, "resealed": r.Resealed, "retired": r.Retired, "in_use": r.InUse, "skipped": r.Skipped}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "data key %d seals everything; %d values sealed anew, %d data keys retired; in use: %s\n",
			r.DataKey, r.Resealed, r.Retired, strings.Join(r.InUse, " "))
	})
}

type keysRetire struct{ config.Server }

func (k *keysRetire) Run(ctx context.Context, t *terminal) error {
	if err := k.Check(); err != nil {
		return err
	}
	if err := standing(t, &k.Server); err != nil {
		return err
	}
	if k.KMSKey != "" {
		return misuse("keys in AWS KMS are retired there", "disable the old key in KMS once 'pullpass keys rotate' no longer lists it as in use")
	}
	db, err := openStore(ctx, &k.Server, newLogger(t.talk, k.Log))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	inUse, err := db.KeysInUse(ctx)
	if err != nil {
		return err
	}
	removed, err := seal.RetireKeys(k.KeyPath(), inUse)
	if err != nil {
		return err
	}
	return t.show(map[string]any{"removed": removed, "in_use": inUse}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "removed %d keys; in use: %s\n", len(removed), strings.Join(inUse, " "))
	})
}
