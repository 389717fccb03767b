package pullpass

// Quota names an upper limit on how many of one thing there may be, so that
// nobody uses up what is there for all.
type Quota string

// The quotas.
const (
	QuotaProjects               Quota = "projects"
	QuotaRunners                Quota = "runners"
	QuotaIntegrations           Quota = "integrations"
	QuotaRegistries             Quota = "registries"
	QuotaRegistriesPerProject   Quota = "registries-per-project"
	QuotaRepositories           Quota = "repositories"
	QuotaRepositoriesPerProject Quota = "repositories-per-project"
	QuotaEnvironments           Quota = "environments"
	QuotaEnvironmentsPerProject Quota = "environments-per-project"
	QuotaEnvironmentsPerMember  Quota = "environments-per-member"
	QuotaTokens                 Quota = "tokens"
	QuotaTokensPerMember        Quota = "tokens-per-member"
	QuotaCITokens               Quota = "ci-tokens"
	QuotaMembers                Quota = "members"
	QuotaTrusts                 Quota = "trusts"
)

// QuotaScope says whose things a quota counts.
type QuotaScope string

// The scopes. A member is a person, with every token that the person made.
const (
	PerOrganization QuotaScope = "organization"
	PerProject      QuotaScope = "project"
	PerMember       QuotaScope = "member"
)

// QuotaRule is a quota with its default, which is generous: it keeps a loop from
// filling the database, and nobody else from anything.
type QuotaRule struct {
	Quota   Quota
	Things  string // what it counts, as a sentence names it
	Per     QuotaScope
	Default int64
}

// QuotaRules returns all quotas in the order in which they are shown. Those that
// count the same things follow each other, the organization's first.
func QuotaRules() []QuotaRule {
	return []QuotaRule{
		{QuotaProjects, "projects", PerOrganization, 50_000},
		{QuotaRunners, "runners", PerOrganization, 10_000},
		{QuotaIntegrations, "integrations", PerOrganization, 5_000},
		{QuotaRegistries, "registries", PerOrganization, 20_000},
		{QuotaRegistriesPerProject, "registries", PerProject, 2_000},
		{QuotaRepositories, "repositories", PerOrganization, 20_000},
		{QuotaRepositoriesPerProject, "repositories", PerProject, 2_000},
		{QuotaEnvironments, "environments", PerOrganization, 20_000},
		{QuotaEnvironmentsPerProject, "environments", PerProject, 10_000},
		{QuotaEnvironmentsPerMember, "environments", PerMember, 5_000},
		{QuotaTokens, "tokens", PerOrganization, 20_000},
		{QuotaTokensPerMember, "tokens", PerMember, 2_000},
		{QuotaCITokens, "tokens of CI jobs", PerOrganization, 50_000},
		{QuotaMembers, "members", PerOrganization, 20_000},
		{QuotaTrusts, "trusted issuers", PerOrganization, 5_000},
	}
}

// MaxQuota is the highest number that a quota can be set to.
const MaxQuota = 1_000_000_000

// RuleOf finds a quota by its name.
func RuleOf(q Quota) (QuotaRule, bool) {
	for _, r := range QuotaRules() {
		if r.Quota == q {
			return r, true
		}
	}
	return QuotaRule{}, false
}

// QuotaUse is a quota as it stands in an organization.
type QuotaUse struct {
	QuotaRule
	// Used is what there is: of the project or the member that was asked for,
	// otherwise of the one that has most.
	Used int64
	// Limit is what holds: the lower one of the server's and the organization's.
	Limit  int64
	Server int64  // set by the operator
	Own    *int64 // set by an owner of the organization; nil: none
}
