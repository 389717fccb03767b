package iam

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const rcpFullAccess = `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`

// TestOrderOfLayers breaks one layer at a time of a cross-account pull in
// which every layer has its say.
func TestOrderOfLayers(t *testing.T) {
	r := Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, runnerSession)}
	names := []Kind{ResourceControlPolicy, ResourceControlPolicy, ServiceControlPolicy, ServiceControlPolicy, ServiceControlPolicy,
		RepositoryPolicy, IdentityPolicy, PermissionsBoundary, SessionPolicy}
	whole := func(t *testing.T) Policies {
		return Policies{
			Identity: docs(t, allowAll), Resource: docs(t, naming("Allow", aws(ours), "*")),
			Boundaries: docs(t, allowAll), Session: docs(t, allowAll),
			ServiceControl:  [][]*Policy{docs(t, allowAll), docs(t, allowOther, allowAll), docs(t, allowAll)},
			ResourceControl: [][]*Policy{docs(t, rcpFullAccess), docs(t, rcpFullAccess)},
		}
	}
	d := checked(t, r, whole(t))
	if d.Effect != Allowed || len(d.Layers) != len(names) {
		t.Fatalf("everything allows: %s with %d layers, want allowed with %d", d.Effect, len(d.Layers), len(names))
	}
	for i, l := range d.Layers {
		if l.Name != names[i] || l.Result != Allowed || !l.Binding || len(l.Statements) == 0 {
			t.Errorf("layer %d = %+v, want %s allowed and binding", i, l, names[i])
		}
	}
	if len(d.Statements) < len(names) {
		t.Errorf("%d deciding statements, want one from each of %d layers", len(d.Statements), len(names))
	}
	breaks := []struct {
		name        string
		layer       int
		level       int
		kind        Kind
		silent, not func(*testing.T, *Policies)
	}{
		{"RCP", 1, 2, ResourceControlPolicy,
			func(t *testing.T, p *Policies) {
				p.ResourceControl[1] = docs(t, `{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`)
			},
			func(t *testing.T, p *Policies) {
				p.ResourceControl[1] = docs(t, rcpFullAccess, `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)
			}},
		{"SCP root", 2, 1, ServiceControlPolicy,
			func(t *testing.T, p *Policies) { p.ServiceControl[0] = docs(t, allowOther) },
			func(t *testing.T, p *Policies) { p.ServiceControl[0] = docs(t, allowAll, denyAll) }},
		{"SCP account", 4, 3, ServiceControlPolicy,
			func(t *testing.T, p *Policies) { p.ServiceControl[2] = nil },
			func(t *testing.T, p *Policies) { p.ServiceControl[2] = docs(t, allowAll, denyAll) }},
		{"resource", 5, 0, RepositoryPolicy,
			func(t *testing.T, p *Policies) { p.Resource = nil },
			func(t *testing.T, p *Policies) {
				p.Resource = append(p.Resource, docs(t, naming("Deny", `"*"`, "*"))...)
			}},
		{"identity", 6, 0, IdentityPolicy,
			func(t *testing.T, p *Policies) { p.Identity = docs(t, allowOther) },
			func(t *testing.T, p *Policies) { p.Identity = docs(t, allowAll, denyAll) }},
		{"boundary", 7, 0, PermissionsBoundary,
			func(t *testing.T, p *Policies) { p.Boundaries = docs(t, allowOther) },
			func(t *testing.T, p *Policies) { p.Boundaries = docs(t, allowAll+","+denyAll) }},
		{"session", 8, 0, SessionPolicy,
			func(t *testing.T, p *Policies) { p.Session = docs(t, allowOther) },
			func(t *testing.T, p *Policies) { p.Session = docs(t, allowAll, denyAll) }},
	}
	for _, b := range breaks {
		p := whole(t)
		b.silent(t, &p)
		d := checked(t, r, p)
		if d.Effect != ImplicitDeny || d.Layers[b.layer].Result != ImplicitDeny {
			t.Errorf("%s silent: %s, layer %+v; want implicitDeny there", b.name, d.Effect, d.Layers[b.layer])
		}
		if d.Missing == nil || len(d.Missing.Additions) != 1 || d.Missing.Additions[0].Kind != b.kind || d.Missing.Additions[0].Level != b.level {
			t.Errorf("%s silent: missing = %+v, want one addition to %s level %d", b.name, d.Missing, b.kind, b.level)
		}
		p = whole(t)
		b.not(t, &p)
		d = checked(t, r, p)
		if d.Effect != ExplicitDeny || d.Layers[b.layer].Result != ExplicitDeny {
			t.Errorf("%s denies: %s, layer %+v; want explicitDeny there", b.name, d.Effect, d.Layers[b.layer])
		}
		if len(d.Statements) != 1 || d.Statements[0].Effect != Deny || len(d.Missing.Change) != 1 || len(d.Missing.Additions) != 0 {
			t.Errorf("%s denies: statements %+v, missing %+v; want the one deny to change", b.name, d.Statements, d.Missing)
		}
	}
}

func TestWhoStandsUnderControlPolicies(t *testing.T) {
	deny := [][]*Policy{docs(t, denyAll)}
	denyRCP := [][]*Policy{docs(t, `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)}
	everyone := docs(t, naming("Allow", `"*"`, "*"))
	linked := "arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
	tests := []struct {
		caller   string
		scp, rcp Result
	}{
		{runnerRole, ExplicitDeny, ExplicitDeny},
		{ciUser, ExplicitDeny, ExplicitDeny},
		{"arn:aws:iam::111111111111:root", ExplicitDeny, ExplicitDeny},
		{linked, Allowed, Allowed},
		{"codebuild.amazonaws.com", Allowed, ExplicitDeny},
		{"*", Allowed, ExplicitDeny},
	}
	for _, test := range tests {
		r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, test.caller)}
		p := Policies{Resource: everyone, ServiceControl: deny}
		if d := checked(t, r, p); d.Effect != test.scp {
			t.Errorf("%s under a denying SCP: %s, want %s", test.caller, d.Effect, test.scp)
		}
		p = Policies{Resource: everyone, ResourceControl: denyRCP}
		if d := checked(t, r, p); d.Effect != test.rcp {
			t.Errorf("%s under a denying RCP: %s, want %s", test.caller, d.Effect, test.rcp)
		}
	}
}

func TestResourceControlLevelsAllowUnlessTheyDeny(t *testing.T) {
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, runnerRole)}
	p := Policies{Identity: docs(t, allowAll), ResourceControl: [][]*Policy{{},
		docs(t, `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}`)}}
	if d := checked(t, r, p); d.Effect != Allowed {
		t.Errorf("%s, want allowed: RCPFullAWSAccess is always attached", d.Effect)
	}
	p = Policies{Identity: docs(t, allowAll), ServiceControl: [][]*Policy{docs(t, `{"Effect":"Deny","Action":"s3:*","Resource":"*"}`)}}
	if d := checked(t, r, p); d.Effect != ImplicitDeny {
		t.Errorf("%s, want implicitDeny: an SCP level without an allow allows nothing", d.Effect)
	}
}

func TestTrustPolicies(t *testing.T) {
	role := "arn:aws:iam::111111111111:role/target"
	assume := func(who string) Request {
		return Request{Action: "sts:AssumeRole", Resource: role, Principal: caller(t, who)}
	}
	trust := func(principal string) []*Policy { return docs(t, naming("Allow", principal, "sts:AssumeRole")) }
	tests := []struct {
		name   string
		r      Request
		p      Policies
		want   Result
		adding []Kind
	}{
		{"identity alone is not enough", assume(ciUser), Policies{Identity: docs(t, allowAll)}, ImplicitDeny, []Kind{TrustPolicy}},
		{"user named, identity not needed", assume(ciUser), Policies{Resource: trust(aws(ciUser))}, Allowed, nil},
		{"account named, identity needed", assume(ciUser), Policies{Resource: trust(aws(ours))}, ImplicitDeny, []Kind{IdentityPolicy}},
		{"account named, identity allows", assume(ciUser), Policies{Resource: trust(aws(ours)), Identity: docs(t, allowAll)}, Allowed, nil},
		{"nothing at all", assume(ciUser), Policies{}, ImplicitDeny, []Kind{TrustPolicy}},
		{"a role does not trust itself", Request{Action: "sts:AssumeRole", Resource: runnerRole, Principal: caller(t, runnerSession)},
			Policies{Identity: docs(t, allowAll)}, ImplicitDeny, []Kind{TrustPolicy}},
		{"a role trusts itself when it says so", Request{Action: "sts:AssumeRole", Resource: runnerRole, Principal: caller(t, runnerSession)},
			Policies{Resource: trust(aws(runnerRole))}, Allowed, nil},
		{"other account, nothing", Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::222222222222:role/x", Principal: caller(t, ciUser)},
			Policies{}, ImplicitDeny, []Kind{TrustPolicy, IdentityPolicy}},
		{"service", Request{Action: "sts:AssumeRole", Resource: role, Principal: caller(t, "ec2.amazonaws.com")},
			Policies{Resource: trust(`{"Service":"ec2.amazonaws.com"}`)}, Allowed, nil},
		{"NotPrincipal never trusts", assume(ciUser), Policies{Resource: docs(t, `{"Effect":"Allow","NotPrincipal":{"AWS":"222222222222"},"Action":"sts:AssumeRole"}`)},
			ImplicitDeny, []Kind{TrustPolicy}},
	}
	for _, test := range tests {
		d := checked(t, test.r, test.p)
		if d.Effect != test.want {
			t.Errorf("%s: %s, want %s", test.name, d.Effect, test.want)
		}
		var kinds []Kind
		if d.Missing != nil {
			for _, a := range d.Missing.Additions {
				kinds = append(kinds, a.Kind)
			}
		}
		if len(kinds) != len(test.adding) {
			t.Errorf("%s: additions to %v, want %v", test.name, kinds, test.adding)
			continue
		}
		for i := range kinds {
			if kinds[i] != test.adding[i] {
				t.Errorf("%s: additions to %v, want %v", test.name, kinds, test.adding)
			}
		}
	}
}

func TestTokenRequestHasNoResource(t *testing.T) {
	const token = "ecr:GetAuthorizationToken"
	r := Request{Action: token, Resource: "*", Principal: caller(t, runnerSession), ResourceAccount: theirs}
	if d := checked(t, r, Policies{Identity: docs(t, `{"Effect":"Allow","Action":"`+token+`","Resource":"*"}`)}); d.Effect != Allowed {
		t.Errorf("identity with *: %s, want allowed", d.Effect)
	}
	d := checked(t, r, Policies{Resource: docs(t, naming("Allow", `"*"`, token))})
	if d.Effect != ImplicitDeny || d.Missing.Additions[0].Kind != IdentityPolicy || d.Missing.Additions[0].Statement.Resources[0].Text != "*" {
		t.Errorf("in a repository policy: %s, %+v; want an identity statement with *", d.Effect, d.Missing)
	}
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "no effect") {
		t.Errorf("notes = %q, want one about the repository policy", d.Notes)
	}
	d = checked(t, r, Policies{Identity: docs(t, `{"Effect":"Allow","Action":"`+token+`","Resource":"`+ownRepository+`"}`)})
	if d.Effect != ImplicitDeny {
		t.Errorf("limited to an ARN: %s, want implicitDeny", d.Effect)
	}
	r.Resource = ownRepository // there is no such resource, whatever is asked
	d = checked(t, r, Policies{Identity: docs(t, `{"Effect":"Allow","Action":"`+token+`","Resource":"`+ownRepository+`"}`)})
	if d.Effect != ImplicitDeny {
		t.Errorf("asked with an ARN, limited to it: %s, want implicitDeny", d.Effect)
	}
}

// A key's own policy has to allow, if only by naming the account.
func TestKeyPolicies(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:111111111111:key/1"
	r := Request{Action: "kms:Decrypt", Resource: key, Principal: caller(t, ciUser)}
	policy := func(principal string) []*Policy {
		return docs(t, `{"Effect":"Allow","Principal":`+aws(principal)+`,"Action":"kms:*","Resource":"*"}`)
	}
	tests := []struct {
		name string
		p    Policies
		want Result
	}{
		{"identity policies alone", Policies{Identity: docs(t, allowAll)}, ImplicitDeny},
		{"a statement that delegates other actions", Policies{Identity: docs(t, allowAll), Resource: docs(t,
			`{"Effect":"Allow","Principal":`+aws(ours)+`,"Action":"kms:Describe*","Resource":"*"}`)}, ImplicitDeny},
		{"the account named", Policies{Identity: docs(t, allowAll), Resource: policy(ours)}, Allowed},
		{"another named", Policies{Identity: docs(t, allowAll), Resource: policy(theirs)}, ImplicitDeny},
		{"the user named", Policies{Resource: policy(ciUser)}, Allowed},
	}
	for _, test := range tests {
		if d := checked(t, r, test.p); d.Effect != test.want {
			t.Errorf("%s: %s, want %s", test.name, d.Effect, test.want)
		}
	}
}

// TestGetCallerIdentity: AWS answers it whatever policies say.
func TestGetCallerIdentity(t *testing.T) {
	r := Request{Action: "sts:GetCallerIdentity", Resource: "*", Principal: caller(t, ciUser)}
	for name, p := range map[string]Policies{
		"no policy": {}, "denied": {Identity: docs(t, denyAll)}, "boundary": {Identity: docs(t, denyAll), Boundaries: docs(t, denyAll)},
		"organization": {ServiceControl: [][]*Policy{docs(t, denyAll)}}, "session": {Session: docs(t, allowOther)},
	} {
		if d := checked(t, r, p); d.Effect != Allowed || len(d.Notes) == 0 {
			t.Errorf("%s: %s, want allowed with a note", name, d.Effect)
		}
	}
	r.Principal = caller(t, "*")
	if d := checked(t, r, Policies{}); d.Effect == Allowed {
		t.Error("somebody without an identity has one")
	}
	r.Principal, r.Action = caller(t, ciUser), "sts:GetCallerIdentityX"
	if d := checked(t, r, Policies{Identity: docs(t, denyAll)}); d.Effect != ExplicitDeny {
		t.Errorf("another action: %s", d.Effect)
	}
}

func TestTwoResourcePolicies(t *testing.T) {
	r := Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, runnerRole)}
	registry := `{"Effect":%s,"Principal":{"AWS":"111111111111"},"Action":"ecr:*","Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/*"}`
	repository := naming("Allow", aws(theirs), "ecr:*")
	p := Policies{Identity: docs(t, allowAll), Resource: docs(t, repository, strings.Replace(registry, "%s", `"Allow"`, 1))}
	if d := checked(t, r, p); d.Effect != Allowed {
		t.Errorf("registry policy allows: %s", d.Effect)
	}
	p.Resource = docs(t, naming("Allow", aws(ours), "ecr:*"), strings.Replace(registry, "%s", `"Deny"`, 1))
	d := checked(t, r, p)
	if d.Effect != ExplicitDeny || d.Statements[0].Policy != 1 || d.Statements[0].Kind != RegistryPolicy {
		t.Errorf("registry policy denies: %s, %+v", d.Effect, d.Statements)
	}
	p.Resource = docs(t, strings.Replace(strings.Replace(registry, "%s", `"Allow"`, 1), "team/*", "other/*", 1))
	if d := checked(t, r, p); d.Effect != ImplicitDeny {
		t.Errorf("registry policy for another repository: %s", d.Effect)
	}
}

func TestRootAndFederatedUsers(t *testing.T) {
	root := caller(t, ours)
	if d := checked(t, Request{Action: pullAction, Resource: ownRepository, Principal: root}, Policies{}); d.Effect != Allowed {
		t.Errorf("root in its own account: %s", d.Effect)
	}
	if d := checked(t, Request{Action: pullAction, Resource: theirRepository, Principal: root}, Policies{}); d.Effect != ImplicitDeny {
		t.Errorf("root in another account: %s", d.Effect)
	}
	bob := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, "arn:aws:sts::111111111111:federated-user/bob")}
	if d := checked(t, bob, Policies{Identity: docs(t, allowAll)}); d.Effect != ImplicitDeny || d.Missing.Additions[0].Kind != SessionPolicy {
		t.Errorf("federated user without a session policy: %s, %+v", d.Effect, d.Missing)
	}
	if d := checked(t, bob, Policies{Identity: docs(t, allowAll), Session: docs(t, allowAll)}); d.Effect != Allowed {
		t.Errorf("federated user with a session policy: %s", d.Effect)
	}
}

func TestElementsInTheWrongKindOfPolicy(t *testing.T) {
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, ciUser)}
	tests := []struct {
		name string
		p    Policies
		want Result
	}{
		{"Principal in an identity policy", Policies{Identity: docs(t, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`)}, ImplicitDeny},
		{"no Resource in an identity policy", Policies{Identity: docs(t, `{"Effect":"Allow","Action":"*"}`)}, ImplicitDeny},
		{"no Resource, Deny", Policies{Identity: docs(t, allowAll, `{"Effect":"Deny","Action":"*"}`)}, ExplicitDeny},
		{"no Principal in a resource policy", Policies{Resource: docs(t, allowAll)}, ImplicitDeny},
		{"no Principal, Deny", Policies{Identity: docs(t, allowAll), Resource: docs(t, denyAll)}, ExplicitDeny},
	}
	for _, test := range tests {
		d := checked(t, r, test.p)
		if d.Effect != test.want || len(d.Notes) == 0 {
			t.Errorf("%s: %s with notes %q, want %s and a note", test.name, d.Effect, d.Notes, test.want)
		}
	}
}

func TestDenialInAWSWords(t *testing.T) {
	r := Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, runnerSession)}
	prefix := "User: " + runnerSession + " is not authorized to perform: ecr:BatchGetImage on resource: " + theirRepository
	tests := []struct {
		p    Policies
		want string
	}{
		{Policies{Identity: docs(t, allowAll)}, " because no resource-based policy allows the ecr:BatchGetImage action"},
		{Policies{Resource: docs(t, naming("Allow", aws(ours), "*"))}, " because no identity-based policy allows the ecr:BatchGetImage action"},
		{Policies{Identity: docs(t, denyAll)}, " with an explicit deny in an identity-based policy"},
		{Policies{ServiceControl: [][]*Policy{docs(t, denyAll)}}, " with an explicit deny in a service control policy"},
	}
	for _, test := range tests {
		d := checked(t, r, test.p)
		if got := d.Denial(&r); got != prefix+test.want {
			t.Errorf("Denial = %q, want %q", got, prefix+test.want)
		}
	}
}

func TestDecisionAsText(t *testing.T) {
	r := Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, runnerRole)}
	tests := []struct {
		name string
		p    Policies
		want string
	}{
		{"the owner's half is missing", Policies{Identity: docs(t, allowAll)}, `decision: implicitDeny
  repository policy                implicitDeny  no statement of the repository policy allows ecr:BatchGetImage on arn:aws:ecr:eu-west-1:222222222222:repository/team/app for arn:aws:iam::111111111111:role/runner
  identity policies                allowed       the identity policies allow
cause: the repository policy of arn:aws:ecr:eu-west-1:222222222222:repository/team/app in account 222222222222 does not allow ecr:BatchGetImage
hint:  add to the repository policy of arn:aws:ecr:eu-west-1:222222222222:repository/team/app, in account 222222222222:
       {
         "Effect": "Allow",
         "Principal": {
           "AWS": "arn:aws:iam::111111111111:role/runner"
         },
         "Action": "ecr:BatchGetImage"
       }
`},
		{"a control denies", Policies{Identity: docs(t, allowAll), Resource: docs(t, naming("Allow", aws(ours), "*")), ServiceControl: [][]*Policy{docs(t, denyAll)}}, `decision: explicitDeny
  service control policy, level 1  explicitDeny  a statement of the service control policy at level 1 denies ecr:BatchGetImage
  repository policy                allowed       the repository policy allows, by naming the account, which leaves the decision to its identity policies
  identity policies                allowed       the identity policies allow
cause: an explicit deny wins over every allow: no statement can be added, one has to be changed
hint:  change statement 0 of service control policy 0 (level 1) at 1:38: it denies explicitly
`},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, checked(t, r, test.p).String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
