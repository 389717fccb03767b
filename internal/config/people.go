package config

import (
	"strings"

	"github.com/pullpass/pullpass"
)

// People is what a server can be told about the OpenID provider through which
// people sign in.
type People struct {
	OIDCIssuer       string   `name:"oidc-issuer" env:"PULLPASS_OIDC_ISSUER" placeholder:"URL" help:"OpenID provider through which people sign in, as it calls itself. Without it there are API tokens only. Needs --url, and <URL>/sign-in/callback as redirect address at the provider."`
	OIDCClientID     string   `name:"oidc-client-id" env:"PULLPASS_OIDC_CLIENT_ID" placeholder:"ID" help:"What the provider calls this server."`
	OIDCClientSecret string   `name:"oidc-client-secret-file" env:"PULLPASS_OIDC_CLIENT_SECRET_FILE" placeholder:"FILE" help:"File with the secret that belongs to it. Without it: a public client, with PKCE alone."`
	OIDCDomains      []string `name:"oidc-domain" env:"PULLPASS_OIDC_DOMAINS" sep:"," placeholder:"DOMAIN" help:"Only people with a verified e-mail address of this domain. Can be repeated."`
	OIDCClaim        string   `name:"oidc-claim" env:"PULLPASS_OIDC_CLAIM" placeholder:"NAME=VALUE" help:"Only people whose token has this claim, alone or in a list, such as groups=pullpass."`
}

func (c *People) check(p *problems, server string) {
	if c.OIDCIssuer == "" {
		for option, value := range map[string]string{"--oidc-client-id": c.OIDCClientID, "--oidc-client-secret-file": c.OIDCClientSecret,
			"--oidc-domain": strings.Join(c.OIDCDomains, ""), "--oidc-claim": c.OIDCClaim} {
			if value != "" {
				p.add(option, "needs --oidc-issuer")
			}
		}
		return
	}
	p.url("--oidc-issuer", c.OIDCIssuer)
	if c.OIDCClientID == "" {
		p.add("--oidc-client-id", "is needed with --oidc-issuer")
	}
	if server == "" {
		p.add("--url", "is needed with --oidc-issuer: the provider sends people back there")
	}
	for _, domain := range c.OIDCDomains {
		if _, ok := pullpass.NormalEmail("x@" + domain); !ok {
			p.add("--oidc-domain", "want a domain such as example.com")
		}
	}
	if name, value, ok := strings.Cut(c.OIDCClaim, "="); c.OIDCClaim != "" && (!ok || name == "" || value == "") {
		p.add("--oidc-claim", "want name=value, such as groups=pullpass")
	}
}
