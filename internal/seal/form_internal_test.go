package seal

import (
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"
	"testing"

	"github.com/pullpass/pullpass"
)

// What is associated with a value decides whether it opens, years later: both
// encodings are written down here, byte by byte.
func TestAssociatedDataStaysAsItWas(t *testing.T) {
	ad := AssociatedData{Organization: "o", Table: "t", Row: "r", Field: "f", Version: 2}
	const parts = "000000016f" + "0000000174" + "0000000172" + "0000000166" + "0000000000000002"
	v1 := "00000016" + hex.EncodeToString([]byte("pullpass/seal/value/v1")) + parts
	if got := hex.EncodeToString(ad.encode()); got != v1 {
		t.Errorf("encode without a binding = %s, want %s", got, v1)
	}
	ad.Bound = []string{"h", ""}
	v2 := "00000016" + hex.EncodeToString([]byte("pullpass/seal/value/v2")) + parts + "0000000168" + "00000000"
	if got := hex.EncodeToString(ad.encode()); got != v2 {
		t.Errorf("encode with a binding = %s, want %s", got, v2)
	}
}

// A header without a body is nothing that Seal writes, and neither is nothing.
func TestSealedFormHasABody(t *testing.T) {
	header := []byte{format1, 0, 0, 0, 0, 0, 0, 0, 7}
	for _, sealed := range [][]byte{nil, {}, {format1}, header[:headerLength-1], header, append([]byte{3}, header...)} {
		var broken *pullpass.Error
		if n, err := KeyNumber(sealed); !errors.As(err, &broken) || broken.Code != CodeBroken {
			t.Errorf("KeyNumber(%x) = %d, %v, want %s", sealed, n, err, CodeBroken)
		}
		if Bound(sealed) {
			t.Errorf("Bound(%x) = true", sealed)
		}
	}
	if n, err := KeyNumber(append(header, 0)); n != 7 || err != nil {
		t.Errorf("KeyNumber of the shortest value = %d, %v, want 7", n, err)
	}
}

// A server holds the KMS keys of its region, and no others: what it does not hold
// it does not ask for, and says so when it starts.
func TestKMSHoldsItsRegionOnly(t *testing.T) {
	k := &KMS{primary: kmsPrefix + "arn:aws:kms:eu-west-1:111111111111:key/1"}
	for id, want := range map[string]bool{
		k.primary: true,
		kmsPrefix + "arn:aws:kms:eu-west-1:222222222222:key/9": true,
		kmsPrefix + "arn:aws:kms:eu-west-2:111111111111:key/1": false,
		kmsPrefix + "nonsense":                                 false,
		"arn:aws:kms:eu-west-1:111111111111:key/1":             false,
		"file:arn:aws:kms:eu-west-1:111111111111:key/1":        false,
		"": false,
	} {
		if got := k.Holds(id); got != want {
			t.Errorf("Holds(%q) = %v, want %v", id, got, want)
		}
	}
}

// The AWS configuration is read before a key is used: a profile that is not there
// is an error at the start, and not one of the first secret.
func TestOpenKMSReadsTheConfiguration(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", missing)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", missing)
	const key = "arn:aws:kms:eu-west-1:111111111111:key/1"
	if _, err := OpenKMS(t.Context(), key, KMSOptions{}); err != nil {
		t.Errorf("OpenKMS without a configuration file: %v", err)
	}
	t.Setenv("AWS_PROFILE", "absent")
	if k, err := OpenKMS(t.Context(), key, KMSOptions{}); err == nil {
		t.Errorf("OpenKMS with a profile that is not there = %v, want an error", k.ID())
	}
}

// shelf keeps data keys, or fails.
type shelf struct {
	keys []DataKey
	fail error
}

func (s *shelf) NewestDataKey(context.Context) (DataKey, error) {
	if s.fail != nil {
		return DataKey{}, s.fail
	}
	if len(s.keys) == 0 {
		return DataKey{}, &pullpass.Error{Kind: pullpass.NotFound}
	}
	return s.keys[len(s.keys)-1], nil
}

func (s *shelf) DataKey(_ context.Context, number int64) (DataKey, error) {
	return s.keys[number-1], s.fail
}

func (s *shelf) AddDataKey(_ context.Context, k DataKey) error {
	s.keys = append(s.keys, k)
	return nil
}

// A rotation makes the next data key, whose number is one higher; when the newest
// is not known it makes none.
func TestNewDataKeyIsTheNext(t *testing.T) {
	file, err := OpenKeyFile(filepath.Join(t.TempDir(), "dir", "key"))
	if err != nil {
		t.Fatal(err)
	}
	keys := &shelf{}
	s := NewKeyring(file).Sealer(keys)
	for want := int64(2); want < 4; want++ { // the first is made by looking for the newest
		if n, err := s.NewDataKey(t.Context()); n != want || err != nil {
			t.Errorf("NewDataKey = %d, %v, want %d", n, err, want)
		}
	}
	before := len(keys.keys)
	keys.fail = errors.New("the disk is gone")
	if n, err := s.NewDataKey(t.Context()); !errors.Is(err, keys.fail) || n != 0 || len(keys.keys) != before {
		t.Errorf("NewDataKey without a store = %d, %v and %d keys, want the store's error and %d", n, err, len(keys.keys), before)
	}
	if _, err := s.Renew(t.Context()); !errors.Is(err, keys.fail) {
		t.Errorf("Renew without a store = %v, want its error", err)
	}
}
