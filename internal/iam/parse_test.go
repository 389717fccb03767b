package iam

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func mustParse(t tester, document string) *Policy {
	t.Helper()
	p, err := Parse([]byte(document))
	if err != nil {
		t.Fatalf("Parse(%s): %v", document, err)
	}
	return p
}

func TestParseWholeGrammar(t *testing.T) {
	p := mustParse(t, `{
  "Version": "2012-10-17",
  "Id": "é-policy",
  "Statement": [
    {"Sid": "One", "Effect": "Allow", "Principal": "*", "Action": "ecr:*", "Resource": ["a", "b"]},
    {"Effect": "Deny", "NotPrincipal": {"AWS": ["111111111111"], "Service": "x.amazonaws.com", "Federated": "f", "CanonicalUser": "c"},
     "NotAction": ["s3:Get*"], "NotResource": "*",
     "Condition": {"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a", "b"]}, "NumericLessThan": {"k": 5, "l": [1.5, -2e3]}, "Bool": {"m": true}}}
  ]}`)
	if p.Version != Version2012 || p.ID != "é-policy" || len(p.Statements) != 2 {
		t.Fatalf("Parse = %+v", p)
	}
	first, second := p.Statements[0], p.Statements[1]
	if first.Sid != "One" || first.Effect != Allow || !first.Principals.Any || first.Actions[0].Text != "ecr:*" || len(first.Resources) != 2 {
		t.Errorf("first statement = %+v", first)
	}
	if second.Principals != nil || second.NotPrincipals == nil || second.NotPrincipals.Service[0].Text != "x.amazonaws.com" ||
		second.NotActions[0].Text != "s3:Get*" || second.NotResources[0].Text != "*" || len(second.Conditions) != 4 {
		t.Errorf("second statement = %+v", second)
	}
	operator := second.Conditions[0].Operator
	if operator.Name != "StringLike" || operator.Quantifier != ForAnyValue || !operator.IfExists || operator.Negated {
		t.Errorf("operator = %+v", operator)
	}
	if got := second.Conditions[2].Values[1].Text; got != "-2e3" {
		t.Errorf("number = %q, want its literal", got)
	}
	if got, want := first.Actions[0].Pos, (Position{5, 67}); got != want {
		t.Errorf("position of the action = %v, want %v", got, want)
	}
}

func TestParseSingleStatementAndColumnsInCharacters(t *testing.T) {
	p := mustParse(t, "{\"Id\":\"日本\",\r\n\t\"Statement\":{\"Sid\":\"é\",\"Effect\":\"Deny\",\"Action\":\"*\"}}")
	if p.Version != "" || p.Variables() {
		t.Errorf("version = %q, variables %v; want the old language", p.Version, p.Variables())
	}
	s := p.Statements[0]
	if want := (Position{2, 14}); s.Pos != want {
		t.Errorf("statement at %v, want %v", s.Pos, want)
	}
	if want := (Position{2, 34}); s.EffectPos != want {
		t.Errorf("effect at %v, want %v", s.EffectPos, want)
	}
	if want := (Position{2, 41}); s.ElementPos("Action") != want {
		t.Errorf("element Action at %v, want %v", s.ElementPos("Action"), want)
	}
}

func TestParseRefuses(t *testing.T) {
	statement := func(body string) string { return `{"Statement":{` + body + `}}` }
	tests := []struct{ document, at, what, hint string }{
		{``, "1:1", "ends where a value", ""},
		{`[]`, "1:1", "a policy is an object", ""},
		{`{}`, "1:1", "no Statement", ""},
		{"\uFEFF{}", "1:1", "byte order mark", "UTF-8"},
		{"{\n \x00}", "2:2", "NUL", "UTF-16"},
		{"{\"é\xff\"}", "1:4", "not valid UTF-8", "UTF-8"},
		{`{"Statement":[]} {}`, "1:18", "after the end", ""},
		{`{"Statement":[],}`, "1:17", "name in double quotes", "trailing comma"},
		{`{"Statement":[],"Statement":[]}`, "1:17", "duplicate key", "merge"},
		{`{"Sttement":[]}`, "1:2", "no element \"Sttement\"", `"Statement"`},
		{`{"Version":"2012-10-18","Statement":[]}`, "1:12", "version", "2012-10-17"},
		{`{"Version":2012,"Statement":[]}`, "1:12", "is a string", ""},
		{`{"Statement":["x"]}`, "1:15", "a statement is an object", ""},
		{statement(`"Action":"*"`), "1:14", "no Effect", ""},
		{statement(`"Effect":"allow","Action":"*"`), "1:24", "Allow or Deny", `"Allow"`},
		{statement(`"Effect":"Allow"`), "1:14", "neither Action", ""},
		{statement(`"Effect":"Allow","Action":"*","NotAction":"*"`), "1:45", "not both", "two statements"},
		{statement(`"Effect":"Allow","Action":"*","NotResource":"*","Resource":"*"`), "1:45", "not both", ""},
		{statement(`"effect":"Allow"`), "1:15", "no element", `"Effect"`},
		{statement(`"Effect":"Allow","Acton":"*"`), "1:32", "no element", `"Action"`},
		{statement(`"Effect":"Allow","Action":[1]`), "1:42", "a number where a string", "quotes"},
		{statement(`"Effect":"Allow","Action":null`), "1:41", "null", ""},
		{statement(`"Effect":"Allow","Action":"*","Principal":"arn:aws:iam::1:root"`), "1:57", `"*" or an object`, "AWS"},
		{statement(`"Effect":"Allow","Action":"*","Principal":{"Aws":"*"}`), "1:58", "kind of principal", `"AWS"`},
		{statement(`"Effect":"Allow","Action":"*","Condition":{"StringEqual":{"a":"b"}}`), "1:58", "operator", `"StringEquals"`},
		{statement(`"Effect":"Allow","Action":"*","Condition":{"ForAnyValue:StringEqual":{"a":"b"}}`), "1:58", "operator", `"ForAnyValue:StringEquals"`},
		{statement(`"Effect":"Allow","Action":"*","Condition":{"NullIfExists":{"a":"true"}}`), "1:58", "operator", "no IfExists"},
		{statement(`"Effect":"Allow","Action":"*","Condition":{"Bool":{"a":null}}`), "1:70", "null", ""},
		{statement(`"Effect":"Allow","Action":"*","Condition":{"Bool":{"a":"1","a":"2"}}`), "1:74", "duplicate key", ""},
		{statement(`"Effect":"Allow","Action":"*","Condition":[]`), "1:57", "object of operators", ""},
		{`{"Statement": 01}`, "1:15", "not a JSON number", ""},
		{`{"Statement": tru}`, "1:15", "not a JSON value", ""},
		{`{"Statement": "a` + "\n" + `"}`, "1:17", "control character", ""},
		{`{"Statement": "\q"}`, "1:16", "not an escape", ""},
		{`{"Statement": "\ud800x"}`, "1:16", "not a character", ""},
		{`{"Statement": "\u0000"}`, "1:16", "NUL", ""},
		{`{"Statement": "abc`, "1:15", "never ends", ""},
		{`{"Statement" []}`, "1:14", "colon", ""},
		{`{"Statement":[{} {}]}`, "1:18", "comma or ]", ""},
		{`{"Statement":[] "Id":""}`, "1:17", "comma or }", ""},
	}
	for _, test := range tests {
		_, err := Parse([]byte(test.document))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Parse(%q) = %v, want a SyntaxError", test.document, err)
			continue
		}
		if syntax.Position.String() != test.at || !strings.Contains(syntax.What, test.what) || !strings.Contains(syntax.Hint, test.hint) {
			t.Errorf("Parse(%q) = %q at %v, hint %q; want %q at %s, hint %q",
				test.document, syntax.What, syntax.Position, syntax.Hint, test.what, test.at, test.hint)
		}
	}
}

func TestParseRefusesHostileSizes(t *testing.T) {
	tests := map[string]string{
		"too large":   `{"Statement":[]}` + strings.Repeat(" ", MaxSize),
		"too deep":    strings.Repeat("[", MaxSize/2) + strings.Repeat("]", MaxSize/2),
		"too deep {}": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		"too many":    `{"Statement":[` + strings.Repeat("1,", MaxSize/2-20) + `1]}`,
	}
	for name, document := range tests {
		if _, err := Parse([]byte(document)); err == nil {
			t.Errorf("%s: accepted %d bytes", name, len(document))
		}
	}
}

func TestDepthBound(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	if _, err := parseTree([]byte(nested(MaxDepth))); err != nil {
		t.Errorf("depth %d: %v", MaxDepth, err)
	}
	if _, err := parseTree([]byte(nested(MaxDepth + 1))); err == nil {
		t.Errorf("depth %d accepted", MaxDepth+1)
	}
}

func TestMarshalIsCanonicalAndRoundTrips(t *testing.T) {
	document := `{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"S<>&","Effect":"Allow","Principal":{"AWS":["111111111111","222222222222"],"Service":"a.amazonaws.com"},"Action":["a:B","a:C"],"Resource":"*","Condition":{"StringEquals":{"k":["1","2"],"l":"\u0001\"\\"},"Bool":{"m":"true"}}},{"Effect":"Deny","NotPrincipal":"*","NotAction":"a:*","NotResource":[]}]}`
	p := mustParse(t, document)
	got, err := p.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != document {
		t.Errorf("MarshalJSON =\n%s, want\n%s", got, document)
	}
	if _, err := json.Marshal(p); err != nil {
		t.Errorf("json.Marshal: %v", err)
	}
	again := mustParse(t, p.String())
	second, err := again.MarshalJSON()
	if err != nil || !reflect.DeepEqual(second, got) {
		t.Errorf("second round = %s, %v", second, err)
	}
}

func TestMarshalRefusesWhatADocumentCannotSay(t *testing.T) {
	key := Value{Text: "k"}
	p := &Policy{Statements: []Statement{{Effect: Allow, Actions: Values("*"), Conditions: []Condition{
		{Operator: MustOperator("StringLike"), Key: key, Values: Values("a*")},
		{Operator: MustOperator("stringlike"), Key: Value{Text: "K"}, Values: Values("*b")},
	}}}}
	if out, err := p.MarshalJSON(); err == nil {
		t.Errorf("MarshalJSON = %s, want an error", out)
	}
}
