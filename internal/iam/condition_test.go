package iam

import (
	"fmt"
	"testing"
)

// holds decides with one statement of the given effect whose condition is all
// that matters.
func holds(t *testing.T, effect, version, condition string, context map[string][]string) bool {
	t.Helper()
	document := fmt.Sprintf(`{"Version":%q,"Statement":{"Effect":%q,"Action":"*","Resource":"*","Condition":%s}}`, version, effect, condition)
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, ciUser), Context: context}
	p := Policies{Identity: []*Policy{mustParse(t, document)}}
	if effect == string(Deny) {
		p.Identity = append(p.Identity, docs(t, allowAll)...)
	}
	d := checked(t, r, p)
	if effect == string(Deny) {
		return d.Effect == ExplicitDeny
	}
	return d.Effect == Allowed
}

// TestOperators: every operator on a key that is there. The negated ones must
// be the exact opposite, which the test checks by itself.
func TestOperators(t *testing.T) {
	negations := map[string]string{
		"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "StringLike": "StringNotLike",
		"NumericEquals": "NumericNotEquals", "DateEquals": "DateNotEquals", "IpAddress": "NotIpAddress",
		"ArnEquals": "ArnNotEquals", "ArnLike": "ArnNotLike",
	}
	tests := []struct {
		operator, policy, request string
		want                      bool
	}{
		{"StringEquals", "abc", "abc", true},
		{"StringEquals", "abc", "Abc", false},
		{"StringEquals", "a*", "abc", false},
		{"StringEquals", "a*", "a*", true},
		{"StringEquals", "", "", true},
		{"StringEqualsIgnoreCase", "aBc", "Abc", true},
		{"StringEqualsIgnoreCase", "abc", "abd", false},
		{"StringEqualsIgnoreCase", "a*", "abc", false},
		{"StringLike", "repo:org/*:ref:refs/heads/*", "repo:org/app:ref:refs/heads/feature/x", true},
		{"StringLike", "repo:org/*", "repo:Org/app", false},
		{"StringLike", "a?c", "abc", true},
		{"StringLike", "a?c", "ac", false},
		{"StringLike", "a?c", "aéc", true},
		{"StringLike", "*", "", true},
		{"StringLike", "*a*b*", "xxaxxbxx", true},
		{"StringLike", "*a*b*", "xxbxxaxx", false},
		{"NumericEquals", "10", "10.0", true},
		{"NumericEquals", "9007199254740993", "9007199254740992", false},
		{"NumericEquals", "1e3", "1000", true},
		{"NumericEquals", "-0", "0", true},
		{"NumericEquals", "ten", "ten", false},
		{"NumericEquals", "10", "0x0a", false},
		{"NumericLessThan", "10", "9.99", true},
		{"NumericLessThan", "10", "10", false},
		{"NumericLessThan", "-1", "-2", true},
		{"NumericLessThan", "10", "nan", false},
		{"NumericLessThanEquals", "10", "10", true},
		{"NumericLessThanEquals", "10", "10.01", false},
		{"NumericGreaterThan", "10", "100", true},
		{"NumericGreaterThan", "10", "10", false},
		{"NumericGreaterThan", "-1", "1", true},
		{"NumericGreaterThanEquals", "10", "010", true},
		{"NumericGreaterThanEquals", "10", "9", false},
		{"DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", true},
		{"DateEquals", "2026-01-01T00:00:00Z", "1767225600", true},
		{"DateEquals", "2026-01-01", "2026-01-01T00:00:01Z", false},
		{"DateEquals", "2026-01-01T00:00:00.500Z", "2026-01-01T00:00:00Z", false},
		{"DateLessThan", "2026-01-02", "2026-01-01T23:59:59Z", true},
		{"DateLessThan", "2026-01-02", "2026-01-02", false},
		{"DateLessThanEquals", "2026-01-02", "2026-01-02", true},
		{"DateLessThanEquals", "2026", "2026-01-02", false},
		{"DateGreaterThan", "2026-01", "2026-01-02", true},
		{"DateGreaterThan", "2026-01-02", "yesterday", false},
		{"DateGreaterThanEquals", "0", "2026-01-02", true},
		{"DateGreaterThanEquals", "2026-01-03", "2026-01-02", false},
		{"Bool", "true", "TRUE", true},
		{"Bool", "true", "false", false},
		{"Bool", "true", "1", false},
		{"bool", "false", "false", true},
		{"BinaryEquals", "QmluYXJ5", "QmluYXJ5", true},
		{"BinaryEquals", "QmluYXJ5", "qmluYXJ5", false},
		{"BinaryEquals", "not base64", "not base64", false},
		{"IpAddress", "203.0.113.0/24", "203.0.113.77", true},
		{"IpAddress", "203.0.113.9/24", "203.0.113.77", true},
		{"IpAddress", "203.0.113.0/24", "203.0.114.1", false},
		{"IpAddress", "203.0.113.7", "203.0.113.7", true},
		{"IpAddress", "203.0.113.0/24", "::ffff:203.0.113.7", true},
		{"IpAddress", "::ffff:203.0.113.0/120", "203.0.113.7", true},
		{"IpAddress", "2001:db8::/32", "2001:db8:1::1", true},
		{"IpAddress", "2001:db8::/32", "203.0.113.7", false},
		{"IpAddress", "0.0.0.0/0", "nowhere", false},
		{"IpAddress", "nowhere", "203.0.113.7", false},
		{"IpAddress", "203.0.113.0/40", "203.0.113.7", false},
		{"IpAddress", "fe80::/10", "fe80::1%eth0", false},
		{"ArnEquals", "arn:aws:iam::111111111111:role/*", "arn:aws:iam::111111111111:role/a/b", true},
		{"ArnEquals", "arn:aws:iam::*:role/a", "arn:aws:iam::111111111111:role/a", true},
		{"ArnEquals", "arn:aws:iam::111111111111:*", "arn:aws:iam::222222222222:role/a", false},
		{"ArnLike", "arn:aws:sns:*:1*", "arn:aws:sns:eu-west-1:111111111111:x", false},
		{"ArnLike", "arn:aws:*:*:*:x", "arn:aws:sns:eu-west-1:111111111111:x", true},
		{"ArnLike", "arn:*:x", "arn:aws:sns:eu-west-1:111111111111:x", false},
		{"ArnLike", "arn:aws:sns:*:*:a:b", "arn:aws:sns:eu-west-1:111111111111:a:b", true},
		{"ArnLike", "arn:aws:s3:::b/A", "arn:aws:s3:::b/a", false},
		{"ArnLike", "*", "arn:aws:s3:::b/a", true},
		{"ArnLike", "arn:aws:s3:::*", "b/a", false},
	}
	covered := map[string]bool{}
	for _, test := range tests {
		operator := MustOperator(test.operator)
		covered[operator.Name] = true
		context := map[string][]string{"test:key": {test.request}}
		condition := fmt.Sprintf(`{%q:{"test:key":%q}}`, test.operator, test.policy)
		if got := holds(t, "Allow", Version2012, condition, context); got != test.want {
			t.Errorf("%s: policy %q, request %q = %v, want %v", test.operator, test.policy, test.request, got, test.want)
		}
		// On a key with one value none of these changes anything, but that
		// ForAllValues counts an empty value as none.
		for _, variant := range []string{test.operator + "IfExists", "ForAnyValue:" + test.operator, "ForAnyValue:" + test.operator + "IfExists", "ForAllValues:" + test.operator} {
			condition := fmt.Sprintf(`{%q:{"test:key":%q}}`, variant, test.policy)
			if got := holds(t, "Allow", Version2012, condition, context); got != test.want && test.request != "" {
				t.Errorf("%s: policy %q, request %q = %v, want %v", variant, test.policy, test.request, got, test.want)
			}
		}
		if negation := negations[test.operator]; negation != "" {
			covered[negation] = true
			condition := fmt.Sprintf(`{%q:{"test:key":%q}}`, negation, test.policy)
			if got := holds(t, "Allow", Version2012, condition, context); got == test.want {
				t.Errorf("%s: policy %q, request %q = %v, want %v", negation, test.policy, test.request, got, !test.want)
			}
		}
	}
	covered["Null"] = true // TestNull
	for _, name := range Operators() {
		if !covered[name] {
			t.Errorf("no test of %s", name)
		}
	}
}

func TestConditionsCombine(t *testing.T) {
	context := map[string][]string{"a": {"1"}, "b": {"2"}}
	tests := []struct {
		condition string
		want      bool
	}{
		{`{}`, true},
		{`{"StringEquals":{"a":["0","1"]}}`, true},                           // values OR
		{`{"StringEquals":{"a":[]}}`, false},                                 // no value at all
		{`{"StringNotEquals":{"a":["0","1"]}}`, false},                       // NOR
		{`{"StringNotEquals":{"a":["0","2"]}}`, true},                        // NOR
		{`{"StringEquals":{"a":"1","b":"2"}}`, true},                         // keys AND
		{`{"StringEquals":{"a":"1","b":"3"}}`, false},                        // keys AND
		{`{"StringEquals":{"a":"1"},"NumericEquals":{"b":2}}`, true},         // operators AND
		{`{"StringEquals":{"a":"1"},"NumericEquals":{"b":3}}`, false},        // operators AND
		{`{"StringEquals":{"A":"1"}}`, true},                                 // key names: any case
		{`{"StringEquals":{"a":"1"},"stringequals":{"A":"0"}}`, false},       // both count
		{`{"StringEquals":{"AWS:UserName":"ci","aws:username":"ci"}}`, true}, // derived keys, too
	}
	for _, test := range tests {
		if got := holds(t, "Allow", Version2012, test.condition, context); got != test.want {
			t.Errorf("%s = %v, want %v", test.condition, got, test.want)
		}
	}
}

func TestAbsentKeys(t *testing.T) {
	values := map[string]string{
		"StringEquals": "x", "StringLike": "*", "StringEqualsIgnoreCase": "x", "NumericEquals": "1", "NumericLessThan": "1",
		"DateEquals": "2026", "DateGreaterThan": "2026", "Bool": "false", "BinaryEquals": "QQ==", "IpAddress": "0.0.0.0/0",
		"ArnLike": "*", "ArnEquals": "*", "StringNotEquals": "x", "StringNotLike": "*", "StringNotEqualsIgnoreCase": "x",
		"NumericNotEquals": "1", "DateNotEquals": "2026", "NotIpAddress": "0.0.0.0/0", "ArnNotLike": "*", "ArnNotEquals": "*",
	}
	for _, more := range []string{"NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"} {
		values[more] = "1"
	}
	for _, more := range []string{"DateLessThan", "DateLessThanEquals", "DateGreaterThanEquals"} {
		values[more] = "2026"
	}
	for _, name := range Operators() {
		if _, tested := values[name]; !tested && name != "Null" { // TestNull
			t.Errorf("no test of %s without its key", name)
		}
	}
	for name, value := range values {
		negated := MustOperator(name).Negated
		for _, context := range []map[string][]string{nil, {"other": {"x"}}, {"key": {}}} {
			for _, test := range []struct {
				operator string
				want     bool
			}{
				{name, negated},
				{name + "IfExists", true},
				{"ForAllValues:" + name, true},
				{"ForAnyValue:" + name, false},
				{"ForAnyValue:" + name + "IfExists", true},
			} {
				condition := fmt.Sprintf(`{%q:{"key":%q}}`, test.operator, value)
				if got := holds(t, "Allow", Version2012, condition, context); got != test.want {
					t.Errorf("%s without the key (%v) = %v, want %v", test.operator, context, got, test.want)
				}
			}
		}
	}
}

func TestNull(t *testing.T) {
	there, absent, empty := map[string][]string{"key": {""}}, map[string][]string{}, map[string][]string{"key": {}}
	tests := []struct {
		values  string
		context map[string][]string
		want    bool
	}{
		{`"true"`, absent, true}, {`"true"`, empty, true}, {`"true"`, there, false},
		{`"false"`, absent, false}, {`"false"`, there, true}, {`"False"`, there, true},
		{`true`, absent, true}, {`["true","false"]`, there, true}, {`["true","false"]`, absent, true}, {`"yes"`, absent, false},
	}
	for _, test := range tests {
		if got := holds(t, "Allow", Version2012, `{"Null":{"key":`+test.values+`}}`, test.context); got != test.want {
			t.Errorf("Null %s with %v = %v, want %v", test.values, test.context, got, test.want)
		}
	}
	// A key that AWS always has is never null.
	if holds(t, "Allow", Version2012, `{"Null":{"aws:PrincipalArn":"true"}}`, nil) {
		t.Error("aws:PrincipalArn of a user is null")
	}
}

func TestSetOperators(t *testing.T) {
	tests := []struct {
		operator string
		request  []string
		want     bool
	}{
		// The policy says ["a", "b*"].
		{"ForAllValues:StringLike", []string{"a", "bb"}, true},
		{"ForAllValues:StringLike", []string{"a", "c"}, false},
		{"ForAllValues:StringLike", []string{""}, true},
		{"ForAllValues:StringNotLike", []string{"c", "d"}, true},
		{"ForAllValues:StringNotLike", []string{"c", "a"}, false},
		{"ForAnyValue:StringLike", []string{"c", "bb"}, true},
		{"ForAnyValue:StringLike", []string{"c", "d"}, false},
		{"ForAnyValue:StringNotLike", []string{"a", "c"}, true},
		{"ForAnyValue:StringNotLike", []string{"a", "b"}, false},
		// Several values without a set operator.
		{"StringLike", []string{"c", "a"}, true},
		{"StringLike", []string{"c", "d"}, false},
		{"StringNotLike", []string{"c", "a"}, false},
		{"StringNotLike", []string{"c", "d"}, true},
	}
	for _, test := range tests {
		condition := fmt.Sprintf(`{%q:{"key":["a","b*"]}}`, test.operator)
		if got := holds(t, "Allow", Version2012, condition, map[string][]string{"key": test.request}); got != test.want {
			t.Errorf("%s on %q = %v, want %v", test.operator, test.request, got, test.want)
		}
	}
}

func TestPolicyVariablesInConditions(t *testing.T) {
	context := map[string][]string{"team": {"blue"}, "owner": {"blue"}, "star": {"*"}, "many": {"blue", "red"}, "arn": {"arn:aws:s3:::blue"}}
	tests := []struct {
		effect, version, condition string
		want                       bool
	}{
		{"Allow", Version2012, `{"StringEquals":{"owner":"${team}"}}`, true},
		{"Allow", Version2012, `{"StringEquals":{"owner":"${TEAM}"}}`, true},
		{"Allow", Version2008, `{"StringEquals":{"owner":"${team}"}}`, false},
		{"Allow", Version2012, `{"StringLike":{"owner":"${star}"}}`, false}, // a value is not a pattern
		{"Allow", Version2012, `{"StringLike":{"owner":"b${nothing, 'l'}*"}}`, true},
		{"Allow", Version2012, `{"StringLike":{"owner":"b${nothing}*"}}`, false},
		{"Allow", Version2012, `{"StringEquals":{"owner":"${many}"}}`, false}, // several values are none
		{"Allow", Version2012, `{"StringEquals":{"star":"${*}"}}`, true},
		{"Allow", Version2012, `{"StringLike":{"owner":"${*}"}}`, false},
		{"Allow", Version2012, `{"StringLike":{"owner":"blu${?}"}}`, false},
		{"Allow", Version2012, `{"StringEquals":{"owner":"${$}{team}"}}`, false},
		{"Allow", Version2012, `{"StringEqualsIgnoreCase":{"owner":"${team}"}}`, true},
		{"Allow", Version2012, `{"ArnEquals":{"arn":"arn:aws:s3:::${team}"}}`, true},
		{"Allow", Version2012, `{"ArnEquals":{"arn":"arn:aws:s3:::${owner}"}}`, true},
		{"Allow", Version2012, `{"ArnLike":{"arn":"arn:aws:s3:${aws:nothing, ''}::${aws:nothing, 'bl'}*"}}`, true},
		{"Allow", Version2012, `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"}}`, true},
		{"Allow", Version2008, `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"}}`, false},
		{"Allow", Version2012, `{"StringEquals":{"owner":"${team"}}`, false},
		{"Allow", Version2012, `{"StringEquals":{"owner":"${}"}}`, false},
		// A negation over a comparison that could not be made.
		{"Allow", Version2012, `{"StringNotEquals":{"owner":"${nothing}"}}`, false},
		{"Deny", Version2012, `{"StringNotEquals":{"owner":"${nothing}"}}`, true},
		{"Deny", Version2012, `{"StringEquals":{"owner":"${nothing}"}}`, false},
		// Not in other families.
		{"Allow", Version2012, `{"Bool":{"owner":"${team}"}}`, false},
	}
	for _, test := range tests {
		if got := holds(t, test.effect, test.version, test.condition, context); got != test.want {
			t.Errorf("%s %s %s = %v, want %v", test.effect, test.version, test.condition, got, test.want)
		}
	}
}

func TestDerivedKeys(t *testing.T) {
	tests := []struct{ caller, resource, key, want string }{
		{runnerSession, ownRepository, "aws:PrincipalArn", runnerRole},
		{runnerSession, ownRepository, "aws:PrincipalAccount", ours},
		{runnerSession, ownRepository, "aws:PrincipalType", "AssumedRole"},
		{runnerSession, theirRepository, "aws:ResourceAccount", theirs},
		{runnerSession, ownRepository, "aws:username", ""},
		{runnerSession, ownRepository, "aws:userid", ""},
		{ciUser, ownRepository, "aws:PrincipalArn", ciUser},
		{ciUser, ownRepository, "aws:username", "ci"},
		{ciUser, ownRepository, "aws:PrincipalType", "User"},
		{ciUser, "arn:aws:s3:::bucket", "aws:ResourceAccount", ours},
		{ours, ownRepository, "aws:userid", ours},
		{ours, ownRepository, "aws:PrincipalType", "Account"},
		{"arn:aws:sts::111111111111:federated-user/bob", ownRepository, "aws:PrincipalType", "FederatedUser"},
		{"*", ownRepository, "aws:PrincipalType", "Anonymous"},
		{"*", ownRepository, "aws:PrincipalArn", ""},
		{"codebuild.amazonaws.com", ownRepository, "aws:PrincipalIsAWSService", "true"},
		{"codebuild.amazonaws.com", ownRepository, "aws:PrincipalServiceName", "codebuild.amazonaws.com"},
		{ciUser, ownRepository, "aws:PrincipalIsAWSService", "false"},
	}
	for _, test := range tests {
		r := Request{Action: pullAction, Resource: test.resource, Principal: caller(t, test.caller)}
		var ev evaluation
		ev.begin(&r)
		values := ev.lookup(test.key)
		got := ""
		if values.len() == 1 {
			got = values.at(0)
		}
		if got != test.want {
			t.Errorf("%s of %s on %s = %q, want %q", test.key, test.caller, test.resource, got, test.want)
		}
	}
	// What the request says goes before what is derived.
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, ciUser), Context: map[string][]string{"AWS:USERNAME": {"given"}}}
	var ev evaluation
	ev.begin(&r)
	if values := ev.lookup("aws:username"); values.at(0) != "given" {
		t.Errorf("aws:username = %q, want the request's own", values.at(0))
	}
}
