// Package pullpass holds the nouns of Pullpass: the things it keeps, who asks,
// what it answers and how it refuses.
//
// Pullpass gives development environments, CI jobs and clusters access to
// private container registries. The one idea: a person or a machine proves who
// it is, and gets a short-lived credential that opens only what is needed.
//
//	reg := pullpass.Registry{Host: "222222222222.dkr.ecr.eu-west-1.amazonaws.com", Auth: pullpass.AuthIntegration}
//	cred, err := broker.Issue(ctx, caller, broker.Ask{Host: reg.Host, Repository: "team/app"})
//	if pullpass.KindOf(err) == pullpass.Denied {
//		fmt.Fprintln(os.Stderr, pullpass.Explain(err)) // what failed, cause, hint
//	}
//
// The package imports the standard library only: every other package may use
// it, and it uses none of them.
package pullpass
