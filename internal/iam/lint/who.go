package lint

import (
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

// The condition keys that say who a caller is, or for whom a service works, and what
// a literal value of each looks like.
var (
	principalKeys = map[string]func(text string, like bool) bool{
		"aws:principalorgid":    isOrganization,
		"aws:principalorgpaths": isOrganizationPath,
		"aws:principalaccount":  isLiteralAccount,
		"aws:principalarn":      namesAccount,
		"aws:userid":            isLiteralUserID,
		"aws:sourceaccount":     isLiteralAccount,
		"aws:sourcearn":         namesAccount,
		"aws:sourceorgid":       isOrganization,
		"aws:sourceorgpaths":    isOrganizationPath,
		"kms:calleraccount":     isLiteralAccount,
	}
	sourceKeys = map[string]func(text string, like bool) bool{
		"aws:sourceaccount":  isLiteralAccount,
		"aws:sourcearn":      namesAccount,
		"aws:sourceorgid":    isOrganization,
		"aws:sourceorgpaths": isOrganizationPath,
	}
)

func isOrganization(text string, _ bool) bool {
	id, found := strings.CutPrefix(text, "o-")
	return found && id != "" && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// isOrganizationPath wants o-ID/…: what follows the organization may be open.
func isOrganizationPath(text string, _ bool) bool {
	id, _, found := strings.Cut(text, "/")
	return found && isOrganization(id, false)
}

func isLiteralAccount(text string, _ bool) bool { return iam.IsAccountID(text) }

// isLiteralUserID wants the unique id of a role or user in front of the session's name.
func isLiteralUserID(text string, _ bool) bool {
	id, _, _ := strings.Cut(text, ":")
	return isUniqueID(id) || iam.IsAccountID(id)
}

// namesAccount wants an ARN with a literal account. Under a string operator a wildcard
// in front of the account crosses its colons, so that nothing there is fixed.
func namesAccount(text string, like bool) bool {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return false
	}
	if like && strings.ContainsAny(strings.Join(parts[:4], ":"), "*?$") {
		return false
	}
	if parts[4] == "" && parts[2] == "s3" {
		// A bucket's ARN has no account: its name is everybody's one.
		bucket, _, _ := strings.Cut(parts[5], "/")
		return bucket != "" && !strings.ContainsAny(bucket, "*?$")
	}
	return iam.IsAccountID(parts[4])
}
