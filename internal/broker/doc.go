// Package broker turns a caller and a registry host into a credential.
//
// The one idea: an order that nothing can skip. Choose the registry, decide
// whether this caller may have it, look in the cache or ask upstream, write the
// audit record, and only then reveal. Denials and failures are recorded, too.
//
//	b, err := broker.New(broker.Options{Store: db, Auditor: door, Hosts: hosts, AWS: minter})
//	defer b.Close()
//	issued, err := b.Issue(ctx, caller, broker.Ask{Environment: env.ID, Host: host, Repository: "team/app"})
//	// issued.Credential is valid for a while yet, and on record
//
// Lifetimes. A credential is refreshed in the background at half of its life,
// give or take a tenth; the first one anywhere before that, so that a herd issued
// together is not refreshed together. For lives of about an hour or less that time
// is moved forward, so that an upstream failure of a quarter of the life passes
// unnoticed. It is served while 15 minutes remain, or a quarter of its life if that
// is less: an expired one is never delivered, even where clocks differ by a minute.
//
// Servers that share a database mint once for all of them: the one with the lease
// asks AWS, the others take what it hands over. They share the buckets that pace
// the calls to each account, too.
package broker
