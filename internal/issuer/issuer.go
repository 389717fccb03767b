package issuer

import (
	"slices"
	"strings"
)

// Issuer signs for everybody who has an account with it.
type Issuer struct {
	Name   string
	URL    string  // without https://
	Owners []Claim // the claims that can say whose token it is
	// Required is the condition key that AWS wants a trust policy to test, without
	// the issuer: "sub", "aud" or sts:RoleSessionName. Empty where AWS wants none.
	Required string
	Source   string // where the subjects and claims are documented
}

// Claim is a claim that begins with the owner of the token.
type Claim struct {
	Name  string
	Forms []Form
}

// Form is one way in which a claim is written: the prefix, the owner, and one of
// the bytes of Until, or the end.
type Form struct {
	Prefix string
	Until  string
}

// awsAudience is what AWS's own tools ask tokens for: everybody's tokens have it.
const awsAudience = "sts.amazonaws.com"

// Shared finds an issuer by its URL, with https:// or without.
func Shared(url string) (Issuer, bool) {
	name := canonical(url)
	for _, i := range shared {
		if i.URL == name {
			return i, true
		}
	}
	return Issuer{}, false
}

// All lists the shared issuers, for documents and tests.
func All() []Issuer { return slices.Clone(shared) }

// canonical drops the scheme and the slashes at the end. Hosts are compared without
// regard to letter case, so that another spelling is no way around the list.
func canonical(url string) string {
	url = strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"), "/")
	host, path, found := strings.Cut(url, "/")
	if !found {
		return strings.ToLower(host)
	}
	return strings.ToLower(host) + "/" + path
}

// Claims are the names of the claims that can say whose token it is.
func (i Issuer) Claims() []string {
	names := make([]string, len(i.Owners))
	for n, c := range i.Owners {
		names[n] = c.Name
	}
	return names
}

// Decides reports whether the claim can say whose token it is.
func (i Issuer) Decides(claim string) bool {
	return slices.ContainsFunc(i.Owners, func(c Claim) bool { return c.Name == claim })
}

// NamesOwner reports whether every token that has this claim, and matches the
// pattern, is of one owner. In a pattern * is any text and ? any character; a text
// that is compared as it stands is a pattern without them.
func (i Issuer) NamesOwner(claim, pattern string) bool {
	if claim == "aud" && pattern == awsAudience {
		return false
	}
	for _, c := range i.Owners {
		if c.Name != claim {
			continue
		}
		if slices.ContainsFunc(c.Forms, func(f Form) bool { return f.closes(pattern) }) {
			return true
		}
	}
	return false
}

// closes reports whether the pattern begins with the form's prefix and an owner
// without a wildcard, up to the separator or the end.
func (f Form) closes(pattern string) bool {
	rest, found := strings.CutPrefix(pattern, f.Prefix)
	if !found {
		return false
	}
	end := strings.IndexAny(rest, f.Until+"*?")
	if end < 0 {
		return rest != ""
	}
	return end > 0 && rest[end] != '*' && rest[end] != '?'
}
