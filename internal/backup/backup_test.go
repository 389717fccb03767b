package backup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/backup"
)

// database is one organization's chain in memory, with a file to copy.
type database struct {
	head audit.Head
	fail error
}

func (d *database) CopyTo(_ context.Context, path string) error {
	if err := os.WriteFile(path, []byte("half of the database"), 0o600); err != nil {
		return err
	}
	return d.fail
}
func (d *database) SchemaVersion(context.Context) (int64, error) { return 7, nil }
func (d *database) KeysInUse(context.Context) ([]string, error)  { return []string{"file:1"}, nil }
func (d *database) AuditSeals(context.Context, pullpass.OrganizationID) (audit.Seals, error) {
	return audit.Seals{Head: d.head}, nil
}
func (d *database) Events(context.Context, pullpass.OrganizationID, pullpass.EventFilter, pullpass.Page) (pullpass.List[pullpass.Event], error) {
	return pullpass.List[pullpass.Event]{}, nil
}
func (d *database) Organizations(context.Context, pullpass.Page) (pullpass.List[pullpass.Organization], error) {
	return pullpass.List[pullpass.Organization]{Items: []pullpass.Organization{{ID: "org", Name: "acme"}}}, nil
}

func TestHalfABackupIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "copy")
	if _, err := backup.Write(t.Context(), &database{fail: errors.New("disk full")}, dir, "v1"); err == nil {
		t.Fatal("Write = nil, want the error")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a backup is left: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, test := range []struct {
		name, cause string
		spoil       func(dir string) error
	}{
		{"as written", "", func(string) error { return nil }},
		{"no manifest", "has no backup.json", func(dir string) error { return os.Remove(filepath.Join(dir, "backup.json")) }},
		{"changed", "changed after it was written", func(dir string) error {
			return os.WriteFile(backup.DatabasePath(dir), []byte("HALF of the database"), 0o600)
		}},
		{"cut", "changed after it was written", func(dir string) error { return os.Truncate(backup.DatabasePath(dir), 3) }},
		{"of a later version", "a newer version", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "backup.json"), []byte(`{"form":99,"version":"v9"}`), 0o600)
		}},
		{"not JSON", "cannot be read", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "backup.json"), []byte(`{`), 0o600)
		}},
	} {
		dir := filepath.Join(t.TempDir(), "copy")
		if _, err := backup.Write(t.Context(), &database{}, dir, "v1"); err != nil {
			t.Fatal(err)
		}
		if err := test.spoil(dir); err != nil {
			t.Fatal(err)
		}
		_, err := backup.Read(dir)
		if test.cause == "" {
			if err != nil {
				t.Errorf("%s: Read = %v", test.name, err)
			}
			continue
		}
		if pullpass.CodeOf(err) != "backup_invalid" || !strings.Contains(err.Error(), test.cause) || pullpass.HintOf(err) == "" {
			t.Errorf("%s: Read = %v, want %q", test.name, err, test.cause)
		}
	}
}

// A chain that ends before where it had got to is not what was copied.
func TestCheckFindsAShorterChain(t *testing.T) {
	m := backup.Manifest{Chains: []backup.Chain{{Organization: "org", Name: "acme", Sequence: 3, Hash: "h"}}}
	if err := backup.Check(t.Context(), &database{}, m); pullpass.CodeOf(err) != "backup_invalid" {
		t.Errorf("Check of an empty chain = %v, want backup_invalid", err)
	}
	m.Chains[0].Sequence = 0
	if err := backup.Check(t.Context(), &database{}, m); err != nil {
		t.Errorf("Check of a chain that was empty = %v", err)
	}
}
