package generate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

// TestPresetsAreAsPublished compares with what the guides publish, blanks
// filled in. The corrected ones are in TestPresetsAreCorrected.
func TestPresetsAreAsPublished(t *testing.T) {
	for name, want := range map[string]string{
		"gitpod-enterprise-repository": `{"Version":"2012-10-17","Statement":[{"Sid":"Gitpod Access","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"}}]}`,
		"gitpod-enterprise-role":       `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:DescribeImages","ecr:BatchCheckLayerAvailability"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"},{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`,
		"gitpod-flex-runner":           `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:BatchCheckLayerAvailability"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}]}`,
		"gitpod-flex-repository":       `{"Version":"2012-10-17","Statement":[{"Sid":"AllowGitpodRunnerPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:role/gitpod-runner"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`,
	} {
		stack, err := FromPreset(name, presetSample(name))
		if err != nil || len(stack.Documents()) != 1 {
			t.Errorf("FromPreset(%q) = %v, %v", name, stack.Documents(), err)
			continue
		}
		if diff := cmp.Diff(decoded(t, []byte(want)), decoded(t, stack.Documents()[0].Policy.JSON())); diff != "" {
			t.Errorf("%s differs from what is published:\n%s", name, diff)
		}
	}
}

// TestPresetsAreCorrected holds what was wrong to what is right.
func TestPresetsAreCorrected(t *testing.T) {
	for name, c := range map[string]struct{ has, hasNot []string }{
		"gitpod-enterprise-trust": {
			[]string{"arn:aws:iam::222222222222:oidc-provider/services.example.gitpod.cloud/idp", `"StringLike"`},
			[]string{"111111111111", "IfExists"},
		},
		"release-repository": {
			[]string{`"ecr:ListImages"`, `"arn:aws:iam::111111111111:root"`, `"ecr:GetRepositoryPolicy"`},
			[]string{`"ecr:ListImage"`, "GetAuthorizationToken"},
		},
		"codefresh-role":        {[]string{"repository/team/app", `"ecr:DescribeImages"`}, []string{"ecr:PutImage"}},
		"codefresh-chain-trust": {[]string{`"Version"`, "role/app-proxy"}, []string{"Condition"}},
		"gitlab-runner":         {[]string{"ec2.amazonaws.com", "repository/team/app"}, []string{"ecr:PutImage"}},
	} {
		stack, err := FromPreset(name, presetSample(name))
		if err != nil {
			t.Errorf("FromPreset(%q) = %v", name, err)
			continue
		}
		text := string(stack.json())
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %s:\n%s", name, want, text)
			}
		}
		for _, wrong := range c.hasNot {
			if strings.Contains(text, wrong) {
				t.Errorf("%s has %s:\n%s", name, wrong, text)
			}
		}
		if len(stack.Notes) == 0 || !strings.HasPrefix(stack.Notes[0], "Corrected: ") {
			t.Errorf("%s does not tell its corrections: %q", name, stack.Notes)
		}
	}
}

// TestEnterpriseTrustOfPreset: the corrected policy takes the workspaces of
// one repository, by either editor, and no token without a subject.
func TestEnterpriseTrustOfPreset(t *testing.T) {
	stack, err := FromPreset("gitpod-enterprise-trust", presetSample("gitpod-enterprise-trust"))
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]bool{
		"https://github.com/team/app/tree/main":                                   true,
		"referrer:jetbrains-gateway:goland/https://github.com/team/app/tree/main": true,
		"https://github.com/team/other/tree/main":                                 false,
		"": false,
	} {
		if got := accepts(t, stack, cell, defaultAudience, subject); got != want {
			t.Errorf("subject %q: %v, want %v", subject, got, want)
		}
	}
}

// TestPresetNeeds: every preset names what it reads, and reads what it names.
func TestPresetNeeds(t *testing.T) {
	known := []string{"account", "region", "repository", "platform", "principal", "role", "role-account", "issuer", "source", "branch", "organization"}
	for _, p := range Presets() {
		if p.Title == "" || len(p.Needs) == 0 || !slices.Contains([]string{"repository", "role", "trust", "runner"}, p.Kind) {
			t.Errorf("preset %s is incomplete", p.Name)
		}
		for _, n := range slices.Concat(p.Needs, p.Optional) {
			if !slices.Contains(known, n) {
				t.Errorf("preset %s needs %q", p.Name, n)
			}
		}
		if o := presetSample(p.Name); slices.Contains(p.Needs, "repository") {
			o.Repository = "NOT A REPOSITORY"
			if _, err := FromPreset(p.Name, o); err == nil {
				t.Errorf("preset %s does not read its repository", p.Name)
			}
		}
	}
}

// TestPresetsNameWhatIsMissing: every flag at once, as it is typed.
func TestPresetsNameWhatIsMissing(t *testing.T) {
	for _, p := range Presets() {
		_, err := FromPreset(p.Name, PresetOptions{})
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Cause != "missing --"+strings.Join(p.Needs, ", --") || e.Hint != p.Example() {
			t.Errorf("FromPreset(%s) without flags = %v", p.Name, err)
		}
	}
	if _, err := FromPreset("release-repository", PresetOptions{Registry: ireland, Principals: []string{"111111111111"}}); err == nil ||
		!strings.Contains(err.Error(), "missing --repository") || strings.Contains(err.Error(), "--platform") {
		t.Errorf("a principal instead of the platform: %v", err)
	}
}

func TestPresetDocs(t *testing.T) {
	golden(t, "../../../../docs/policy-presets.md", Markdown())
}
