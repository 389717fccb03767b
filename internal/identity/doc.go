// Package identity issues and verifies OIDC tokens: those that Pullpass gives to
// environments, and those by which CI systems and clusters prove themselves.
//
// The one idea: each organization is an issuer of its own, <server>/o/<id>, with
// its own keys; so a trust policy that names the issuer can never be met by a
// token of another organization.
//
//	p := identity.NewProvider("https://pullpass.example.com", keys, identity.Options{})
//	token, err := p.Issue(ctx, identity.Request{Organization: org, Subject: sub, Audience:
//
// []string{"sts.amazonaws.com"}})
//
//	doc := p.Discovery(org)          // served at <issuer>/.well-known/openid-configuration
//	set, err := p.KeySet(ctx, org)   // served at doc.JWKSURI
package identity
