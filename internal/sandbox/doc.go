// Package sandbox is an AWS for rehearsals and tests: STS, IAM, ECR and its
// registries on loopback, with signatures checked and policies enforced.
//
// The one idea: every request, API call or /v2/ call alike, becomes one
// question to internal/iam in one place (authorize.go). What the sandbox lets
// through is therefore exactly what the evaluator allows, and what it refuses
// it can explain.
//
//	box, err := sandbox.New(sandbox.Default(), sandbox.Options{})
//	if err != nil { … }
//	if err := box.Start(ctx); err != nil { … }
//	defer box.Close()
//	cfg.BaseEndpoint = aws.String(box.Endpoint()) // any AWS SDK, CLI or Terraform
//
// State lives in memory. Production code does not know this package: to it the
// sandbox is only another endpoint.
package sandbox
