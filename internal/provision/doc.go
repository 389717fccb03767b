// Package provision keeps the private ECR repositories of projects: it creates
// them at once or on their first push, with exactly the policy, tags, immutability,
// scanning and lifecycle that are set, and puts them right again.
//
// The one idea: the repository that is wanted is written down first, together
// with the registry entry that opens it; then AWS is made to look like it. What
// AWS is asked is the same for the first time and for any later one, so whoever
// comes twice, or from two servers at once, makes one.
//
//	k := provision.New(provision.Options{Store: db, AWS: minter, Auditor: door, Hosts: hosts, Wait: broker.Wait})
//	r, err := k.Create(ctx, caller, provision.Wish{Project: p, Integration: i})
//	r, err = k.Apply(ctx, caller, r) // drift is corrected
//	err = k.Provision(ctx, caller, registry, "team/app", pullpass.ActionPush)
package provision
