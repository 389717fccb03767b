package identity

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/issuer"
)

// CheckOwner refuses a trust in a shared issuer that does not say whose tokens are
// meant: some condition has to name the owner literally, up to its separator.
func CheckOwner(t Trust) error {
	shared, found := issuer.Shared(t.Issuer)
	if !found || slices.ContainsFunc(t.Conditions, func(c Condition) bool { return c.namesOwner(shared) }) {
		return nil
	}
	refusal := &pullpass.Error{
		Kind: pullpass.Invalid, Code: "trust_too_wide", What: "cannot trust the issuer",
		Cause: shared.Name + " signs for everybody who has an account there, and no condition says whose tokens are meant",
		Hint:  "test one of the claims " + strings.Join(shared.Claims(), ", "),
	}
	for _, c := range t.Conditions {
		if shared.Decides(c.Claim) {
			refusal.Cause = shared.Name + " signs for everybody who has an account there, and " + c.String() +
				" does not name the owner: a wildcard in the owner's name lets in strangers"
			refusal.Hint = "write the owner out, up to its separator, such as sub~repo:acme/*, and test one of the claims " +
				strings.Join(shared.Claims(), ", ")
		}
	}
	return refusal
}
