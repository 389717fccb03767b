package generate

import (
	"errors"
	"slices"
	"strings"

	pullpass "github.com/pullpass/pullpass"
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
}

// Preset is a policy that a platform's documentation publishes.
type Preset struct {
	Name        string
	Kind        string // what it writes: a repository, role or trust policy, or a whole runner
	Title       string
	Needs       []string // names of the PresetOptions that it reads, by their flags
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
			Needs: []string{"account", "region", "repository", "role"},
			build: gitpodEnterpriseRole,
		},
		{
			Name: "gitpod-enterprise-trust", Kind: "trust",
			Title: "Gitpod Enterprise: trust policy of the role that workspaces assume for gp validate",
			Needs: []string{"account", "region", "issuer", "source", "branch", "role"},
			Corrections: []string{
				"The published Federated ARN lies in the platform's account. AWS looks for the provider in the role's own account, the one with the repository, and so does this policy.",
				"The published subject stands under StringLikeIfExists, which an absent sub passes: here under StringLike.",
			},
			build: gitpodEnterpriseTrust,
		},
		{
			Name: "gitpod-flex-runner", Kind: "role",
			Title: "Gitpod Flex: permissions of the EC2 runner's role",
			Needs: []string{"account", "region", "repository", "role"},
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
			Needs: []string{"account", "region", "repository", "platform"},
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
			Needs: []string{"account", "region", "repository", "role"},
			Corrections: []string{
				"The page attaches a managed policy, which opens every repository of the account: here the same actions as AmazonEC2ContainerRegistryReadOnly on the named repositories.",
				"The page asks for one of three managed policies and then says that images fail without any of them: enrichment reads only, so the read-only one is enough.",
			},
			build: codefreshRole,
		},
		{
			Name: "codefresh-chain-trust", Kind: "trust",
			Title: "Codefresh GitOps: trust policy of the ECR integration's role",
			Needs: []string{"account", "region", "principal", "role"},
			Corrections: []string{
				"The published example is one statement: here a whole document, without its empty Condition.",
				"The published comment calls the principal the integration's role. The principal is the role that comes first, such as app-proxy's; it is the integration's role itself only where that one assumes itself.",
			},
			build: codefreshChainTrust,
		},
		{
			Name: "gitlab-runner", Kind: "runner",
			Title: "GitLab Runner: role and instance profile for pulling job images",
			Needs: []string{"account", "region", "repository", "role"},
			Corrections: []string{
				"The gist says that access cannot be limited to repositories or to pulling. It can: the token carries its principal, and ECR asks that one's policies for every image.",
				"The gist doubts pulls across regions: they work with a token from the image's region.",
			},
			build: gitlabRunner,
		},
	}
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
	stack, err := p.build(&check{hint: "pullpass policy preset " + name + " --" + strings.Join(p.Needs, " … --") + " …"}, p, o)
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

// rehint gives an error of one of the general generators the preset's name and
// hint: its own flags differ.
func (c *check) rehint(p Preset, stack Stack, err error) (Stack, error) {
	if err == nil {
		return stack, nil
	}
	var e *pullpass.Error
	if !errors.As(err, &e) {
		return Stack{}, err
	}
	return Stack{}, &pullpass.Error{
		Kind: e.Kind, Code: e.Code, What: "cannot generate " + p.Name, Cause: e.Cause, Hint: c.hint,
	}
}
