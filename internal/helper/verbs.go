package helper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
)

// get answers with a stored login, or with what the first source has that has anything.
// A source that refuses or fails ends the search: another one's identity was not meant.
func (h *Helper) get(ctx context.Context, q request, out io.Writer) error {
	ask, err := parseURL(q.input)
	if err != nil {
		return err
	}
	if inClear(q.input) {
		return fixed(notFound) // the client goes on without one
	}
	if l, ok, err := h.Logins.find(ask); err != nil {
		return err
	} else if ok {
		return write(out, answer{ServerURL: q.input, Username: l.Username, Secret: l.Secret.Secret().Reveal()})
	}
	if ask.key != "" { // nobody but a login has it
		return h.chained(ctx, q, "get", out)
	}
	if ask.Action, err = wantedAction(); err != nil {
		return err
	}
	rule := q.config.For(ask.Host)
	for _, name := range q.config.Order(rule) {
		c, err := h.ask(ctx, name, ask, rule)
		switch {
		case noRegistry(err):
			continue
		case err != nil:
			err = explained(ctx, ask, err)
			if name == SourceAWS && (isPublic(ask.Host) || q.config.SoftFor(rule)) {
				_, _ = fmt.Fprintln(q.explain, pullpass.Explain(err))
				return fixed(notFound)
			}
			return err
		}
		return write(out, answer{ServerURL: q.input, Username: c.Username, Secret: c.Secret.Reveal()})
	}
	return h.chained(ctx, q, "get", out)
}

// ask asks one source; its error is one of noRegistry where it has nothing to say.
func (h *Helper) ask(ctx context.Context, name SourceName, ask Ask, rule *Rule) (pullpass.Credential, error) {
	issuer, err := h.find(name, ask, rule)
	if err != nil {
		return pullpass.Credential{}, err
	}
	if issuer == nil {
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "no credential for " + ask.Host}
	}
	return h.Cache.get(ctx, issuer, ask)
}

func (h *Helper) find(name SourceName, ask Ask, rule *Rule) (Issuer, error) {
	for _, s := range h.Sources {
		if s.Name == name {
			return s.Find(ask, rule)
		}
	}
	return nil, nil //nolint:nilnil // this helper has no such source
}

// explained says whose time was over.
func explained(ctx context.Context, ask Ask, err error) error {
	var e *pullpass.Error
	if errors.As(err, &e) {
		return err
	}
	if ctx.Err() != nil {
		return late(ctx, ask)
	}
	return fmt.Errorf("asking for a credential for %s: %w", ask.Host, err)
}

func (h *Helper) store(ctx context.Context, q request, out io.Writer) error {
	var a answer
	if json.Unmarshal([]byte(q.input), &a) != nil {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot store the login", Cause: "it is not the JSON that docker sends"}
	}
	if a.ServerURL == "" {
		return fixed(noURL)
	}
	if a.Username == "" {
		return fixed(noUsername)
	}
	if _, err := parseURL(a.ServerURL); err != nil {
		return err
	}
	if inClear(a.ServerURL) {
		return &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot store the login", Cause: "its address begins with http://, so the password would be sent in clear text",
			Hint: "log in to the registry's https address; plain http is for registries on this machine",
		}
	}
	if q.config.Helper != "" {
		return h.chained(ctx, q, "store", out)
	}
	return h.Logins.keep(ctx, a)
}

func (h *Helper) erase(ctx context.Context, q request, out io.Writer) error {
	ask, err := parseURL(q.input)
	if err != nil {
		return err
	}
	if ask.key == "" {
		if err := h.Cache.forget(ask); err != nil {
			return err
		}
	}
	if err := h.Logins.drop(ctx, ask); err != nil {
		return err
	}
	if q.config.Helper != "" {
		return h.chained(ctx, q, "erase", out)
	}
	return nil
}

// list shows what `get` would answer, without asking AWS or any registry: the logins,
// the hosts of the configuration and those that the server opens.
func (h *Helper) list(ctx context.Context, q request, out io.Writer) error {
	found, err := h.Logins.list()
	if err != nil {
		return err
	}
	known := map[Ask]bool{}
	for url := range found {
		if ask, err := parseURL(url); err == nil {
			known[loginKey(ask)] = true
		}
	}
	hosts := q.config.exactHosts()
	for _, name := range q.config.Order(nil) {
		issuer, err := h.find(name, Ask{}, nil)
		if err != nil {
			return err
		}
		if issuer == nil {
			continue
		}
		more, err := issuer.Hosts(ctx)
		if err != nil {
			return explained(ctx, Ask{Host: "any host"}, err)
		}
		hosts = append(hosts, more...)
	}
	more, err := h.chainedList(ctx, q)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		ask, err := parseURL(host)
		if err == nil && known[loginKey(ask)] {
			continue
		}
		known[loginKey(ask)] = true
		found[host] = "pullpass" // the true name is not known before `get`
	}
	for url, username := range more {
		if ask, err := parseURL(url); err != nil || !known[loginKey(ask)] {
			found[url] = username
		}
	}
	return write(out, found)
}

// exactHosts are those that the configuration names; clients look for Docker Hub
// under one of its names only.
func (c *Config) exactHosts() []string {
	hosts := append([]string{}, c.Hosts...)
	for i := range c.Registries {
		if host := c.Registries[i].exact(); host != "" {
			hosts = append(hosts, host)
		}
	}
	for i, host := range hosts {
		if host == dockerHub {
			hosts[i] = "https://index.docker.io/v1/"
		}
	}
	return hosts
}
