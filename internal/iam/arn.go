package iam

import "strings"

// ARN is an Amazon resource name taken apart at its first five colons.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// ParseARN takes an ARN apart. The resource part may hold further colons.
func ParseARN(text string) (ARN, bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, false
	}
	return ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}, true
}

func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// IsAccountID reports whether text is an AWS account id: twelve digits.
func IsAccountID(text string) bool {
	if len(text) != 12 {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// RoleOfSession turns the ARN of a role's session into the role's own, and says
// whether it was one. The role's path cannot be derived from it and is left out.
func RoleOfSession(text string) (string, bool) {
	arn, ok := ParseARN(text)
	if !ok || arn.Service != "sts" {
		return text, false
	}
	rest, isRole := strings.CutPrefix(arn.Resource, "assumed-role/")
	role, _, hasSession := strings.Cut(rest, "/")
	if !isRole || !hasSession || role == "" {
		return text, false
	}
	return "arn:" + arn.Partition + ":iam::" + arn.Account + ":role/" + role, true
}
