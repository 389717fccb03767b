package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/signin"
	"github.com/pullpass/pullpass/internal/webhook"
)

// newSignIn makes the OpenID provider that the options name, or none. Its host is
// the operator's word, so it may be private; other hosts that it names may not.
func (p *parts) newSignIn(c *config.Server, server string) (httpapi.SignIn, error) {
	if c.OIDCIssuer == "" {
		return nil, nil
	}
	secret, err := clientSecret(c.OIDCClientSecret)
	if err != nil {
		return nil, err
	}
	allow := append([]string{}, c.AllowEgress...)
	if u, err := url.Parse(c.OIDCIssuer); err == nil {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		allow = append(allow, net.JoinHostPort(u.Hostname(), port))
	}
	out, err := newEgress(egress.Options{Allow: allow})
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, out.Close)
	return signin.New(signin.Options{Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: secret, Server: server,
		Domains: c.OIDCDomains, Claim: c.OIDCClaim, HTTP: out})
}

func clientSecret(path string) (pullpass.Secret, error) {
	if path == "" {
		return pullpass.Secret{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read --oidc-client-secret-file", Err: err}
	}
	defer func() { _ = f.Close() }() // it was read only
	const enough = 64 << 10
	text, err := io.ReadAll(io.LimitReader(f, enough))
	text = bytes.TrimRight(text, "\r\n")
	if err != nil || len(text) == 0 {
		return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot use --oidc-client-secret-file", Cause: path + " holds no secret"}
	}
	return pullpass.NewSecret(string(text)), nil
}

// carryAudit delivers audit records until ctx ends.
func carryAudit(ctx context.Context, p *parts, log *slog.Logger) {
	webhook.New(webhook.Options{Store: p.db, Sender: webhook.Sender{HTTP: p.out}, Logger: log}).Run(ctx)
}
