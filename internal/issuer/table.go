package issuer

// whole is a claim that is the owner and nothing else.
func whole(name string) Claim { return Claim{name, []Form{{}}} }

// upTo is a claim that begins with the owner.
func upTo(name, until string) Claim { return Claim{name, []Form{{Until: until}}} }

// github writes these claims. A job_workflow_ref names whose reusable workflow a job
// calls, and everybody may call a public one; an actor may start jobs anywhere:
// neither says whose job it is. An organization can compose its subjects of other
// claims, so that the prefix counts, not only what follows it.
func github() []Claim {
	return []Claim{
		{"sub", []Form{
			{"repo:", "/@"}, {"repository:", "/"}, {"repository_id:", ":"},
			{"repository_owner:", ":"}, {"repository_owner_id:", ":"},
			{"enterprise:", ":"}, {"enterprise_id:", ":"},
		}},
		upTo("repository", "/"), whole("repository_id"), whole("repository_owner"), whole("repository_owner_id"),
		upTo("workflow_ref", "/"), whole("enterprise"), whole("enterprise_id"),
	}
}

// organization is the subject of those who write organization:NAME:….
func organization(more ...Claim) []Claim {
	return append([]Claim{{"sub", []Form{{"organization:", ":"}}}}, more...)
}

// awsControls lists the providers whose trust policies AWS refuses without a
// condition on the claim in Required.
const awsControls = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html"

// shared is the list. Issuers that give each customer a URL of its own are not on
// it, because the URL names the owner: CircleCI (oidc.circleci.com/org/ID), Bitbucket
// (api.bitbucket.org/2.0/workspaces/NAME/…), Spacelift (NAME.app.spacelift.io),
// Vercel's team issuers (oidc.vercel.com/TEAM), clusters, Cognito user pools.
var shared = []Issuer{
	{"GitHub Actions", "token.actions.githubusercontent.com", github(), "sub",
		"https://docs.github.com/en/actions/reference/security/oidc"},
	{"GitHub Actions (older name)", "vstoken.actions.githubusercontent.com", github(), "sub", awsControls},
	{"GitHub audit log", "oidc-configuration.audit-log.githubusercontent.com",
		[]Claim{whole("sub")}, "sub", awsControls},
	{"GitLab", "gitlab.com", []Claim{
		{"sub", []Form{{"project_path:", "/"}}}, upTo("project_path", "/"), whole("project_id"),
		upTo("namespace_path", "/"), whole("namespace_id"),
	}, "sub", "https://docs.gitlab.com/ci/secrets/id_token_authentication/"},
	{"CircleCI (root issuer)", "oidc.circleci.com", []Claim{
		{"sub", []Form{{"org/", "/"}}}, whole("oidc.circleci.com/org-id"), whole("oidc.circleci.com/project-id"),
	}, "", "https://circleci.com/docs/openid-connect-tokens/"},
	{"Buildkite", "agent.buildkite.com", organization(
		whole("organization_slug"), whole("organization_id"), whole("pipeline_id"), whole("cluster_id"),
	), "sub", "https://buildkite.com/docs/agent/v3/cli-oidc"},
	{"HCP Terraform", "app.terraform.io", organization(
		whole("terraform_organization_id"), whole("terraform_organization_name"), whole("terraform_workspace_id"),
	), "sub", "https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials"},
	{"Google", "accounts.google.com", []Claim{
		whole("sub"), whole("email"), whole("hd"), whole("google/organization_number"),
	}, "", "https://developers.google.com/identity/openid-connect/openid-connect"},
	{"Pulumi", "api.pulumi.com/oidc", []Claim{
		{"sub", []Form{{"pulumi:deploy:org:", ":"}, {"pulumi:environments:org:", ":"}}}, whole("aud"), whole("org"),
	}, "aud", "https://www.pulumi.com/docs/administration/access-identity/oidc-provider/"},
	{"Vercel", "oidc.vercel.com", []Claim{
		{"sub", []Form{{"owner:", ":"}}}, {"aud", []Form{{"https://vercel.com/", "/"}}},
		whole("owner"), whole("owner_id"), whole("project_id"),
	}, "aud", "https://vercel.com/docs/oidc/reference"},
	{"Cognito identity pools", "cognito-identity.amazonaws.com", []Claim{whole("aud"), whole("sub")}, "aud", awsControls},
	{"Codefresh", "oidc.codefresh.io", []Claim{
		{"sub", []Form{{"account:", ":"}}}, whole("account_id"), whole("pipeline_id"),
	}, "sub", "https://codefresh.io/docs/docs/integrations/oidc-pipelines/"},
	{"DVC Studio", "studio.datachain.ai/api", []Claim{{"sub", []Form{{"credentials:", "/:"}}}}, "sub", awsControls},
	{"Scalr", "scalr.io", []Claim{
		{"sub", []Form{{"account:", ":"}}}, whole("scalr_account_id"), whole("scalr_account_name"),
	}, "sub", "https://docs.scalr.io/docs/aws"},
	{"Shisho Cloud", "tokens.cloud.shisho.dev", []Claim{{"sub", []Form{{"job:", ":"}}}}, "sub", awsControls},
	{"Upbound", "proidc.upbound.io", []Claim{{"sub", []Form{{"mcp:", "/"}}}}, "sub",
		"https://docs.upbound.io/manuals/packages/providers/authentication/"},
	{"IBM Turbonomic", "oidc.op1.openshiftapps.com/2f785sojlpb85i7402pk3qogugim5nfb",
		[]Claim{whole("sub")}, "sub", awsControls},
	{"sandboxes.cloud", "sandboxes.cloud", []Claim{whole("aud"), whole("sub")}, "aud", awsControls},
	{"Microsoft Sentinel", "sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d", nil, "sts:RoleSessionName", awsControls},
	{"Login with Amazon", "www.amazon.com", []Claim{whole("app_id"), whole("user_id")}, "", awsControls},
	{"Facebook", "graph.facebook.com", []Claim{whole("app_id"), whole("id")}, "", awsControls},
}
