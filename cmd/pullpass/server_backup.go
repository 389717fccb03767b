package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/backup"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/store"
)

// serverBackup copies the data of a server that runs or stands still.
type serverBackup struct {
	Directory string `arg:"" placeholder:"DIR" help:"New directory for the copy and its manifest."`
	config.Server
}

func (s *serverBackup) Run(ctx context.Context, t *terminal) error {
	db, err := openExisting(ctx, &s.Server, t)
	if err != nil {
		return err
	}
	m, err := backup.Write(ctx, db, s.Directory, version)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	t.say("Copied %s into %s.", databaseOf(&s.Server), s.Directory)
	t.say("Its secrets open with %s only, which is not part of the copy: keep that somewhere else.", keyOf(&s.Server))
	t.say("Next: pullpass server restore %s --check --key-file %s", s.Directory, s.KeyPath())
	return showBackup(t, m)
}

func showBackup(t *terminal, m backup.Manifest) error {
	return t.show(m, func(w io.Writer) {
		var chains []string
		for _, c := range m.Chains {
			chains = append(chains, c.Name+" "+strconv.FormatInt(c.Sequence, 10))
		}
		facts(w, "made", m.Made.Format("2006-01-02 15:04:05 MST"), "version", m.Version, "schema", strconv.FormatInt(m.Schema, 10),
			"bytes", strconv.FormatInt(m.Size, 10), "keys", strings.Join(m.Keys, " "), "audit records", strings.Join(chains, ", "))
	})
}

// serverRestore puts a copy in the place of a server's data, or only tries whether
// it could.
type serverRestore struct {
	Directory string `arg:"" placeholder:"DIR" help:"What 'pullpass server backup' wrote."`
	OnlyCheck bool   `name:"check" help:"Change nothing: say whether the copy is whole, the key opens it, and its audit record verifies."`
	config.Server
}

func (s *serverRestore) Run(ctx context.Context, t *terminal) error {
	if err := s.Check(); err != nil {
		return misuseError{err}
	}
	if s.Database != "" {
		return misuse("PostgreSQL is restored by its own tools", "pg_restore --dbname=DATABASE_URL pullpass.dump")
	}
	m, err := backup.Read(s.Directory)
	if err != nil {
		return err
	}
	if err := s.refuse(); err != nil {
		return err
	}
	// The copy is tried beside its place: what a failed restore leaves would look
	// like a server's data.
	parent := filepath.Dir(filepath.Clean(s.Data))
	if s.OnlyCheck {
		parent = os.TempDir()
	} else if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", parent, err)
	}
	trial, err := os.MkdirTemp(parent, ".restore-")
	if err != nil {
		return fmt.Errorf("making a directory to try the backup in: %w", err)
	}
	defer func() { _ = os.RemoveAll(trial) }() // gone already where it was put in place
	if err := s.try(ctx, t, m, trial); err != nil {
		return err
	}
	if s.OnlyCheck {
		t.say("The backup is whole: its key opens it, and its audit record verifies.")
		return showBackup(t, m)
	}
	if err := s.place(trial); err != nil {
		return err
	}
	t.say("Restored %s into %s.", s.Directory, s.Data)
	t.say("Next: pullpass server --data %s --key-file %s", s.Data, s.KeyPath())
	return showBackup(t, m)
}

// refuse looks at what is there already.
func (s *serverRestore) refuse() error {
	if s.KMSKey == "" {
		if found, err := there(s.KeyPath()); err != nil || !found {
			return errors.Join(err, &pullpass.Error{Kind: pullpass.Invalid, Code: "key_missing", What: "cannot restore the backup",
				Cause: "the key file " + s.KeyPath() + " does not exist, and without it no secret of the backup opens",
				Hint:  "put the key file there that was kept apart from the backup, or name it: --key-file FILE"})
		}
	}
	if s.OnlyCheck {
		return nil
	}
	entries, err := os.ReadDir(s.Data)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	return errors.Join(err, &pullpass.Error{Kind: pullpass.Conflict, Code: "data_exists", What: "cannot restore the backup into " + s.Data,
		Cause: "the directory is not empty", Hint: "stop the server and move the directory away: mv " + s.Data + " " + s.Data + ".old"})
}

// try opens a copy of the backup with the key, and verifies it.
func (s *serverRestore) try(ctx context.Context, t *terminal, m backup.Manifest, trial string) error {
	c := s.Server
	c.KeyFile, c.Data = s.KeyPath(), trial
	if c.KMSKey != "" {
		c.KeyFile = ""
	}
	if err := copyFile(backup.DatabasePath(s.Directory), databasePath(&c)); err != nil {
		return fmt.Errorf("copying the backup's database: %w", err)
	}
	db, err := openStore(ctx, &c, store.Options{Logger: newLogger(t.talk, s.Log), Quotas: c.QuotaLimits()})
	if err != nil {
		return err
	}
	return errors.Join(backup.Check(ctx, db, m), db.Close())
}

// place moves the tried copy to where the server looks for it.
func (s *serverRestore) place(trial string) error {
	if err := os.Remove(s.Data); err != nil && !errors.Is(err, os.ErrNotExist) { // an empty directory, as refuse saw
		return fmt.Errorf("clearing %s: %w", s.Data, err)
	}
	if err := os.Rename(trial, s.Data); err != nil {
		return fmt.Errorf("putting the backup in place: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
