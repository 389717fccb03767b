package generate

import (
	"slices"
	"strings"
)

// PresetOptions fills the blanks that a published policy leaves. Which ones a
// preset reads stands in its Needs.
type PresetOptions struct {
	Registry   ECR    // where the repositories are
	Repository string // one repository, or a pattern for role policies
	Platform   string // the platform's AWS account
	Principals []string
	Account    string   // the account of the role that is generated; the registry's when empty
	Role       string   // the role's name
	Issuer     string   // the platform's OIDC issuer
	Source     string   // HOST/ORG/REPO whose environments may assume the role
	Branches   []string // all branches when empty
	// Organization is the AWS organization, o-…, whose accounts may.
	Organization string
}

// Preset is a policy that a platform's documentation publishes.
type Preset struct {
	Name        string
	Kind        string // what it writes: a repository, role or trust policy, or a whole runner
	Title       string
	Needs       []string // flags that it cannot do without
	Optional    []string // flags that it reads besides
	Corrections []string // what the published text has wrong, and what stands here instead
	build       func(c *check, p Preset, o PresetOptions) (Stack, error)
}

// Presets lists every preset by name.
func Presets() []Preset {
	return []Preset{
		{
			Name: "gitpod-enterprise-repository", Kind: "repository",
			Title: "Gitpod Enterprise: repository policy for the platform's account",
			Needs: []string{"account", "region", "repository", "platform"},
			build: gitpodEnterpriseRepository,
		},
		{
			Name: "gitpod-enterprise-role", Kind: "role",
			Title: "Gitpod Enterprise: permissions of the role that workspaces assume for gp validate",
			Needs: []string{"account", "region", "repository"}, Optional: []string{"role", "role-account"},
			build: gitpodEnterpriseRole,
		},
		{
			Name: "gitpod-enterprise-trust", Kind: "trust",
			Title: "Gitpod Enterprise: trust policy of the role that workspaces assume for gp validate",
			Needs: []string{"account", "region", "issuer", "source"}, Optional: []string{"branch", "role", "role-account"},
			Corrections: []string{
				"The published Federated ARN lies in the platform's account. AWS looks for the provider in the role's own account, the one with the repository, and so does this policy.",
				"The published subject stands under StringLikeIfExists, which an absent sub passes: here under StringLike.",
			},
			build: gitpodEnterpriseTrust,
		},
		{
			Name: "gitpod-flex-runner", Kind: "role",
			Title: "Gitpod Flex: permissions of the EC2 runner's role",
			Needs: []string{"account", "region", "repository"}, Optional: []string{"role", "role-account"},
			build: gitpodFlexRunner,
		},
		{
			Name: "gitpod-flex-repository", Kind: "repository",
			Title: "Gitpod Flex: repository policy for the EC2 runner's role",
			Needs: []string{"account", "region", "repository", "principal"},
			build: gitpodFlexRepository,
		},
		{
			Name: "release-repository", Kind: "repository",
			Title: "Release: repository policy for the platform's account",
			Needs: []string{"account", "region", "repository", "platform"}, Optional: []string{"principal"},
			Corrections: []string{
				"The published list names ListImage, which does not exist: here ecr:ListImages.",
				"The published list has GetAuthorizationToken, which has no effect in a repository policy: left out here. Release's own identity must allow it on \"*\".",
				"The page demands the cluster's region. That is Release's rule, not ECR's: a token from the repository's region pulls from anywhere.",
			},
			build: releaseRepository,
		},
		{
			Name: "codefresh-role", Kind: "role",
			Title: "Codefresh GitOps: permissions of the ECR integration's role",
			Needs: []string{"account", "region", "repository"}, Optional: []string{"role", "role-account"},
			Corrections: []string{
				"The page attaches a managed policy, which opens every repository of the account: here the same actions as AmazonEC2ContainerRegistryReadOnly on the named repositories.",
				"The page asks for one of three managed policies and then says that images fail without any of them: enrichment reads only, so the read-only one is enough.",
			},
			build: codefreshRole,
		},
		{
			Name: "codefresh-chain-trust", Kind: "trust",
			Title: "Codefresh GitOps: trust policy of the ECR integration's role",
			Needs: []string{"account", "region", "principal"}, Optional: []string{"role", "role-account"},
			Corrections: []string{
				"The published example is one statement: here a whole document, without its empty Condition.",
				"The published comment calls the principal the integration's role. The principal is the role that comes first, such as app-proxy's; it is the integration's role itself only where that one assumes itself.",
			},
			build: codefreshChainTrust,
		},
		{
			Name: "gitlab-runner", Kind: "runner",
			Title: "GitLab Runner: role and instance profile for pulling job images",
			Needs: []string{"account", "region", "repository"}, Optional: []string{"role", "role-account"},
			Corrections: []string{
				"The gist says that access cannot be limited to repositories or to pulling. It can: the token carries its principal, and ECR asks that one's policies for every image.",
				"The gist doubts pulls across regions: they work with a token from the image's region.",
			},
			build: gitlabRunner,
		},
		{
			Name: "organization-repository", Kind: "repository",
			Title: "AWS Organizations: repository policy for every account of an organization",
			Needs: []string{"account", "region", "repository", "organization"},
			Corrections: []string{
				"Published examples let everyone push who may pull: here only what a pull needs.",
			},
			build: organizationRepository,
		},
		{
			Name: "lambda-repository", Kind: "repository",
			Title: "AWS Lambda: repository policy for functions of another account",
			Needs: []string{"account", "region", "repository", "principal"},
			Corrections: []string{
				"Published examples name the service without the functions' account, or by a pattern of ARNs alone: here aws:SourceAccount and aws:SourceArn are both tested.",
			},
			build: lambdaRepository,
		},
	}
}

// given tells which flags have a value.
func (o PresetOptions) given() map[string]bool {
	return map[string]bool{
		"account": o.Registry.Account != "", "region": o.Registry.Region != "", "repository": o.Repository != "",
		"platform": o.Platform != "", "principal": len(o.Principals) > 0, "role": o.Role != "", "role-account": o.Account != "",
		"issuer": o.Issuer != "", "source": o.Source != "", "branch": len(o.Branches) > 0, "organization": o.Organization != "",
	}
}

// exampleValues are values that the flags of presets take, for hints that run.
var exampleValues = map[string]string{
	"account": "222222222222", "region": "eu-west-1", "repository": "team/app", "platform": "111111111111",
	"principal": "arn:aws:iam::111111111111:role/pull", "issuer": "https://services.example.gitpod.cloud/idp",
	"source": "github.com/team/app", "organization": "o-a1b2c3d4e5",
}

// Example is a command line that writes the preset.
func (p Preset) Example() string {
	line := "pullpass policy preset " + p.Name
	for _, flag := range p.Needs {
		line += " --" + flag + " " + exampleValues[flag]
	}
	return line
}

// FromPreset generates the policy of the named preset. Its corrections come
// first among the stack's notes.
func FromPreset(name string, o PresetOptions) (Stack, error) {
	presets := Presets()
	i := slices.IndexFunc(presets, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		var names []string
		for _, p := range presets {
			names = append(names, p.Name)
		}
		c := &check{hint: "presets: " + strings.Join(names, ", ")}
		c.failf("there is no preset %q", name)
		return Stack{}, c.err("a policy")
	}
	p := presets[i]
	c := &check{hint: p.Example()}
	given, missing := o.given(), []string(nil)
	for _, flag := range p.Needs {
		instead := flag == "platform" && given["principal"] && slices.Contains(p.Optional, "principal")
		if !given[flag] && !instead {
			missing = append(missing, "--"+flag)
		}
	}
	if len(missing) > 0 {
		c.failf("missing %s", strings.Join(missing, ", "))
		return Stack{}, c.err(name)
	}
	stack, err := p.build(c, p, o)
	if err != nil {
		return Stack{}, err
	}
	var notes []string
	for _, text := range p.Corrections {
		notes = append(notes, "Corrected: "+text)
	}
	stack.Notes = append(notes, stack.Notes...)
	return stack, nil
}
