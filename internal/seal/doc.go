// Package seal encrypts what the store must keep secret.
//
// The one idea: two layers of keys. Values are sealed with a data key, data keys
// are wrapped by a key-encryption key that never enters the database (a key file
// or AWS KMS). So a stolen database opens nothing, and exchanging the outer key
// costs one wrapping and a background re-seal, not one KMS call for each value.
//
//	file, err := seal.OpenKeyFile("/var/lib/pullpass/pullpass.key")
//	sealer := seal.NewKeyring(file).Sealer(db) // db keeps the wrapped data keys
//	ad := seal.AssociatedData{Organization: org, Table: "registry", Row: "reg_…", Field: "secret", Version: 3}
//	sealed, err := sealer.Seal(ctx, password, ad)
//	password, err = sealer.Open(ctx, sealed, ad) // fails under any other ad
//
// The associated data names the place a value lives in. A sealed value copied to
// another organization, row, field or version does not open there.
package seal
