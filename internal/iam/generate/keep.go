package generate

import "github.com/pullpass/pullpass/internal/awsname"

// keepActions are what it takes to create a repository and to put it right
// again; what it takes to delete it is apart.
var keepActions = []string{
	"ecr:CreateRepository", "ecr:DescribeRepositories",
	"ecr:TagResource", "ecr:ListTagsForResource",
	"ecr:PutImageTagMutability", "ecr:PutImageScanningConfiguration",
	"ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy",
	"ecr:GetLifecyclePolicy", "ecr:PutLifecyclePolicy", "ecr:DeleteLifecyclePolicy",
}

var removeActions = []string{"ecr:DescribeRepositories", "ecr:ListTagsForResource", "ecr:DeleteRepository"}

// Keep generates the identity policy of whoever keeps one repository: creates it
// and sets its policy, tags, immutability, scanning and lifecycle. It is both what
// such an identity needs and what its session is limited to.
func Keep(registry ECR, repository string) (Policy, error) {
	return only(registry, repository, "KeepRepository", keepActions)
}

// Remove generates the identity policy of whoever deletes one repository.
func Remove(registry ECR, repository string) (Policy, error) {
	return only(registry, repository, "RemoveRepository", removeActions)
}

func only(registry ECR, repository, sid string, actions []string) (Policy, error) {
	c := &check{}
	registry = c.registry(registry, false)
	if !awsname.ValidRepository(repository) {
		c.failf("%q is not the name of a repository", repository)
	}
	if err := c.err("the identity policy"); err != nil {
		return Policy{}, err
	}
	return Policy{Kind: IdentityPolicy, Statements: []Statement{{
		Sid: sid, Actions: actions, Resources: []string{registry.arn(repository)},
	}}}, nil
}

// Shared generates the policy of a repository that some pull from and some push
// to as well: a statement for each, in which nobody stands twice.
func Shared(registry ECR, repository string, pull, push []string) (Policy, error) {
	out := Policy{Kind: RepositoryPolicy}
	pushes := make(map[string]bool, len(push))
	for _, p := range push {
		pushes[p] = true // push contains pull
	}
	var reads []string
	for _, p := range pull {
		if !pushes[p] {
			reads = append(reads, p)
		}
	}
	for _, part := range []struct {
		principals []string
		access     Access
	}{{reads, Pull}, {push, Push}} {
		if len(part.principals) == 0 {
			continue
		}
		stack, err := Repository(
			RepositoryOptions{
				Registry:   registry,
				Repository: repository,
				Principals: part.principals,
				Access:     []Access{part.access},
			},
		)
		if err != nil {
			return Policy{}, err
		}
		for _, d := range stack.Documents() {
			out.Statements = append(out.Statements, d.Policy.Statements...)
		}
	}
	if len(out.Statements) == 0 {
		c := &check{}
		c.failf("no principal is named")
		return Policy{}, c.err("the repository policy")
	}
	return out, nil
}
