// Package store keeps Pullpass's state in a SQL database.
//
// The one idea: the SQL is written once. SQLite and PostgreSQL run the same
// statements; what differs (opening, error codes, row locks, notifications) is a
// Dialect, made by store/sqlite and store/postgres. Both pass store/storetest.
//
//	db, err := sqlite.Open(ctx, "/var/lib/pullpass/pullpass.db", keyring, store.Options{})
//	defer db.Close()
//	reg, err := db.CreateRegistry(ctx, registry, password) // the database gets the password sealed
//	env, err := db.CreateEnvironment(ctx, environment)     // pins the registries in force now
//
// The organization is an argument of every query and part of every key. What
// belongs to another organization is NotFound, exactly as what does not exist.
//
// Errors carry the kinds of the root package: NotFound, Conflict, Invalid, and
// Unavailable when the database does not answer or the context ends.
package store
