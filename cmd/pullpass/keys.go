package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

type keysRotate struct{ config.Server }

func (k *keysRotate) Run(ctx context.Context, t *terminal) error {
	// The database is opened with the key that it has, before that gets a successor:
	// a wrong directory or a wrong key file changes nothing.
	db, err := openExisting(ctx, &k.Server, t)
	if err != nil {
		return err
	}
	if k.KMSKey == "" {
		if _, err := seal.RotateKeyFile(k.KeyPath()); err != nil {
			return errors.Join(err, db.Close())
		}
		if err := db.Close(); err != nil {
			return err
		}
		if db, err = openExisting(ctx, &k.Server, t); err != nil { // with the new key
			return err
		}
	}
	defer func() { _ = db.Close() }()
	t.say("Sealing %s with %s.", databaseOf(&k.Server), keyOf(&k.Server))
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
	if k.KMSKey != "" {
		return misuse("keys in AWS KMS are retired there", "disable the old key in KMS once it is not listed as in use: pullpass keys rotate")
	}
	db, err := openExisting(ctx, &k.Server, t)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	t.say("Retiring keys of %s that %s does not need.", keyOf(&k.Server), databaseOf(&k.Server))
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
