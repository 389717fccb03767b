// Package helper answers docker, podman, skopeo and their kin when they ask for a
// registry credential: the logic of docker-credential-pullpass.
//
// The one idea: say the truth in the two words that clients understand. They take
// one exact text for "there is no credential, go on without"; everything else is an
// error. So that text is said only when no registry is configured, and every
// failure is an error with its cause and its fix, never a silent anonymous pull.
//
//	h := helper.Helper{Issuer: server, Cache: cache, Own: logins}
//	os.Exit(h.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
//
// Answers are kept on disk until they expire, one file for each registry, so that
// many pulls at once ask once. The package links the standard library and the nouns
// only: docker starts the helper for each image.
package helper
