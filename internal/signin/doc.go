// Package signin lets people in through an OpenID provider.
//
// The one idea: what proves that the answer belongs to the question stays with
// the person. The nonce and the PKCE verifier are derived from a secret in their
// browser's cookie, the state is used once, and the server keeps hashes only: an
// answer that is brought by another browser opens nothing.
//
//	p, err := signin.New(signin.Options{Issuer: "https://accounts.example.com", ClientID: id, ClientSecret: secret,
//
// Server: url, HTTP: client})
//
//	b := signin.NewBrowser()                     // goes into a cookie
//	address, err := p.AuthorizationURL(ctx, state, b)
//	person, err := p.Person(ctx, signin.Answer{Code: code}, b) // verified, or refused
//
// What the person may do is not said here: internal/store matches the verified
// address with invitations.
package signin
