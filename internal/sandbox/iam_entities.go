package sandbox

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The IAM errors.
func errNoSuchEntity(kind, name string) *apiError {
	return apiErrorf(http.StatusNotFound, "NoSuchEntity", "The %s with name %s cannot be found.", kind, printable(name))
}

func errAlreadyExists(kind, name string) *apiError {
	return apiErrorf(http.StatusConflict, "EntityAlreadyExists", "%s with name %s already exists.", kind, printable(name))
}

func errDeleteConflict(format string, args ...any) *apiError {
	return apiErrorf(http.StatusConflict, "DeleteConflict", format, args...)
}

func errMalformedPolicy(reason string) *apiError {
	return badRequest("MalformedPolicyDocument", "%s", reason)
}

func checkName(parameter, name string, limit int) *apiError {
	if len(name) > limit {
		return errConstraint(parameter, "Member must have length less than or equal to "+strconv.Itoa(limit))
	}
	if !entityPattern.MatchString(name) {
		return badRequest(
			"ValidationError",
			"The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
			parameter,
		)
	}
	return nil
}

func checkPath(path string) *apiError {
	if !pathPattern.MatchString(path) || strings.Contains(path, "//") {
		return badRequest(
			"ValidationError",
			"The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
		)
	}
	return nil
}

func newEntity(a *account, kind, prefix, path, name string, tags map[string]string, now time.Time) entity {
	tags = maps.Clone(tags)
	if tags == nil {
		tags = map[string]string{}
	}
	return entity{
		id: newEntityID(prefix), name: name, path: path, arn: a.iamARN(kind, path, name),
		created: now, inline: map[string]policyDocument{}, tags: tags,
	}
}

func (a *account) newUser(name, path, boundary string, tags map[string]string, now time.Time) (*user, *apiError) {
	if err := checkName("userName", name, maxEntityName); err != nil {
		return nil, err
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if a.users[name] != nil {
		return nil, errAlreadyExists("User", name)
	}
	u := &user{entity: newEntity(a, "user", prefixUser, path, name, tags, now)}
	if err := u.setBoundary(a, boundary); err != nil {
		return nil, err
	}
	a.users[name] = u
	return u, nil
}

// roleSettings are what CreateRole takes.
type roleSettings struct {
	name, path, description, boundary, trust string
	maxSession                               time.Duration
	tags                                     map[string]string
}

func (a *account) newRole(s roleSettings, now time.Time) (*role, *apiError) {
	if err := checkName("roleName", s.name, maxEntityName); err != nil {
		return nil, err
	}
	if err := checkPath(s.path); err != nil {
		return nil, err
	}
	if a.roles[s.name] != nil {
		return nil, errAlreadyExists("Role", s.name)
	}
	if err := checkMaxSession(s.maxSession); err != nil {
		return nil, err
	}
	trust, err := parseTrustPolicy(s.trust)
	if err != nil {
		return nil, err
	}
	r := &role{
		entity:      newEntity(a, "role", prefixRole, s.path, s.name, s.tags, now),
		description: s.description, trust: trust, maxSession: s.maxSession,
	}
	if err := r.setBoundary(a, s.boundary); err != nil {
		return nil, err
	}
	a.roles[s.name] = r
	return r, nil
}

func checkMaxSession(d time.Duration) *apiError {
	if d < time.Hour || d > 12*time.Hour {
		return errConstraint(
			"maxSessionDuration",
			"Member must have value less than or equal to 43200 and greater than or equal to 3600",
		)
	}
	return nil
}

func parseTrustPolicy(text string) (policyDocument, *apiError) {
	doc, err := parsePolicy(text)
	if err != nil {
		return policyDocument{}, err
	}
	if policySize(text) > maxTrustPolicy {
		return policyDocument{}, errLimit("Cannot exceed quota for ACLSizePerRole: %d", maxTrustPolicy)
	}
	if reason := trustPolicyFault(doc.policy); reason != "" {
		return policyDocument{}, errMalformedPolicy(reason)
	}
	return doc, nil
}

func parseManagedPolicy(text string) (policyDocument, *apiError) {
	if policySize(text) > maxManagedPolicy {
		return policyDocument{}, errLimit("Cannot exceed quota for PolicySize: %d", maxManagedPolicy)
	}
	return parseIdentityPolicy(text)
}

func (a *account) newPolicy(
	name, path, description, text string,
	tags map[string]string,
	now time.Time,
) (*managedPolicy, *apiError) {
	if err := checkName("policyName", name, maxPolicyName); err != nil {
		return nil, err
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	doc, err := parseManagedPolicy(text)
	if err != nil {
		return nil, err
	}
	arn := a.iamARN("policy", path, name)
	if a.policies[arn] != nil {
		return nil, errAlreadyExists("A policy called "+name, name)
	}
	p := &managedPolicy{
		id: newEntityID(prefixPolicy), name: name, path: path, arn: arn, description: description,
		created: now, updated: now, current: "v1", nextVersion: 2,
		versions: []policyVersion{{"v1", doc, now}}, tags: orEmpty(tags),
	}
	a.policies[arn] = p
	return p, nil
}

func (a *account) newProvider(
	issuer string,
	clientIDs, thumbprints []string,
	tags map[string]string,
	now time.Time,
) (*oidcProvider, *apiError) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || !providerScheme(u) {
		return nil, badRequest("ValidationError", "Invalid Open ID Connect Provider URL")
	}
	name := strings.TrimSuffix(u.Host+u.EscapedPath(), "/")
	arn := a.iamARN("oidc-provider", "/", name)
	if a.providers[arn] != nil {
		return nil, apiErrorf(
			http.StatusConflict,
			"EntityAlreadyExists",
			"Provider with url %s already exists.",
			printable(issuer),
		)
	}
	if len(clientIDs) > 100 {
		return nil, apiErrorf(
			http.StatusConflict,
			"LimitExceeded",
			"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
		)
	}
	p := &oidcProvider{
		arn: arn, url: name, issuer: strings.TrimSuffix(issuer, "/"),
		clientIDs: clientIDs, thumbprints: thumbprints, created: now, tags: orEmpty(tags),
	}
	a.providers[arn] = p
	return p, nil
}

// providerScheme accepts https, as IAM does, and plain http on this machine,
// which IAM does not: a rehearsal's own issuer has no certificate.
func providerScheme(u *url.URL) bool {
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1")
}

func (a *account) newProfile(name, path string, tags map[string]string, now time.Time) (*instanceProfile, *apiError) {
	if err := checkName("instanceProfileName", name, maxProfileName); err != nil {
		return nil, err
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if a.profiles[name] != nil {
		return nil, errAlreadyExists("Instance Profile", name)
	}
	p := &instanceProfile{
		id: newEntityID(prefixProfile), name: name, path: path,
		arn: a.iamARN("instance-profile", path, name), created: now, tags: orEmpty(tags),
	}
	a.profiles[name] = p
	return p, nil
}

func orEmpty(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return maps.Clone(tags)
}
