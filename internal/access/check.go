package access

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// Target is the object that a permission is used on. Organization is set for
// every object; an object of the whole organization has no Project.
type Target struct {
	Organization pullpass.OrganizationID
	Project      pullpass.ProjectID
	Runner       pullpass.RunnerID      // of an environment: where it runs
	Environment  pullpass.EnvironmentID // of an environment: itself
}

// Any asks whether a caller may do something at all, to objects not yet known.
var Any = Target{}

// ErrForeign says that the object is beyond the caller's reach. Whoever asks for
// it gets the answer for one that is not there.
var ErrForeign = &pullpass.Error{Kind: pullpass.NotFound, What: "there is no such object"}

// Check returns nil when caller has the permission for target: Denied when no
// object of this kind would do, ErrForeign when only this one is out of reach.
func Check(caller pullpass.Caller, p Permission, target Target) error {
	r, ok := find(p)
	if !ok || caller.Organization == "" {
		return denied(caller, rule{permission: p, does: "do this"})
	}
	if !r.allows(caller) {
		return denied(caller, r)
	}
	if target == Any {
		return nil
	}
	if target.Organization != caller.Organization || !r.reaches(caller, target) {
		return ErrForeign
	}
	return nil
}

// Permissions lists what caller may do, in the order of the table.
func Permissions(caller pullpass.Caller) []Permission {
	var all []Permission
	for _, r := range table {
		if Check(caller, r.permission, Any) == nil {
			all = append(all, r.permission)
		}
	}
	return all
}

// All returns every permission there is.
func All() []Permission {
	list := make([]Permission, len(table))
	for i, r := range table {
		list[i] = r.permission
	}
	return list
}

// Known reports whether the table has a line for p.
func Known(p Permission) bool {
	_, ok := find(p)
	return ok
}

func find(p Permission) (rule, bool) {
	i := slices.IndexFunc(table, func(r rule) bool { return r.permission == p })
	if i < 0 {
		return rule{}, false
	}
	return table[i], true
}

func hasRole(k pullpass.CallerKind) bool {
	return k == pullpass.CallerUser || k == pullpass.CallerToken
}

func denied(c pullpass.Caller, r rule) error {
	e := &pullpass.Error{Kind: pullpass.Denied, Code: "permission_denied", What: "cannot " + r.does}
	switch {
	case len(r.roles)+len(r.kinds) == 0:
		e.Cause = "nobody may " + r.does
	case c.Project != "" && r.limited == nowhere:
		e.Cause = "the token is limited to one project, and " + string(r.permission) + " concerns the whole organization"
		e.Hint = "use a token that is not limited to a project"
	case len(r.roles) == 0:
		e.Cause = string(r.permission) + " is for a " + words(r.kinds) + ", and this is a " + string(c.Kind)
		e.Hint = "use the token of a " + words(r.kinds)
	case hasRole(c.Kind) && c.Role != "":
		e.Cause = "the role " + string(c.Role) + " does not have " + string(r.permission)
		e.Hint = "use a token with the role " + words(r.roles)
	default:
		e.Cause = "a " + string(c.Kind) + " does not have " + string(r.permission)
		e.Hint = "use a token with the role " + words(r.roles)
	}
	return e
}

func words[T ~string](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = string(item)
	}
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}
