package access

import (
	"slices"

	"github.com/pullpass/pullpass"
)

// MayGrant returns nil when caller may hand a role, limited to a project if that
// is not empty, to a new token: whatever the token could do, caller can.
func MayGrant(caller pullpass.Caller, role pullpass.Role, project pullpass.ProjectID) error {
	if !role.Valid() {
		return &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "role_unknown",
			What:  "cannot create a token",
			Cause: "there is no such role",
			Hint:  "the roles are " + words(everyRole),
		}
	}
	exceeds := func(what, hint string) error {
		return &pullpass.Error{
			Kind:  pullpass.Denied,
			Code:  "grant_exceeds",
			What:  what,
			Cause: "a token can do no more than whoever creates it",
			Hint:  hint,
		}
	}
	if caller.Project != "" && project != caller.Project {
		return exceeds("cannot create a token beyond your project", "limit it to your own project")
	}
	mine := Permissions(caller)
	theirs := Permissions(
		pullpass.Caller{Kind: pullpass.CallerToken, Organization: caller.Organization, Role: role, Project: project},
	)
	for _, p := range theirs {
		if !hasRole(caller.Kind) || !slices.Contains(mine, p) {
			return exceeds("cannot create a token with the role "+string(role), "choose your own role or a narrower one")
		}
	}
	return nil
}
