package pullpass

import (
	"slices"
	"time"
)

// Integration is access to one AWS account, reused by many registries.
type Integration struct {
	ID           IntegrationID
	Organization OrganizationID
	Name         string
	Mode         IntegrationMode
	Account      string // 12 digits: the account that Mode's identity belongs to
	Region       string // where STS is asked, and the default for its registries
	AccessKeyID  string // ModeAccessKey only; the secret half is sealed apart
	Chain        []RoleHop
	Runners      []RunnerID // empty: all runners
	// Projects are those whose limited callers may attach it to their registries;
	// empty: only callers of the whole organization may.
	Projects   []ProjectID
	Principal  string // ARN last seen by GetCallerIdentity: what others put in policies
	Generation int64  // grows with each update
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// AttachableBy reports whether c may open a registry or a repository through it.
func (i Integration) AttachableBy(c Caller) bool {
	return c.Project == "" || slices.Contains(i.Projects, c.Project)
}

// IntegrationMode is the first rung of an integration's identity ladder.
type IntegrationMode string

// The modes.
const (
	ModeAccessKey    IntegrationMode = "access-key"    // a stored IAM user key: works everywhere, the lesser choice
	ModeAmbient      IntegrationMode = "ambient"       // the server's own AWS identity
	ModeWebIdentity  IntegrationMode = "web-identity"  // a token that Pullpass issues; no stored secret
	ModeRunnerNative IntegrationMode = "runner-native" // the runner's own AWS identity
)

// RoleHop is one AssumeRole of a role chain.
type RoleHop struct {
	RoleARN        string
	ExternalID     string
	SourceIdentity string
	SessionTags    map[string]string
}

// Subject is the `sub` of the token with which a web-identity integration proves
// itself to AWS. It holds identifiers that are never reused, and no person is ever
// given such a token: a role that trusts it opens to the server alone. What a
// credential is not for in particular is a hyphen; "*" makes a pattern for a
// trust policy.
func (i Integration) Subject(project ProjectID, environment EnvironmentID) string {
	named := func(id string) string {
		if id == "" {
			return "-"
		}
		return id
	}
	return "integration:" + string(i.ID) + ":organization:" + string(i.Organization) +
		":project:" + named(string(project)) + ":environment:" + named(string(environment))
}
