package generate

import (
	"regexp"
)

// publishedPull is what the guides list for pulls, in each one's own order.
// BatchCheckLayerAvailability is not needed, but harmless.
const (
	batchCheck = "ecr:BatchCheckLayerAvailability"
	batchGet   = "ecr:BatchGetImage"
	download   = "ecr:GetDownloadUrlForLayer"
)

func gitpodEnterpriseRepository(c *check, p Preset, o PresetOptions) (Stack, error) {
	return c.publishedRepository(p, o, []string{o.Platform}, "Gitpod Access", []string{batchCheck, batchGet, download})
}

func gitpodFlexRepository(c *check, p Preset, o PresetOptions) (Stack, error) {
	return c.publishedRepository(p, o, o.Principals, "AllowGitpodRunnerPull", []string{batchGet, download, batchCheck})
}

func releaseRepository(c *check, p Preset, o PresetOptions) (Stack, error) {
	principals := o.Principals
	if len(principals) == 0 {
		principals = []string{o.Platform}
	}
	return c.publishedRepository(p, o, principals, "AllowReleasePull", []string{
		batchCheck, batchGet, "ecr:DescribeImages", "ecr:DescribeRepositories", download,
		"ecr:GetRepositoryPolicy", "ecr:ListImages",
	})
}

var organizationID = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)

func organizationRepository(c *check, p Preset, o PresetOptions) (Stack, error) {
	if !organizationID.MatchString(o.Organization) {
		c.failf("%q is not the id of an organization: o- and 10 to 32 lower-case letters and digits", o.Organization)
	}
	return c.pullByOthers(p, o, func(ECR) []Statement {
		return []Statement{{
			Sid: "AllowOrganizationPull", Principals: []Principal{{"AWS", []string{"*"}}}, Actions: []string{batchGet, download},
			Conditions: []Condition{{"StringEquals", "aws:PrincipalOrgID", []string{o.Organization}}},
		}}
	})
}

// lambdaRepository follows https://docs.aws.amazon.com/lambda/latest/dg/images-create.html:
// whoever makes the function pulls once, Lambda again whenever it needs the image.
func lambdaRepository(c *check, p Preset, o PresetOptions) (Stack, error) {
	return c.pullByOthers(p, o, func(registry ECR) []Statement {
		var accounts, functions []string
		for _, id := range c.principals(o.Principals, registry.Partition) {
			a, ok := parseIAM(id)
			if !ok {
				continue
			}
			accounts = append(accounts, a.Account)
			functions = append(functions, "arn:"+registry.Partition+":lambda:"+registry.Region+":"+a.Account+":function:*")
		}
		accounts, functions = unique(accounts), unique(functions)
		return []Statement{
			{
				Sid:        "AllowDeployersPull",
				Principals: []Principal{{"AWS", c.principals(o.Principals, registry.Partition)}},
				Actions:    []string{batchGet, download},
			},
			{
				Sid: "AllowFunctionsPull", Principals: []Principal{{"Service", []string{"lambda.amazonaws.com"}}}, Actions: []string{batchGet, download},
				Conditions: []Condition{{"StringEquals", "aws:SourceAccount", accounts}, {"ArnLike", "aws:SourceArn", functions}},
			},
		}
	})
}

func gitpodEnterpriseRole(c *check, p Preset, o PresetOptions) (Stack, error) {
	return c.publishedRole(p, o, "gitpod-workspace-pull", func(arns []string) []Statement {
		return []Statement{
			{Actions: []string{download, batchGet, "ecr:DescribeImages", batchCheck}, Resources: arns},
			{Actions: []string{authorizationToken}, Resources: []string{"*"}},
		}
	})
}

func gitpodFlexRunner(c *check, p Preset, o PresetOptions) (Stack, error) {
	return c.publishedRole(p, o, "gitpod-runner", func(arns []string) []Statement {
		return []Statement{
			{Actions: []string{authorizationToken}, Resources: []string{"*"}},
			{Actions: []string{download, batchGet, batchCheck}, Resources: arns},
		}
	})
}

func codefreshRole(c *check, p Preset, o PresetOptions) (Stack, error) {
	return c.publishedRole(p, o, "codefresh-ecr", func(arns []string) []Statement {
		return []Statement{
			{Sid: "AllowLogin", Actions: []string{authorizationToken}, Resources: []string{"*"}},
			{Sid: "AllowRead", Actions: []string{
				batchCheck, download, "ecr:GetRepositoryPolicy", "ecr:DescribeRepositories", "ecr:ListImages",
				"ecr:DescribeImages", batchGet, "ecr:GetLifecyclePolicy", "ecr:GetLifecyclePolicyPreview",
				"ecr:ListTagsForResource", "ecr:DescribeImageScanFindings",
			}, Resources: arns},
		}
	})
}

func gitpodEnterpriseTrust(c *check, p Preset, o PresetOptions) (Stack, error) {
	partition, account := c.roleHome(o)
	stack, err := Trust(TrustOptions{
		Account: account, Partition: partition, Role: orDefault(o.Role, "gitpod-workspace-pull"),
		OIDC: &OIDC{Issuer: o.Issuer, Subjects: []Subject{{Form: FormGitpod, Repository: o.Source, Branches: o.Branches}}},
	})
	return c.rehint(p, stack, err)
}

func codefreshChainTrust(c *check, p Preset, o PresetOptions) (Stack, error) {
	partition, account := c.roleHome(o)
	if c.roles(o.Principals, partition); len(c.problems) > 0 {
		return Stack{}, c.err(p.Name)
	}
	stack, err := Trust(TrustOptions{
		Account: account, Partition: partition, Role: orDefault(o.Role, "codefresh-ecr"), Principals: o.Principals,
	})
	if err == nil {
		stack.Notes = append(stack.Notes, "Sessions of a chain last at most 1 h: asking for more is refused.")
	}
	return c.rehint(p, stack, err)
}

func gitlabRunner(c *check, p Preset, o PresetOptions) (Stack, error) {
	stack, err := Runner(RunnerOptions{
		Registry: o.Registry, Repositories: []string{o.Repository}, Access: []Access{Pull},
		Account: o.Account, Role: orDefault(o.Role, "gitlab-runner"),
	})
	return c.rehint(p, stack, err)
}
