package lint

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	pullpass "github.com/pullpass/pullpass"
)

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		facts Facts
	}{
		{"policy", Facts{}},
		{Trust, Facts{Account: "1234"}},
		{Trust, Facts{Role: "role/x"}},
		{Trust, Facts{AssumedBy: []string{"arn:aws:iam::111111111111:user/x"}}},
	} {
		_, err := Document([]byte(doc(login)), c.kind, c.facts)
		_, _, fixErr := Fix([]byte(doc(login)), c.kind, c.facts)
		if !pullpass.IsKind(err, pullpass.Invalid) || !pullpass.IsKind(fixErr, pullpass.Invalid) || pullpass.HintOf(err) == "" {
			t.Errorf("Document(%q, %+v) = %v, Fix = %v, want invalid", c.kind, c.facts, err, fixErr)
		}
	}
}

// TestSilent holds documents in which the rule that looks nearest must find
// nothing.
func TestSilent(t *testing.T) {
	web := func(c string) string { return doc(`{` + webAllow + `,"Condition":{` + c + `}}`) }
	pulls := func(rest string) string { return doc(`{"Effect":"Allow",`+pull+`,`+rest+`}`, login) }
	for _, c := range []struct {
		rule  string
		kind  Kind
		facts Facts
		doc   string
	}{
		{rule: "sid-characters", kind: Repository, doc: doc(`{"Sid":"Gitpod Access","Effect":"Allow",` + role + `,` + pull + `}`)},
		{rule: "wildcard-literal", kind: Identity, doc: pulls(`"Resource":` + app + `,"Condition":{"StringEquals":{"aws:PrincipalTag/a":"${*}"}}`)},
		{rule: "login-resource", kind: Identity, doc: doc(`{"Effect":"Deny","Action":"ecr:GetAuthorizationToken","Resource":` + app + `}`)},
		{rule: "login-resource", kind: Identity, doc: doc(`{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":[` + app + `,"*"]}`)},
		{rule: "principal-anyone", kind: Repository, doc: doc(`{"Effect":"Allow","Principal":"*",` + pull + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}`)},
		{rule: "sid-characters", kind: Identity, doc: doc(`{"Sid":"","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`)},
		{rule: "sid-duplicate", kind: Identity, doc: doc(`{"Sid":"","Effect":"Allow",`+pull+`,"Resource":`+app+`}`, `{"Sid":"","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`)},
		{rule: "not-principal-account", kind: Repository, doc: doc(`{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111111111111:role/pull","111111111111"]},"Action":"ecr:*"}`)},
		{rule: "principal-anyone", kind: Repository, doc: doc(`{"Effect":"Deny","Principal":"*",` + pull + `}`)},
		{rule: "principal-account", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/x"}}}`)},
		{rule: "principal-invalid", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","states.eu-west-1.amazonaws.com"]},"Action":"sts:AssumeRole"}`)},
		{rule: "principal-unknown", kind: Repository, facts: Facts{Roles: []string{"arn:aws:iam::999999999999:role/x"}}, doc: doc(`{"Effect":"Allow",` + role + `,` + pull + `}`)},
		{rule: "subject-missing", kind: Trust, doc: web(`"StringLike":{` + aud + `,` + sub + `}`)},
		{rule: "subject-missing", kind: Trust, doc: doc(`{"Effect":"Deny","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/id.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"}`)},
		{rule: "subject-too-broad", kind: Trust, doc: web(`"StringLike":{"id.example.com:sub":["repo:team/*","https://github.com/team/*","referrer:jetbrains-gateway:*/https://github.com/team/app/tree/*","repo:team/app:*"]}`)},
		{rule: "claim-unmapped", kind: Trust, doc: web(`"StringEquals":{` + aud + `,` + sub + `,"id.example.com:azp":"x","id.example.com:amr":"y"}`)},
		{rule: "claim-issuer", kind: Trust, doc: web(`"StringEquals":{` + aud + `,` + sub + `,"aws:SourceIp":"x","sts:RoleSessionName":"y"}`)},
		{rule: "trust-action", kind: Trust, doc: doc(`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:saml-provider/corp"},"Action":"sts:AssumeRoleWithSAML"}`)},
		{rule: "action-not-for-kind", kind: Trust, doc: doc(`{"Effect":"Allow",` + role + `,"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}`)},
		{rule: "action-unknown", kind: Identity, doc: doc(`{"Effect":"Allow","Action":["ECR:batchgetimage","ecr:Batch*","s3:Whatever","*"],"Resource":"*"}`)},
		{rule: "resource-repository-word", kind: Identity, doc: pulls(`"Resource":["arn:aws:ecr:*:*:*","arn:aws:ecr:eu-west-1:222222222222:repository/team/*","arn:aws:s3:::bucket/x"]`)},
		{rule: "resource-matches-nothing", kind: Identity, doc: pulls(`"Resource":["arn:aws:ecr:*:222222222222:repository/*","arn:aws:ecr:us-east-1:*:repository/x"]`)},
		{rule: "variable-misplaced", kind: Identity, doc: pulls(`"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/${aws:PrincipalTag/team}/app"`)},
		{rule: "provider-account", kind: Trust, facts: Facts{Account: "222222222222"}, doc: web(`"StringEquals":{` + aud + `,` + sub + `}`)},
		{rule: "caller-missing", kind: Trust, facts: Facts{AssumedBy: []string{"arn:aws:iam::111111111111:role/pull"}}, doc: doc(`{"Effect":"Allow",` + role + `,"Action":"sts:AssumeRole"}`)},
		{rule: "caller-missing", kind: Trust, facts: Facts{AssumedBy: []string{"arn:aws:iam::111111111111:role/pull"}}, doc: doc(`{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:*"}`)},
		{rule: "external-id-missing", kind: Trust, facts: Facts{Account: "222222222222"}, doc: doc(`{"Effect":"Allow",` + role + `,"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x1"}}}`)},
		{rule: "for-all-values", kind: Identity, doc: pulls(`"Resource":` + app + `,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":"false"}}`)},
	} {
		report, err := Document([]byte(c.doc), c.kind, c.facts)
		if err != nil || slices.Contains(ids(report.Findings), c.rule) {
			t.Errorf("%s found in %s (%v)", c.rule, c.doc, err)
		}
	}
}

// TestToken compares claims with conditions as AWS does.
func TestToken(t *testing.T) {
	web := func(c string) string { return `{` + webAllow + `,"Condition":{` + c + `}}` }
	main := Token{Issuer: "https://id.example.com", Subject: "repo:team/app:ref:refs/heads/main", Audience: []string{"sts.amazonaws.com"}}
	star := main
	star.Subject = "repo:team/*"
	for _, c := range []struct {
		doc   string
		token Token
		want  []string
	}{
		{doc(web(`"StringEquals":{` + aud + `,` + sub + `}`)), main, nil},
		{doc(web(`"StringEquals":{`+aud+`,"id.example.com:sub":"other"}`), web(`"StringEquals":{`+aud+`,`+sub+`}`)), main, nil},
		{doc(web(`"StringEquals":{` + aud + `},"StringLike":{"id.example.com:sub":["x","repo:team/*"]}`)), main, nil},
		{doc(web(`"StringEquals":{` + aud + `},"StringEqualsIgnoreCase":{"id.example.com:sub":"REPO:team/app:ref:refs/heads/MAIN"}`)), main, nil},
		{doc(web(`"StringEquals":{` + aud + `},"StringLike":{"id.example.com:sub":"repo:team/${*}"}`)), main, []string{"token-subject"}},
		{doc(web(`"StringEquals":{` + aud + `},"StringLike":{"id.example.com:sub":"repo:team/${*}"}`)), star, nil},
		{doc(web(`"StringEquals":{` + aud + `},"StringLike":{"id.example.com:sub":"Repo:team/*"}`)), main, []string{"token-subject"}},
		{doc(web(`"StringEquals":{` + aud + `,` + sub + `},"StringNotLike":{"id.example.com:sub":"*:refs/heads/main"}`)), main, []string{"token-subject"}},
	} {
		report, err := Document([]byte(c.doc), Trust, Facts{Account: "222222222222", Token: &c.token})
		if err != nil || !slices.Equal(ids(report.Findings), c.want) {
			t.Errorf("Document(%s) with sub %q finds %v, %v, want %v", c.doc, c.token.Subject, ids(report.Findings), err, c.want)
		}
	}
}

// TestTextIsInert: what a document holds cannot steer the terminal.
func TestTextIsInert(t *testing.T) {
	text := doc(`{"Sid":"a\u001b[2J","Effect":"Allow","Action":"x\u009b:\u202e","Principal":{"AWS":"\u0007"},"Resource":"\u001b]0;x"}`)
	for _, kind := range Kinds() {
		report, err := Document([]byte(text), kind, Facts{})
		if err != nil || len(report.Findings) < 3 {
			t.Errorf("%s: %v, %v", kind, ids(report.Findings), err)
		}
		out := string(Text([]File{{"a\x1bb", report}}))
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s: %q", kind, out[max(0, i-40):i+4])
		}
	}
}

func TestParseClaims(t *testing.T) {
	for text, want := range map[string]Token{
		`{"iss":"https://i","sub":"s","aud":"a"}`:               {"https://i", "s", []string{"a"}, ""},
		`{"iss":"https://i","aud":["a","b"],"azp":"c","exp":1}`: {"https://i", "", []string{"a", "b"}, "c"},
	} {
		if got, err := ParseClaims([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseClaims(%s) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "eyJhbGciOiJSUzI1NiJ9.secret.secret", `{"iss":7}`, `{"sub":"x"}`, `{"iss":"x","aud":{}}`} {
		_, err := ParseClaims([]byte(text))
		if !pullpass.IsKind(err, pullpass.Invalid) || strings.Contains(pullpass.Explain(err), "secret") {
			t.Errorf("ParseClaims(%q) = %v", text, err)
		}
	}
}

// TestMismatchShowsBoth wants the token's claim beside the pattern.
func TestMismatchShowsBoth(t *testing.T) {
	text := doc(`{` + webAllow + `,"Condition":{"StringEquals":{` + aud + `,` + sub + `}}}`)
	report, err := Document([]byte(text), Trust, Facts{Token: &Token{Subject: "repo:team/app:ref:refs/heads/dev"}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.ID == "token-subject" })
	if i < 0 {
		t.Fatalf("found %v", ids(report.Findings))
	}
	for _, want := range []string{"repo:team/app:ref:refs/heads/dev", "repo:team/app:ref:refs/heads/main", "StringEquals"} {
		if !strings.Contains(report.Findings[i].Detail, want) {
			t.Errorf("%q does not show %q", report.Findings[i].Detail, want)
		}
	}
}

// TestHostile feeds what is large, deep or full of mistakes: each rule stops
// at its bound, and positions stay right on one endless line.
func TestHostile(t *testing.T) {
	many := func(n int, part string) string { return strings.TrimSuffix(strings.Repeat(part+",", n), ",") }
	for name, text := range map[string]string{
		"actions":  doc(`{"Effect":"Allow","Action":[` + many(6500, `"ecr:ListImageXYZ"`) + `],"Resource":"*"}`),
		"keys":     doc(`{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*","Condition":{"StringEquals":{` + distinct(5000) + `}}}`),
		"sids":     doc(many(5000, `{"Sid":"a"}`)),
		"brackets": strings.Repeat("[", 100000),
		"nested":   `{"Statement":` + strings.Repeat(`{"Statement":`, 31) + `1` + strings.Repeat(`}`, 32),
		"stars":    doc(`{"Effect":"Allow","Action":"` + strings.Repeat("*a", 60000) + `","Resource":"*"}`),
	} {
		report, err := Document([]byte(text), Unknown, Facts{Account: "222222222222"})
		if len(text) > maxSize {
			t.Errorf("%s: %d bytes are not looked into", name, len(text))
		}
		if err != nil || len(report.Findings) == 0 {
			t.Errorf("%s: %d findings, %v", name, len(report.Findings), err)
		}
		count := map[string]int{}
		for _, f := range report.Findings {
			if count[f.ID]++; count[f.ID] > maxFindings {
				t.Errorf("%s: more than %d findings of %s", name, maxFindings, f.ID)
				break
			}
		}
	}
	report, _ := Document([]byte(strings.Repeat(" ", maxSize+1)), Unknown, Facts{})
	if got := ids(report.Findings); !slices.Equal(got, []string{"document-size"}) {
		t.Errorf("an oversized document gives %v", got)
	}
}

// TestFixManyMistakes corrects more mistakes than one pass reports.
func TestFixManyMistakes(t *testing.T) {
	text := doc(strings.TrimSuffix(strings.Repeat(`{"Sid":"a","Effect":"Allow","Action":"ecr:ListImage","Resource":"*"},`, 350), ","))
	checkFix(t, []byte(text), Identity, Facts{})
}

func distinct(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf(`"ecr:Key%d":"a*"`, i)
	}
	return strings.Join(words, ",")
}

// TestLargeDocumentsAreNotLookedInto: one byte more than the limit, and nothing but the
// size is said.
func TestLargeDocumentsAreNotLookedInto(t *testing.T) {
	for _, c := range []struct {
		size int
		only bool
	}{{maxSize, false}, {maxSize + 1, true}} {
		text := doc(`{"Effect":"Alow","Action":"ecr:PutImage","Resource":"*"}`)
		text += strings.Repeat(" ", c.size-len(text))
		report, err := Document([]byte(text), Identity, Facts{})
		if err != nil {
			t.Fatal(err)
		}
		if only := slices.Equal(ids(report.Findings), []string{"document-size"}); only != c.only {
			t.Errorf("%d bytes: found %v, want the size only: %v", c.size, ids(report.Findings), c.only)
		}
	}
}
