package generate

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

var extensions = map[Format]string{
	JSON: ".json", Terraform: ".tf", CloudFormation: ".template.json", CloudFormationYAML: ".template.yaml", Command: ".sh",
}

func TestRenderGolden(t *testing.T) {
	for name, stack := range samples(t) {
		for _, f := range Formats() {
			got, err := stack.Render(f)
			if err != nil {
				t.Errorf("%s: Render(%q) = %v", name, f, err)
				continue
			}
			golden(t, name+extensions[f], got)
		}
	}
}

var (
	ireland = ECR{Account: "222222222222", Region: "eu-west-1", Partition: "aws"}
	caller  = "arn:aws:iam::111111111111:role/pull"
	cell    = "https://services.example.gitpod.cloud/idp"
)

// samples holds one stack for each generator, its options and each preset.
func samples(t *testing.T) map[string]Stack {
	t.Helper()
	out := map[string]Stack{}
	add := func(name string) func(Stack, error) {
		return func(s Stack, err error) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out[name] = s
		}
	}
	add("repository-pull")(Repository(RepositoryOptions{
		Registry: ireland, Repository: "team/app", Principals: []string{caller}, Access: []Access{Pull},
	}))
	add("repository-push-list")(Repository(RepositoryOptions{
		Registry: ECR{Account: "222222222222", Region: "cn-north-1"}, Repository: "base",
		Principals: []string{"222222222222", "arn:aws-cn:iam::111111111111:user/ci/builder"}, Access: []Access{Push, List},
	}))
	add("registry-pull-through-replicate")(Registry(RegistryOptions{
		Registry: ireland, Repositories: []string{"team/*", "base"}, Principals: []string{"111111111111"},
		Access: []Access{Pull}, PullThrough: true, Replicate: true,
	}))
	add("role-pull-chain")(Role(RoleOptions{
		Registry: ireland, Repositories: []string{"team/*"}, Access: []Access{Pull}, PullThrough: true,
		Assume: []string{"arn:aws:iam::333333333333:role/ecr/next"}, Role: "ci", Account: "111111111111",
	}))
	add("role-chain-only")(Role(RoleOptions{Assume: []string{"arn:aws:iam::333333333333:role/next"}, Role: "first"}))
	add("trust-principals")(Trust(TrustOptions{
		Account: "222222222222", Principals: []string{caller, "333333333333"}, ExternalID: "tenant:42/a",
		Self: true, MaxSession: 7200,
	}))
	for form, s := range map[Form]Subject{
		FormPullpass:    {Repository: "github.com/team/app", Branches: []string{"main"}},
		FormGitHub:      {Repository: "team/app", Branches: []string{"main", "release/*"}, Tags: []string{"v*"}, Environments: []string{"production"}},
		FormGitLab:      {Repository: "group/sub/app", Branches: []string{"main"}, Tags: []string{"v1.0"}},
		FormExact:       {Repository: "tenant*7/${x}"},
		FormIntegration: {Repository: "integration:int_06g1m0q5c0v3z8r2d7k4s9w1b6:organization:org_06g1m0q5c0v3z8r2d7k4s9w1b6:project:*:environment:*"},
	} {
		s.Form = form
		issuer := map[Form]string{FormGitHub: "https://token.actions.githubusercontent.com", FormGitLab: "https://gitlab.com"}[form]
		if issuer == "" {
			issuer = "https://pullpass.example.com/o/org_1"
		}
		add("trust-oidc-" + string(form))(Trust(TrustOptions{
			Account: "222222222222", OIDC: &OIDC{Issuer: issuer, Subjects: []Subject{s}}, Provider: true,
		}))
	}
	add("runner-ec2")(Runner(RunnerOptions{
		Registry: ireland, Repositories: []string{"team/*"}, Access: []Access{Pull, List}, Narrow: true,
	}))
	add("runner-ecs-cross-account")(Runner(RunnerOptions{
		Registry: ireland, Repositories: []string{"team/app"}, Access: []Access{Pull}, Account: "111111111111", Compute: ECS,
	}))
	add("runner-kubernetes")(Runner(RunnerOptions{
		Registry: ireland, Repositories: []string{"team/*"}, Access: []Access{Pull}, Account: "111111111111", Compute: Web, Provider: true,
		OIDC: &OIDC{
			Issuer:      "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF",
			Subjects:    []Subject{{Form: FormKubernetes, Repository: "pullpass/runner"}},
			Thumbprints: []string{"9e99a48a9960b14926bb7f3b02e22da2b0ab7280"},
		},
	}))
	for _, p := range Presets() {
		add("preset-" + p.Name)(FromPreset(p.Name, presetSample(p.Name)))
	}
	return out
}

func presetSample(name string) PresetOptions {
	o := PresetOptions{
		Registry: ireland, Repository: "team/app", Platform: "111111111111",
		Issuer: cell, Source: "github.com/team/app", Organization: "o-a1b2c3d4e5",
	}
	switch name {
	case "gitpod-flex-repository":
		o.Principals = []string{"arn:aws:iam::222222222222:role/gitpod-runner"}
	case "lambda-repository":
		o.Principals = []string{"111111111111"}
	case "codefresh-chain-trust":
		o.Principals = []string{"arn:aws:iam::111111111111:role/app-proxy"}
	}
	return o
}
