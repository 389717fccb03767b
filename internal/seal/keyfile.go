package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/atomicfile"
)

// KeyFile is the key-encryption keys of a file that only its owner may read. The
// file is a Tink keyset in JSON: one primary key, and older ones until they are
// retired. When a key is asked for that it does not know, it reads the file
// again, so a rotation needs no restart of the servers that use the file.
type KeyFile struct {
	path string
	mu   sync.RWMutex
	read keySet
}

// keySet is what a key file held when it was read.
type keySet struct {
	primary uint32
	ids     map[string]bool
	aead    tink.AEAD
}

const keyFileMode fs.FileMode = 0o600

// OpenKeyFile opens the key file at path and makes it first if there is none.
func OpenKeyFile(path string) (*KeyFile, error) {
	handle, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making the key file: %w", err)
		}
		// Whoever was first: what lies there now is the key.
		handle, err = readKeyFile(path)
	}
	if err != nil {
		return nil, err
	}
	set, err := newKeySet(handle)
	if err != nil {
		return nil, err
	}
	return &KeyFile{path: path, read: set}, nil
}

func newKeySet(handle *keyset.Handle) (keySet, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return keySet{}, fmt.Errorf("reading the key file: %w", err)
	}
	info := handle.KeysetInfo()
	set := keySet{primary: info.GetPrimaryKeyId(), aead: primitive, ids: make(map[string]bool)}
	for _, key := range info.GetKeyInfo() {
		set.ids[fileKeyID(key.GetKeyId())] = true
	}
	return set, nil
}

func fileKeyID(id uint32) string { return fmt.Sprintf("file:%08x", id) }

// ID names the primary key of the file.
func (k *KeyFile) ID() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return fileKeyID(k.read.primary)
}

// Holds reports whether the file has the key with this id.
func (k *KeyFile) Holds(id string) bool {
	if !strings.HasPrefix(id, "file:") {
		return false
	}
	if k.holds(id) {
		return true
	}
	k.again()
	return k.holds(id)
}

func (k *KeyFile) holds(id string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.read.ids[id]
}

// again reads the file once more. If that fails the keys stay as they are: who
// asked for another one is told that it is missing.
func (k *KeyFile) again() {
	handle, err := readKeyFile(k.path)
	if err != nil {
		return
	}
	set, err := newKeySet(handle)
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read = set
}

// AEAD gives the keys of the file; Tink picks the right one by the ciphertext.
func (k *KeyFile) AEAD(string) (tink.AEADWithContext, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return local{k.read.aead}, nil
}

// local is an AEAD that needs no network and so no context.
type local struct{ tink.AEAD }

func (l local) EncryptWithContext(_ context.Context, plain, ad []byte) ([]byte, error) {
	return l.Encrypt(plain, ad)
}

func (l local) DecryptWithContext(_ context.Context, sealed, ad []byte) ([]byte, error) {
	return l.Decrypt(sealed, ad)
}

// RotateKeyFile adds a new primary key to the file at path and keeps the older
// ones, which still unwrap. It returns the id of the new key.
func RotateKeyFile(path string) (string, error) {
	var id string
	err := rewriteKeyFile(path, func(m *keyset.Manager) error {
		added, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return err
		}
		id = fileKeyID(added)
		return m.SetPrimary(added)
	})
	return id, err
}

// RetireKeys removes every key but the primary one from the file at path. Only
// keys that no data key is wrapped with may go: give the ids still in use, and
// these are kept. It returns the ids that were removed.
func RetireKeys(path string, inUse []string) ([]string, error) {
	handle, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{fileKeyID(handle.KeysetInfo().GetPrimaryKeyId()): true}
	for _, id := range inUse {
		keep[id] = true
	}
	var removed []string
	err = rewriteKeyFile(path, func(m *keyset.Manager) error {
		for _, key := range handle.KeysetInfo().GetKeyInfo() {
			id := fileKeyID(key.GetKeyId())
			if keep[id] {
				continue
			}
			if err := m.Delete(key.GetKeyId()); err != nil {
				return err
			}
			removed = append(removed, id)
		}
		return nil
	})
	return removed, err
}

func readKeyFile(path string) (*keyset.Handle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errKeyFile(path, "it is not a regular file", "give the path of the key file itself")
	}
	if wider := info.Mode().Perm() &^ keyFileMode; wider != 0 {
		return nil, errKeyFile(path,
			fmt.Sprintf("its permissions are %04o, so others than its owner could have read it", info.Mode().Perm()),
			fmt.Sprintf("chmod 600 %q; if others have accounts on this machine, rotate the key afterwards", path))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content)))
	if err != nil {
		// The content is a key: not even a parser's complaint about it is repeated.
		return nil, errKeyFile(
			path,
			"it does not hold a key set",
			"restore it from a backup: without it nothing sealed can be opened",
		)
	}
	return handle, nil
}

func errKeyFile(path, cause, hint string) error {
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "key_file",
		What: fmt.Sprintf("cannot use the key file %q", path), Cause: cause, Hint: hint,
	}
}

func createKeyFile(path string) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	content, err := keyFileContent(handle)
	if err != nil {
		return err
	}
	// Of two servers that start at once, one key wins.
	return atomicfile.Create(path, content, keyFileMode)
}

func rewriteKeyFile(path string, change func(*keyset.Manager) error) error {
	handle, err := readKeyFile(path)
	if err != nil {
		return err
	}
	manager := keyset.NewManagerFromHandle(handle)
	if err := change(manager); err != nil {
		return fmt.Errorf("changing the key file: %w", err)
	}
	if handle, err = manager.Handle(); err != nil {
		return fmt.Errorf("changing the key file: %w", err)
	}
	content, err := keyFileContent(handle)
	if err == nil {
		err = atomicfile.Write(path, content, keyFileMode)
	}
	if err != nil {
		return fmt.Errorf("changing the key file: %w", err)
	}
	return nil
}

func keyFileContent(handle *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b))
	return b.Bytes(), err
}
