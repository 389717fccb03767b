// Package backup copies a server's data while it runs, and says whether a copy can
// be trusted before anything is restored from it.
//
// The one idea: a copy proves itself. Beside the database lies a manifest with its
// checksum, the schema version, the keys that its secrets are sealed with, and the
// head of each organization's audit chain. A restore holds the database against all
// of them, and opens a secret, before it puts a file in place. The key-encryption key
// is never part of a copy: whoever has both can read every secret.
//
//	m, err := backup.Write(ctx, db, "/backup/2026-11-28", version)
//	m, err := backup.Read("/backup/2026-11-28")
//	err = backup.Check(ctx, restored, m)
package backup
