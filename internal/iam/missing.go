package iam

import (
	"fmt"
	"strings"
)

// missing says what would turn a denial around. The additions follow from the
// same facts as the result, one for each condition of it that fails, so that
// each is needed and all together are enough.
func missing(ev *evaluation, f *facts, rec *recorder, denies []Matched) *Missing {
	switch {
	case f.denied:
		return &Missing{
			Why:    "an explicit deny wins over every allow: no statement can be added, one has to be changed",
			Change: denies,
		}
	case f.exhausted:
		return &Missing{
			Why: "the policies compare too much for one decision, which no real policy does: shorten their patterns",
		}
	case f.foreign:
		return &Missing{
			Why: fmt.Sprintf("the role belongs to account %s, and STS looks for the identity provider there and nowhere else: "+
				"the provider has to exist, and be named, as %s", ev.owner, ev.ownProvider()),
		}
	case f.noResource && !f.inside:
		return &Missing{
			Why: ev.request.Action + " takes an identity of an account: no policy can allow it for " + ev.caller.orAnyone(),
		}
	}
	m := &Missing{}
	for _, said := range rec.tallies {
		if failing(f, said) {
			m.Additions = append(m.Additions, ev.addition(said))
		}
	}
	m.Why = ev.missingWhy(m.Additions)
	return m
}

// failing reports whether a layer's lack of an allow is one of the reasons.
func failing(f *facts, said recorded) bool {
	switch said.kind {
	case ResourcePolicy:
		return f.needsGrant && f.grant == noGrant
	case IdentityPolicy:
		return !said.tally.allow && !f.granted().identityFree
	case PermissionsBoundary, SessionPolicy:
		return !said.tally.allow && !f.granted().limitsFree
	}
	return !said.tally.allow
}

func escapeVariables(text string) string { return strings.ReplaceAll(text, "${", "${$}{") }
