// Package oci talks to registries: challenge, token, manifest, blob.
//
// The one idea: a credential goes to the registry's own origin and nowhere
// else. Token exchange happens here, so that an engine gets a bearer token for
// one repository rather than a password, and so that no realm, redirect or
// manifest decides where a password goes.
//
//	registries := oci.New(oci.Options{Egress: client, Hosts: hosts})
//	resolved, err := registries.Resolve(ctx, image, credential)
//	// resolved.Digest is proved; resolved.Auth is what the engine may have
//	pulled, err := registries.Pull(ctx, image, credential, directory, onProgress)
//	fmt.Println(pulled.Digest, pulled.Layers, "layers verified")
package oci
