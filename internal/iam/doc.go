// Package iam reads AWS policy documents and decides with them, as AWS does,
// and says why. It does no input or output: documents and a request go in, a
// decision comes out, with the layer that failed and the smallest statements
// whose addition would allow the request.
//
// The one idea: every kind of policy is compiled to the same statements, and
// one pass over them fills a small set of facts (who denied, who allowed, how
// strongly the resource policy names the caller). Evaluate, the hot path
// Allows and the missing statements all read these same facts, so that they
// cannot disagree.
//
//	identity, err := iam.Parse(document)
//	caller, err := iam.ParsePrincipal("arn:aws:iam::111111111111:role/runner")
//	request := iam.Request{Action: "ecr:BatchGetImage", Resource: repository, Principal: caller}
//	decision := iam.Evaluate(request, iam.Policies{Identity: []*iam.Policy{identity}})
//	fmt.Println(decision.Effect, decision.Missing)
package iam
