package seal

import (
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/pullpass/pullpass"
)

// KEK is a place that holds key-encryption keys: a key file or AWS KMS. The keys
// themselves stay there.
type KEK interface {
	// ID names the key that wraps new data keys.
	ID() string
	// Holds reports whether the key with this id can unwrap here.
	Holds(id string) bool
	// AEAD gives the key with this id, one that Holds says yes to.
	AEAD(id string) (tink.AEADWithContext, error)
}

// Keyring is the key-encryption keys that a server can use.
type Keyring struct {
	primary KEK
	all     []KEK
}

// NewKeyring returns a keyring that wraps new data keys with primary and unwraps
// with any of them. More than one is needed only to move between them.
func NewKeyring(primary KEK, others ...KEK) *Keyring {
	return &Keyring{primary: primary, all: append([]KEK{primary}, others...)}
}

// PrimaryID names the key-encryption key in use for new data keys.
func (k *Keyring) PrimaryID() string { return k.primary.ID() }

// CodeKeyMissing is the code of the error for a key that the keyring lacks.
const CodeKeyMissing = "seal_key_missing"

// Check reports whether the keyring has the key-encryption key with the given id.
func (k *Keyring) Check(id string) error {
	_, err := k.aead(id)
	return err
}

// aead finds the key-encryption key with the given id.
func (k *Keyring) aead(id string) (tink.AEADWithContext, error) {
	for _, kek := range k.all {
		if kek.Holds(id) {
			return kek.AEAD(id)
		}
	}
	return nil, &pullpass.Error{
		Kind:  pullpass.Unavailable,
		Code:  CodeKeyMissing,
		What:  "cannot open sealed values",
		Cause: fmt.Sprintf("they need the key-encryption key %s, which the server was not given", id),
		Hint:  "start the server with the key file (or KMS key) that this database was written with",
	}
}

// Sealer returns a Sealer whose wrapped data keys are kept in keys.
func (k *Keyring) Sealer(keys DataKeys) *Sealer {
	return &Sealer{keyring: k, keys: keys, opened: make(map[int64]tink.AEAD)}
}
