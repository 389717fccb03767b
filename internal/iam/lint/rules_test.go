package lint

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/iam"
)

// ruleCase is a document in which a rule finds something, pointing at the text
// between the markers « and ». Want is the document after Fix, if it changes.
type ruleCase struct {
	rule  string
	kind  Kind
	facts Facts
	doc   string
	fixed string // a fragment that stands in the corrected document, spaces apart
}

const (
	webAllow = `"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/id.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"`
	aud      = `"id.example.com:aud":"sts.amazonaws.com"`
	sub      = `"id.example.com:sub":"repo:team/app:ref:refs/heads/main"`
	login    = `{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`
	app      = `"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"`
	pull     = `"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
	role     = `"Principal":{"AWS":"arn:aws:iam::111111111111:role/pull"}`
)

const gitHub = "token.actions.githubusercontent.com"

func gitHubTrust(conditions string) string { return sharedTrust(gitHub, conditions) }

// sharedTrust trusts an issuer, with an audience and the given conditions.
func sharedTrust(issuer, conditions string) string {
	return doc(`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/` + issuer +
		`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{` + conditions + `}}`)
}

func doc(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// ruleCases holds at least one case for each rule.
func ruleCases() []ruleCase {
	return slices.Concat(structureCases(), principalCases(), actionCases(), resourceCases(), conditionCases(), trustCases())
}

func structureCases() []ruleCase {
	return []ruleCase{
		{rule: "not-json", doc: `«»["Version"]`},
		{rule: "not-json", doc: `{"Version": "2012-10-17",«»}`},
		{rule: "duplicate-element", kind: Identity, doc: doc(`{"Effect":"Allow",«"Effect"»:"Deny",` + pull + `,"Resource":` + app + `}`)},
		{rule: "unknown-element", kind: Identity, doc: doc(`{"Effect":"Allow",«"Actions"»:"ecr:PutImage","Resource":` + app + `}`), fixed: `"Action":"ecr:PutImage"`},
		{rule: "unknown-element", kind: Identity, doc: doc(`{"Effect":"Allow","Action":"ecr:PutImage","Resource":` + app + `,«"Comment"»:"x"}`)},
		{rule: "unknown-element", kind: Identity, doc: `{"Version":"2012-10-17",«"statement"»:[` + login + `]}`, fixed: `"Statement":[`},
		{rule: "version", kind: Identity, doc: `«{»"Statement":[` + login + `]}`, fixed: `{"Version":"2012-10-17","Statement"`},
		{rule: "version", kind: Identity, doc: `{"Version":«"2008-10-17"»,"Statement":[` + login + `]}`, fixed: `"2012-10-17"`},
		{rule: "version", kind: Identity, doc: `{"Version":«"2022-10-17"»,"Statement":[` + login + `]}`, fixed: `"2012-10-17"`},
		{rule: "statement-missing", kind: Identity, doc: `«{»"Version":"2012-10-17","Statement":[]}`},
		{rule: "effect", kind: Identity, doc: doc(`{"Effect":«"allow"»,"Action":"ecr:GetAuthorizationToken","Resource":"*"}`), fixed: `"Effect":"Allow"`},
		{rule: "effect", kind: Identity, doc: doc(`«{»"Action":"ecr:GetAuthorizationToken","Resource":"*"}`)},
		{rule: "action-missing", kind: Identity, doc: doc(`«{»"Effect":"Allow","Resource":"*"}`)},
		{rule: "action-missing", kind: Identity, doc: doc(`{"Effect":"Allow",«"Action":[]»,"Resource":"*"}`)},
		{rule: "resource-missing", kind: Identity, doc: doc(`«{»"Effect":"Allow",` + pull + `}`)},
		{rule: "resource-missing", kind: Registry, doc: doc(`«{»"Effect":"Allow",` + role + `,` + pull + `}`)},
		{rule: "principal-missing", kind: Repository, doc: doc(`«{»"Effect":"Allow",` + pull + `}`)},
		{rule: "principal-missing", kind: Trust, doc: doc(`«{»"Effect":"Allow","Action":"sts:AssumeRole"}`)},
		{rule: "element-conflict", kind: Identity, doc: doc(`{"Effect":"Allow","Action":"ecr:PutImage",«"NotAction":"ecr:PutImage"»,"Resource":` + app + `}`)},
		{rule: "resource-not-allowed", kind: Repository, doc: doc(`{"Effect":"Allow",` + role + `,` + pull + `,«"Resource":"*"»}`), fixed: `"ecr:GetDownloadUrlForLayer"]}`},
		{rule: "resource-not-allowed", kind: Trust, doc: doc(`{«"Resource":"*"»,"Effect":"Allow",` + role + `,"Action":"sts:AssumeRole"}`), fixed: `[{"Effect"`},
		{rule: "principal-not-allowed", kind: Identity, doc: doc(`{"Effect":"Allow",«"Principal":"*"»,`+pull+`,"Resource":`+app+`}`, login), fixed: `"Effect":"Allow","Action"`},
		{rule: "document-size", kind: Session, doc: doc(`{"Effect":"Allow",`+pull+`,"Resource":[`+strings.Repeat(` `, 2000)+app+`]}`, login), fixed: `"Resource":[` + app},
		{rule: "document-size", kind: Boundary, doc: doc(`{"Effect":"Allow",` + pull + `,"Resource":[` + strings.Repeat(app+",", 150) + app + `]}`)},
		{rule: "document-size", kind: Identity, doc: doc(`{"Effect":"Allow",` + pull + `,"Resource":[` + strings.Repeat(app+",", 150) + app + `]}`)},
		{rule: "characters", kind: Identity, doc: doc(`{"Effect":"Allow",`+pull+`,"Resource":`+app+`,"Condition":{"StringEquals":{"aws:PrincipalTag/a":"b«–»c"}}}`, login)},
		{rule: "grammar", kind: Identity, doc: doc(`{"Effect":"Allow",` + pull + `,"Resource":[«»7]}`)},
		{rule: "sid-characters", kind: Identity, doc: doc(`{"Sid":«"Gitpod access"»,"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`), fixed: `"GitpodAccess"`},
		{rule: "sid-characters", kind: Trust, doc: doc(`{«"Sid":"—"»,"Effect":"Allow",` + role + `,"Action":"sts:AssumeRole"}`), fixed: `[{"Effect"`},
		{rule: "sid-duplicate", kind: Repository, doc: doc(`{"Sid":"a b","Effect":"Allow",`+role+`,`+pull+`}`, `{"Sid":«"a b"»,"Effect":"Deny",`+role+`,"Action":"ecr:PutImage"}`), fixed: `"a b2"`},
	}
}

func principalCases() []ruleCase {
	statement := func(p string) string { return doc(`{"Effect":"Allow","Principal":` + p + `,` + pull + `}`) }
	return []ruleCase{
		{rule: "placeholder", kind: Repository, doc: statement(`{"AWS":«"arn:aws:iam::<your-account-id>:root"»}`)},
		{rule: "placeholder", kind: Identity, doc: doc(`{"Effect":"Allow",`+pull+`,"Resource":«"arn:aws:ecr:[region]:[account-id]:repository/x"»}`, login)},
		{rule: "placeholder", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"AWS":«"arn:aws:iam::XXXXX:role/x"»},"Action":"sts:AssumeRole"}`)},
		{rule: "not-principal", kind: Repository, doc: doc(`{"Effect":"Allow",«"NotPrincipal":{"AWS":"111111111111"}»,` + pull + `}`)},
		{rule: "not-principal", kind: Trust, doc: doc(`{"Effect":"Deny",«"NotPrincipal":{"AWS":"111111111111"}»,"Action":"sts:AssumeRole"}`)},
		{rule: "principal-invalid", kind: Repository, doc: statement(`{"AWS":«"role/pull"»}`)},
		{rule: "principal-invalid", kind: Repository, doc: statement(`{"AWS":«" arn:aws:iam::111111111111:role/pull"»}`), fixed: `{"AWS":"arn:aws:iam::111111111111:role/pull"}`},
		{rule: "principal-invalid", kind: Repository, doc: statement(`{"AWS":«"arn:aws:iam::111111111111:role:pull"»}`), fixed: `{"AWS":"arn:aws:iam::111111111111:role/pull"}`},
		{rule: "principal-invalid", kind: Repository, doc: statement(`{"AWS":«"lambda.amazonaws.com"»}`)},
		{rule: "principal-invalid", kind: Repository, doc: statement(`{"Federated":«"arn:aws:iam::222222222222:oidc-provider/id.example.com"»}`)},
		{rule: "principal-invalid", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"Service":«"ec2"»},"Action":"sts:AssumeRole"}`)},
		{rule: "principal-wildcard", kind: Repository, doc: statement(`{"AWS":«"arn:aws:iam::111111111111:role/ci-*"»}`)},
		{rule: "principal-anyone", kind: Repository, doc: statement(`«"*"»`)},
		{rule: "principal-anyone", kind: Repository, doc: statement(`{"AWS":[«"*"»]}`)},
		{rule: "trust-anyone", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"AWS":«"*"»},"Action":"sts:AssumeRole"}`)},
		{rule: "service-anyone", kind: Repository, doc: statement(`{"Service":«"lambda.amazonaws.com"»}`)},
		{rule: "not-principal-account", kind: Repository, doc: doc(`{"Effect":"Deny","NotPrincipal":{"AWS":«"arn:aws:iam::111111111111:role/pull"»},"Action":"ecr:*"}`)},
		{rule: "principal-account", kind: Repository, doc: statement(`{"AWS":«"arn:aws:iam::111111111111:root"»}`)},
		{rule: "principal-unique-id", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"AWS":«"AROAEXAMPLEEXAMPLE123"»},"Action":"sts:AssumeRole"}`)},
		{rule: "principal-session", kind: Repository, doc: statement(`{"AWS":«"arn:aws:sts::111111111111:assumed-role/pull/job-7"»}`)},
		{rule: "principal-unknown", kind: Repository, facts: Facts{Roles: []string{"arn:aws:iam::111111111111:role/puller"}}, doc: statement(`{"AWS":«"arn:aws:iam::111111111111:role/pull"»}`)},
	}
}

func actionCases() []ruleCase {
	identity := func(action string) string {
		return doc(`{"Effect":"Allow","Action":`+action+`,"Resource":`+app+`}`, login)
	}
	trust := func(principal, action string) string {
		return doc(`{"Effect":"Allow","Principal":` + principal + `,"Action":` + action + `}`)
	}
	return []ruleCase{
		{rule: "action-unknown", kind: Identity, doc: doc(`{"Effect":"Allow","Action":«"ecr:Batch:GetImage"»,"Resource":"*"}`)},
		{rule: "action-unknown", kind: Identity, doc: doc(`{"Effect":"Allow","Action":«"e cr:BatchGetImage"»,"Resource":"*"}`)},
		{rule: "action-unknown", kind: Identity, doc: identity(`["ecr:PutImage",«"ecr:ListImage"»]`), fixed: `"ecr:ListImages"`},
		{rule: "action-unknown", kind: Identity, doc: identity(`«"ecr:FrobnicateWidgets"»`)},
		{rule: "action-unknown", kind: Identity, doc: identity(`«"ecr:GetImage"»`)},
		{rule: "action-unknown", kind: Identity, doc: identity(`«"BatchGetImages"»`), fixed: `"ecr:BatchGetImage"`},
		{rule: "action-unknown", kind: Identity, doc: identity(`«"ecr:Batchh*"»`)},
		{rule: "action-unknown", kind: Identity, doc: identity(`«"ec*:PutImage"»`)},
		{rule: "action-not-for-kind", kind: Repository, doc: doc(`{"Effect":"Allow",` + role + `,"Action":«"s3:GetObject"»}`)},
		{rule: "action-not-for-kind", kind: Trust, doc: trust(`{"AWS":"111111111111"}`, `«"ecr:PutImage"»`)},
		{rule: "action-not-for-kind", kind: Trust, doc: trust(`{"AWS":"111111111111"}`, `["sts:AssumeRole",«"sts:GetSessionToken"»]`)},
		{rule: "action-wildcard", kind: Repository, doc: doc(`{"Effect":"Allow",` + role + `,"Action":«"ecr:*"»}`)},
		{rule: "allow-not-action", kind: Identity, doc: doc(`{"Effect":"Allow",«"NotAction":"iam:*"»,"Resource":` + app + `}`)},
		{rule: "allow-not-resource", kind: Identity, doc: doc(`{"Effect":"Allow",`+pull+`,«"NotResource":`+app+`»}`, login)},
		{rule: "trust-action", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/id.example.com"},"Action":«"sts:AssumeRole"»,"Condition":{"StringEquals":{` + aud + `,` + sub + `}}}`), fixed: `"sts:AssumeRoleWithWebIdentity"`},
		{rule: "trust-action", kind: Trust, doc: trust(`{"AWS":"arn:aws:iam::111111111111:role/pull"}`, `«"sts:AssumeRoleWithWebIdentity"»`), fixed: `"sts:AssumeRole"`},
		{rule: "pull-incomplete", kind: Identity, doc: identity(`«"ecr:BatchGetImage"»`)},
		{rule: "pull-incomplete", kind: Repository, doc: doc(`{"Effect":"Allow",` + role + `,"Action":«"ecr:GetDownloadUrlForLayer"»}`)},
		{rule: "pull-through-incomplete", kind: Identity, doc: identity(`["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer",«"ecr:BatchImportUpstreamImage"»]`)},
		{rule: "pull-through-incomplete", kind: Identity, facts: Facts{PullThrough: true}, doc: identity(`[«"ecr:BatchGetImage"»,"ecr:GetDownloadUrlForLayer"]`)},
		{rule: "login-resource", kind: Identity, doc: doc(`{"Effect":"Allow","Action":[«"ecr:GetAuthorizationToken"»,"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":` + app + `}`), fixed: `},{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]`},
		{rule: "login-resource", kind: Identity, doc: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ecr:PutImage",«"ecr:GetAuthorizationToken"»],"Resource":[` + app + `],"Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`, fixed: `"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]`},
		{rule: "login-resource", kind: Identity, doc: doc(`{"Effect":"Allow","Action":«"ecr:GetAuthorizationToken"»,"Resource":` + app + `}`), fixed: `"Resource":"*"`},
		{rule: "login-condition", kind: Identity, doc: doc(`{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*","Condition":{"StringEquals":{«"aws:ResourceTag/team"»:"a"}}}`)},
		{rule: "login-in-repository-policy", kind: Repository, doc: doc(`{"Effect":"Allow",` + role + `,"Action":[«"ecr:GetAuthorizationToken"»,"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`), fixed: pull},
		{rule: "login-in-repository-policy", kind: Repository, doc: doc(`{"Effect":"Allow",`+role+`,`+pull+`}`, `{"Effect":"Allow",`+role+`,"Action":«"ecr:GetAuthorizationToken"»}`), fixed: `"ecr:GetDownloadUrlForLayer"]}]`},
		{rule: "login-in-repository-policy", kind: Repository, doc: doc(`{"Effect":"Allow",` + role + `,"Action":«"ecr:GetAuthorizationToken"»}`)},
		{rule: "login-missing", kind: Identity, doc: doc(`{"Effect":"Allow","Action":[«"ecr:BatchGetImage"»,"ecr:GetDownloadUrlForLayer"],"Resource":` + app + `}`)},
	}
}

func resourceCases() []ruleCase {
	identity := func(resource string) string {
		return doc(`{"Effect":"Allow",`+pull+`,"Resource":`+resource+`}`, login)
	}
	return []ruleCase{
		{rule: "resource-service-wildcard", kind: Identity, doc: identity(`«"arn:aws:*:eu-west-1:222222222222:repository/x"»`)},
		{rule: "resource-repository-word", kind: Identity, doc: identity(`«"arn:aws:ecr:eu-west-1:222222222222:team/app"»`), fixed: app},
		{rule: "resource-repository-word", kind: Identity, doc: identity(`«"arn:aws:ecr:eu-west-1:222222222222:repository:team/app"»`), fixed: app},
		{rule: "resource-repository-word", kind: Identity, doc: identity(`«"arn:aws:ecr:eu-west-1:222222222222:repository"»`)},
		{rule: "resource-image", kind: Identity, doc: identity(`[«"arn:aws:ecr:eu-west-1:222222222222:repository/team/app:1.4"»]`), fixed: app},
		{rule: "resource-image", kind: Identity, doc: identity(`«"222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4"»`), fixed: app},
		{rule: "resource-image", kind: Identity, doc: identity(`«"https://222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn/team/app@sha256:00"»`), fixed: `"arn:aws-cn:ecr:cn-north-1:222222222222:repository/team/app"`},
		{rule: "resource-invalid", kind: Identity, doc: identity(`«"team/app"»`)},
		{rule: "resource-matches-nothing", kind: Identity, doc: identity(`«"arn:aws:ecr::222222222222:repository/app"»`)},
		{rule: "resource-matches-nothing", kind: Identity, doc: identity(`«"arn:aws:ecr:eu-west-1:2222:repository/app"»`)},
		{rule: "resource-matches-nothing", kind: Identity, doc: identity(`«"arn:aws:ecr:eu-west-1:222222222222:repository/Team/App"»`)},
		{rule: "resource-matches-nothing", kind: Identity, doc: identity(`«"arn:aws:ecr:cn-north-1:222222222222:repository/app"»`), fixed: `"arn:aws-cn:ecr:cn-north-1:222222222222:repository/app"`},
		{rule: "resource-refused", kind: Identity, doc: identity(`«"arn:awz:ecr:eu-west-1:222222222222:repository/x"»`)},
		{rule: "resource-refused", kind: Identity, doc: identity(`«"arn:aws:iam:eu-west-1:222222222222:role/x"»`)},
		{rule: "resource-refused", kind: Identity, doc: identity(`«"arn:aws:sts:eu-west-1:222222222222:assumed-role/x/y"»`)},
		{rule: "resource-any", kind: Identity, doc: identity(`«"*"»`)},
	}
}

func conditionCases() []ruleCase {
	with := func(c string) string {
		return doc(`{"Effect":"Allow",`+pull+`,"Resource":`+app+`,"Condition":{`+c+`}}`, login)
	}
	return []ruleCase{
		{rule: "operator-unknown", kind: Identity, doc: with(`«"StringEqual"»:{"aws:PrincipalTag/a":"b"}`), fixed: `"StringEquals":{`},
		{rule: "operator-unknown", kind: Identity, doc: with(`«"ForAnyValues:StringLikesIfExists"»:{"aws:TagKeys":"b"}`), fixed: `"ForAnyValue:StringLikeIfExists":{`},
		{rule: "operator-unknown", kind: Identity, doc: with(`«"NullIfExists"»:{"aws:TagKeys":"true"}`)},
		{rule: "value-type", kind: Identity, doc: with(`"IpAddress":{"aws:SourceIp":«"203.0.113.0/33"»}`)},
		{rule: "value-type", kind: Identity, doc: with(`"DateLessThan":{"aws:CurrentTime":["2026-01-31",«"tomorrow"»]}`)},
		{rule: "value-type", kind: Identity, doc: with(`"Bool":{"aws:SecureTransport":«"yes"»}`)},
		{rule: "value-type", kind: Identity, doc: with(`"ArnLike":{"aws:PrincipalArn":«"role/pull"»}`)},
		{rule: "wildcard-literal", kind: Identity, doc: with(`"StringEquals":{"aws:PrincipalTag/a":«"b*"»}`), fixed: `"StringLike":{"aws:PrincipalTag/a":"b*"}`},
		{rule: "wildcard-literal", kind: Identity, doc: with(`"StringNotEquals":{"aws:PrincipalTag/a":"b","aws:PrincipalTag/c":["d",«"e*"»]}`), fixed: `"StringNotEquals":{"aws:PrincipalTag/a":"b"},"StringNotLike":{"aws:PrincipalTag/c":["d","e*"]}`},
		{rule: "wildcard-literal", kind: Identity, doc: with(`"StringLike":{"aws:PrincipalTag/x":"y*"},"StringEquals":{"aws:PrincipalTag/a":«"b*"»}`), fixed: `"StringLike":{"aws:PrincipalTag/x":"y*","aws:PrincipalTag/a":"b*"}`},
		{rule: "wildcard-literal", kind: Identity, doc: with(`"StringLike":{"aws:PrincipalTag/a":"y*"},"StringEquals":{"aws:PrincipalTag/a":«"b*"»}`)},
		{rule: "for-all-values", kind: Identity, doc: with(`«"ForAllValues:StringEquals"»:{"aws:TagKeys":"b"}`)},
		{rule: "condition-key-unknown", kind: Identity, doc: with(`"StringEquals":{«"ecr:RepositoryName"»:"b"}`)},
		{rule: "condition-key-unknown", kind: Trust, doc: doc(`{"Effect":"Allow",` + role + `,"Action":"sts:AssumeRole","Condition":{"StringEquals":{«"sts:ExternalID2"»:"b"}}}`)},
		{rule: "variable-version", kind: Identity, doc: `{"Version":"2008-10-17","Statement":[{"Effect":"Allow",` + pull + `,"Resource":«"arn:aws:ecr:eu-west-1:222222222222:repository/${aws:PrincipalTag/team}/app"»},` + login + `]}`, fixed: `"Version":"2012-10-17"`},
		{rule: "variable-misplaced", kind: Identity, doc: doc(`{"Effect":"Allow",`+pull+`,"Resource":«"arn:aws:ecr:${aws:RequestedRegion}:222222222222:repository/a"»}`, login)},
	}
}

func trustCases() []ruleCase {
	web := func(c string) string { return doc(`{` + webAllow + `,"Condition":{` + c + `}}`) }
	federated := func(arn string) string {
		return doc(`{"Effect":"Allow","Principal":{"Federated":` + arn + `},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{` + aud + `,` + sub + `}}}`)
	}
	good := web(`"StringEquals":{` + aud + `,` + sub + `}`)
	provider := `"arn:aws:iam::222222222222:oidc-provider/id.example.com"`
	self := "arn:aws:iam::222222222222:role/ecr"
	assume := doc(`«{»"Effect":"Allow",` + role + `,"Action":"sts:AssumeRole"}`)
	return []ruleCase{
		{rule: "provider-invalid", kind: Trust, doc: federated(`«"https://id.example.com"»`)},
		{rule: "provider-invalid", kind: Trust, doc: federated(`«"arn:aws:iam::222222222222:oidc-provider/https://id.example.com/"»`), fixed: provider},
		{rule: "subject-missing", kind: Trust, doc: strings.Replace(web(`"StringEquals":{`+aud+`}`), provider, "«"+provider+"»", 1)},
		{rule: "subject-missing", kind: Trust, facts: Facts{Token: &Token{Subject: "repo:team/app:ref:refs/heads/main"}}, doc: strings.Replace(web(`"StringNotEquals":{`+sub+`},"StringEquals":{`+aud+`}`), provider, "«"+provider+"»", 1)},
		{rule: "audience-missing", kind: Trust, doc: strings.Replace(web(`"StringEquals":{`+sub+`}`), provider, "«"+provider+"»", 1)},
		{rule: "subject-too-broad", kind: Trust, doc: web(`"StringEquals":{` + aud + `},"StringLike":{"id.example.com:sub":«"repo:*"»}`)},
		{rule: "subject-too-broad", kind: Trust, doc: web(`"StringEquals":{` + aud + `},"StringLike":{"id.example.com:sub":["repo:team/*",«"https://github.com/*"»]}`)},
		{rule: "subject-too-broad", kind: Trust, doc: gitHubTrust(`"StringLike":{"` + gitHub + `:sub":«"repo:octo*/app*"»}`)},
		{rule: "subject-without-ids", kind: Trust, doc: gitHubTrust(`"StringLike":{"` + gitHub + `:sub":«"repo:acme/app:*"»}`)},
		{rule: "claim-if-exists", kind: Trust, doc: web(`"StringEquals":{` + aud + `},«"StringEqualsIfExists"»:{` + sub + `}`), fixed: `"StringEquals":{` + aud + `,` + sub + `}`},
		{rule: "claim-for-all-values", kind: Trust, doc: web(`«"ForAllValues:StringLike"»:{` + sub + `},"StringEquals":{` + aud + `}`), fixed: `"StringLike":{` + sub + `}`},
		{rule: "claim-unmapped", kind: Trust, doc: web(`"StringEquals":{` + aud + `,` + sub + `,«"id.example.com:iss"»:"https://id.example.com"}`)},
		{rule: "claim-issuer", kind: Trust, doc: web(`"StringEquals":{` + aud + `,«"https://id.example.com:sub"»:"repo:team/app:ref:refs/heads/main"}`), fixed: sub},
		{rule: "claim-issuer", kind: Trust, doc: web(`"StringEquals":{` + aud + `,«"id.example.org:sub"»:"repo:team/app:ref:refs/heads/main"}`)},
		{rule: "token-issuer", kind: Trust, facts: Facts{Token: &Token{Issuer: "https://id.example.com/v2"}}, doc: strings.Replace(good, provider, "«"+provider+"»", 1)},
		{rule: "token-subject", kind: Trust, facts: Facts{Token: &Token{Issuer: "https://id.example.com", Subject: "repo:team/app:ref:refs/heads/dev"}}, doc: strings.Replace(good, sub, "«"+sub+"»", 1)},
		{rule: "token-audience", kind: Trust, facts: Facts{Token: &Token{Audience: []string{"https://id.example.com"}}}, doc: strings.Replace(good, aud, "«"+aud+"»", 1)},
		{rule: "token-audience", kind: Trust, facts: Facts{Token: &Token{Audience: []string{"sts.amazonaws.com"}, AuthorizedParty: "client"}}, doc: strings.Replace(good, aud, "«"+aud+"»", 1)},
		{rule: "provider-account", kind: Trust, facts: Facts{Account: "333333333333"}, doc: strings.Replace(good, provider, "«"+provider+"»", 1), fixed: `"arn:aws:iam::333333333333:oidc-provider/id.example.com"`},
		{rule: "provider-account-unknown", kind: Trust, doc: strings.Replace(good, provider, "«"+provider+"»", 1)},
		{rule: "caller-missing", kind: Trust, facts: Facts{Role: self, AssumedBy: []string{self, "arn:aws:iam::111111111111:role/pull"}}, doc: assume},
		{rule: "self-assumption", kind: Identity, facts: Facts{Role: self}, doc: doc(`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":«"` + self + `"»}`)},
		{rule: "external-id-missing", kind: Trust, facts: Facts{Account: "222222222222"}, doc: doc(`{"Effect":"Allow","Principal":{"AWS":«"arn:aws:iam::111111111111:role/pull"»},"Action":"sts:AssumeRole"}`)},
		{rule: "cross-account", kind: Identity, facts: Facts{Account: "111111111111"}, doc: doc(`{"Effect":"Allow",`+pull+`,"Resource":«`+app+`»}`, login)},
		{rule: "cross-account", kind: Repository, facts: Facts{Account: "222222222222"}, doc: doc(`{"Effect":"Allow","Principal":{"AWS":«"arn:aws:iam::111111111111:role/pull"»},` + pull + `}`)},
	}
}

// unmark takes the markers out and returns where they stood.
func unmark(t *testing.T, marked string) (text string, from, to iam.Position) {
	t.Helper()
	before, rest, found := strings.Cut(marked, "«")
	inner, after, closed := strings.Cut(rest, "»")
	if !found || !closed {
		return marked, iam.Position{}, iam.Position{}
	}
	at := func(s string) iam.Position {
		line := s[strings.LastIndexByte(s, '\n')+1:]
		return iam.Position{Line: strings.Count(s, "\n") + 1, Column: len([]rune(line)) + 1}
	}
	return before + inner + after, at(before), at(before + inner)
}

func TestRules(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range ruleCases() {
		tested[c.rule] = true
		text, from, to := unmark(t, c.doc)
		report, err := Document([]byte(text), c.kind, c.facts)
		if err != nil {
			t.Errorf("%s: Document(%s) = %v", c.rule, text, err)
			continue
		}
		i := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.ID == c.rule })
		if i < 0 {
			t.Errorf("%s: not found in %s; found %v", c.rule, text, ids(report.Findings))
			continue
		}
		f := report.Findings[i]
		if !from.IsZero() && (f.Position != from || f.End != to) {
			t.Errorf("%s: at %s to %s, want %s to %s in %s", c.rule, f.Position, f.End, from, to, text)
		}
		if f.Detail == "" || f.Why == "" || f.Fix == "" || f.Title == "" {
			t.Errorf("%s: incomplete finding %+v", c.rule, f)
		}
		if f.Mechanical != (c.fixed != "") {
			t.Errorf("%s: mechanical is %v, want %v in %s", c.rule, f.Mechanical, c.fixed != "", text)
		}
		if c.fixed != "" {
			checkFixed(t, c, text)
		}
	}
	for _, r := range Rules() {
		if !tested[r.ID] {
			t.Errorf("rule %s has no case", r.ID)
		}
	}
}

// checkFixed corrects the document and demands that the finding is gone and
// the wanted text there.
func checkFixed(t *testing.T, c ruleCase, text string) {
	t.Helper()
	got, fixed, err := Fix([]byte(text), c.kind, c.facts)
	if err != nil {
		t.Errorf("%s: Fix(%s) = %v", c.rule, text, err)
		return
	}
	if !slices.Contains(ids(fixed), c.rule) {
		t.Errorf("%s: Fix(%s) corrected %v only", c.rule, text, ids(fixed))
	}
	if flat := withoutBlanks(string(got)); !strings.Contains(flat, withoutBlanks(c.fixed)) {
		t.Errorf("%s: Fix(%s) = %s, want %s in it", c.rule, text, got, c.fixed)
	}
	if !json.Valid(got) {
		t.Errorf("%s: Fix(%s) = %s, which is not JSON", c.rule, text, got)
	}
	report, _ := Document(got, c.kind, c.facts)
	if slices.Contains(ids(report.Findings), c.rule) {
		t.Errorf("%s: still found after Fix: %s", c.rule, got)
	}
}

func withoutBlanks(s string) string {
	return strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s)
}

func ids(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.ID)
	}
	return out
}

// TestRuleTable checks what the documentation promises about each row.
func TestRuleTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] {
			t.Errorf("rule %s stands twice", r.ID)
		}
		seen[r.ID] = true
		if strings.Trim(r.ID, "abcdefghijklmnopqrstuvwxyz-") != "" || r.Title == "" || r.Why == "" || r.Fix == "" {
			t.Errorf("rule %q is incomplete", r.ID)
		}
		if r.Severity != Error && r.Severity != Warning && r.Severity != Info {
			t.Errorf("rule %s has severity %q", r.ID, r.Severity)
		}
	}
}
