package api

// ContentType is that of every request and answer; errors are ProblemType.
const (
	ContentType = "application/json"
	ProblemType = "application/problem+json"
)

// The paths of the API. The organization is never part of a path: it comes from
// the token.
const (
	PathSetup = "/api/v1/setup"
	PathSelf  = "/api/v1/self"

	PathProjects = "/api/v1/projects"
	PathProject  = "/api/v1/projects/{project}"

	PathProjectProof    = "/api/v1/projects/{project}/proof"
	PathProjectGitLogin = "/api/v1/projects/{project}/git-login"
	PathProjectImages   = "/api/v1/projects/{project}/images"

	PathRegistries = "/api/v1/registries"
	PathRegistry   = "/api/v1/registries/{registry}"

	PathRegistriesTest = "/api/v1/registries/test"
	PathRegistryTest   = "/api/v1/registries/{registry}/test"

	PathIntegrations = "/api/v1/integrations"
	PathIntegration  = "/api/v1/integrations/{integration}"

	PathIntegrationTest = "/api/v1/integrations/{integration}/test"

	PathRunners    = "/api/v1/runners"
	PathRunner     = "/api/v1/runners/{runner}"
	PathRunnerJoin = "/api/v1/runners/join"

	PathRunnerChallenge = "/api/v1/runners/challenge"
	PathRunnerJoinToken = "/api/v1/runners/{runner}/join-token"
	PathRunnerApproval  = "/api/v1/runners/{runner}/aws-identity"

	PathEnvironments       = "/api/v1/environments"
	PathEnvironment        = "/api/v1/environments/{environment}"
	PathEnvironmentStart   = "/api/v1/environments/{environment}/start"
	PathEnvironmentStop    = "/api/v1/environments/{environment}/stop"
	PathEnvironmentRestart = "/api/v1/environments/{environment}/restart"
	PathEnvironmentOutput  = "/api/v1/environments/{environment}/output"
	PathEnvironmentTest    = "/api/v1/environments/{environment}/test"

	PathCredentials     = "/api/v1/credentials"
	PathCredentialHosts = "/api/v1/credentials/hosts"

	PathTokens = "/api/v1/tokens"
	PathToken  = "/api/v1/tokens/{token}"

	PathIdentity = "/api/v1/identity"

	PathTrusts    = "/api/v1/trusts"
	PathTrust     = "/api/v1/trusts/{trust}"
	PathTrustTest = "/api/v1/trusts/test"

	// Signing in: the two pages for the browser, and what the command line asks.
	PathSignIn         = "/sign-in"
	PathSignInCallback = "/sign-in/callback"
	PathDevice         = "/device"

	// The dashboard, and how a browser begins and ends a session of it.
	PathDashboard        = "/dashboard"
	PathDashboardSignIn  = "/sign-in/dashboard"
	PathDashboardSignOut = "/dashboard/sign-out"

	PathSignInDevice  = "/api/v1/sign-in/device"
	PathSignInSession = "/api/v1/sign-in/session"
	PathSession       = "/api/v1/session"

	PathMembers = "/api/v1/members"
	PathMember  = "/api/v1/members/{member}"

	PathQuotas = "/api/v1/quotas"
	PathQuota  = "/api/v1/quotas/{quota}"

	PathAuditWebhook     = "/api/v1/audit/webhook"
	PathAuditWebhookTest = "/api/v1/audit/webhook/test"

	// PathExchange takes a form, as RFC 8693 has it, and no token of ours.
	PathExchange = "/api/v1/token"

	PathAuditEvents = "/api/v1/audit/events"
	PathAuditVerify = "/api/v1/audit/verify"

	PathAuditCheckpoint = "/api/v1/audit/checkpoint"
	PathAuditPrune      = "/api/v1/audit/prune"

	// What a runner asks about itself: its token says which runner it is.
	PathRunnerHeartbeat    = "/api/v1/runner/heartbeat"
	PathRunnerEnvironments = "/api/v1/runner/environments"
	PathRunnerStatus       = "/api/v1/runner/environments/{environment}/status"
	PathRunnerOutput       = "/api/v1/runner/environments/{environment}/output"

	PathRunnerOwnChallenge = "/api/v1/runner/challenge"
	PathRunnerIdentity     = "/api/v1/runner/identity"
	PathRunnerKeys         = "/api/v1/runner/keys"

	PathRunnerTokens = "/api/v1/runner/environments/{environment}/tokens"

	PathRunnerTrial     = "/api/v1/runner/trials/{trial}"
	PathRunnerTrialTake = "/api/v1/runner/trials/{trial}/take"

	// Below the issuer URL of each organization's identity provider.
	PathDiscovery = "/o/{organization}/.well-known/openid-configuration"
	PathKeySet    = "/o/{organization}/jwks.json"

	// Outside the versioned API.
	PathLive        = "/livez"
	PathReady       = "/readyz"
	PathMetrics     = "/metrics"
	PathOpenAPIJSON = "/openapi.json"
	PathOpenAPIYAML = "/openapi.yaml"
	PathDocs        = "/docs"
	PathSetupPage   = "/setup" // the setup token follows in the fragment
	PathDownloads   = "/downloads/"
)

// MaxWait is the longest that a long poll waits, in seconds.
const MaxWait = 30

// MaxBody is the longest request body, in bytes.
const MaxBody = 1 << 20
