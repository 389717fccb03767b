package generate

import "strings"

// Access is what a policy lets its principal do with images.
type Access string

// The accesses. Push contains Pull, because a push reads what is already there.
const (
	Pull Access = "pull"
	Push Access = "push"
	List Access = "list" // what image enrichment reads: repositories, images, manifests
)

// Accesses lists every access, for help texts.
func Accesses() []Access { return []Access{Pull, Push, List} }

// accessActions holds the actions on a repository that each access needs.
// BatchCheckLayerAvailability belongs to push: no client calls it to pull.
func accessActions(a Access) []string {
	switch a {
	case Pull:
		return []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	case Push:
		return []string{
			"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability",
			"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
		}
	case List:
		return []string{"ecr:DescribeRepositories", "ecr:DescribeImages", "ecr:ListImages", "ecr:BatchGetImage"}
	}
	return nil
}

// authorizationToken has no resource of its own, so it stands in a statement
// with Resource "*" in an identity policy and nowhere else.
const authorizationToken = "ecr:GetAuthorizationToken"

// pullThroughActions are what the first pull through a cache rule needs.
func pullThroughActions() []string {
	return []string{"ecr:BatchImportUpstreamImage", "ecr:CreateRepository"}
}

// actionsFor joins the actions of several accesses, each once, in order.
func actionsFor(accesses []Access) []string {
	var out []string
	seen := map[string]bool{}
	for _, a := range accesses {
		for _, action := range accessActions(a) {
			if !seen[action] {
				seen[action] = true
				out = append(out, action)
			}
		}
	}
	return out
}

// sidFor names a statement after its accesses: AllowPull, AllowPullList.
func sidFor(accesses []Access) string {
	var b strings.Builder
	b.WriteString("Allow")
	seen := map[Access]bool{}
	for _, a := range accesses {
		if !seen[a] {
			seen[a] = true
			b.WriteString(strings.ToUpper(string(a[:1])) + string(a[1:]))
		}
	}
	return b.String()
}
