package oci

import (
	"regexp"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
)

// layerCodes are the codes of the layers that refuse on their own.
var layerCodes = map[iam.Kind]string{
	iam.PermissionsBoundary: "denied_by_boundary", iam.ServiceControlPolicy: "denied_by_organization",
	iam.ResourceControlPolicy: "denied_by_resource_control", iam.VPCEndpointPolicy: "denied_by_endpoint",
	iam.SessionPolicy: "denied_by_session",
}

// staleSession is how AWS says that it does not know an identity, or not any more.
var staleSession = regexp.MustCompile(
	`(?i)security token (included in the request )?is (invalid|expired)|(UnrecognizedClient|InvalidClientTokenId|ExpiredToken)`,
)

func denied(on subject, e *pullpass.Error, message string) error {
	e.Kind, e.Code = pullpass.Denied, "denied"
	e.Cause = orElse(message, "the registry refuses the credential for this repository")
	e.Hint = on.host.Kind.LoginHint()
	if on.host.ECR == nil {
		return e
	}
	e.Hint = "compare the identity policy of the caller and the repository policy of account " + on.host.ECR.Account
	if staleSession.MatchString(message) {
		e.Code = "credential_revoked"
		e.Cause = "AWS no longer honours the session behind this credential; its role or key was deleted, made anew or rotated, or its sessions were revoked: " + message
		e.Hint = "ask anew, and see who asks: pullpass doctor " + on.image.String()
		return e
	}
	if behindECR(on, e, message) {
		return e
	}
	refusal, ok := iam.ParseRefusal(message)
	if !ok {
		return e
	}
	principal, _ := awsname.RoleOfSession(refusal.Principal)
	if code := layerCodes[refusal.Layer]; code != "" {
		e.Code, e.Cause, e.Hint = code, refusal.Cause(), refusal.Fix()
		if refusal.Explicit {
			e.Code = "denied_explicitly"
			e.Hint += "; no Allow can overrule it"
		}
		return e
	}
	switch {
	case refusal.Explicit:
		e.Code = "denied_explicitly"
		e.Cause = "a policy denies " + refusal.Action + " to " + principal + ": " + message
		e.Hint = "change the denying policy; no Allow can overrule it"
	case refusal.Layer == iam.ResourcePolicy:
		e.Code = "denied_by_owner"
		e.Cause = "the repository policy of account " + on.host.ECR.Account + " does not allow " + refusal.Action + " to " + principal
		e.Hint = "pullpass policy repository --account " + on.host.ECR.Account + " --region " + on.host.ECR.Region +
			" --repository " + on.image.Repository + " --principal " + principal + " --live"
	case refusal.Layer == iam.IdentityPolicy:
		e.Code = "denied_by_caller"
		e.Cause = "no identity policy of " + principal + " allows " + refusal.Action
		e.Hint = "add " + refusal.Action + " on " + refusal.Resource + " to the identity policy of " + principal
	}
	return e
}

// behindECR recognizes what ECR's own helpers refuse: the registry behind a
// pull-through cache, and the key that encrypts a repository.
func behindECR(on subject, e *pullpass.Error, message string) bool {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "upstream registry") || strings.Contains(lower, "upstream-registry"):
		prefix, _, _ := strings.Cut(on.image.Repository, "/")
		e.Code = "upstream_denied"
		e.Cause = "the registry behind the pull-through cache refuses the login of the cache's rule: " + message
		e.Hint = "renew the secret that the rule names, then check it: aws ecr validate-pull-through-cache-rule --ecr-repository-prefix " + prefix +
			" --region " + on.host.ECR.Region
	case strings.Contains(lower, "kms") || strings.Contains(lower, "customer master key"):
		e.Code = "key_denied"
		e.Cause = "the KMS key that encrypts the repository cannot be used: " + message
		e.Hint = "in account " + on.host.ECR.Account + ": enable the key, and let its key policy allow kms:Decrypt, kms:GenerateDataKey, kms:DescribeKey and " +
			"kms:CreateGrant to ECR's callers; an identity policy alone does not open a key"
	default:
		return false
	}
	return true
}
