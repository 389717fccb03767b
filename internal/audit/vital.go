package audit

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// vital are the actions whose records are written while there is any room: what gives
// a credential out, and what takes something away or makes room.
var vital = []string{
	"credential.issue", "credential.grant", "identity.issue", "token.exchange",
	"user.sign_out", "session.end", "organization.recover", ActionPrune,
}

// Vital reports whether a record has to be written on a disk that is almost full.
// What was refused or failed is not: nothing was given out, and it is as often as
// somebody likes.
func Vital(e pullpass.Event) bool {
	return e.Decision == pullpass.DecisionAllowed &&
		(strings.HasSuffix(e.Action, ".delete") || slices.Contains(vital, e.Action))
}
