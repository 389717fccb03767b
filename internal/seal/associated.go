package seal

import (
	"encoding/binary"

	"github.com/pullpass/pullpass"
)

// AssociatedData names the one place where a sealed value belongs.
type AssociatedData struct {
	Organization pullpass.OrganizationID
	Table        string
	Row          string
	Field        string
	Version      int64
	// Bound is what else of the row decides where the value goes, and is not
	// sealed itself: a registry's host and user name. Whoever changes it in the
	// database gets a value that does not open.
	Bound []string
}

const (
	associatedPrefix = "pullpass/seal/value/v1"
	boundPrefix      = "pullpass/seal/value/v2"
)

// encode is injective: every part carries its length, so no two places have one
// encoding however their parts are cut.
func (ad AssociatedData) encode() []byte {
	prefix := associatedPrefix
	if len(ad.Bound) > 0 {
		prefix = boundPrefix
	}
	b := lengthPrefixed(nil, prefix)
	for _, part := range []string{string(ad.Organization), ad.Table, ad.Row, ad.Field} {
		b = lengthPrefixed(b, part)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(ad.Version)) //nolint:gosec // the bits are what is encoded
	for _, part := range ad.Bound {
		b = lengthPrefixed(b, part)
	}
	return b
}

// dataKeyPlace is the associated data under which data key number is wrapped.
func dataKeyPlace(number int64) []byte {
	b := lengthPrefixed(nil, "pullpass/seal/data-key/v1")
	return binary.BigEndian.AppendUint64(b, uint64(number)) //nolint:gosec // the bits are what is encoded
}

func lengthPrefixed(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // names are far below 4 GiB
	return append(b, s...)
}
