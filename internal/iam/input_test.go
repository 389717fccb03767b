package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseInput(t *testing.T) {
	r, p, err := ParseInput([]byte(`{
  "request": {
    "action": "ecr:BatchGetImage", "resource": "` + theirRepository + `", "resourceAccount": "222222222222",
    "principal": {"AWS": "arn:aws:iam::111111111111:role/team/runner", "session": "build-7"},
    "context": {"aws:SourceIp": "203.0.113.7", "aws:TagKeys": ["a", "b"], "n": 5, "b": true}
  },
  "identityPolicies": [` + flexRunnerPolicy + `],
  "resourcePolicies": [],
  "permissionsBoundaries": [{"Statement": []}],
  "sessionPolicies": [{"Statement": []}, {"Statement": []}],
  "serviceControlPolicies": [[{"Statement": []}], []],
  "resourceControlPolicies": [[]]
}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.Principal.ARN != runnerSession || r.Principal.Path != "/team/" || r.ResourceAccount != theirs {
		t.Errorf("request = %+v", r)
	}
	if got := fmt.Sprint(r.Context); got != "map[aws:SourceIp:[203.0.113.7] aws:TagKeys:[a b] b:[true] n:[5]]" {
		t.Errorf("context = %s", got)
	}
	if len(p.Identity) != 1 || len(p.Resource) != 0 || len(p.Boundaries) != 1 || len(p.Session) != 2 ||
		len(p.ServiceControl) != 2 || len(p.ServiceControl[0]) != 1 || len(p.ResourceControl) != 1 {
		t.Errorf("policies = %+v", p)
	}
	if line := p.Identity[0].Statements[0].Pos.Line; line != 7 {
		t.Errorf("the statement's line = %d, want that of the input, 7", line)
	}
}

func TestParseInputPrincipals(t *testing.T) {
	tests := []struct {
		principal string
		kind      PrincipalKind
	}{
		{`"*"`, Anonymous}, {`"anonymous"`, Anonymous}, {`"111111111111"`, Root}, {`{"AWS":"111111111111"}`, Root},
		{`{"AWS":"` + ciUser + `","session":"job"}`, FederatedUser}, {`{"Service":"ecs.amazonaws.com"}`, Service}, {`{"Federated":"https://gitlab.example.com"}`, Federated},
		{`{"Federated":"accounts.google.com"}`, Federated}, {`{"AWS":"` + runnerRole + `"}`, Role},
	}
	for _, test := range tests {
		r, _, err := ParseInput([]byte(`{"request":{"action":"a:B","resource":"*","principal":` + test.principal + `}}`))
		if err != nil || r.Principal.Kind != test.kind {
			t.Errorf("principal %s = %s, %v; want %s", test.principal, r.Principal.Kind, err, test.kind)
		}
	}
}

func TestParseInputRefuses(t *testing.T) {
	request := func(more string) string {
		return `{"request":{"action":"a:B","resource":"*","principal":"*"` + more + `}}`
	}
	tests := []struct{ input, at, what, hint string }{
		{`[]`, "1:1", "is an object", ""},
		{`{}`, "1:1", "no request", ""},
		{`{"request":1}`, "1:12", "is an object", ""},
		{`{"request":{"action":"a:B","resource":"*"}}`, "1:12", "no principal", ""},
		{`{"request":{"action":"a","resource":"*","principal":"*"}}`, "1:22", "service:Name", ""},
		{`{"request":{"action":"a:B","resource":"x","principal":"*"}}`, "1:39", "an ARN", "repository/"},
		{`{"request":{"action":"a:B","resource":"*","principal":"bob"}}`, "1:55", "not a principal", ""},
		{`{"request":{"action":"a:B","resource":"*","principal":{}}}`, "1:55", "names nobody", ""},
		{`{"request":{"action":"a:B","resource":"*","principal":{"AWS":"*","Service":"x"}}}`, "1:66", "one principal", ""},
		{`{"request":{"action":"a:B","resource":"*","principal":{"aws":"*"}}}`, "1:56", "no field", `"AWS"`},
		{`{"request":{"action":"a:B","resource":"*","principal":{"AWS":"*","session":"x"}}}`, "1:76", "only a role and a user", ""},
		{request(`,"acount":1`), "1:59", "no field", ""},
		{request(`,"resourceAccount":"1"`), "1:77", "twelve digits", ""},
		{request(`,"context":[]`), "1:69", "object of condition keys", ""},
		{request(`,"context":{"a":{}}`), "1:74", "an object where a string", ""},
		{request(`,"context":{"aws:x":"1","AWS:X":"2"}`), "1:82", "duplicate key", "case"},
		{request(`,"context":{` + manyKeys(40) + `"k39":"1"}`), "1:460", "duplicate key", "merge"},
		{request(`,"context":{` + manyKeys(40) + `"k0":"1"}`), "1:460", "duplicate key", "merge"},
		{`{"identityPolicy":[]}`, "1:2", "no field", `"identityPolicies"`},
		{`{"identityPolicies":{}}`, "1:21", "a list of policy documents", "[ ]"},
		{`{"serviceControlPolicies":[{}]}`, "1:28", "a list of policy documents", ""},
		{`{"resourcePolicies":[{"Statement":[{"Effect":"Allow"}]}]}`, "1:36", "neither Action", ""},
	}
	for _, test := range tests {
		_, _, err := ParseInput([]byte(test.input))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("ParseInput(%s) = %v, want a SyntaxError", test.input, err)
			continue
		}
		if syntax.Position.String() != test.at || !strings.Contains(syntax.What, test.what) || !strings.Contains(syntax.Hint, test.hint) {
			t.Errorf("ParseInput(%s) = %v; want %q at %s, hint %q", test.input, err, test.what, test.at, test.hint)
		}
	}
}

func TestDecisionAsJSON(t *testing.T) {
	r := Request{Action: pullAction, Resource: theirRepository, Principal: caller(t, runnerSession)}
	out, err := json.Marshal(Evaluate(r, Policies{Identity: docs(t, allowAll)}))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Decision string
		Layers   []struct{ Name, Result, Account string }
		Missing  struct {
			Additions []struct {
				Policy, Account, To string
				Statement           map[string]any
			}
		}
	}
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	if d.Decision != "implicitDeny" || len(d.Layers) != 2 || d.Layers[0].Name != "repositoryPolicy" || d.Layers[0].Account != theirs {
		t.Errorf("decision = %s", out)
	}
	if len(d.Missing.Additions) != 1 || d.Missing.Additions[0].Policy != "repositoryPolicy" || d.Missing.Additions[0].Account != theirs ||
		d.Missing.Additions[0].To != theirRepository || d.Missing.Additions[0].Statement["Action"] != pullAction {
		t.Errorf("missing = %+v", d.Missing)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	everything := Policies{Identity: docs(t, allowAll)}
	for _, r := range []Request{
		{}, {Action: "ecr", Resource: "*"}, {Action: ":x", Resource: "*"}, {Action: "ecr:", Resource: "*"},
		{Action: "ecr:*", Resource: "*"}, {Action: "ec?:BatchGetImage", Resource: "*"}, {Action: "ecr:" + strings.Repeat("a", 125), Resource: "*"},
		{Action: pullAction}, {Action: pullAction, Resource: "bucket"},
		{Action: pullAction, Resource: "arn:aws:s3:::" + strings.Repeat("a", 2048)},
	} {
		r.Principal = caller(t, ciUser)
		if d := checked(t, r, everything); d.Effect != ImplicitDeny || d.Missing == nil || len(d.Missing.Additions) != 0 {
			t.Errorf("%+v: %s, want a denial without additions", r, d.Effect)
		}
	}
}

// manyKeys are more members of an object than are compared one by one.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":"1",`, i)
	}
	return b.String()
}

// The longest that AWS takes is taken, and nothing longer.
func TestLongestRequest(t *testing.T) {
	everything := Policies{Identity: docs(t, allowAll)}
	action := func(n int) string { return "ecr:" + strings.Repeat("a", n-len("ecr:")) }
	resource := func(n int) string { return "arn:aws:s3:::" + strings.Repeat("a", n-len("arn:aws:s3:::")) }
	for _, test := range []struct {
		action, resource string
		want             Result
	}{
		{action(128), resource(2048), Allowed}, {action(129), resource(2048), ImplicitDeny}, {action(128), resource(2049), ImplicitDeny},
	} {
		r := Request{Action: test.action, Resource: test.resource, Principal: caller(t, ciUser)}
		if d := checked(t, r, everything); d.Effect != test.want {
			t.Errorf("an action of %d and a resource of %d characters: %s, want %s", len(r.Action), len(r.Resource), d.Effect, test.want)
		}
	}
	document := `{"Statement":[` + allowAll + `]}`
	for pad, want := range map[int]bool{MaxSize - len(document): true, MaxSize - len(document) + 1: false} {
		if _, err := Parse([]byte(document + strings.Repeat(" ", pad))); (err == nil) != want {
			t.Errorf("a document of %d bytes: %v, want it read: %v", len(document)+pad, err, want)
		}
	}
}
