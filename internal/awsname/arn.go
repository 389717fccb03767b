package awsname

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

// String puts the ARN together again.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// IAM returns the ARN of something in an account's IAM: resource is
// "role/path/name", "root", "oidc-provider/host".
func (p Partition) IAM(account, resource string) string {
	return ARN{Partition: string(p), Service: "iam", Account: account, Resource: resource}.String()
}

// STS returns the ARN of a session: resource is "assumed-role/name/session" or
// "federated-user/name".
func (p Partition) STS(account, resource string) string {
	return ARN{Partition: string(p), Service: "sts", Account: account, Resource: resource}.String()
}

// ValidAccount reports whether s is an AWS account id.
func ValidAccount(s string) bool { return len(s) == 12 && digitsOnly(s) }

func digitsOnly(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

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
	return Partition(arn.Partition).IAM(arn.Account, "role/"+role), true
}

// IsRoleOrUser reports whether text is the ARN of one IAM role or user: what a
// policy can name for one machine or person. Account numbers, the root of an
// account, sessions, wildcards and variables are not.
func IsRoleOrUser(text string) bool {
	arn, ok := ParseARN(text)
	if !ok || !ValidPartition(arn.Partition) || arn.Service != "iam" || arn.Region != "" || !ValidAccount(arn.Account) {
		return false
	}
	name, ok := strings.CutPrefix(arn.Resource, "role/")
	if !ok {
		name, ok = strings.CutPrefix(arn.Resource, "user/")
	}
	return ok && validIAMPath(name)
}

// validIAMPath reads "path/name" of a role or user in IAM's own characters.
func validIAMPath(s string) bool {
	const most = 64 + 512
	if s == "" || len(s) > most || strings.HasSuffix(s, "/") || strings.HasPrefix(s, "/") {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_/-") == ""
}

// SameRole reports whether two ARNs are the same role: the account and the name
// decide, for a session does not tell its role's path, and names are unique in an
// account whatever the path.
func SameRole(a, b string) bool {
	x, ok := ParseARN(a)
	y, ok2 := ParseARN(b)
	return ok && ok2 && IsRoleOrUser(a) && IsRoleOrUser(b) && x.Partition == y.Partition && x.Account == y.Account &&
		kindOf(x.Resource) == kindOf(y.Resource) && lastOf(x.Resource) == lastOf(y.Resource)
}

func kindOf(resource string) string { kind, _, _ := strings.Cut(resource, "/"); return kind }

func lastOf(resource string) string { return resource[strings.LastIndexByte(resource, '/')+1:] }
