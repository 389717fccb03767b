package generate

import (
	"strconv"
	"strings"
)

// ECR names one private ECR registry. Partition is derived from Region
// when empty.
type ECR struct {
	Account   string
	Region    string // "*" means every region, in role policies only
	Partition string
}

// registry checks r and fills in its partition.
func (c *check) registry(r ECR, anyRegion bool) ECR {
	if !isAccount(r.Account) {
		c.failf("registry account %q is not 12 digits", r.Account)
	}
	switch {
	case r.Region == "*" && anyRegion:
		if r.Partition == "" {
			r.Partition = "aws"
		}
	case !isRegion(r.Region):
		c.failf("%q is not an AWS region such as eu-west-1", r.Region)
	case r.Partition == "":
		r.Partition = partitionOf(r.Region)
	case r.Partition != partitionOf(r.Region):
		c.failf("region %s lies in partition %s, not %q", r.Region, partitionOf(r.Region), r.Partition)
	}
	if r.Partition != "" && !isPartition(r.Partition) {
		c.failf("%q is not an AWS partition such as aws or aws-cn", r.Partition)
	}
	return r
}

// arn builds the ARN of a repository, or of a pattern of repositories.
func (r ECR) arn(repository string) string {
	return "arn:" + r.Partition + ":ecr:" + r.Region + ":" + r.Account + ":repository/" + repository
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isRegion accepts the grammar of region names: words of lower-case letters and
// a number of one or two digits, such as us-gov-west-1 or ap-southeast-2.
func isRegion(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 3 || len(s) > 32 {
		return false
	}
	for _, p := range parts[:len(parts)-1] {
		if len(p) < 2 || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	last := parts[len(parts)-1]
	n, err := strconv.Atoi(last)
	return err == nil && n > 0 && len(last) <= 2 && strconv.Itoa(n) == last
}

// partitionOf derives the partition from a region's first words.
func partitionOf(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"},
		{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

func isPartition(s string) bool {
	switch s {
	case "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc":
		return true
	}
	return false
}

// isRepository follows ECR's grammar for repository names.
func isRepository(s string) bool {
	if len(s) < 2 || len(s) > 256 {
		return false
	}
	for _, part := range strings.Split(s, "/") {
		if !isRepositoryPart(part) {
			return false
		}
	}
	return true
}

// isRepositoryPart accepts words of [a-z0-9] joined by single separators.
func isRepositoryPart(s string) bool {
	separator := true // a part may not start with one
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch >= 'a' && ch <= 'z' || ch >= '0' && ch <= '9':
			separator = false
		case (ch == '.' || ch == '_' || ch == '-') && !separator:
			separator = true
		default:
			return false
		}
	}
	return !separator
}

// isRepositoryPattern also accepts "*" and a name that ends in "/*".
func isRepositoryPattern(s string) bool {
	return s == "*" || isRepository(strings.TrimSuffix(s, "/*"))
}

func (c *check) repositories(in []string) []string {
	if len(in) == 0 {
		c.failf("no repository is named")
	}
	for _, r := range in {
		if !isRepositoryPattern(r) {
			c.failf("%q is neither a repository name nor a pattern such as team/*", r)
		}
	}
	return unique(in)
}

// isName follows IAM's grammar for role, user and policy names.
func isName(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9':
		case strings.IndexByte("+=,.@_-", ch) >= 0:
		default:
			return false
		}
	}
	return true
}

func unique(in []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
