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

// partitionOf is the partition of a region that was checked.
func partitionOf(region string) string {
	p, _ := awsname.PartitionOf(region)
	return string(p)
}

// arn builds the ARN of a repository, or of a pattern of repositories.
func (r ECR) arn(repository string) string {
	return awsname.RepositoryARN(r.Partition, r.Region, r.Account, repository)
}

func (r ECR) arns(repositories []string) []string {
	out := make([]string, len(repositories))
	for i, name := range repositories {
		out[i] = r.arn(name)
	}
	return out
}

// isRepositoryPattern also accepts "*" and a name that ends in "/*".
func isRepositoryPattern(s string) bool {
	return s == "*" || awsname.ValidRepository(strings.TrimSuffix(s, "/*"))
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
