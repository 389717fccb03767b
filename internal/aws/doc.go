// Package aws mints registry credentials through STS and ECR.
//
// The one idea: an identity is a ladder. The first rung is a stored key, the
// ambient identity or a web identity; each role of the chain is a rung above;
// the last one is narrowed by a session policy to the repositories and the
// action that were asked for, and only then asks ECR for a token, in the
// region of the registry's host.
//
//	minter := aws.New(aws.Options{HTTP: egressClient})
//	minted, err := minter.Mint(ctx, request)        // implements broker.Minter
//	who, err := minter.Identify(ctx, integration, secret)
//	fmt.Println(who.Principal, who.Region)          // what others put in policies
//
// An ECR token opens what its principal may reach. So a token asked for by a
// narrowed session is a narrow token; where an identity can neither be assumed
// nor federated, the token says that it is not (Minted.Repositories is empty).
package aws
