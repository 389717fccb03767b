package main

import (
	"context"
	"fmt"
	"io"
	"strings"

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
	if err := k.Check(); err != nil {
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
	t.say("Restart the servers, so that they read the new key; then: pullpass keys retire")
	return showRotation(t, rotation)
}

func showRotation(t *terminal, r store.Rotation) error {
	return t.show(map[string]any{"data_key": r.DataKey, "resealed": r.Resealed, "retired": r.Retired, "in_use": r.InUse}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "data key %d seals everything; %d values sealed anew, %d data keys retired; in use: %s\n",
			r.DataKey, r.Resealed, r.Retired, strings.Join(r.InUse, " "))
	})
}

type keysRetire struct{ config.Server }

func (k *keysRetire) Run(ctx context.Context, t *terminal) error {
	if err := k.Check(); err != nil {
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
