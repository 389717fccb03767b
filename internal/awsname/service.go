package awsname

import "strings"

// serviceDomains are the domains of service principals that are not a
// partition's own suffix: some services of Amazon's, and internal ones.
var serviceDomains = []string{"amazon.com", "aws.internal"}

// providers look like services of AWS, or are named beside them, but issue web
// identities: trust policies name them without an ARN.
var providers = []string{
	"cognito-identity.amazonaws.com", "accounts.google.com", "graph.facebook.com", "www.amazon.com",
}

// IsProvider reports whether a host is one of the web identity providers that
// IAM knows without an ARN.
func IsProvider(host string) bool {
	for _, p := range providers {
		if p == host {
			return true
		}
	}
	return false
}

// IsServicePrincipal accepts what looks like the principal of a service:
// "ecs-tasks.amazonaws.com", "states.eu-west-1.amazonaws.com".
func IsServicePrincipal(text string) bool {
	if IsProvider(text) {
		return false
	}
	domains := serviceDomains
	for _, p := range partitions {
		domains = append(domains[:len(domains):len(domains)], p.suffix)
	}
	for _, d := range domains {
		if name, found := strings.CutSuffix(text, "."+d); found && validLabels(name) {
			return true
		}
	}
	return false
}

func validLabels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}

// Service returns the principal of a service in a partition. EC2 is named under
// the partition's own suffix, all others as in the commercial one:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (p Partition) Service(name string) string {
	if row, ok := partitionNamed(p); ok && name == "ec2" {
		return name + "." + row.suffix
	}
	return name + ".amazonaws.com"
}
