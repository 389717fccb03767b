package generate

// Compute says where a runner runs, and so who hands it the role.
type Compute string

// The computes.
const (
	EC2  Compute = "ec2"  // instance profile
	ECS  Compute = "ecs"  // task role
	Web  Compute = "oidc" // a token, such as a Kubernetes service account's (IRSA)
	none Compute = ""
)

// RunnerOptions describes the role with which a runner pulls on its own.
type RunnerOptions struct {
	Registry     ECR
	Repositories []string
	Access       []Access
	PullThrough  bool
	Account      string  // where the runner lives; the registry's account when empty
	Role         string  // "pullpass-runner" when empty
	Compute      Compute // ec2 when empty
	OIDC         *OIDC   // with Compute oidc
	Provider     bool    // also create the OIDC provider
	Narrow       bool    // the role may assume itself, so that each session can be narrowed to one pull
}

// Runner generates the whole role of a runner: trust, permissions, the instance
// profile for EC2, and the role's ARN as an output of the stack.
func Runner(o RunnerOptions) (Stack, error) {
	c := &check{
		hint: "pullpass policy runner --account 222222222222 --region eu-west-1 --repository 'team/*' --access pull",
	}
	account, role := orDefault(o.Account, o.Registry.Account), orDefault(o.Role, "pullpass-runner")
	c.names(role, "unused")
	self := iamARN{Account: account, Type: "role", Path: "/", Name: role}
	permissions := c.permissions(RoleOptions{
		Registry: o.Registry, Repositories: o.Repositories, Access: o.Access, PullThrough: o.PullThrough,
	})
	self.Partition = permissions.partition
	if o.Narrow {
		permissions.Statements = append(permissions.Statements, Statement{
			Sid: "AllowSelf", Actions: []string{"sts:AssumeRole"}, Resources: []string{self.String()},
		})
	}
	trustOptions := TrustOptions{
		Account:   account,
		Partition: permissions.partition,
		Role:      role,
		Self:      o.Narrow,
		Provider:  o.Provider,
	}
	c.compute(o, &trustOptions)
	trust := c.trust(trustOptions, role)
	if err := c.err("the runner's role"); err != nil {
		return Stack{}, err
	}
	var resources []Resource
	if o.Provider && o.OIDC != nil {
		resources = append(resources, trust.resource(*o.OIDC))
	}
	resources = append(resources, RoleResource{
		Account: account, Partition: permissions.partition, Name: role,
		Trust: &trust.Policy, Permissions: &permissions.Policy, PermissionsName: "ecr-access",
		InstanceProfile: trustOptions.OIDC == nil && o.Compute != ECS, Output: true,
	})
	return Stack{Resources: resources, Notes: runnerNotes(o, account, self, trust.notes(trustOptions))}, nil
}

func runnerNotes(o RunnerOptions, account string, self iamARN, notes []string) []string {
	if account != o.Registry.Account {
		command := "pullpass policy repository --account " + o.Registry.Account + " --region " + o.Registry.Region +
			" --principal " + self.String() + " --repository NAME --live"
		for _, a := range o.Access {
			command += " --access " + string(a)
		}
		notes = append(notes, "Account "+o.Registry.Account+" needs the other half, a policy on each repository: "+command)
	}
	if o.Compute == EC2 || o.Compute == none {
		notes = append(
			notes,
			"Containers on the instance can reach its metadata and take this role: require IMDSv2 with a hop limit of 1.",
		)
	}
	return notes
}
