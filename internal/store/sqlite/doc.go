// Package sqlite opens the store on one SQLite file: what a server uses that was
// given nothing else.
//
// The one idea: one connection writes, many read. SQLite has one writer at a
// time anyway; queueing for it in the process is fair and fast, audit records go
// first there, and in WAL mode readers never wait. What is acknowledged is on disk: synchronous is FULL.
//
//	key, err := seal.OpenKeyFile("/var/lib/pullpass/pullpass.key")
//	db, err := sqlite.Open(ctx, "/var/lib/pullpass/pullpass.db", seal.NewKeyring(key), store.Options{})
//	defer db.Close()
package sqlite
