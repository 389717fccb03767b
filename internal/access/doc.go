// Package access says who may do what.
//
// The one idea: one table, read from top to bottom, and one pure function over
// it. A route names a permission; the table names the roles and kinds of caller
// that have it, and how far each reaches.
//
//	if err := access.Check(caller, access.RegistryUpdate, access.Any); err != nil {
//		return err // Denied, naming the roles that may
//	}
//	err := access.Check(caller, access.RegistryUpdate, access.Target{Organization: r.Organization, Project: r.Project})
//	if errors.Is(err, access.ErrForeign) {
//		return noSuchRegistry // the same answer as for one that is not there
//	}
//
// docs/access.md is this table, written by its test.
package access
