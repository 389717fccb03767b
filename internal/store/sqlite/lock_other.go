//go:build !unix

package sqlite

// Lock takes the database at path for one server. There is no such lock here.
func Lock(string) (release func(), err error) { return func() {}, nil }
