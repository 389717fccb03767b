package oci

import (
	"regexp"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// awsDenial is the sentence that AWS writes: who, what, on which resource, and
// for want of what. It is read for display only; nothing is decided by it.
var awsDenial = regexp.MustCompile(`User: (arn:[^ ]+) is not authorized to perform: ([a-z0-9-]+:[A-Za-z]+) on resource: ([^ ]+)`)

func denied(on subject, e *pullpass.Error, message string) error {
	e.Kind, e.Code = pullpass.Denied, "denied"
	e.Cause = orElse(message, "the registry refuses the credential for this repository")
	e.Hint = on.host.Kind.LoginHint()
	if on.host.ECR == nil {
		return e
	}
	e.Hint = "compare the identity policy of the caller and the repository policy of account " + on.host.ECR.Account
	m := awsDenial.FindStringSubmatch(message)
	if m == nil {
		return e
	}
	principal, _ := awsname.RoleOfSession(m[1])
	action, resource := m[2], strings.TrimSuffix(m[3], ".")
	switch {
	case strings.Contains(message, "explicit deny"):
		e.Code = "denied_explicitly"
		e.Cause = "a policy denies " + action + " to " + principal + ": " + message
		e.Hint = "change the denying policy; no Allow can overrule it"
	case strings.Contains(message, "no resource-based policy"):
		e.Code = "denied_by_owner"
		e.Cause = "the repository policy of account " + on.host.ECR.Account + " does not allow " + action + " to " + principal
		e.Hint = "pullpass policy repository --account " + on.host.ECR.Account + " --region " + on.host.ECR.Region +
			" --repository " + on.image.Repository + " --principal " + principal
	case strings.Contains(message, "no identity-based policy"):
		e.Code = "denied_by_caller"
		e.Cause = "no identity policy of " + principal + " allows " + action
		e.Hint = "add " + action + " on " + resource + " to the identity policy of " + principal
	case strings.Contains(message, "no session policy"):
		e.Code = "denied_by_session"
		e.Cause = "the session was limited to other repositories than this one"
		e.Hint = "ask for a credential for this repository"
	}
	return e
}
