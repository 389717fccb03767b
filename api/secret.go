package api

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/pullpass/pullpass"
)

// Secret is a pullpass.Secret on its way over the wire: JSON carries it, and
// nothing else that prints does.
type Secret struct{ secret pullpass.Secret }

// NewSecret readies s for the wire.
func NewSecret(s pullpass.Secret) Secret { return Secret{s} }

// Secret returns what came over the wire.
func (s Secret) Secret() pullpass.Secret { return s.secret }

// IsZero lets omitzero leave out an empty secret.
func (s Secret) IsZero() bool { return s.secret.Empty() }

// MarshalText reveals the secret: encoding/json is how it crosses the wire.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.secret.Reveal()), nil }

// UnmarshalText takes the secret from the wire.
func (s *Secret) UnmarshalText(text []byte) error {
	s.secret = pullpass.NewSecret(string(text))
	return nil
}

// String, GoString, Format and LogValue keep it out of everything else.
func (s Secret) String() string             { return s.secret.String() }
func (s Secret) GoString() string           { return s.secret.GoString() }
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.secret.String()) }
func (s Secret) LogValue() slog.Value       { return s.secret.LogValue() }
