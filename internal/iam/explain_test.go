package iam

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	pullRole  = "arn:aws:iam::222222222222:role/pull"
	gitpodURL = "https://" + gitpodIssuer
)

var app = Repository{Account: theirs, Region: "eu-west-1", Name: "team/app"}

func gitpodToken(sub string) *Token {
	return &Token{Issuer: gitpodURL, Claims: map[string]any{
		"iss": gitpodURL, "sub": sub, "aud": []any{"sts.amazonaws.com"}, "exp": float64(1767225600),
	}}
}

// oidcJourney is the Enterprise seed's: a token, a role, a pull.
func oidcJourney() Journey {
	return Journey{Verb: Pull, Repository: app, Token: gitpodToken("https://github.com/org/repo/tree/main"), Roles: []Hop{{RoleARN: pullRole, Session: "me"}}}
}

func oidcDocuments(t *testing.T, trust string) *Documents {
	return &Documents{
		Identity:   map[string][]*Policy{pullRole: {mustParse(t, enterprisePermissions)}},
		Trust:      map[string]*Policy{pullRole: mustParse(t, trust)},
		Repository: map[string]*Policy{app.ARN(): nil},
		Clients:    map[string][]string{ProviderARN("aws", theirs, gitpodURL): {"sts.amazonaws.com"}},
	}
}

func explain(t *testing.T, j Journey, r Reader) *Story {
	t.Helper()
	story, err := Explain(context.Background(), j, r)
	if err != nil {
		t.Fatal(err)
	}
	return story
}

// wantTold checks that the story's text tells every one of the pieces.
func wantTold(t *testing.T, s *Story, status Status, pieces ...string) {
	t.Helper()
	text := s.String()
	if s.Status != status {
		t.Errorf("status = %s, want %s; the story:\n%s", s.Status, status, text)
	}
	for _, piece := range pieces {
		if !strings.Contains(text, piece) {
			t.Errorf("the story does not tell %q:\n%s", piece, text)
		}
	}
}

func TestExplainTheEnterpriseSeed(t *testing.T) {
	story := explain(t, oidcJourney(), oidcDocuments(t, enterpriseTrust(theirs)))
	wantTold(t, story, StepOK, "allowed", "claim: "+gitpodIssuer+":sub matches", `token  "https://github.com/org/repo/tree/main"`,
		"passes a token that has no such claim")
	if len(story.Steps) != 5 {
		t.Errorf("%d steps, want provider, sign-in and three calls:\n%s", len(story.Steps), story)
	}

	var b strings.Builder
	if err := story.WriteText(&b); err != nil || b.String() != story.String() {
		t.Errorf("WriteText = %q, %v; want what String says", b.String(), err)
	}

	// As published: the provider's ARN is in the platform's account.
	story = explain(t, oidcJourney(), oidcDocuments(t, enterpriseTrust(ours)))
	wantTold(t, story, StepDenied, "names the provider of account 111111111111", "but STS looks in account 222222222222",
		"name "+ProviderARN("aws", theirs, gitpodURL)+" as the Federated principal", `"Federated": "`+ProviderARN("aws", theirs, gitpodURL)+`"`)
}

func TestExplainClaims(t *testing.T) {
	trust := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + ProviderARN("aws", theirs, gitpodURL) +
			`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":` + condition + `}]}`
	}
	tests := []struct {
		condition string
		matched   bool
		note      string
	}{
		{`{"StringEquals":{"` + gitpodIssuer + `:sub":"https://github.com/org/repo/tree/main"}}`, true, ""},
		{`{"StringLike":{"` + gitpodIssuer + `:sub":"https://github.com/org/other/*"}}`, false, ""},
		{`{"StringEquals":{"` + gitpodIssuer + `:sub":"https://github.com/org/repo/*"}}`, false, "StringLike"},
		{`{"StringEquals":{"` + gitpodIssuer + `:iss":"` + gitpodURL + `"}}`, false, "STS makes no such key"},
		{`{"ForAllValues:StringEquals":{"` + gitpodIssuer + `:aud":"sts.amazonaws.com"}}`, true, "passes a token"},
		{`{"StringEquals":{"other.example.com/idp:sub":"x"}}`, false, "another issuer"},
		{`{"StringEquals":{"` + gitpodIssuer + `:amr":"authenticated"}}`, false, "no such claim"},
	}
	for _, test := range tests {
		story := explain(t, oidcJourney(), oidcDocuments(t, trust(test.condition)))
		claims := story.Steps[1].Claims
		if len(claims) != 1 || claims[0].Matched != test.matched || !strings.Contains(claims[0].Note, test.note) || test.note == "" && claims[0].Note != "" {
			t.Errorf("%s: claims = %+v, want matched %v, note %q", test.condition, claims, test.matched, test.note)
		}
	}
}

func TestExplainTheChecksBeforeTheTrustPolicy(t *testing.T) {
	documents := oidcDocuments(t, enterpriseTrust(theirs))
	documents.Clients = map[string][]string{}
	wantTold(t, explain(t, oidcJourney(), documents), StepDenied, "No OpenIDConnect provider found", "create-open-id-connect-provider --url "+gitpodURL)

	documents.Clients = map[string][]string{ProviderARN("aws", theirs, gitpodURL): {"other"}}
	wantTold(t, explain(t, oidcJourney(), documents), StepDenied, "Incorrect token audience", "add-client-id-to-open-id-connect-provider")

	late := oidcJourney()
	late.Now = time.Unix(1767225600, 0)
	wantTold(t, explain(t, late, oidcDocuments(t, enterpriseTrust(theirs))), StepDenied, "ExpiredTokenException")
	late.Now = late.Now.Add(-time.Second)
	wantTold(t, explain(t, late, oidcDocuments(t, enterpriseTrust(theirs))), StepOK)
}

func TestExplainARoleChain(t *testing.T) {
	middle := "arn:aws:iam::111111111111:role/middle"
	documents := &Documents{
		Identity: map[string][]*Policy{runnerRole: docs(t, allowAll), middle: docs(t, allowAll), pullRole: {mustParse(t, enterprisePermissions)}},
		Trust: map[string]*Policy{
			middle:   docs(t, naming("Allow", aws(runnerRole), "sts:AssumeRole"))[0],
			pullRole: docs(t, `{"Effect":"Allow","Principal":{"AWS":"`+middle+`"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"xyz"}}}`)[0],
		},
		Repository: map[string]*Policy{app.ARN(): nil},
	}
	j := Journey{Verb: Pull, Repository: app, Caller: caller(t, runnerSession), Roles: []Hop{{RoleARN: middle}, {RoleARN: pullRole, ExternalID: "xyz"}}}
	wantTold(t, explain(t, j, documents), StepOK, "assume "+middle, "assume "+pullRole, "role chaining")

	j.Roles[1].ExternalID = ""
	wantTold(t, explain(t, j, documents), StepDenied, "its condition StringEquals on sts:ExternalId is not met", "asks for an external id, and none is given")

	j.Roles[1] = Hop{RoleARN: pullRole, ExternalID: "xyz", Duration: 2 * time.Hour}
	wantTold(t, explain(t, j, documents), StepDenied, "exceeds the 1 hour session limit", "at most 3600 seconds")

	j.Roles[1].Duration = time.Minute
	wantTold(t, explain(t, j, documents), StepDenied, "from 15 minutes to 12 hours")

	// A session policy narrows what the last role can do.
	j.Roles[1] = Hop{RoleARN: pullRole, ExternalID: "xyz", SessionPolicies: docs(t, allowOther)}
	wantTold(t, explain(t, j, documents), StepDenied, "session policy of "+pullRole)
}

func TestExplainSelfAssumption(t *testing.T) {
	documents := &Documents{
		Identity: map[string][]*Policy{runnerRole: docs(t, allowAll)}, Trust: map[string]*Policy{runnerRole: nil},
		Repository: map[string]*Policy{app.ARN(): docs(t, naming("Allow", aws(ours), "ecr:*"))[0]},
	}
	j := Journey{Verb: Pull, Repository: app, Caller: caller(t, runnerSession), Roles: []Hop{{RoleARN: runnerRole}}}
	wantTold(t, explain(t, j, documents), StepDenied, "a role does not trust itself by itself", `"AWS": "`+runnerRole+`"`)
}

func TestExplainTheCalls(t *testing.T) {
	whole := func() *Documents {
		return &Documents{
			Identity:   map[string][]*Policy{runnerRole: {mustParse(t, flexRunnerPolicy)}},
			Repository: map[string]*Policy{app.ARN(): mustParse(t, flexRepositoryPolicy)},
		}
	}
	j := Journey{Verb: Pull, Repository: app, Caller: caller(t, runnerSession)}
	wantTold(t, explain(t, j, whole()), StepOK)

	// Everything but the action that a pull does not need.
	d := whole()
	d.Repository[app.ARN()] = docs(t, `{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`)[0]
	story := explain(t, j, d)
	wantTold(t, story, StepOK, "note     ecr:BatchCheckLayerAvailability is not allowed", "a pull does not need it")

	j.Verb = Push
	wantTold(t, explain(t, j, whole()), StepDenied, "denied   ecr:PutImage", "add to the repository policy of "+app.ARN()+", in account 222222222222:",
		"add to the identity policies of "+runnerRole+", in account 111111111111:")
	j.Verb = Pull

	d = whole()
	d.Identity[runnerRole] = docs(t, `{"Effect":"Allow","Action":"ecr:*","Resource":"`+app.ARN()+`"}`)
	wantTold(t, explain(t, j, d), StepDenied, `it needs Resource "*"`, `"Resource": "*"`)

	d = whole()
	d.Identity[runnerRole] = docs(t, `{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:eu-west-1:222222222222:team/app"}`)
	wantTold(t, explain(t, j, d), StepDenied, "its Resource does not cover "+app.ARN())

	d = whole()
	d.Identity[runnerRole] = docs(t, allowAll, `{"Sid":"Never","Effect":"Deny","Action":"ecr:Batch*","Resource":"*"}`)
	wantTold(t, explain(t, j, d), StepDenied, "an explicit deny wins", `change statement 0 "Never" of identity policy 1`)

	d = whole()
	d.Boundary = map[string]*Policy{runnerRole: docs(t, allowOther)[0]}
	wantTold(t, explain(t, j, d), StepDenied, "permissions boundary of "+runnerRole)
}

func TestExplainWhatCannotBeRead(t *testing.T) {
	d := &Documents{Identity: map[string][]*Policy{runnerRole: docs(t, allowAll)}}
	j := Journey{Verb: Pull, Repository: app, Caller: caller(t, runnerSession)}
	story := explain(t, j, d)
	wantTold(t, story, StepUnknown, "the repository policy of "+app.ARN()+" in account 222222222222 could not be read, and would have to allow it",
		"add to the repository policy", "ok       ecr:GetAuthorizationToken")

	// What is read already decides.
	d.Identity[runnerRole] = docs(t, allowOther)
	wantTold(t, explain(t, j, d), StepDenied, "add to the identity policies")
}

type brokenReader struct{ Documents }

func (brokenReader) RepositoryPolicy(context.Context, Repository) (*Policy, error) {
	return nil, errors.New("timeout")
}

func TestExplainErrors(t *testing.T) {
	reader := &brokenReader{Documents{Identity: map[string][]*Policy{runnerRole: nil}}}
	ctx := context.Background()
	if _, err := Explain(ctx, Journey{Verb: Pull, Repository: app, Caller: caller(t, runnerSession)}, reader); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a broken reader: %v, want its error", err)
	}
	if _, err := Explain(ctx, Journey{Verb: "destroy"}, reader); err == nil {
		t.Error("an unknown verb is explained")
	}
	if _, err := Explain(ctx, Journey{Verb: Pull, Token: gitpodToken("x")}, reader); err == nil {
		t.Error("a token without a role is explained")
	}
	if _, err := Explain(ctx, Journey{Verb: Pull, Roles: []Hop{{RoleARN: ciUser}}}, reader); err == nil {
		t.Error("a user is assumed like a role")
	}
}

func TestWebIdentityContext(t *testing.T) {
	got, err := WebIdentityContext("https://accounts.google.com", map[string]any{
		"aud": "app", "azp": "client", "sub": "1", "amr": []any{"a", "b"}, "email": "x@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"accounts.google.com:aud": "client", "accounts.google.com:azp": "client", "accounts.google.com:sub": "1", "accounts.google.com:amr": "a,b",
		"accounts.google.com:oaud": "app",
	}
	if len(got) != len(want) {
		t.Errorf("context = %v, want %v", got, want)
	}
	for key, value := range want {
		if strings.Join(got[key], ",") != value {
			t.Errorf("%s = %q, want %q", key, got[key], value)
		}
	}
	if got, err := WebIdentityContext("https://x", map[string]any{"aud": 7}); err == nil {
		t.Errorf("a number as audience: %v", got)
	}
}

// TestProviderClaims: the claims that STS makes condition keys of, by issuer, and no
// others.
func TestProviderClaims(t *testing.T) {
	for _, c := range []struct {
		url, claim string
		want       bool
	}{
		{"https://token.actions.githubusercontent.com", "repository_id", true},
		{"https://token.actions.githubusercontent.com", "Repository_Owner_ID", true},
		{"https://token.actions.githubusercontent.com", "job_workflow_ref", true},
		{"https://token.actions.githubusercontent.com", "enterprise_id", true},
		{"https://token.actions.githubusercontent.com", "repository_owner", false},
		{"https://token.actions.githubusercontent.com", "event_name", false},
		{"https://token.actions.githubusercontent.com", "iss", false},
		{"https://token.actions.githubusercontent.com/acme", "ref", true},
		{"https://token.actions.githubusercontent.com/acme/x", "ref", false},
		{"https://token.actions.acme.ghe.com", "actor_id", true},
		{"https://token.actions.acme.evil.ghe.com", "actor_id", false},
		{"https://token.actions.githubusercontent.com.evil.example", "ref", false},
		{"https://gitlab.com", "project_id", true},
		{"https://gitlab.com", "project_path", false},
		{"https://gitlab.acme.example", "project_id", false},
		{"https://agent.buildkite.com", "organization_slug", true},
		{"https://accounts.google.com", "oaud", true},
		{"https://accounts.google.com", "google/organization_number", true},
		{"https://accounts.google.com", "email", false},
		{"https://oidc.circleci.com/org/11111111-1111-1111-1111-111111111111", "oidc.circleci.com/project-id", true},
		{"https://oidc.circleci.com", "oidc.circleci.com/project-id", false},
		{"https://idcs-abc.identity.oraclecloud.com", "rpst_id", true},
		{"https://id.example.com", "azp", true},
		{"https://id.example.com", "repository_id", false},
	} {
		if got := MappedClaim(c.url, c.claim); got != c.want {
			t.Errorf("MappedClaim(%s, %s) = %v, want %v", c.url, c.claim, got, c.want)
		}
	}
	got, err := WebIdentityContext("https://accounts.google.com", map[string]any{
		"sub": "1", "google": map[string]any{"organization_number": float64(123456789012)}})
	if err != nil || strings.Join(got["accounts.google.com:google/organization_number"], "") != "123456789012" {
		t.Errorf("Google's organization: %v, %v", got, err)
	}
	got, err = WebIdentityContext("https://gitlab.com", map[string]any{"sub": "1", "ref_protected": true, "project_path": "a/b"})
	if err != nil || strings.Join(got["gitlab.com:ref_protected"], "") != "true" || got["gitlab.com:project_path"] != nil {
		t.Errorf("GitLab's claims: %v, %v", got, err)
	}
}

// TestExplainSharedIssuers: a token of GitHub with its provider's claims, names with
// and without ids, and patterns that let strangers in.
func TestExplainSharedIssuers(t *testing.T) {
	const prefix = "token.actions.githubusercontent.com:"
	names, ids := "repo:octo-org/octo-repo:ref:refs/heads/main", "repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main"
	for _, c := range []struct {
		name, condition, subject string
		want                     Status
		told                     string
	}{
		{"mapped claims", `"StringEquals":{"` + prefix + `repository_id":"456789","` + prefix + `ref":"refs/heads/main"},"StringLike":{"` +
			prefix + `sub":"repo:octo-org@123456/octo-repo@456789:*"}`, ids, StepOK, ""},
		{"another repository", `"StringEquals":{"` + prefix + `repository_id":"1"},"StringLike":{"` + prefix + `sub":"repo:octo-org@123456/*"}`, ids, StepDenied, ""},
		{"names only, token with ids", `"StringLike":{"` + prefix + `sub":"repo:octo-org/octo-repo:*"}`, ids, StepDenied, "the token has the immutable form"},
		{"ids, token with names", `"StringLike":{"` + prefix + `sub":"repo:octo-org@123456/octo-repo@456789:*"}`, names, StepDenied, "the pattern has the immutable form"},
		{"both forms", `"StringLike":{"` + prefix + `sub":["repo:octo-org/octo-repo:*","repo:octo-org@123456/octo-repo@456789:*"]}`, ids, StepOK, ""},
		{"wildcard owner", `"StringLike":{"` + prefix + `sub":"repo:octo*/*"}`, names, StepOK, "strangers match it"},
		{"open owner", `"StringLike":{"` + prefix + `sub":"repo:octo-org*"}`, names, StepOK, "strangers match it"},
		{"wildcard owner, fixed by the id", `"StringEquals":{"` + prefix + `repository_id":"456789"},"StringLike":{"` + prefix + `sub":"repo:*"}`, names, StepOK, ""},
		{"unmapped", `"StringEquals":{"` + prefix + `event_name":"push","` + prefix + `sub":"` + names + `"}`, names, StepDenied, "STS makes no such key"},
	} {
		reader := &Documents{
			Trust: map[string]*Policy{pullRole: mustParse(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"`+
				"arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"+
				`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{`+c.condition+`}}]}`)},
		}
		story := explain(t, Journey{Verb: Pull, Repository: app, Roles: []Hop{{RoleARN: pullRole}}, Token: &Token{
			Issuer: "https://token.actions.githubusercontent.com",
			Claims: map[string]any{"aud": "sts.amazonaws.com", "sub": c.subject, "repository_id": "456789", "ref": "refs/heads/main", "event_name": "push"},
		}}, reader)
		step := story.Steps[0]
		if step.Status != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.name, step.Status, c.want, story)
		}
		notes := strings.Join(step.Notes, "\n")
		if c.told == "" && notes != "" || !strings.Contains(notes, c.told) {
			t.Errorf("%s: notes %q, want %q", c.name, notes, c.told)
		}
	}
}
