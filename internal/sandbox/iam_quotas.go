package sandbox

import (
	"net/http"
	"strings"
	"unicode"
)

// IAM's quotas that cannot be raised, or that accounts have by default:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxEntityName    = 64 // users and roles
	maxPolicyName    = 128
	maxProfileName   = 128
	maxManagedPolicy = 6144
	maxTrustPolicy   = 2048
	maxAttached      = 10
	maxUserPolicies  = 2048 // all inline policies of a user together
	maxRolePolicies  = 10240
)

// policySize is a policy's length as IAM counts it: without white space.
func policySize(text string) int {
	n := 0
	for _, c := range text {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}

func errLimit(format string, args ...any) *apiError {
	return apiErrorf(http.StatusConflict, "LimitExceeded", format, args...)
}

// checkTags refuses what AWS keeps for itself.
func checkTags(tags map[string]string) *apiError {
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return badRequest("InvalidInput", "Tag keys that begin with aws: are reserved: %s", printable(key))
		}
	}
	return nil
}
