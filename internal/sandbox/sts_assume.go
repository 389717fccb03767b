package sandbox

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultSession = time.Hour
	chainedLimit   = time.Hour
	minSession     = 15 * time.Minute
	// AWS limits an inline session policy to 2,048 characters, and what it
	// makes of policies and tags together to a packed size it does not
	// publish; the plain length of both stands in for that here.
	maxSessionPolicy = 2048
	maxPolicyARNs    = 10
)

type assumeRoleResult struct {
	Credentials      stsCredentials
	AssumedRoleUser  assumedRoleUser
	PackedPolicySize int    `xml:",omitempty"`
	SourceIdentity   string `xml:",omitempty"`
}

type assumedRoleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	Arn           string
}

// assumeRole checks both sides: the caller's identity policies and the role's
// trust policy, which must allow explicitly even inside one account.
func assumeRole(c *call) (any, *apiError) {
	arn, name := c.form.Get("RoleArn"), c.form.Get("RoleSessionName")
	if !sessionPattern.MatchString(name) {
		return nil, errConstraint("roleSessionName", `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	target, r := c.box.state.roleByARN(arn)
	p := c.principal
	denied := func() *apiError {
		return accessDenied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", p.arn(), printable(arn))
	}
	if r == nil {
		return nil, denied() // AWS does not tell a missing role from a refused one
	}
	if p.session != nil && p.session.kind == federatedUser {
		return nil, denied()
	}
	chained := p.isRole
	life, err := c.assumeDuration(r, chained)
	if err != nil {
		return nil, err
	}
	tags := c.sessionTags()
	transitive := c.list("TransitiveTagKeys")
	if chained {
		for _, k := range p.session.transitive {
			if _, again := tags[k]; again {
				return nil, badRequest(
					"InvalidParameterValue",
					"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
				)
			}
			tags[k] = p.session.tags[k]
			transitive = append(transitive, k)
		}
	}
	source := c.form.Get("SourceIdentity")
	if chained && p.session.sourceIdentity != "" {
		if source != "" && source != p.session.sourceIdentity {
			return nil, denied()
		}
		source = p.session.sourceIdentity
	}
	mfa, err := c.withMFA()
	if err != nil {
		return nil, err
	}
	context := assumeContext(c, name, source, tags, transitive)
	if mfa {
		context["aws:MultiFactorAuthPresent"] = []string{"true"}
		context["aws:MultiFactorAuthAge"] = []string{"0"}
	}
	question := question{principal: p, resource: r.arn, account: target, context: context, trust: &r.trust}
	for _, action := range assumeActions("sts:AssumeRole", c.form.Get("SourceIdentity"), c.structs("Tags")) {
		question.action = action
		if err := c.decide(question); err != nil {
			return nil, err
		}
	}
	policies, packed, err := c.sessionPolicies(target)
	if err != nil {
		return nil, err
	}
	r.lastUsed, r.lastRegion = c.now, c.region
	key := c.box.state.newSession(target, &session{
		kind: assumedRole, name: name, owner: r.name, ownerID: r.id,
		issued: c.now, expires: c.now.Add(life), policies: policies, limited: len(policies) > 0,
		chained: chained, mfa: mfa, tags: tags, transitive: transitive, sourceIdentity: source,
	})
	return assumeRoleResult{
		Credentials:      newSTSCredentials(key),
		AssumedRoleUser:  assumedRoleUser{r.id + ":" + name, target.assumedRoleARN(r.name, name)},
		PackedPolicySize: packed, SourceIdentity: source,
	}, nil
}

// assumeActions are the permissions that one AssumeRole call needs.
func assumeActions(action, source string, tags []map[string]string) []string {
	actions := []string{action}
	if len(tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if source != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

func assumeContext(c *call, name, source string, tags map[string]string, transitive []string) map[string][]string {
	context := map[string][]string{"sts:RoleSessionName": {name}}
	if id := c.form.Get("ExternalId"); id != "" {
		context["sts:ExternalId"] = []string{id}
	}
	if source != "" {
		context["sts:SourceIdentity"] = []string{source}
	}
	for k, v := range tags {
		context["aws:RequestTag/"+k] = []string{v}
	}
	if len(tags) > 0 {
		context["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	}
	if len(transitive) > 0 {
		context["sts:TransitiveTagKeys"] = transitive
	}
	return context
}

// assumeDuration applies the limits of role and chain. Asking for more fails;
// AWS does not shorten.
func (c *call) assumeDuration(r *role, chained bool) (time.Duration, *apiError) {
	life, err := c.seconds("DurationSeconds", defaultSession)
	if err != nil {
		return 0, err
	}
	if err := withinSeconds(life, minSession, 12*time.Hour); err != nil {
		return 0, err
	}
	if chained && life > chainedLimit {
		return 0, errValidation(
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
		)
	}
	if life > r.maxSession {
		return 0, errValidation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return life, nil
}

// sessionPolicies reads Policy and PolicyArns. The percentage is what AWS calls
// the packed size.
func (c *call) sessionPolicies(a *account) ([]policyDocument, int, *apiError) {
	var policies []policyDocument
	size := 0
	if text := c.form.Get("Policy"); text != "" {
		if len(text) > maxSessionPolicy {
			return nil, 0, errConstraint("policy", "Member must have length less than or equal to 2048")
		}
		doc, err := parseIdentityPolicy(text)
		if err != nil {
			return nil, 0, err
		}
		policies = append(policies, doc)
		size = len(text)
	}
	arns := c.structs("PolicyArns")
	if len(arns) > maxPolicyARNs {
		return nil, 0, errConstraint("policyArns", "Member must have length less than or equal to 10")
	}
	for _, fields := range arns {
		doc, ok := a.policyByARN(fields["arn"])
		if !ok {
			return nil, 0, badRequest(
				"MalformedPolicyDocument",
				"Policy %s does not exist or is not attachable.",
				printable(fields["arn"]),
			)
		}
		policies = append(policies, doc)
		size += len(fields["arn"])
	}
	for k, v := range c.sessionTags() {
		size += len(k) + len(v)
	}
	packed := (size*100 + maxSessionPolicy - 1) / maxSessionPolicy
	if packed > 100 {
		return nil, 0, badRequest(
			"PackedPolicyTooLarge",
			"Packed size of session tags consumes %d%% of allotted space.",
			packed,
		)
	}
	return policies, packed, nil
}

func (c *call) sessionTags() map[string]string {
	tags := map[string]string{}
	for _, fields := range c.structs("Tags") {
		tags[fields["Key"]] = fields["Value"]
	}
	return tags
}

// roleByARN finds a role by its full ARN, path included.
func (s *state) roleByARN(arn string) (*account, *role) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return nil, nil
	}
	a := s.accounts[parts[4]]
	if a == nil {
		return nil, nil
	}
	r := a.roles[arn[strings.LastIndex(arn, "/")+1:]]
	if r == nil || r.arn != arn {
		return nil, nil
	}
	return a, r
}

func parseIdentityPolicy(text string) (policyDocument, *apiError) {
	doc, err := parsePolicy(text)
	if err != nil {
		return policyDocument{}, err
	}
	if reason := identityPolicyFault(doc.policy); reason != "" {
		return policyDocument{}, errMalformedPolicy(reason)
	}
	return doc, nil
}

func secondsText(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
