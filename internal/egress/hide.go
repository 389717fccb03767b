package egress

import (
	"time"
)

// CodeNotPublic is the code of the error in which names that do not resolve and names
// that lead to forbidden addresses are alike.
const CodeNotPublic = "name_not_public"

// hiddenStep is what the time of such an answer is rounded up to: a resolver that
// knows a name answers faster than one that has to ask for it.
const hiddenStep = 250 * time.Millisecond
