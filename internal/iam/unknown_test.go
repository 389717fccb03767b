package iam

import (
	"slices"
	"strings"
	"testing"
)

// TestExplainUnknownContext: what only the real request shows is neither absent nor
// a reason to weaken a policy.
func TestExplainUnknownContext(t *testing.T) {
	const identity = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`
	repository := func(statements string) string { return `{"Version":"2012-10-17","Statement":[` + statements + `]}` }
	const actions = `"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
	open := func(condition string) string {
		return repository(`{"Effect":"Allow","Principal":"*",` + actions + `,"Condition":{` + condition + `}}`)
	}
	named := `{"Effect":"Allow","Principal":{"AWS":"` + runnerRole + `"},` + actions + `}`
	deny := func(condition string) string {
		return repository(named + `,{"Sid":"Guard","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{` + condition + `}}`)
	}
	for _, c := range []struct {
		name, repository string
		context          map[string][]string
		want             Status
		keys             []string
	}{
		{"the organization", open(`"StringEquals":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`), nil, StepUnknown, []string{"aws:PrincipalOrgID"}},
		{"the organization, told", open(`"StringEquals":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`),
			map[string][]string{"aws:PrincipalOrgID": {"o-aaaaaaaaaa"}}, StepOK, nil},
		{"another organization, told in another case", open(`"StringEquals":{"aws:PrincipalOrgID":"o-aaaaaaaaaa"}`),
			map[string][]string{"AWS:principalorgid": {"o-bbbbbbbbbb"}}, StepDenied, nil},
		{"paths", open(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a/r-b/*"}`), nil, StepUnknown, []string{"aws:PrincipalOrgPaths"}},
		{"address", open(`"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), nil, StepUnknown, []string{"aws:SourceIp"}},
		{"endpoint", open(`"StringEquals":{"aws:SourceVpce":"vpce-1"}`), nil, StepUnknown, []string{"aws:SourceVpce"}},
		{"two keys, both needed", open(`"StringEquals":{"aws:SourceVpce":"vpce-1","aws:PrincipalOrgID":"o-1"}`), nil, StepUnknown,
			[]string{"aws:PrincipalOrgID", "aws:SourceVpce"}},
		{"deny outside an endpoint", deny(`"StringNotEquals":{"aws:SourceVpce":"vpce-1"}`), nil, StepUnknown, []string{"aws:SourceVpce"}},
		{"deny outside an endpoint, inside", deny(`"StringNotEquals":{"aws:SourceVpce":"vpce-1"}`),
			map[string][]string{"aws:SourceVpce": {"vpce-1"}}, StepOK, nil},
		{"deny outside an endpoint, outside", deny(`"StringNotEquals":{"aws:SourceVpce":"vpce-1"}`),
			map[string][]string{"aws:SourceVpce": {"vpce-2"}}, StepDenied, nil},
		{"deny outside an endpoint, known to come from none", deny(`"StringNotEquals":{"aws:SourceVpce":"vpce-1"}`),
			map[string][]string{"aws:SourceVpce": {}}, StepDenied, nil},
		{"a tag, of tags that are known", open(`"StringEquals":{"ecr:ResourceTag/team":"blue"}`), map[string][]string{"ecr:ResourceTag/": {}}, StepDenied, nil},
		{"deny without MFA", deny(`"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}`), nil, StepUnknown, []string{"aws:MultiFactorAuthPresent"}},
		{"deny without TLS", deny(`"Bool":{"aws:SecureTransport":"false"}`), nil, StepOK, nil},
		{"deny of another region", deny(`"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}`), nil, StepOK, nil},
		{"a tag of the repository", open(`"StringEquals":{"ecr:ResourceTag/team":"blue"}`), nil, StepUnknown, []string{"ecr:ResourceTag/team"}},
		{"null", open(`"Null":{"aws:PrincipalOrgID":"false"}`), nil, StepUnknown, []string{"aws:PrincipalOrgID"}},
		{"a known condition fails beside it", open(`"StringEquals":{"aws:PrincipalOrgID":"o-1","aws:PrincipalAccount":"333333333333"}`), nil, StepDenied, nil},
		{"not needed", repository(named + `,` + strings.TrimSuffix(strings.TrimPrefix(open(`"StringEquals":{"aws:PrincipalOrgID":"o-1"}`), `{"Version":"2012-10-17","Statement":[`), `]}`)),
			nil, StepOK, nil},
		{"what services alone have is absent", open(`"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*"}`), nil, StepDenied, nil},
		{"a key that does not exist is absent", open(`"StringEquals":{"aws:PrincipalOrgld":"o-1"}`), nil, StepDenied, nil},
	} {
		story := explain(t, Journey{Verb: Pull, Repository: app, Caller: caller(t, runnerSession), Context: c.context}, &Documents{
			Identity:   map[string][]*Policy{runnerRole: {mustParse(t, identity)}},
			Repository: map[string]*Policy{app.ARN(): mustParse(t, c.repository)},
		})
		if story.Status != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.name, story.Status, c.want, story)
		}
		for _, step := range story.Steps {
			if step.Status != StepUnknown {
				continue
			}
			if !slices.Equal(step.Unknown, c.keys) {
				t.Errorf("%s: %s decided by %v, want %v", c.name, step.Title, step.Unknown, c.keys)
			}
			if len(step.Additions) > 0 || strings.Contains(strings.Join(step.Fix, " "), "change ") {
				t.Errorf("%s: a policy is to be changed on a guess: %v %v", c.name, step.Fix, step.Additions)
			}
			if !strings.Contains(strings.Join(step.Fix, " "), "--context "+c.keys[0]+"=") {
				t.Errorf("%s: fix %v does not say how to tell the key", c.name, step.Fix)
			}
		}
	}
}

// TestExplainSessionTags: a token with session tags also needs sts:TagSession, and its
// tags are the session's.
func TestExplainSessionTags(t *testing.T) {
	const role, host = "arn:aws:iam::222222222222:role/pull", "id.example.com"
	for _, c := range []struct {
		name, actions, tag string
		want               Status
	}{
		{"tagging allowed", `["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`, "blue", StepOK},
		{"tagging not allowed", `"sts:AssumeRoleWithWebIdentity"`, "blue", StepDenied},
		{"another tag", `["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`, "red", StepDenied},
		{"no tag", `"sts:AssumeRoleWithWebIdentity"`, "", StepUnknown},
	} {
		claims := map[string]any{"sub": "job", "aud": "sts.amazonaws.com"}
		if c.tag != "" {
			claims["https://aws.amazon.com/tags"] = map[string]any{"principal_tags": map[string]any{"team": []any{c.tag}}, "transitive_tag_keys": []any{"team"}}
		}
		if c.name == "another tag" { // in the other form
			delete(claims, "https://aws.amazon.com/tags")
			claims["https://aws.amazon.com/tags/principal_tags/team"] = c.tag
		}
		story := explain(t, Journey{Verb: Pull, Repository: app, Roles: []Hop{{RoleARN: role}}, Token: &Token{Issuer: "https://" + host, Claims: claims}}, &Documents{
			Trust: map[string]*Policy{role: mustParse(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"`+
				`arn:aws:iam::222222222222:oidc-provider/`+host+`"},"Action":`+c.actions+`,"Condition":{"StringEquals":{"`+host+`:sub":"job"}}}]}`)},
			Identity: map[string][]*Policy{role: {mustParse(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*",`+
				`"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}]}`)}},
			Repository: map[string]*Policy{app.ARN(): nil},
		})
		if story.Status != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.name, story.Status, c.want, story)
		}
	}
}
