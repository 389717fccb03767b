package generate

import (
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
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
	if !awsname.ValidAccount(r.Account) {
		c.failf("registry account %q is not 12 digits", r.Account)
	}
	switch {
	case r.Region == "*" && anyRegion:
		if r.Partition == "" {
			r.Partition = "aws"
		}
	case !awsname.ValidRegion(r.Region):
		c.failf("%q is not an AWS region such as eu-west-1", r.Region)
	case r.Partition == "":
		r.Partition = partitionOf(r.Region)
	case r.Partition != partitionOf(r.Region):
		c.failf("region %s lies in partition %s, not %q", r.Region, partitionOf(r.Region), r.Partition)
	}
	if r.Partition != "" && !awsname.ValidPartition(r.Partition) {
		c.failf("%q is not an AWS partition such as aws or aws-cn", r.Partition)
	}
	return r
}

// partitionOf is the partition of a region that was checked.
func partitionOf(region string) string {
	p, _ := awsname.PartitionOf(region)
	return string(p)
}

// arn builds the ARN of a repository, or of a pattern of repositories.
func (r ECR) arn(repository string) string {
	return awsname.RepositoryARN(r.Partition, r.Region, r.Account, repository)
}

// isRepositoryPattern also accepts "*" and a name that ends in "/*".
func isRepositoryPattern(s string) bool {
	return s == "*" || awsname.ValidRepository(strings.TrimSuffix(s, "/*"))
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
