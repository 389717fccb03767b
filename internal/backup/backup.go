package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/atomicfile"
	"github.com/pullpass/pullpass/internal/audit"
)

// Database is what a copy is made of, and what a restored one is checked by.
type Database interface {
	audit.Reader
	// CopyTo writes a consistent copy into an empty file, while others write.
	CopyTo(ctx context.Context, path string) error
	SchemaVersion(ctx context.Context) (int64, error)
	KeysInUse(ctx context.Context) ([]string, error)
	Organizations(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Organization], error)
}

// Write makes directory and writes a copy of db into it. The heads of the audit
// chains are read before the database is copied, so the copy reaches at least as far.
func Write(ctx context.Context, db Database, directory, version string) (Manifest, error) {
	if err := os.Mkdir(directory, 0o700); err != nil {
		if errors.Is(err, os.ErrExist) {
			return Manifest{}, &pullpass.Error{Kind: pullpass.Conflict, Code: "backup_exists",
				What: "cannot write the backup", Cause: directory + " exists already", Hint: "name a new directory"}
		}
		return Manifest{}, fmt.Errorf("making the backup's directory: %w", err)
	}
	m, err := write(ctx, db, directory, version)
	if err != nil { // half a backup is worse than none: somebody would rely on it
		return Manifest{}, errors.Join(err, os.RemoveAll(directory))
	}
	return m, nil
}

func write(ctx context.Context, db Database, directory, version string) (Manifest, error) {
	m := Manifest{Form: form, Version: version, Made: time.Now().UTC().Truncate(time.Second)}
	var err error
	if m.Chains, err = chains(ctx, db); err != nil {
		return m, err
	}
	if m.Schema, err = db.SchemaVersion(ctx); err != nil {
		return m, err
	}
	if m.Keys, err = db.KeysInUse(ctx); err != nil {
		return m, err
	}
	path := DatabasePath(directory)
	if err := makePrivate(path); err != nil {
		return m, fmt.Errorf("making the backup's database: %w", err)
	}
	if err := db.CopyTo(ctx, path); err != nil {
		return m, err
	}
	if err := syncFile(path); err != nil {
		return m, fmt.Errorf("writing the backup's database to disk: %w", err)
	}
	if m.SHA256, m.Size, err = checksum(path); err != nil {
		return m, fmt.Errorf("reading the backup's database: %w", err)
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if err := atomicfile.Write(filepath.Join(directory, manifestName), append(data, '\n'), 0o600); err != nil {
		return m, fmt.Errorf("writing the backup's manifest: %w", err)
	}
	return m, nil
}

// Check holds a database against the manifest of the copy that it came from: every
// audit chain is whole and reaches as far as it did.
func Check(ctx context.Context, db Database, m Manifest) error {
	for _, chain := range m.Chains {
		if err := checkChain(ctx, db, chain); err != nil {
			return err
		}
	}
	return nil
}

func checkChain(ctx context.Context, db Database, chain Chain) error {
	broken := func(cause string) error {
		return &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "backup_invalid",
			What:  "the audit record of " + chain.Name + " in the backup is not whole",
			Cause: cause,
			Hint:  "use another backup; this one was changed, or its database was damaged",
		}
	}
	// From the beginning, and from where it had got to: the head of then must still be
	// there, and all that follows must follow it.
	for _, since := range []audit.Head{{}, {Sequence: chain.Sequence, Hash: chain.Hash}} {
		report, err := audit.Verify(ctx, db, chain.Organization, since)
		if err != nil {
			return err
		}
		if !report.Whole() {
			return broken(fmt.Sprintf("record %d: %s, %s", report.Bad.Sequence, report.Bad.Problem, report.Bad.Cause))
		}
	}
	return nil
}

// chains lists how far every organization's audit chain reaches.
func chains(ctx context.Context, db Database) ([]Chain, error) {
	all := []Chain{}
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := db.Organizations(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, o := range l.Items {
			seals, err := db.AuditSeals(ctx, o.ID)
			if err != nil {
				return nil, err
			}
			all = append(all, Chain{Organization: o.ID, Name: o.Name, Sequence: seals.Head.Sequence, Hash: seals.Head.Hash})
		}
		if l.Next == "" {
			return all, nil
		}
		page.After = l.Next
	}
}

// makePrivate makes an empty file before the database would, which does not care
// who may read it.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func checksum(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
