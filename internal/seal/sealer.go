package seal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/pullpass/pullpass"
)

// DataKey is a data key as it is kept: wrapped by the key-encryption key KEK.
// Numbers grow; the highest seals new values.
type DataKey struct {
	Number  int64
	KEK     string
	Wrapped []byte
}

// DataKeys keeps wrapped data keys; the store implements it.
type DataKeys interface {
	// NewestDataKey returns the one with the highest number, NotFound if there
	// is none yet.
	NewestDataKey(context.Context) (DataKey, error)
	DataKey(ctx context.Context, number int64) (DataKey, error)
	// AddDataKey fails with Conflict when the number is taken: another server
	// was first.
	AddDataKey(context.Context, DataKey) error
}

// Sealer seals and opens values with data keys. It is safe for concurrent use.
type Sealer struct {
	keyring *Keyring
	keys    DataKeys

	mu     sync.Mutex
	opened map[int64]tink.AEAD // unwrapped data keys, so that KMS is asked once for each
}

// Both formats: one byte format, eight bytes number of the data key, Tink
// ciphertext. A value of format 2 is bound to what its row says, too; one of
// format 1, which may have been written before there was anything to bind it to,
// to its place alone. The ciphertext opens in the format that it was made in.
const (
	format1      = 1
	format2      = 2
	headerLength = 1 + 8
)

// CodeBroken is the error of a sealed value that does not open with the key it names.
const CodeBroken = "seal_broken"

// Seal encrypts plain for the place that ad names.
func (s *Sealer) Seal(ctx context.Context, plain pullpass.Secret, ad AssociatedData) ([]byte, error) {
	newest, err := s.newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	primitive, err := s.open(ctx, newest)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	body, err := primitive.Encrypt([]byte(plain.Reveal()), ad.encode())
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	sealed := make([]byte, 0, headerLength+len(body))
	format := byte(format1)
	if len(ad.Bound) > 0 {
		format = format2
	}
	sealed = append(sealed, format)
	sealed = binary.BigEndian.AppendUint64(sealed, uint64(newest.Number)) //nolint:gosec // numbers are positive
	return append(sealed, body...), nil
}

// Open decrypts what Seal made for the same place.
func (s *Sealer) Open(ctx context.Context, sealed []byte, ad AssociatedData) (pullpass.Secret, error) {
	number, err := KeyNumber(sealed)
	if err != nil {
		return pullpass.Secret{}, err
	}
	primitive, err := s.byNumber(ctx, number)
	if err != nil {
		return pullpass.Secret{}, fmt.Errorf("opening a sealed value: %w", err)
	}
	switch {
	case !Bound(sealed):
		ad.Bound = nil
	case len(ad.Bound) == 0:
		return pullpass.Secret{}, errBroken("it is bound to what its place does not have")
	}
	plain, err := primitive.Decrypt(sealed[headerLength:], ad.encode())
	if err != nil {
		return pullpass.Secret{}, errBroken("it was changed, or belongs to another place")
	}
	return pullpass.NewSecret(string(plain)), nil
}

// KeyNumber returns the number of the data key that a sealed value needs.
func KeyNumber(sealed []byte) (int64, error) {
	if len(sealed) <= headerLength || sealed[0] != format1 && sealed[0] != format2 {
		return 0, errBroken("it is not in a form that Pullpass writes")
	}
	number := binary.BigEndian.Uint64(sealed[1:headerLength])
	return int64(number), nil //nolint:gosec // a forged number is looked up and not found
}

// Unbound is how a sealed value begins that is bound to its place alone.
var Unbound = []byte{format1}

// Bound reports whether a sealed value is bound to what its row says, and not to
// its place alone.
func Bound(sealed []byte) bool { return len(sealed) > 0 && sealed[0] == format2 }

func errBroken(cause string) error {
	return &pullpass.Error{
		Kind: pullpass.Internal, Code: CodeBroken,
		What: "a sealed value does not open", Cause: cause,
		Hint: "store the secret again; if nobody edited the database by hand, treat this as an intrusion",
	}
}

// Renew makes sure that the newest data key is wrapped by the primary
// key-encryption key, making one if not, and returns its number. It is the first
// half of a rotation; doing it again changes nothing.
func (s *Sealer) Renew(ctx context.Context) (int64, error) {
	newest, err := s.newest(ctx)
	if err != nil {
		return 0, err
	}
	if newest.KEK != s.keyring.PrimaryID() {
		newest, err = s.add(ctx, newest.Number+1)
	}
	return newest.Number, err
}

// NewDataKey makes a new data key, whatever the age of the newest: for a
// rotation where the key-encryption key keeps its name (KMS).
func (s *Sealer) NewDataKey(ctx context.Context) (int64, error) {
	newest, err := s.newest(ctx)
	if err != nil {
		return 0, err
	}
	added, err := s.add(ctx, newest.Number+1)
	return added.Number, err
}

// newest asks the store each time: a cached answer would go on sealing with a
// key that another server has just rotated away.
func (s *Sealer) newest(ctx context.Context) (DataKey, error) {
	key, err := s.keys.NewestDataKey(ctx)
	if pullpass.IsKind(err, pullpass.NotFound) {
		return s.add(ctx, 1)
	}
	return key, err
}

// add makes, wraps and stores a data key. Losing the race for the number to
// another server is as good: its key is used.
func (s *Sealer) add(ctx context.Context, number int64) (DataKey, error) {
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return DataKey{}, fmt.Errorf("making a data key: %w", err)
	}
	key := DataKey{Number: number, KEK: s.keyring.PrimaryID()}
	kek, err := s.keyring.aead(key.KEK)
	if err != nil {
		return DataKey{}, err
	}
	var wrapped bytes.Buffer
	if err := handle.WriteWithContext(ctx, keyset.NewBinaryWriter(&wrapped), kek, dataKeyPlace(number)); err != nil {
		return DataKey{}, errKEK("wrap a new data key", key.KEK, err)
	}
	key.Wrapped = wrapped.Bytes()
	err = s.keys.AddDataKey(ctx, key)
	if pullpass.IsKind(err, pullpass.Conflict) {
		return s.keys.NewestDataKey(ctx)
	}
	return key, err
}

func (s *Sealer) byNumber(ctx context.Context, number int64) (tink.AEAD, error) {
	s.mu.Lock()
	primitive, ok := s.opened[number]
	s.mu.Unlock()
	if ok {
		return primitive, nil
	}
	key, err := s.keys.DataKey(ctx, number)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, key)
}

// open unwraps a data key, or takes it from memory. Two callers may unwrap the
// same key at once: that costs one call more and needs no lock around a network.
func (s *Sealer) open(ctx context.Context, key DataKey) (tink.AEAD, error) {
	s.mu.Lock()
	primitive, ok := s.opened[key.Number]
	s.mu.Unlock()
	if ok {
		return primitive, nil
	}
	kek, err := s.keyring.aead(key.KEK)
	if err != nil {
		return nil, err
	}
	handle, err := keyset.ReadWithContext(
		ctx,
		keyset.NewBinaryReader(bytes.NewReader(key.Wrapped)),
		kek,
		dataKeyPlace(key.Number),
	)
	if err != nil {
		return nil, errKEK("unwrap a data key", key.KEK, err)
	}
	primitive, err = aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", key.Number, err)
	}
	s.mu.Lock()
	s.opened[key.Number] = primitive
	s.mu.Unlock()
	return primitive, nil
}

// Forget drops a data key from memory once nothing is sealed with it.
func (s *Sealer) Forget(number int64) {
	s.mu.Lock()
	delete(s.opened, number)
	s.mu.Unlock()
}

func errKEK(what, id string, err error) error {
	if pullpass.KindOf(err) != pullpass.Internal || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot %s: %w", what, err)
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: "seal_kek",
		What: "cannot " + what + " with " + id, Err: err,
		Hint: "check that the key-encryption key is the one this database was written with, and that the server may use it",
	}
}
