// Package source reads a repository at the place where it lives: what a branch
// or tag points to, and one small file at its default branch.
//
// The one idea: the server looks for itself. A commit, or a file that proves
// whose repository it is, counts only as read from the repository's own Git host,
// over https, through the egress client; never from what somebody says it is, a
// local path, ssh, or wherever a redirect leads.
//
//	s := source.New(egressClient)
//	name, commit, err := s.Resolve(ctx, "https://github.com/acme/app", "main") // "" is the default branch
//	text, err := s.File(ctx, "https://github.com/acme/app", ".pullpass-challenge")
package source
