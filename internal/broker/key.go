package broker

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Key names one credential: SHA-256 over everything that changes it. Equal keys
// are equal credentials, and two organizations never share one.
type Key [sha256.Size]byte

// String is the key as the database and its notifications know it.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// GrantKey names the credential that a runner mints for a grant of a host.
func GrantKey(g pullpass.Grant, host reference.Host) Key {
	p := plan{
		organization: g.Organization, project: g.Project, environment: g.Environment, inside: g.Inside, start: !g.Inside,
		registry: pullpass.Registry{
			ID:         g.Registry.Registry,
			Generation: g.Registry.Generation,
			Auth:       pullpass.AuthRunnerNative,
		},
		integration: pullpass.Integration{
			ID:         g.Integration,
			Generation: g.IntegrationGeneration,
			Mode:       pullpass.ModeRunnerNative,
			Chain:      g.Chain,
		},
		host: host, action: g.Action, repositories: g.Repositories,
	}
	return p.key()
}

type hasher struct{ buf []byte }

func (h *hasher) text(s string) {
	h.buf = binary.BigEndian.AppendUint32(h.buf, uint32(len(s))) //nolint:gosec // names are far below 4 GiB
	h.buf = append(h.buf, s...)
}

func (h *hasher) number(n int64) { h.text(strconv.FormatInt(n, 10)) }
