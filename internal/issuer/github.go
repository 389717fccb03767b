package issuer

import (
	"regexp"
	"strings"
)

// GitHub writes a subject with ids for repositories that were created, renamed or
// transferred since ImmutableSince, and for others on request; older ones keep
// their names only. Enterprise Server keeps the older form.
const ImmutableSince = "2026-07-15"

// ImmutableForm is how the subject with ids is written.
const ImmutableForm = "repo:ORG@ID/REPOSITORY@ID:…"

var immutable = regexp.MustCompile(`^repo:[^/@:]+@[0-9]+/[^/@:]+@[0-9]+(:|$)`)

// HasIDs reports whether a subject of GitHub carries the ids of the owner and the
// repository.
func HasIDs(subject string) bool { return immutable.MatchString(subject) }

// NamesWithoutIDs reports whether a pattern for GitHub's subjects fixes the owner
// by name only, so that no subject with ids matches it.
func NamesWithoutIDs(pattern string) bool {
	rest, found := strings.CutPrefix(pattern, "repo:")
	owner, _, slash := strings.Cut(rest, "/")
	return found && slash && !strings.ContainsAny(owner, "@*?$")
}
