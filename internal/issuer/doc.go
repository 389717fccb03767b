// Package issuer knows the issuers that sign tokens for everybody who has an
// account with them, and when a condition on a claim says whose token is meant.
//
// The one idea: in a shared issuer's tokens some claims begin with the owner, and
// a condition names the owner only if that segment is literal and closed by its
// separator. "repo:acme/*" does; "repo:acme*" lets in acme-evil. The guard of
// trusts, the linter, the explanations and the sandbox all ask here.
//
//	github, _ := issuer.Shared("https://token.actions.githubusercontent.com")
//	github.NamesOwner("sub", "repo:acme/app:*") // true
//	github.NamesOwner("sub", "repo:ac*/app:*")  // false
package issuer
