package runner

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Mappings are the host mappings that a runner works with: its own operator's, and
// below them the server's, where they mean the same here as there.
type Mappings struct {
	hosts *reference.Hosts
	near  bool // the server is on this machine: its loopback addresses are ours
	log   *slog.Logger

	mu     sync.Mutex
	told   []reference.Mapping          // by the server, last
	theirs map[string]reference.Mapping // by the server, and not in force here
}

// NewMappings adds to hosts what a server says. near: it is on this machine.
func NewMappings(hosts *reference.Hosts, near bool, log *slog.Logger) *Mappings {
	return &Mappings{hosts: hosts, near: near, log: log}
}

// Like makes another of the same runner.
func (m *Mappings) Like(hosts *reference.Hosts) *Mappings { return NewMappings(hosts, m.near, m.log) }

// Hosts are the mappings in force.
func (m *Mappings) Hosts() *reference.Hosts { return m.hosts }

// Learn takes in the server's mappings: all that it has of what this runner is to
// pull. What leads to the server's own machine leads elsewhere from another one, and
// is not used.
func (m *Mappings) Learn(ctx context.Context, told []reference.Mapping) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Equal(told, m.told) {
		return
	}
	m.told, m.theirs = told, map[string]reference.Mapping{}
	var used []reference.Mapping
	for _, mapping := range told {
		host, err := reference.NewHosts(mapping)
		if err != nil {
			m.log.WarnContext(ctx, "a host mapping of the server is not used", "mapping", mapping.String(), "error", err)
			continue
		}
		name := host.Mappings()[0].Host
		switch {
		case m.hosts.Own(name):
		case mapping.OfThisMachine() && !m.near:
			m.theirs[name] = mapping
			m.log.WarnContext(ctx, "a host mapping of the server leads to its own machine and is not used; give this runner one", "host", name, "example", "--host "+here(mapping))
		default:
			used = append(used, mapping)
			m.theirs[name] = mapping
			m.log.InfoContext(ctx, "using a host mapping of the server", "mapping", mapping.String())
		}
	}
	if err := m.hosts.Learn(used...); err != nil {
		m.log.WarnContext(ctx, "the server's host mappings are not used", "error", err)
	}
}

// elsewhere reports whether an error can come from asking in the wrong place: not
// where a registry has answered.
func elsewhere(e *pullpass.Error) bool {
	switch e.Kind {
	case pullpass.Unavailable, pullpass.Invalid:
		return true
	}
	return e.Code == pullpass.CodeEgressForbidden
}

// here is a mapping with what only this runner's operator knows left open.
func here(m reference.Mapping) string {
	for _, at := range []*string{&m.RegistryURL, &m.Realm} {
		if u, err := url.Parse(*at); err == nil && reference.IsLoopback(u.Hostname()) {
			*at = u.Scheme + "://" + strings.Replace(u.Host, u.Hostname(), "ADDRESS", 1)
		}
	}
	return m.String()
}

// Explain adds to the error of a pull from host that this runner lacks a mapping of
// it, and which. native: its own identity opens the registry, and what that makes
// goes nowhere on the server's word.
func (m *Mappings) Explain(host string, native bool, err error) error {
	var e *pullpass.Error
	if err == nil || !errors.As(err, &e) || !elsewhere(e) {
		return err
	}
	m.mu.Lock()
	mapping, known := m.theirs[host]
	m.mu.Unlock()
	unused := mapping.OfThisMachine() && !m.near
	if !known || (!native && !unused) {
		return err
	}
	said := *e
	said.Err = err
	if said.Cause != "" {
		said.Cause += "; "
	}
	said.Cause += "the server has a mapping of the host " + host + " that this runner was not given"
	said.Hint = "start the runner with --host " + here(mapping)
	if !unused {
		said.Hint = "start the runner with --host " + mapping.String()
	}
	return &said
}
