// Package postgres opens the store on PostgreSQL: what several servers share.
//
// The one idea: there is nothing here but what PostgreSQL does differently. Rows
// are locked (SQLite's writer is alone), and a change is told to the other
// servers through LISTEN and NOTIFY.
//
//	kms, err := seal.OpenKMS(ctx, "arn:aws:kms:…", seal.KMSOptions{})
//	db, err := postgres.Open(ctx, "postgres://pullpass@db.internal/pullpass", seal.NewKeyring(kms), store.Options{})
//	defer db.Close()
package postgres
