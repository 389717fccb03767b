package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
)

const (
	databaseName = "pullpass.db"
	manifestName = "backup.json"
	form         = 1 // of the manifest
	maxManifest  = 16 << 20
)

// Manifest says what a copy holds.
type Manifest struct {
	Form    int       `json:"form"`
	Version string    `json:"version"` // of the program that made it
	Made    time.Time `json:"made"`
	Schema  int64     `json:"schema"`
	Size    int64     `json:"size"`   // of the database file, in bytes
	SHA256  string    `json:"sha256"` // of the database file
	Keys    []string  `json:"keys"`   // ids of the key-encryption keys that open its secrets
	Chains  []Chain   `json:"chains"`
}

// Chain is how far one organization's audit chain reaches.
type Chain struct {
	Organization pullpass.OrganizationID `json:"organization"`
	Name         string                  `json:"name"`
	Sequence     int64                   `json:"sequence"`
	Hash         string                  `json:"hash"`
}

// DatabasePath is the database file of the copy in directory.
func DatabasePath(directory string) string { return filepath.Join(directory, databaseName) }

// Read reads the manifest of the copy in directory, and refuses a database file that
// is not the one that was written.
func Read(directory string) (Manifest, error) {
	refused := func(cause, hint string) (Manifest, error) {
		return Manifest{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "backup_invalid",
			What: "cannot use the backup in " + directory, Cause: cause, Hint: hint}
	}
	data, err := os.ReadFile(filepath.Join(directory, manifestName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refused("it has no "+manifestName, "name the directory that pullpass server backup wrote")
	case err != nil:
		return Manifest{}, fmt.Errorf("reading the backup's manifest: %w", err)
	case len(data) > maxManifest:
		return refused("its "+manifestName+" is too large to be one", "make the backup again")
	}
	var m Manifest
	if json.Unmarshal(data, &m) != nil || m.Form < 1 {
		return refused("its "+manifestName+" cannot be read", "make the backup again")
	}
	if m.Form > form {
		return refused("a newer version of pullpass ("+m.Version+") wrote it", "restore it with that version")
	}
	sum, size, err := checksum(DatabasePath(directory))
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the backup's database: %w", err)
	}
	if sum != m.SHA256 || size != m.Size {
		return refused("its database was changed after it was written, or not copied whole", "use another copy of it")
	}
	return m, nil
}
