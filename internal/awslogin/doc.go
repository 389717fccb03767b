// Package awslogin asks AWS for the token of an ECR registry with an identity of this
// machine: what the credential helper does without any server.
//
// The one idea: the identity is AWS's own affair. It is found where AWS's tools find it
// (environment, profile, SSO, web identity, container, instance), the configuration of
// the helper can only say which of them and which roles to assume then, and the token is
// asked for in the region of the host.
//
//	issuer := awslogin.New(helper.Mint{Region: "eu-west-1", Profile: "prod"})
//	credential, err := issuer.Credential(ctx, helper.Ask{Host: host})
package awslogin
