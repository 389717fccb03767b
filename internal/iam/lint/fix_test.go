package lint

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullpass/pullpass/internal/iam"
)

// checkFix demands what Fix promises: fixing twice changes nothing more, no
// mechanical finding is left, JSON stays JSON, and no element moves.
func checkFix(t interface {
	Errorf(format string, args ...any)
}, data []byte, kind Kind, facts Facts) {
	once, fixed, err := Fix(data, kind, facts)
	if err != nil {
		t.Errorf("Fix(%s) = %v", data, err)
		return
	}
	if json.Valid(data) && !json.Valid(once) {
		t.Errorf("Fix(%s) = %s, which is not JSON", data, once)
	}
	if len(fixed) == 0 && !bytes.Equal(once, data) {
		t.Errorf("Fix(%s) = %s without a finding", data, once)
	}
	before, _ := Document(data, kind, facts)
	after, _ := Document(once, before.Kind, facts)
	for _, f := range after.Findings {
		if f.Mechanical {
			t.Errorf("Fix(%s) = %s leaves %s: %s", data, once, f.ID, f.Detail)
		}
	}
	twice, again, _ := Fix(once, before.Kind, facts)
	if !bytes.Equal(twice, once) || len(again) > 0 {
		t.Errorf("Fix(%s) = %s, but fixed again %s", data, once, twice)
	}
}

func TestFixRuleCases(t *testing.T) {
	for _, c := range ruleCases() {
		text, _, _ := unmark(t, c.doc)
		checkFix(t, []byte(text), c.kind, c.facts)
	}
}

func TestFixKeepsLayout(t *testing.T) {
	in := `{
	"Statement": [
		{
			"Effect": "Allow",
			"Action": [
				"ecr:GetAuthorizationToken",
				"ecr:BatchGetImage",
				"ecr:GetDownloadUrlForLayer"
			],
			"Resource": "arn:aws:ecr:eu-west-1:222222222222:team/app"
		}
	],
	"Version": "2012-10-17"
}
`
	want := `{
	"Statement": [
		{
			"Effect": "Allow",
			"Action": [
				"ecr:BatchGetImage",
				"ecr:GetDownloadUrlForLayer"
			],
			"Resource": "arn:aws:ecr:eu-west-1:222222222222:repository/team/app"
		},
		{
			"Effect": "Allow",
			"Action": "ecr:GetAuthorizationToken",
			"Resource": "*"
		}
	],
	"Version": "2012-10-17"
}
`
	got, fixed, err := Fix([]byte(in), Identity, Facts{})
	if err != nil || string(got) != want {
		t.Errorf("Fix = %s, %v, want %s", got, err, want)
	}
	if names := ids(fixed); !slices.Contains(names, "login-resource") || !slices.Contains(names, "resource-repository-word") {
		t.Errorf("Fix corrected %v", names)
	}
}

// TestFixCompounds corrects corrections: IfExists first, then the wildcard
// that stands under StringEquals only from then on.
func TestFixCompounds(t *testing.T) {
	in := doc(`{` + webAllow + `,"Condition":{"StringEquals":{` + aud + `},"ForAllValues:StringEqualsIfExists":{"https://id.example.com:sub":"repo:team/*"}}}`)
	want := doc(`{` + webAllow + `,"Condition":{"StringEquals":{` + aud + `},"StringLike":{"id.example.com:sub":"repo:team/*"}}}`)
	got, _, err := Fix([]byte(in), Trust, Facts{Account: "222222222222"})
	if err != nil || withoutBlanks(string(got)) != withoutBlanks(want) {
		t.Errorf("Fix(%s) = %s, %v, want %s", in, got, err, want)
	}
	report, _ := Document(got, Trust, Facts{Account: "222222222222"})
	if len(report.Findings) > 0 {
		t.Errorf("findings left: %v", ids(report.Findings))
	}
}

// documents generates policies from good and bad parts alike.
func documents() *rapid.Generator[string] {
	pick := func(values ...string) *rapid.Generator[string] { return rapid.SampledFrom(values) }
	list := func(g *rapid.Generator[string]) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			items := rapid.SliceOfN(g, 1, 4).Draw(t, "items")
			if len(items) == 1 && rapid.Bool().Draw(t, "bare") {
				return items[0]
			}
			return "[" + strings.Join(items, ", ") + "]"
		})
	}
	sid := pick(`"A"`, `"A"`, `"a b"`, `"é"`, `""`, `"A2"`)
	action := pick(`"ecr:GetAuthorizationToken"`, `"ECR:getauthorizationtoken"`, `"ecr:BatchGetImage"`, `"ecr:ListImage"`, `"sts:AssumeRole"`,
		`"sts:AssumeRoleWithWebIdentity"`, `"ecr:*"`, `"*"`, `"s3:GetObject"`, `"BatchGetImage"`)
	resource := pick(`"*"`, app, `"arn:aws:ecr:eu-west-1:222222222222:team/app:1"`, `"arn:aws:ecr:cn-north-1:222222222222:x:latest"`,
		`"222222222222.dkr.ecr.eu-west-1.amazonaws.com/a/b@sha256:0"`, `"arn:aws:ecr:eu-west-1:222222222222:repository/${aws:PrincipalTag/t}"`, `"<x>"`)
	principal := pick(`"*"`, `{"AWS":"111111111111"}`, `{"AWS":["arn:aws:iam::111111111111:role:pull","*"]}`,
		`{"Federated":"arn:aws:iam::111111111111:oidc-provider/https://id.example.com/"}`, `{"Federated":"arn:aws:iam::222222222222:oidc-provider/id.example.com"}`)
	operator := pick(`"StringEquals"`, `"StringLike"`, `"StringEqualsIfExists"`, `"ForAllValues:StringLike"`, `"StringEqual"`, `"Bool"`, `"StringNotEquals"`)
	key := pick(`"id.example.com:sub"`, `"https://id.example.com:sub"`, `"id.example.com:aud"`, `"id.example.com:iss"`, `"aws:PrincipalTag/a"`, `"ecr:ResourceTag/b"`)
	value := pick(`"repo:team/*"`, `"a"`, `"*"`, `"${aws:username}"`, `"${*}"`)
	object := func(t *rapid.T, keys *rapid.Generator[string], value func() string, most int) string {
		var members []string
		for _, k := range rapid.SliceOfNDistinct(keys, 0, most, rapid.ID[string]).Draw(t, "keys") {
			members = append(members, k+": "+value())
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	statement := rapid.Custom(func(t *rapid.T) string {
		names := pick(`"Sid"`, `"Effect"`, `"Principal"`, `"Action"`, `"Resource"`, `"Condition"`, `"NotPrincipal"`, `"action"`)
		var members []string
		for _, name := range rapid.SliceOfNDistinct(names, 2, 8, rapid.ID[string]).Draw(t, "elements") {
			var v string
			switch name {
			case `"Sid"`:
				v = sid.Draw(t, "sid")
			case `"Effect"`:
				v = pick(`"Allow"`, `"Deny"`, `"allow"`).Draw(t, "effect")
			case `"Principal"`, `"NotPrincipal"`:
				v = principal.Draw(t, "principal")
			case `"Resource"`:
				v = list(resource).Draw(t, "resource")
			case `"Condition"`:
				v = object(t, operator, func() string {
					return object(t, key, func() string { return list(value).Draw(t, "values") }, 3)
				}, 3)
			default:
				v = list(action).Draw(t, "action")
			}
			members = append(members, name+": "+v)
		}
		return "{" + strings.Join(members, ", ") + "}"
	})
	return rapid.Custom(func(t *rapid.T) string {
		statements := rapid.SliceOfN(statement, 0, 4).Draw(t, "statements")
		version := pick(``, `"Version": "2012-10-17", `, `"Version": "2008-10-17", `).Draw(t, "version")
		if len(statements) == 1 && rapid.Bool().Draw(t, "bare") {
			return `{` + version + `"Statement": ` + statements[0] + `}`
		}
		return `{` + version + `"Statement": [` + strings.Join(statements, ",\n  ") + `]}`
	})
}

func TestFixProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := documents().Draw(t, "document")
		kind := rapid.SampledFrom(append(Kinds(), Unknown)).Draw(t, "kind")
		facts := Facts{}
		if rapid.Bool().Draw(t, "account known") {
			facts.Account = "333333333333"
		}
		checkFix(t, []byte(text), kind, facts)
	})
}

// TestCleanParses holds the linter to its word: a document without an error is
// one that package iam, and so AWS, accepts.
func TestCleanParses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := documents().Draw(t, "document")
		report, err := Document([]byte(text), rapid.SampledFrom(Kinds()).Draw(t, "kind"), Facts{})
		if err != nil {
			t.Fatal(err)
		}
		if report.Worst() != Error {
			if _, err := iam.Parse([]byte(text)); err != nil {
				t.Errorf("Document(%s) finds no error, Parse says %v", text, err)
			}
		}
	})
}

func FuzzFix(f *testing.F) {
	for _, c := range ruleCases() {
		f.Add([]byte(strings.NewReplacer("«", "", "»", "").Replace(c.doc)), string(c.kind))
	}
	f.Fuzz(func(t *testing.T, data []byte, kind string) {
		if !isKind(Kind(kind)) {
			kind = ""
		}
		checkFix(t, data, Kind(kind), Facts{Account: "222222222222", Role: "arn:aws:iam::222222222222:role/x"})
	})
}
