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
}

const associatedPrefix = "pullpass/seal/value/v1"

// encode is injective: every part carries its length, so no two places have one
// encoding however their parts are cut.
func (ad AssociatedData) encode() []byte {
	b := lengthPrefixed(nil, associatedPrefix)
	for _, part := range []string{string(ad.Organization), ad.Table, ad.Row, ad.Field} {
		b = lengthPrefixed(b, part)
	}
	return binary.BigEndian.AppendUint64(b, uint64(ad.Version)) //nolint:gosec // the bits are what is encoded
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
