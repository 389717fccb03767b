package pullpass

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Secret holds bytes that must not be printed, logged or marshalled. The bytes
// sit behind a pointer because fmt prints an unexported string field under %+v
// without asking its String method; a pointer prints as an address at worst,
// and Format prevents even that.
//
// The zero Secret is empty. Reveal is the only way to the bytes: search for it
// to find every place where a secret leaves.
type Secret struct{ p *secretBytes }

type secretBytes struct{ b []byte }

// NewSecret copies s into a Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&secretBytes{[]byte(s)}}
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	if s.p == nil {
		return ""
	}
	return string(s.p.b)
}

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.p == nil }

// Equal compares in constant time for secrets of equal length.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String, GoString, Format, LogValue, MarshalJSON, MarshalText: none of them
// gives the secret away.
func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
