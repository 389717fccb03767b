package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

// question is what one request asks of the policies: the only form in which
// anything in the sandbox is authorized.
type question struct {
	principal *principal // nil with federated: nobody yet
	federated string     // ARN of the identity provider of a web identity
	action    string
	resource  string
	account   *account // owner of the resource
	region    string
	context   map[string][]string
	// resourcePolicies of the resource: repository and registry policy.
	resourcePolicies []policyDocument
	// trust is the role's trust policy when the question is whether it may be assumed.
	trust *policyDocument
	// request adds what the connection tells: address, transport.
	request *http.Request
}

// authorize asks about an action without more context than the call's own.
func (c *call) authorize(action, resource string, owner *account, context map[string][]string) *apiError {
	return c.decide(question{principal: c.principal, action: action, resource: resource, account: owner, context: context})
}

// decide answers q for an API call.
func (c *call) decide(q question) *apiError {
	q.request = c.request
	if q.region == "" {
		q.region = c.region
	}
	return c.box.decide(q)
}

// decide answers q: it remembers a denial for Explain and words it as AWS does.
// The caller holds the lock.
func (b *Sandbox) decide(q question) *apiError {
	request, decision, err := b.evaluate(q)
	if err != nil {
		b.log.Error("cannot name a caller to the evaluator", "error", err)
		return apiErrorf(http.StatusInternalServerError, "InternalFailure", "The sandbox could not name the caller.")
	}
	if decision.Effect == iam.Allowed {
		return nil
	}
	caller := request.Principal.ARN
	b.state.denials.add(Denial{
		Time: b.now(), Principal: caller, Action: q.action, Resource: q.resource, ResourceAccount: q.account.id,
		Context: request.Context, Decision: decision,
	})
	return accessDenied("%s", denialText(caller, q.action, q.resource, decision))
}

// evaluate is the one place where the sandbox asks the evaluator.
func (b *Sandbox) evaluate(q question) (iam.Request, iam.Decision, error) {
	caller, err := q.caller()
	if err != nil {
		return iam.Request{}, iam.Decision{}, err
	}
	request := iam.Request{
		Action: q.action, Resource: q.resource, Principal: caller,
		ResourceAccount: q.account.id, Context: b.requestContext(q),
	}
	return request, iam.Evaluate(request, q.policies()), nil
}

// caller names the principal in the evaluator's words.
func (q *question) caller() (iam.Principal, error) {
	p := q.principal
	if p == nil {
		return iam.ParsePrincipal(q.federated)
	}
	identity, err := iam.ParsePrincipal(p.entity.arn)
	if err != nil || p.session == nil || p.session.kind == userSession {
		return identity, err
	}
	return identity.WithSession(p.session.name)
}

// policies collects every policy that bears on q, as they are now.
func (q *question) policies() iam.Policies {
	set := iam.Policies{
		Resource:        parsed(q.resourcePolicies),
		ResourceControl: levels(q.account.resourceControl),
	}
	if q.trust != nil {
		set.Resource = []*iam.Policy{q.trust.policy}
	}
	p := q.principal
	if p == nil {
		return set
	}
	set.ServiceControl = levels(p.account.serviceControl)
	for _, name := range slices.Sorted(maps.Keys(p.entity.inline)) {
		set.Identity = append(set.Identity, p.entity.inline[name].policy)
	}
	for _, arn := range p.entity.attached {
		if doc, ok := p.account.policyByARN(arn); ok {
			set.Identity = append(set.Identity, doc.policy)
		}
	}
	if p.entity.boundary != "" {
		// A boundary whose policy is gone allows nothing.
		doc, ok := p.account.policyByARN(p.entity.boundary)
		if !ok {
			doc = nothing()
		}
		set.Boundaries = []*iam.Policy{doc.policy}
	}
	if p.session != nil && p.session.limited {
		set.Session = parsed(p.session.policies)
		if len(set.Session) == 0 {
			set.Session = []*iam.Policy{nothing().policy}
		}
	}
	return set
}

// nothing is a policy that allows nothing.
func nothing() policyDocument { return policyDocument{policy: &iam.Policy{Version: iam.Version2012}} }

func parsed(docs []policyDocument) []*iam.Policy {
	list := make([]*iam.Policy, len(docs))
	for i, d := range docs {
		list[i] = d.policy
	}
	return list
}

func levels(docs [][]policyDocument) [][]*iam.Policy {
	list := make([][]*iam.Policy, len(docs))
	for i, level := range docs {
		list[i] = parsed(level)
	}
	return list
}

// requestContext fills in the condition keys that follow from the connection,
// the moment and the principal.
func (b *Sandbox) requestContext(q question) map[string][]string {
	context := map[string][]string{}
	set := func(key, value string) {
		if value != "" {
			context[key] = []string{value}
		}
	}
	now := b.now().UTC()
	set("aws:CurrentTime", now.Format("2006-01-02T15:04:05Z"))
	set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	set("aws:RequestedRegion", q.region)
	set("aws:ResourceAccount", q.account.id)
	q.account.describeOrganization("aws:Resource", set)
	if q.request != nil {
		set("aws:SourceIp", remoteIP(q.request))
		set("aws:UserAgent", q.request.UserAgent())
		// A client of AWS comes over TLS; that the sandbox listens without it on
		// loopback is no difference that a policy should see.
		set("aws:SecureTransport", "true")
	}
	if p := q.principal; p != nil {
		set("aws:PrincipalArn", p.policyARN())
		set("aws:PrincipalAccount", p.account.id)
		p.account.describeOrganization("aws:Principal", set)
		set("aws:userid", p.userID())
		p.describe(now, set)
		for k, v := range p.principalTags() {
			set("aws:PrincipalTag/"+k, v)
		}
	}
	maps.Copy(context, q.context)
	return context
}

// describeOrganization sets the keys of the account's organization: prefix is
// aws:Principal or aws:Resource.
func (a *account) describeOrganization(prefix string, set func(key, value string)) {
	id, path, hasPath := strings.Cut(a.organization, "/")
	set(prefix+"OrgID", id)
	if hasPath {
		set(prefix+"OrgPaths", id+"/"+path)
	}
}

// denialText words a denial as AWS does, naming the layer that failed.
func denialText(caller, action, resource string, d iam.Decision) string {
	text := "User: " + caller + " is not authorized to perform: " + action
	if resource != "" {
		text += " on resource: " + resource
	}
	if d.Effect == iam.ExplicitDeny {
		for _, layer := range d.Layers {
			if layer.Result == iam.ExplicitDeny {
				return text + " with an explicit deny in " + article(policyName(layer.Name)) + " policy"
			}
		}
	}
	if name, ok := failedLayer(d); ok {
		noun := policyName(name) + " policy allows"
		if name == iam.PermissionsBoundary {
			noun = "permissions boundary allows"
		}
		return text + " because no " + noun + " the " + action + " action"
	}
	return text
}

// failedLayer picks the layer that AWS names when several do not allow.
func failedLayer(d iam.Decision) (iam.Kind, bool) {
	for _, kind := range []iam.Kind{
		iam.ServiceControlPolicy, iam.ResourceControlPolicy, iam.IdentityPolicy, iam.PermissionsBoundary,
		iam.SessionPolicy, iam.ResourcePolicy, iam.RepositoryPolicy, iam.RegistryPolicy, iam.TrustPolicy,
	} {
		for _, layer := range d.Layers {
			if layer.Name == kind && layer.Binding && layer.Result == iam.ImplicitDeny {
				return kind, true
			}
		}
	}
	return "", false
}

// policyName is what AWS's refusals call a kind of policy.
func policyName(kind iam.Kind) string {
	switch kind {
	case iam.ServiceControlPolicy:
		return "service control"
	case iam.ResourceControlPolicy:
		return "resource control"
	case iam.IdentityPolicy:
		return "identity-based"
	case iam.PermissionsBoundary:
		return "permissions boundary"
	case iam.SessionPolicy:
		return "session"
	}
	return "resource-based"
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
