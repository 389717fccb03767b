package iam

import (
	"strings"
	"time"
)

// chainedLimit is the longest session of a role assumed from a role. Asking
// for more fails; it is not shortened.
const chainedLimit = time.Hour

const webIdentityAction = "sts:AssumeRoleWithWebIdentity"

func anyOf(values, among []string) bool {
	for _, v := range values {
		if listed(among, v) != noGrant {
			return true
		}
	}
	return false
}

func quoteAll(values []string) string {
	if len(values) == 0 {
		return "(none)"
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return strings.Join(quoted, ", ")
}
