package iam

import "testing"

// TestPrincipalTable is the table of which implicit denies still bind, by the
// principal that a resource policy of the same account names.
func TestPrincipalTable(t *testing.T) {
	federated := "arn:aws:sts::111111111111:federated-user/bob"
	tests := []struct {
		name, caller, named            string
		needsIdentity, limitsStillBind bool
	}{
		{"account root, role", runnerSession, "arn:aws:iam::111111111111:root", true, true},
		{"account id, role", runnerSession, ours, true, true},
		{"account id, user", ciUser, ours, true, true},
		{"role ARN", runnerSession, runnerRole, false, true},
		{"role ARN, no session", runnerRole, runnerRole, false, true},
		{"session ARN", runnerSession, runnerSession, false, false},
		{"user ARN", ciUser, ciUser, false, false},
		{"federated user ARN", federated, federated, false, false},
		{"federated user ARN, user known", ciFederated, "arn:aws:sts::111111111111:federated-user/job", false, false},
		{"user ARN, its federated user", ciFederated, ciUser, false, true},
		{"account id, federated user", ciFederated, ours, true, true},
		{"everyone, role", runnerSession, "*", false, false},
		{"everyone, user", ciUser, "*", false, false},
	}
	for _, test := range tests {
		r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, test.caller)}
		resource := docs(t, naming("Allow", aws(test.named), "ecr:*"))
		for _, c := range []struct {
			what                        string
			identity, boundary, session string
			want                        bool
		}{
			{"everything allows", allowAll, allowAll, allowAll, true},
			{"identity silent", allowOther, allowAll, allowAll, !test.needsIdentity},
			{"boundary silent", allowAll, allowOther, allowAll, !test.limitsStillBind},
			{"session policy silent", allowAll, allowAll, allowOther, !test.limitsStillBind},
			{"identity denies", denyAll, allowAll, allowAll, false},
			{"boundary denies", allowAll, denyAll, allowAll, false},
			{"session policy denies", allowAll, allowAll, denyAll, false},
		} {
			d := checked(t, r, Policies{
				Resource: resource, Identity: docs(t, c.identity),
				Boundaries: docs(t, c.boundary), Session: docs(t, c.session),
			})
			if got := d.Effect == Allowed; got != c.want {
				t.Errorf("%s, %s: %s, want allowed = %v", test.name, c.what, d.Effect, c.want)
			}
		}
	}
}

func TestSameAccountIsAUnion(t *testing.T) {
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, runnerSession)}
	silent := docs(t, naming("Allow", aws(theirs), "ecr:*"))
	if d := checked(t, r, Policies{Identity: docs(t, allowAll), Resource: silent}); d.Effect != Allowed {
		t.Errorf("identity alone: %s, want allowed", d.Effect)
	}
	if d := checked(t, r, Policies{Resource: silent}); d.Effect != ImplicitDeny {
		t.Errorf("nobody allows: %s, want implicitDeny", d.Effect)
	}
	denies := docs(t, naming("Deny", `"*"`, pullAction))
	if d := checked(t, r, Policies{Identity: docs(t, allowAll), Resource: denies}); d.Effect != ExplicitDeny {
		t.Errorf("repository denies: %s, want explicitDeny", d.Effect)
	}
}

func TestCrossAccountNeedsBothSides(t *testing.T) {
	federated := "arn:aws:sts::111111111111:federated-user/job"
	for _, pair := range [][2]string{
		{runnerSession, ours}, {runnerSession, "arn:aws:iam::111111111111:root"}, {runnerSession, runnerRole}, {runnerSession, runnerSession}, {runnerSession, "*"},
		{ciUser, ciUser}, {ciFederated, ciUser}, {ciFederated, federated}, {ciFederated, ours},
	} {
		named, r := pair[1], Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, pair[0])}
		resource := docs(t, naming("Allow", aws(named), "ecr:*"))
		for _, c := range []struct {
			what string
			p    Policies
			want Result
		}{
			{"both", Policies{Identity: docs(t, allowAll), Resource: resource}, Allowed},
			{"owner only", Policies{Resource: resource}, ImplicitDeny},
			{"caller only", Policies{Identity: docs(t, allowAll)}, ImplicitDeny},
			{"boundary silent", Policies{Identity: docs(t, allowAll), Resource: resource, Boundaries: docs(t, allowOther)}, ImplicitDeny},
			{"session silent", Policies{Identity: docs(t, allowAll), Resource: resource, Session: docs(t, allowOther)}, ImplicitDeny},
			{"owner denies", Policies{Identity: docs(t, allowAll), Resource: append(resource[:1:1], docs(t, naming("Deny", `"*"`, "*"))...)}, ExplicitDeny},
		} {
			if r.Principal.Kind == FederatedUser && c.p.Session == nil {
				c.p.Session = docs(t, allowAll) // without any it can do nothing
			}
			if d := checked(t, r, c.p); d.Effect != c.want {
				t.Errorf("naming %s, %s: %s, want %s", named, c.what, d.Effect, c.want)
			}
		}
	}
}

func TestPrincipalMatching(t *testing.T) {
	pathRole := "arn:aws:iam::111111111111:role/team/runner"
	tests := []struct {
		name, caller, principal string
		context                 map[string][]string
		want                    bool
	}{
		{"no partial wildcard", runnerSession, aws("arn:aws:iam::111111111111:role/*"), nil, false},
		{"other session", runnerSession, aws("arn:aws:sts::111111111111:assumed-role/runner/build-8"), nil, false},
		{"session named, caller's session unknown", runnerRole, aws(runnerSession), nil, false},
		{"dead unique id", runnerSession, aws("AROAEXAMPLEEXAMPLEXX"), nil, false},
		{"other partition", runnerSession, aws("arn:aws-cn:iam::111111111111:role/runner"), nil, false},
		{"letter case of the name", runnerSession, aws("arn:aws:iam::111111111111:role/Runner"), nil, false},
		{"path unknown from the session", runnerSession, aws(pathRole), nil, false},
		{"path from aws:PrincipalArn", runnerSession, aws(pathRole), map[string][]string{"aws:principalarn": {pathRole}}, true},
		{"aws:PrincipalArn of another role", runnerSession, aws(pathRole + "x"), map[string][]string{"aws:PrincipalArn": {pathRole + "x"}}, false},
		{"second of a list", runnerSession, `{"AWS":["333333333333","` + runnerRole + `"]}`, nil, true},
		{"service", "codebuild.amazonaws.com", `{"Service":"codebuild.amazonaws.com"}`, nil, true},
		{"other service", "codebuild.amazonaws.com", `{"Service":"ecs.amazonaws.com"}`, nil, false},
		{"service under AWS", "codebuild.amazonaws.com", aws("codebuild.amazonaws.com"), nil, false},
		{"anonymous, everyone", "*", `"*"`, nil, true},
		{"anonymous, everyone under AWS", "*", aws("*"), nil, true},
		{"anonymous, an account", "*", aws(ours), nil, false},
		{"canonical user", "00000000000000000000000000000000000000000000000000000000000000af",
			`{"CanonicalUser":"00000000000000000000000000000000000000000000000000000000000000af"}`, nil, true},
		{"user behind a federated user", ciFederated, aws(ciUser), nil, true},
		{"another user than the one behind it", ciFederated, aws(ciUser + "x"), nil, false},
		{"federated user whose user is not known", "arn:aws:sts::111111111111:federated-user/job", aws(ciUser), nil, false},
		{"the user is not its federated user", ciUser, aws("arn:aws:sts::111111111111:federated-user/job"), nil, false},
		{"root user, its account", "arn:aws:iam::111111111111:root", aws(ours), nil, true},
	}
	for _, test := range tests {
		r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, test.caller), Context: test.context}
		// Denials show the match of every kind of caller alike.
		d := checked(t, r, Policies{Identity: docs(t, allowAll), Resource: docs(t, naming("Deny", test.principal, "*"))})
		if got := d.Effect == ExplicitDeny; got != test.want {
			t.Errorf("%s: matched = %v (%s), want %v", test.name, got, d.Effect, test.want)
		}
	}
}

func TestNotPrincipal(t *testing.T) {
	not := func(effect, list string) string {
		return `{"Effect":"` + effect + `","NotPrincipal":{"AWS":[` + list + `]},"Action":"*"}`
	}
	root := `"arn:aws:iam::111111111111:root"`
	tests := []struct {
		name, caller, statement string
		want                    Result
	}{
		{"listed role", runnerSession, not("Deny", `"`+runnerRole+`"`), Allowed},
		{"listed session", runnerSession, not("Deny", `"`+runnerSession+`"`), Allowed},
		{"listed user and account", ciUser, not("Deny", `"`+ciUser+`",`+root), Allowed},
		{"another of that account", runnerSession, not("Deny", `"`+ciUser+`",`+root), ExplicitDeny},
		{"whole account", runnerSession, not("Deny", root), Allowed},
		{"not listed", runnerSession, not("Deny", `"`+theirs+`"`), ExplicitDeny},
		{"Allow never applies", ciUser, not("Allow", `"`+theirs+`"`), ImplicitDeny},
	}
	for _, test := range tests {
		r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, test.caller)}
		p := Policies{Resource: docs(t, test.statement)}
		if test.want != ImplicitDeny {
			p.Identity = docs(t, allowAll)
		}
		d := checked(t, r, p)
		if d.Effect != test.want {
			t.Errorf("%s: %s, want %s", test.name, d.Effect, test.want)
		}
	}
}

// TestNotPrincipalWithABoundary: AWS lets a Deny with NotPrincipal deny every principal
// with a permissions boundary, whoever is listed.
func TestNotPrincipalWithABoundary(t *testing.T) {
	listed := `{"Effect":"Deny","NotPrincipal":{"AWS":["` + runnerRole + `","` + runnerSession + `","` + ciUser + `","arn:aws:iam::111111111111:root"]},"Action":"*"}`
	for _, who := range []string{runnerSession, ciUser} {
		r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, who)}
		p := Policies{Identity: docs(t, allowAll), Resource: docs(t, listed)}
		if d := checked(t, r, p); d.Effect != Allowed {
			t.Errorf("%s without a boundary: %s", who, d.Effect)
		}
		p.Boundaries = docs(t, allowAll)
		if d := checked(t, r, p); d.Effect != ExplicitDeny || len(d.Notes) == 0 {
			t.Errorf("%s with a boundary: %s %v, want explicitDeny with a note", who, d.Effect, d.Notes)
		}
	}
}
