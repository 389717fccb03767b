package generate

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	pullpass "github.com/pullpass/pullpass"
)

// TestRefusals gives each generator options that must be refused, with the
// words that the cause must hold.
func TestRefusals(t *testing.T) {
	goodRepository := RepositoryOptions{Registry: ireland, Repository: "team/app", Principals: []string{caller}, Access: []Access{Pull}}
	goodRole := RoleOptions{Registry: ireland, Repositories: []string{"team/app"}, Access: []Access{Pull}}
	goodTrust := TrustOptions{Account: "222222222222", OIDC: &OIDC{Issuer: cell, Subjects: []Subject{{Form: FormGitHub, Repository: "team/app"}}}}
	goodRunner := RunnerOptions{Registry: ireland, Repositories: []string{"team/app"}, Access: []Access{Pull}}

	repository := func(change func(*RepositoryOptions)) func() error {
		return func() error { o := goodRepository; change(&o); _, err := Repository(o); return err }
	}
	role := func(change func(*RoleOptions)) func() error {
		return func() error { o := goodRole; change(&o); _, err := Role(o); return err }
	}
	trust := func(change func(*TrustOptions)) func() error {
		return func() error { o := goodTrust; change(&o); _, err := Trust(o); return err }
	}
	subject := func(s Subject) func() error {
		return trust(func(o *TrustOptions) { o.OIDC = &OIDC{Issuer: cell, Subjects: []Subject{s}} })
	}
	issuer := func(s string) func() error {
		return trust(func(o *TrustOptions) { o.OIDC = &OIDC{Issuer: s, Subjects: goodTrust.OIDC.Subjects} })
	}
	runner := func(change func(*RunnerOptions)) func() error {
		return func() error { o := goodRunner; change(&o); _, err := Runner(o); return err }
	}
	for name, c := range map[string]struct {
		call func() error
		want string
	}{
		"short account":          {repository(func(o *RepositoryOptions) { o.Registry.Account = "2222" }), "12 digits"},
		"13 digits":              {repository(func(o *RepositoryOptions) { o.Registry.Account = "２22222222222" }), "12 digits"},
		"region":                 {repository(func(o *RepositoryOptions) { o.Registry.Region = "eu-west-1.evil" }), "not an AWS region"},
		"region with a zero":     {repository(func(o *RepositoryOptions) { o.Registry.Region = "eu-west-01" }), "not an AWS region"},
		"any region":             {repository(func(o *RepositoryOptions) { o.Registry.Region = "*" }), "not an AWS region"},
		"partition":              {repository(func(o *RepositoryOptions) { o.Registry.Partition = "aws-cn" }), "lies in partition aws"},
		"repository":             {repository(func(o *RepositoryOptions) { o.Repository = "Team/App" }), "not the name of a repository"},
		"repository pattern":     {repository(func(o *RepositoryOptions) { o.Repository = "team/*" }), "not the name of a repository"},
		"repository dots":        {repository(func(o *RepositoryOptions) { o.Repository = "team/../app" }), "not the name of a repository"},
		"no principal":           {repository(func(o *RepositoryOptions) { o.Principals = nil }), "no principal"},
		"anyone":                 {repository(func(o *RepositoryOptions) { o.Principals = []string{"*"} }), "not an account number"},
		"principal pattern":      {repository(func(o *RepositoryOptions) { o.Principals = []string{caller + "*"} }), "not an account number"},
		"principal with newline": {repository(func(o *RepositoryOptions) { o.Principals = []string{caller + "\n"} }), "not an account number"},
		"principal path":         {repository(func(o *RepositoryOptions) { o.Principals = []string{"arn:aws:iam::111111111111:role/../x"} }), "not an account number"},
		"foreign partition":      {repository(func(o *RepositoryOptions) { o.Principals = []string{"arn:aws-cn:iam::111111111111:role/x"} }), "another partition"},
		"no access":              {repository(func(o *RepositoryOptions) { o.Access = nil }), "no access"},
		"access":                 {repository(func(o *RepositoryOptions) { o.Access = []Access{"admin"} }), "not an access"},
		"no repositories":        {role(func(o *RoleOptions) { o.Repositories = nil }), "no repository"},
		"pattern in the middle":  {role(func(o *RoleOptions) { o.Repositories = []string{"te*m/app"} }), "neither a repository name nor a pattern"},
		"role name":              {role(func(o *RoleOptions) { o.Role = "a b" }), "not the name of a role"},
		"role name injection":    {role(func(o *RoleOptions) { o.Role = "$(id)" }), "not the name of a role"},
		"policy name":            {role(func(o *RoleOptions) { o.PolicyName = "a/b" }), "not the name of a policy"},
		"chain of a user":        {role(func(o *RoleOptions) { o.Assume = []string{"arn:aws:iam::111111111111:user/x"} }), "not the ARN of a role"},
		"role account":           {role(func(o *RoleOptions) { o.Account = "x" }), "12 digits"},
		"nobody":                 {trust(func(o *TrustOptions) { o.OIDC = nil }), "nobody is named"},
		"session":                {trust(func(o *TrustOptions) { o.MaxSession = 60 }), "between 3600 and 43200"},
		"service":                {trust(func(o *TrustOptions) { o.Services = []string{"ec2.example.com"} }), "not a service"},
		"external id alone":      {trust(func(o *TrustOptions) { o.ExternalID = "abc" }), "none is named"},
		"http issuer":            {issuer("http://id.example.com"), "not an issuer"},
		"issuer slash":           {issuer("https://id.example.com/"), "not an issuer"},
		"issuer port":            {issuer("https://id.example.com:8443"), "not an issuer"},
		"issuer user":            {issuer("https://u@id.example.com"), "not an issuer"},
		"issuer query":           {issuer("https://id.example.com/?a"), "not an issuer"},
		"issuer upper case":      {issuer("https://ID.example.com"), "not an issuer"},
		"issuer dots":            {issuer("https://id.example.com/a/../b"), "not an issuer"},
		"issuer pattern":         {issuer("https://id.example.com/*"), "not an issuer"},
		"audience": {trust(func(o *TrustOptions) {
			o.OIDC = &OIDC{Issuer: cell, Audiences: []string{"*"}, Subjects: goodTrust.OIDC.Subjects}
		}), "not an audience"},
		"thumbprint": {trust(func(o *TrustOptions) {
			o.OIDC = &OIDC{Issuer: cell, Subjects: goodTrust.OIDC.Subjects, Thumbprints: []string{"9E"}}
		}), "not a thumbprint"},
		"no subject":             {trust(func(o *TrustOptions) { o.OIDC = &OIDC{Issuer: cell} }), "no subject"},
		"subject form":           {subject(Subject{Form: "bitbucket"}), "not a form"},
		"subject pattern":        {subject(Subject{Form: FormGitHub, Repository: "team/*"}), "not ORG/REPOSITORY"},
		"subject parts":          {subject(Subject{Form: FormGitHub, Repository: "team"}), "not ORG/REPOSITORY"},
		"subject host":           {subject(Subject{Form: FormGitpod, Repository: "team/app"}), "not HOST/ORG"},
		"branch":                 {subject(Subject{Form: FormGitHub, Repository: "a/b", Branches: []string{"**"}}), "neither the name of a branch"},
		"branch with colon":      {subject(Subject{Form: FormGitHub, Repository: "a/b", Branches: []string{"x:environment:prod"}}), "neither the name of a branch"},
		"branch question mark":   {subject(Subject{Form: FormGitHub, Repository: "a/b", Branches: []string{"ma?n"}}), "neither the name of a branch"},
		"environment star":       {subject(Subject{Form: FormGitHub, Repository: "a/b", Environments: []string{"*"}}), "not an environment"},
		"environments elsewhere": {subject(Subject{Form: FormGitLab, Repository: "a/b", Environments: []string{"prod"}}), "cannot be expressed"},
		"tags elsewhere":         {subject(Subject{Form: FormPullpass, Repository: "github.com/a/b", Tags: []string{"v1"}}), "cannot be expressed"},
		"branches of a pod":      {subject(Subject{Form: FormKubernetes, Repository: "a/b", Branches: []string{"v1"}}), "cannot be expressed"},
		"service account":        {subject(Subject{Form: FormKubernetes, Repository: "a/*"}), "not NAMESPACE"},
		"exact space":            {subject(Subject{Form: FormExact, Repository: "a b"}), "not a subject"},
		"compute":                {runner(func(o *RunnerOptions) { o.Compute = "fargate" }), "not a compute"},
		"web without issuer":     {runner(func(o *RunnerOptions) { o.Compute = Web }), "needs an issuer"},
		"issuer on EC2":          {runner(func(o *RunnerOptions) { o.OIDC = goodTrust.OIDC }), "gets its role from ec2"},
		"registry without access": {func() error {
			_, err := Registry(RegistryOptions{Registry: ireland, Repositories: []string{"*"}, Principals: []string{caller}})
			return err
		}, "no access"},
		"preset":       {func() error { _, err := FromPreset("gitpod", PresetOptions{}); return err }, "no preset"},
		"empty preset": {func() error { _, err := FromPreset("gitpod-enterprise-trust", PresetOptions{}); return err }, "missing --account, --region, --issuer, --source"},
		"chain of users": {func() error {
			_, err := FromPreset("codefresh-chain-trust", PresetOptions{Registry: ireland, Principals: []string{"111111111111"}})
			return err
		}, "not the ARN of a role"},
	} {
		err := c.call()
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Kind != pullpass.Invalid || e.What == "" || e.Hint == "" {
			t.Errorf("%s: %v is not an invalid error in three parts", name, err)
			continue
		}
		if !strings.Contains(e.Cause, c.want) {
			t.Errorf("%s: cause %q, want %q in it", name, e.Cause, c.want)
		}
	}
}

// TestAllProblemsAtOnce reports everything wrong in one go.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Repository(RepositoryOptions{})
	for _, want := range []string{"12 digits", "region", "name of a repository", "no principal", "no access"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell %q", err, want)
		}
	}
}

// TestExternalIDIsNotEchoed: some people treat it as a secret.
func TestExternalIDIsNotEchoed(t *testing.T) {
	_, err := Trust(TrustOptions{Account: "222222222222", Principals: []string{caller}, ExternalID: "hush hush"})
	if err == nil || strings.Contains(pullpass.Explain(err), "hush") {
		t.Errorf("Trust = %v", err)
	}
}

// TestHostileInput: arbitrary text either is refused, or comes out as a clean
// policy that a shell and Terraform read as it is.
func TestHostileInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z$'"{}()*;/\\\n:]{1,12}`), rapid.StringMatching(`[a-z/]{2,12}`))
		stack, err := Runner(RunnerOptions{
			Registry:     ECR{Account: "222222222222", Region: rapid.SampledFrom([]string{"eu-west-1", text.Draw(t, "region")}).Draw(t, "r")},
			Repositories: []string{text.Draw(t, "repository")}, Access: []Access{Pull}, Role: text.Draw(t, "role"),
			Compute: Web, OIDC: &OIDC{
				Issuer:    "https://id.example.com/" + rapid.SampledFrom([]string{"x", text.Draw(t, "issuer")}).Draw(t, "i"),
				Audiences: []string{rapid.SampledFrom([]string{"sts.amazonaws.com", text.Draw(t, "audience")}).Draw(t, "a")},
				Subjects:  []Subject{{Form: FormExact, Repository: text.Draw(t, "subject")}},
			}, Provider: true,
		})
		if err != nil {
			if !pullpass.IsKind(err, pullpass.Invalid) {
				t.Errorf("Runner = %v", err)
			}
			return
		}
		checkClean(t, "runner", stack)
		for _, note := range stack.Notes {
			if strings.ContainsFunc(note, unicode.IsControl) {
				t.Errorf("%q would leave its comment", note)
			}
		}
		for _, line := range strings.Split(string(stack.terraform()), "\n") {
			if strings.Contains(strings.ReplaceAll(line, "$${", ""), "${") {
				t.Errorf("a template in %s", line)
			}
		}
	})
}
