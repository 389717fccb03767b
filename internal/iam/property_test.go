package iam

import (
	"testing"

	"pgregory.net/rapid"
)

// The properties draw from a small world, in which requests and statements
// meet often.
var (
	worldCallers = []string{
		"*", ours, ciUser, ciFederated, runnerRole, runnerSession, "arn:aws:iam::222222222222:role/pull",
		"arn:aws:sts::111111111111:federated-user/bob", "codebuild.amazonaws.com",
		"arn:aws:iam::111111111111:oidc-provider/gitlab.example.com", "arn:aws:iam::222222222222:oidc-provider/gitlab.example.com",
		"arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
	}
	worldActions = []string{
		"ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:ReplicateImage", "s3:GetObject", "kms:Decrypt",
		"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity",
	}
	worldResources = []string{
		"*", ownRepository, theirRepository, "arn:aws:s3:::bucket/${key}", "arn:aws:kms:eu-west-1:111111111111:key/1",
		"arn:aws:iam::111111111111:role/runner", "arn:aws:iam::222222222222:role/pull",
	}
	worldActionPatterns   = append([]string{"*", "ecr:*", "s3:*", "sts:Assume*", "ecr:Batch*"}, worldActions...)
	worldResourcePatterns = append([]string{"arn:aws:ecr:*:*:repository/*", "arn:aws:*", "arn:aws:s3:::bucket/${aws:username}", "*", "*"}, worldResources...)
	worldPrincipals       = []string{
		`"*"`, aws("*"), aws(ours), aws(theirs), aws(ciUser), aws(runnerRole), aws(runnerSession),
		`{"Service":"codebuild.amazonaws.com"}`, `{"Federated":"arn:aws:iam::222222222222:oidc-provider/gitlab.example.com"}`,
	}
	worldConditions = []string{
		``, ``, ``, `,"Condition":{"StringEquals":{"k":"v"}}`, `,"Condition":{"StringNotEquals":{"k":["v","${aws:username}"]}}`,
		`,"Condition":{"StringLikeIfExists":{"gitlab.example.com:sub":"project:*"}}`, `,"Condition":{"Null":{"aws:username":"true"}}`,
		`,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}`,
	}
	worldContexts = []map[string][]string{
		nil, {"k": {"v"}}, {"K": {"w"}}, {"aws:TagKeys": {"a", "b"}, "sts:ExternalId": {"x${y}"}},
		{"gitlab.example.com:aud": {"sts"}, "gitlab.example.com:sub": {"project:a*${b}"}},
	}
)

func drawStatement(t *rapid.T, effects []string, withPrincipal bool) Statement {
	text := `{"Effect":"` + rapid.SampledFrom(effects).Draw(t, "effect") + `"`
	element := func(name string, values []string) {
		if rapid.IntRange(0, 9).Draw(t, "not") == 0 {
			name = "Not" + name
		}
		text += `,"` + name + `":"` + rapid.SampledFrom(values).Draw(t, name) + `"`
	}
	element("Action", worldActionPatterns)
	if withPrincipal {
		name := "Principal"
		if rapid.IntRange(0, 9).Draw(t, "notPrincipal") == 0 {
			name = "NotPrincipal"
		}
		text += `,"` + name + `":` + rapid.SampledFrom(worldPrincipals).Draw(t, "principal")
	}
	if !withPrincipal || rapid.Bool().Draw(t, "resource") {
		element("Resource", worldResourcePatterns)
	}
	text += rapid.SampledFrom(worldConditions).Draw(t, "condition") + `}`
	return mustParse(t, `{"Statement":`+text+`}`).Statements[0]
}

func drawPolicies(t *rapid.T, withPrincipal bool, atMost int) []*Policy {
	var policies []*Policy
	for range rapid.IntRange(0, atMost).Draw(t, "policies") {
		p := &Policy{Version: rapid.SampledFrom([]string{Version2012, Version2012, Version2008}).Draw(t, "version")}
		for range rapid.IntRange(1, 2).Draw(t, "statements") {
			p.Statements = append(p.Statements, drawStatement(t, []string{"Allow", "Allow", "Allow", "Allow", "Deny"}, withPrincipal))
		}
		policies = append(policies, p)
	}
	return policies
}

func drawCase(t *rapid.T) (Request, Policies) {
	r := Request{
		Action:    rapid.SampledFrom(worldActions).Draw(t, "action"),
		Resource:  rapid.SampledFrom(worldResources).Draw(t, "resource"),
		Principal: caller(t, rapid.SampledFrom(worldCallers).Draw(t, "caller")),
		Context:   rapid.SampledFrom(worldContexts).Draw(t, "context"),
	}
	p := Policies{
		Identity: drawPolicies(t, false, 2), Resource: drawPolicies(t, true, 2),
		Boundaries: drawPolicies(t, false, 2), Session: drawPolicies(t, false, 1),
	}
	for range rapid.IntRange(0, 2).Draw(t, "scp levels") {
		p.ServiceControl = append(p.ServiceControl, drawPolicies(t, false, 2))
	}
	for range rapid.IntRange(0, 2).Draw(t, "rcp levels") {
		p.ResourceControl = append(p.ResourceControl, drawPolicies(t, true, 2))
	}
	return r, p
}

// with returns the policies with additions put where they say they belong.
func with(p Policies, additions []Addition) Policies {
	p.ServiceControl = append([][]*Policy(nil), p.ServiceControl...)
	p.ResourceControl = append([][]*Policy(nil), p.ResourceControl...)
	p.Boundaries = append([]*Policy(nil), p.Boundaries...)
	join := func(to []*Policy, a Addition) []*Policy { return append(to[:len(to):len(to)], a.Document()) }
	for _, a := range additions {
		switch a.Kind {
		case IdentityPolicy:
			p.Identity = join(p.Identity, a)
		case SessionPolicy:
			p.Session = join(p.Session, a)
		case ResourcePolicy, RepositoryPolicy, RegistryPolicy, TrustPolicy:
			p.Resource = join(p.Resource, a)
		case ServiceControlPolicy:
			p.ServiceControl[a.Level-1] = join(p.ServiceControl[a.Level-1], a)
		case ResourceControlPolicy:
			p.ResourceControl[a.Level-1] = join(p.ResourceControl[a.Level-1], a)
		case PermissionsBoundary:
			// A boundary is one document: the statement goes into it.
			i := max(a.Level-1, 0)
			whole := *p.Boundaries[i]
			whole.Statements = append(whole.Statements[:len(whole.Statements):len(whole.Statements)], a.Statement)
			p.Boundaries[i] = &whole
		}
	}
	return p
}

// checkMissing is the promise about Missing: all additions together allow,
// and nothing of them can be left out.
func checkMissing(t tester, r Request, p Policies, d Decision) {
	t.Helper()
	if d.Effect == Allowed {
		if d.Missing != nil {
			t.Errorf("allowed, and yet missing %+v", d.Missing)
		}
		return
	}
	if d.Missing == nil || d.Missing.Why == "" {
		t.Fatalf("%s without a reason", d.Effect)
	}
	if d.Effect == ExplicitDeny {
		if len(d.Missing.Change) == 0 || len(d.Missing.Additions) != 0 {
			t.Errorf("explicit deny: missing = %+v, want statements to change", d.Missing)
		}
		return
	}
	additions := d.Missing.Additions
	if len(additions) == 0 {
		return
	}
	if after := checked(t, r, with(p, additions)); after.Effect != Allowed {
		t.Fatalf("with everything added: %s, want allowed; request %+v, additions %+v, then missing %+v", after.Effect, r, additions, after.Missing)
	}
	for i := range additions {
		replaced := append([]Addition(nil), additions...)
		without := append(append([]Addition(nil), additions[:i]...), additions[i+1:]...)
		if after := checked(t, r, with(p, without)); after.Effect == Allowed {
			t.Errorf("allowed without addition %d of %+v", i, additions)
		}
		s := additions[i].Statement
		for _, part := range []string{"Action", "Resource", "Principal"} {
			less := s
			switch part {
			case "Action":
				less.Actions = nil
			case "Resource":
				if s.Resources == nil || additions[i].Kind == RegistryPolicy {
					continue // there a statement stands on its resource anyway
				}
				less.Resources = nil
			case "Principal":
				if s.Principals == nil {
					continue
				}
				less.Principals = nil
			}
			replaced[i].Statement = less
			if after := checked(t, r, with(p, replaced)); after.Effect == Allowed {
				t.Errorf("allowed without the %s of %s", part, s)
			}
		}
		checkConditions(t, r, p, additions, i)
	}
}

// checkConditions: a condition of an addition is the one part that the request
// does not need. What it is for is that everybody else needs it: with another
// value of its key, the statement allows nothing.
func checkConditions(t tester, r Request, p Policies, additions []Addition, i int) {
	t.Helper()
	s := additions[i].Statement
	if len(s.Conditions) == 0 {
		return
	}
	open := append([]Addition(nil), additions...)
	open[i].Statement.Conditions = nil
	if after := checked(t, r, with(p, open)); after.Effect != Allowed {
		t.Errorf("%s without the conditions of %s, which narrow it and nothing else", after.Effect, s)
	}
	for _, c := range s.Conditions {
		other := r
		other.Context = map[string][]string{c.Key.Text: {"somebody else"}}
		for key, values := range r.Context {
			if !equalFold(key, c.Key.Text) {
				other.Context[key] = values
			}
		}
		without := append(append([]Addition(nil), additions[:i]...), additions[i+1:]...)
		if checked(t, other, with(p, without)).Effect != Allowed && checked(t, other, with(p, additions)).Effect == Allowed {
			t.Errorf("%s allows somebody else's %s", s, c.Key.Text)
		}
	}
}

func TestPropertyMissingIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, p := drawCase(t)
		d := checked(t, r, p)
		checkMissing(t, r, p, d)
		if d.Effect == ImplicitDeny && len(d.Missing.Additions) == 0 {
			foreign := r.Principal.Kind == Federated && r.Principal.Account != arnAccount(r.Resource)
			outsider := r.Action == "ecr:GetAuthorizationToken" && !r.Principal.inside()
			if !foreign && !outsider {
				t.Errorf("nothing to add for %+v: %s", r, d.Missing.Why)
			}
		}
	})
}

func TestPropertyDenyNeverAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, p := drawCase(t)
		before := checked(t, r, p)
		where := rapid.SampledFrom([]Kind{IdentityPolicy, ResourcePolicy, SessionPolicy, PermissionsBoundary, ServiceControlPolicy, ResourceControlPolicy}).Draw(t, "where")
		resource := where == ResourcePolicy || where == ResourceControlPolicy
		deny := Addition{Kind: where, Level: 1, Statement: drawStatement(t, []string{"Deny"}, resource)}
		switch {
		case where == PermissionsBoundary && len(p.Boundaries) == 0:
			p.Boundaries = []*Policy{{}}
		case where == ServiceControlPolicy && len(p.ServiceControl) == 0:
			p.ServiceControl = [][]*Policy{nil}
		case where == ResourceControlPolicy && len(p.ResourceControl) == 0:
			p.ResourceControl = [][]*Policy{nil}
		}
		after := checked(t, r, with(p, []Addition{deny}))
		if before.Effect != Allowed && after.Effect == Allowed {
			t.Fatalf("%s became allowed by adding %s to the %s", before.Effect, deny.Statement, where)
		}
		if before.Effect == ExplicitDeny && after.Effect != ExplicitDeny {
			t.Fatalf("explicitDeny became %s by adding %s", after.Effect, deny.Statement)
		}
	})
}

// An allow never turns an allowed request into a denied one, except that
// resource control policies of one's own replace the implied full access.
func TestPropertyAllowNeverDenies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, p := drawCase(t)
		if len(p.Resource) == 0 {
			// The first policy of a KMS key replaces the one assumed for it.
			p.Resource = []*Policy{{}}
		}
		before := checked(t, r, p)
		where := rapid.SampledFrom([]Kind{IdentityPolicy, ResourcePolicy}).Draw(t, "where")
		allow := Addition{Kind: where, Statement: drawStatement(t, []string{"Allow"}, where == ResourcePolicy)}
		if after := checked(t, r, with(p, []Addition{allow})); before.Effect == Allowed && after.Effect != Allowed {
			t.Fatalf("allowed became %s by adding %s to the %s", after.Effect, allow.Statement, where)
		}
	})
}

func TestPropertyMarshalRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, p := range drawPolicies(t, rapid.Bool().Draw(t, "resource policy"), 2) {
			first := p.String()
			if second := mustParse(t, first).String(); first != second {
				t.Fatalf("round trip of %s gives %s", first, second)
			}
		}
	})
}
