package iam

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// SaveFault returns AWS's complaint when a policy of this kind is saved, "" for none.
// The rules are those of IAM's policy grammar, of Access Analyzer's checks that are
// errors, and of the sentences with which IAM is known to refuse; docs/policies.md says
// which comes from where.
func SaveFault(p *Policy, kind Kind) string {
	identity := !kind.ofResource()
	if identity && p.Version != Version2012 {
		return "Policy document must be version 2012-10-17 or greater."
	}
	for i := range p.Statements {
		s := &p.Statements[i]
		for _, a := range slices.Concat(s.Actions, s.NotActions) {
			if fault := ActionFault(a.Text); fault != "" {
				return fault
			}
		}
		switch {
		case s.Actions != nil && len(s.Actions) == 0, s.NotActions != nil && len(s.NotActions) == 0:
			return "Policy statement must contain actions."
		case s.Resources != nil && len(s.Resources) == 0, s.NotResources != nil && len(s.NotResources) == 0:
			return "Policy statement must contain resources."
		}
		for _, r := range slices.Concat(s.Resources, s.NotResources) {
			if fault := ResourceFault(r.Text); fault != "" {
				return fault
			}
		}
		for _, c := range s.Conditions {
			if !strings.Contains(c.Key.Text, ":") {
				return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
			}
			for _, v := range c.Values {
				if !c.Operator.Fits(v.Text, p.Variables()) {
					return "The policy failed legacy parsing"
				}
			}
		}
		if kind == TrustPolicy {
			if fault := s.controlFault(); fault != "" {
				return fault
			}
		}
	}
	return ""
}

// ActionFault is what AWS says to an action that no service can have.
func ActionFault(action string) string {
	if action == "*" {
		return ""
	}
	vendor, name, found := strings.Cut(action, ":")
	switch {
	case !found || vendor == "" || name == "":
		return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	case strings.Contains(name, ":"):
		return "Actions/Condition can contain only one colon."
	case strings.Trim(vendor, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "":
		return "Vendor " + vendor + " is not valid"
	}
	return ""
}

// iamPaths are what the last part of an ARN of IAM begins with.
var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/", "sms-mfa/",
	"saml-provider/", "oidc-provider/", "report/", "access-report/",
}

// ResourceFault is what AWS says to a Resource that no service can have.
func ResourceFault(resource string) string {
	if resource == "*" {
		return ""
	}
	if !strings.HasPrefix(resource, "arn:") {
		return "Resource " + resource + ` must be in ARN format or "*".`
	}
	parts := strings.SplitN(resource, ":", 6)
	if partition := parts[1]; partition != "*" && !awsname.ValidPartition(partition) {
		return `Partition "` + partition + `" is not valid for resource "` + resource + `".`
	}
	if len(parts) < 6 {
		return "The policy failed legacy parsing"
	}
	service, region, account, rest := parts[2], parts[3], parts[4], parts[5]
	switch {
	case service == "" || strings.ContainsAny(service, "*?$"):
		return "Resource vendor must be fully qualified and cannot contain regexes."
	case service == "iam" && region != "":
		return "IAM resource " + resource + " cannot contain region information."
	case (service == "sts" || service == "s3" && !strings.HasPrefix(rest, "accesspoint/")) && region != "":
		return "Resource " + resource + " can not contain region information."
	case account != "" && account != "aws" && strings.Trim(account, "0123456789*?") != "",
		!strings.ContainsAny(account, "*?") && account != "" && account != "aws" && len(account) != 12:
		return "The policy failed legacy parsing"
	case service == "iam" && rest != "*" && rest != "root" && !strings.HasPrefix(rest, "*") &&
		!slices.ContainsFunc(iamPaths, func(path string) bool { return strings.HasPrefix(rest, path) }):
		return `IAM resource path must either be "*" or start with ` + strings.Join(iamPaths, ", ") + "."
	}
	return ""
}
