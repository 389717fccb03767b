package broker

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Key names one credential: SHA-256 over everything that changes it. Equal keys
// are equal credentials, and two organizations never share one.
type Key [sha256.Size]byte

// key hashes the plan. Each part goes in behind its length, so that no two
// lists of parts are the same bytes.
func (p *plan) key() Key {
	h := hasher{buf: make([]byte, 0, 512)}
	h.text(string(p.organization))
	h.text(string(p.registry.ID))
	h.number(p.registry.Generation)
	h.text(string(p.registry.Auth))
	if p.registry.Auth == pullpass.AuthBasic {
		return sha256.Sum256(h.buf) // one password, whatever it is asked for
	}
	i := p.integration
	h.text(string(i.ID))
	h.number(i.Generation)
	h.text(string(i.Mode))
	h.text(i.AccessKeyID)
	h.number(int64(len(i.Chain)))
	for _, hop := range i.Chain {
		h.text(hop.RoleARN)
		h.text(hop.ExternalID)
		h.text(hop.SourceIdentity)
		h.number(int64(len(hop.SessionTags)))
		for _, tag := range slices.Sorted(maps.Keys(hop.SessionTags)) {
			h.text(tag)
			h.text(hop.SessionTags[tag])
		}
	}
	if p.own() {
		h.text(string(p.project))
		h.text(string(p.environment))
		h.text(strconv.FormatBool(p.inside))
	}
	h.text(strconv.FormatBool(p.start)) // a person never holds what a start was given
	h.text(p.host.Name)
	if p.host.ECR != nil {
		h.text(p.host.ECR.Account)
	}
	h.text(p.region())
	h.text(string(p.action))
	h.number(int64(len(p.repositories)))
	for _, r := range p.repositories {
		h.text(r)
	}
	return sha256.Sum256(h.buf)
}

// GrantKey names the credential that a runner mints for a grant of a host.
func GrantKey(g pullpass.Grant, host reference.Host) Key {
	p := plan{
		organization: g.Organization, project: g.Project, environment: g.Environment, inside: g.Inside, start: !g.Inside,
		registry:    pullpass.Registry{ID: g.Registry.Registry, Generation: g.Registry.Generation, Auth: pullpass.AuthRunnerNative},
		integration: pullpass.Integration{ID: g.Integration, Generation: g.IntegrationGeneration, Mode: pullpass.ModeRunnerNative, Chain: g.Chain},
		host:        host, action: g.Action, repositories: g.Repositories,
	}
	return p.key()
}

// own reports whether the credential is the environment's alone: a web identity
// names the environment, and what a person inside gets is never what somebody
// else, or the environment's own start, was given.
func (p *plan) own() bool {
	return p.inside || p.integration.Mode == pullpass.ModeWebIdentity
}

type hasher struct{ buf []byte }

func (h *hasher) text(s string) {
	h.buf = binary.BigEndian.AppendUint32(h.buf, uint32(len(s))) //nolint:gosec // names are far below 4 GiB
	h.buf = append(h.buf, s...)
}

func (h *hasher) number(n int64) { h.text(strconv.FormatInt(n, 10)) }
