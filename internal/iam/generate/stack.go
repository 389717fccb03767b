package generate

// Stack is what a call generates: AWS resources in the order in which they
// must be created, and what a person should know about them.
type Stack struct {
	Resources []Resource
	Notes     []string
}

// Resource is one of RepositoryResource, RegistryResource, RoleResource and
// ProviderResource.
type Resource interface{ resource() }

// RepositoryResource is the policy of one ECR repository.
type RepositoryResource struct {
	Registry   ECR
	Repository string
	Policy     Policy
}

// RegistryResource is the policy of a whole registry in one region.
type RegistryResource struct {
	Registry ECR
	Policy   Policy
}

// RoleResource is a role, or a part of one: without Trust it is a policy for a
// role that exists already.
type RoleResource struct {
	Account         string // may be empty: then only the reader knows it
	Partition       string
	Name            string
	Trust           *Policy
	Permissions     *Policy
	PermissionsName string
	MaxSession      int  // seconds; 0 leaves AWS's default of an hour
	InstanceProfile bool // for EC2: same name as the role
	Output          bool // tell the role's ARN as an output of the stack
}

// ProviderResource is an IAM OpenID Connect provider.
type ProviderResource struct {
	URL         string
	Audiences   []string
	Thumbprints []string // may be empty: IAM finds those of public authorities
}

func (RepositoryResource) resource() {}
func (RegistryResource) resource()   {}
func (RoleResource) resource()       {}
func (ProviderResource) resource()   {}

// Document is one policy of a stack with a name for it.
type Document struct {
	Name   string // repositoryPolicy, registryPolicy, trustPolicy or permissionsPolicy
	Policy Policy
}

// Documents lists the policies of the stack in order.
func (s Stack) Documents() []Document {
	var out []Document
	for _, r := range s.Resources {
		switch r := r.(type) {
		case RepositoryResource:
			out = append(out, Document{"repositoryPolicy", r.Policy})
		case RegistryResource:
			out = append(out, Document{"registryPolicy", r.Policy})
		case RoleResource:
			if r.Trust != nil {
				out = append(out, Document{"trustPolicy", *r.Trust})
			}
			if r.Permissions != nil {
				out = append(out, Document{"permissionsPolicy", *r.Permissions})
			}
		}
	}
	return out
}
