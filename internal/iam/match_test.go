package iam

import (
	"fmt"
	"strings"
	"testing"
)

func TestMatchAction(t *testing.T) {
	tests := []struct {
		pattern, action string
		want            bool
	}{
		{"*", "ecr:BatchGetImage", true},
		{"*:*", "ecr:BatchGetImage", true},
		{"ecr:*", "ecr:BatchGetImage", true},
		{"ECR:batchgetimage", "ecr:BatchGetImage", true},
		{"ecr:Batch*", "ecr:BATCHGetImage", true},
		{"ecr:*Image", "ecr:BatchGetImage", true},
		{"ecr:*Image", "ecr:ListImages", false},
		{"ecr:?ut*", "ecr:PutImage", true},
		{"ecr:Get*Token", "ecr:GetAuthorizationToken", true},
		{"ecr", "ecr:BatchGetImage", false},
		{"ecr*", "ecr:BatchGetImage", false},
		{"e*:BatchGetImage", "ecr:BatchGetImage", false},
		{"*:BatchGetImage", "ecr:BatchGetImage", false},
		{"ecr:ListImage", "ecr:ListImages", false},
		{"ecr-public:*", "ecr:BatchGetImage", false},
		{"", "ecr:BatchGetImage", false},
	}
	for _, test := range tests {
		if got := MatchAction(test.pattern, test.action); got != test.want {
			t.Errorf("MatchAction(%q, %q) = %v, want %v", test.pattern, test.action, got, test.want)
		}
	}
}

func TestMatchResource(t *testing.T) {
	tests := []struct {
		pattern, arn string
		want         bool
	}{
		{"*", ownRepository, true},
		{"**", ownRepository, true},
		{"*", "*", true},
		{ownRepository, ownRepository, true},
		{ownRepository, "*", false},
		{"arn:aws:ecr:*:*:repository/team/*", ownRepository, true},
		{"arn:aws:ecr:*:111111111111:repository/*", "arn:aws:ecr:eu-west-1:111111111111:repository/a/b/c", true},
		{"arn:aws:ecr:eu-west-?:*:repository/team/app", ownRepository, true},
		{"arn:aws:ecr:eu-west-1:111111111111:repository/Team/app", ownRepository, false},
		{"arn:aws:*:eu-west-1:111111111111:repository/team/app", ownRepository, false},
		{"arn:aws:e?r:eu-west-1:111111111111:repository/team/app", ownRepository, false},
		{"arn:aws:ecr:*:repository/team/app", ownRepository, false}, // a wildcard stays in its component
		{"arn:aws:ecr:eu*111111111111:repository/team/app", ownRepository, false},
		{"arn:aws:ecr", ownRepository, true}, // completed
		{"arn:aws:ecr:eu-west-1:222222222222", ownRepository, false},
		{"arn:*", ownRepository, false},
		{"*repository/team/app", ownRepository, false},
		{"arn:aws:logs:*:*:log-group:x:*", "arn:aws:logs:eu-west-1:111111111111:log-group:x:log-stream:y", true},
		{"arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b", true},
		{"arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", false},
	}
	for _, test := range tests {
		if got := MatchResource(test.pattern, test.arn); got != test.want {
			t.Errorf("MatchResource(%q, %q) = %v, want %v", test.pattern, test.arn, got, test.want)
		}
	}
}

func TestNotActionAndNotResource(t *testing.T) {
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, ciUser)}
	tests := []struct {
		statement string
		want      Result
	}{
		{`{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, Allowed},
		{`{"Effect":"Allow","NotAction":["s3:*","ecr:Batch*"],"Resource":"*"}`, ImplicitDeny},
		{`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::*"}`, Allowed},
		{`{"Effect":"Allow","Action":"*","NotResource":"` + ownRepository + `"}`, ImplicitDeny},
		{`{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}`, ExplicitDeny},
		{`{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::*"}`, ExplicitDeny},
		{`{"Effect":"Allow","NotAction":[],"Resource":"*"}`, Allowed},
		{`{"Effect":"Allow","Action":[],"Resource":"*"}`, ImplicitDeny},
		// A variable without a value must not widen an Allow.
		{`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:ecr:*:*:repository/${nothing}"}`, ImplicitDeny},
		{`{"Effect":"Deny","Action":"*","NotResource":"` + ownRepository + `${nothing}"}`, ExplicitDeny},
	}
	for _, test := range tests {
		if d := checked(t, r, Policies{Identity: docs(t, test.statement)}); d.Effect != test.want {
			t.Errorf("%s: %s, want %s", test.statement, d.Effect, test.want)
		}
	}
}

func TestPolicyVariablesInResources(t *testing.T) {
	resource := "arn:aws:ecr:eu-west-1:111111111111:repository/ci/app"
	tests := []struct {
		version, pattern string
		want             bool
	}{
		{Version2012, "arn:aws:ecr:*:*:repository/${aws:username}/*", true},
		{Version2008, "arn:aws:ecr:*:*:repository/${aws:username}/*", false},
		{Version2012, "arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*", false},
		{Version2012, "arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team, 'ci'}/*", true},
		{Version2012, "arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team,'ci'}/*", true},
		{Version2012, "arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team, ci}/*", false},
		{Version2012, "arn:aws:ecr:*:${aws:PrincipalAccount}:repository/ci/app", false}, // before the fifth colon
		{Version2012, "arn:aws:ecr:*:*:repository/ci/ap${?}", false},
		{Version2012, "arn:aws:ecr:*:*:repository/ci/${*}", false},
	}
	for _, test := range tests {
		document := fmt.Sprintf(`{"Version":%q,"Statement":{"Effect":"Allow","Action":"*","Resource":%q}}`, test.version, test.pattern)
		r := Request{Action: pullAction, Resource: resource, Principal: caller(t, ciUser)}
		d := checked(t, r, Policies{Identity: []*Policy{mustParse(t, document)}})
		if got := d.Effect == Allowed; got != test.want {
			t.Errorf("version %s, %s = %v, want %v", test.version, test.pattern, got, test.want)
		}
	}
	literal := "arn:aws:ecr:eu-west-1:111111111111:repository/${aws:username}/app"
	p := Policies{Identity: docs(t, `{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:*:repository/${$}{aws:username}/*"}`)}
	if d := checked(t, Request{Action: pullAction, Resource: literal, Principal: caller(t, ciUser)}, p); d.Effect != Allowed {
		t.Errorf("${$} as a dollar sign: %s", d.Effect)
	}
}

// TestMatchingStaysWithinItsBound: hostile patterns are matched in linear work
// or refused; the bound counts comparisons, not time.
func TestMatchingStaysWithinItsBound(t *testing.T) {
	const size = 1 << 20
	tests := map[string]struct{ pattern, value string }{
		"stars":              {strings.Repeat("*", size), strings.Repeat("a", size)},
		"stars and letters":  {strings.Repeat("*a", size/2) + "b", strings.Repeat("a", size)},
		"question marks":     {strings.Repeat("?", size), strings.Repeat("a", size)},
		"stars and ?":        {strings.Repeat("*?", size/2), strings.Repeat("a", size)},
		"near misses":        {"*" + strings.Repeat("a?", size/4) + "b", strings.Repeat("a", size)},
		"near misses, split": {strings.Repeat("*a?aaaaaaab", size/16), strings.Repeat("a", size)},
		"folded":             {"*" + strings.Repeat("A", size/2) + "*", strings.Repeat("a", size-1) + "b"},
	}
	for name, test := range tests {
		for _, fold := range []bool{false, true} {
			w := work(workLimit)
			p := compilePattern(test.pattern, patternOptions{wildcards: true, fold: fold})
			glob(p.text, test.value, fold, &w)
			// One more step may be paid for after the limit is reached, in
			// each comparison that is left: none of them a whole string.
			if spent := workLimit - int(w); spent > workLimit+3*size {
				t.Errorf("%s (fold %v): %d comparisons, want at most about %d", name, fold, spent, workLimit)
			}
		}
	}
}

func TestHostilePolicyIsDenied(t *testing.T) {
	many := `"` + strings.Repeat("*a?aaaaaaaaaaaaaaab", 50000) + `"`
	p := Policies{Identity: docs(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`,
		`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"k":`+many+`}}}`)}
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, ciUser),
		Context: map[string][]string{"k": {strings.Repeat("a", 1<<20)}}}
	d := checked(t, r, p)
	if d.Effect != ImplicitDeny || d.Missing == nil || len(d.Missing.Additions) != 0 {
		t.Errorf("hostile policy: %s, %+v; want a denial without additions", d.Effect, d.Missing)
	}
}

func TestMatchLikeAgreesWithASlowReference(t *testing.T) {
	alphabet := []string{"a", "b", "*", "?"}
	var words func(n int) []string
	words = func(n int) []string {
		if n == 0 {
			return []string{""}
		}
		all := words(n - 1)
		out := append([]string(nil), all...)
		for _, w := range all {
			if len(w) == n-1 {
				for _, c := range alphabet {
					out = append(out, w+c)
				}
			}
		}
		return out
	}
	values := []string{"", "a", "b", "ab", "ba", "aab", "abab", "bbba", "é", "aéb"}
	for _, pattern := range words(5) {
		for _, value := range values {
			if got, want := MatchLike(pattern, value), slowMatch([]rune(pattern), []rune(value)); got != want {
				t.Fatalf("MatchLike(%q, %q) = %v, want %v", pattern, value, got, want)
			}
		}
	}
}

// slowMatch is the definition.
func slowMatch(pattern, value []rune) bool {
	if len(pattern) == 0 {
		return len(value) == 0
	}
	if pattern[0] == '*' {
		return slowMatch(pattern[1:], value) || len(value) > 0 && slowMatch(pattern, value[1:])
	}
	return len(value) > 0 && (pattern[0] == '?' || pattern[0] == value[0]) && slowMatch(pattern[1:], value[1:])
}

// A megabyte of honest wildcards is matched, not refused.
func TestAMegabyteOfWildcards(t *testing.T) {
	value := strings.Repeat("ab", 1<<18)
	for pattern, want := range map[string]bool{
		strings.Repeat("*", 1<<20):             true,
		strings.Repeat("*a", 1<<18):            false,
		strings.Repeat("*a", 1<<18) + "b":      true,
		strings.Repeat("*a*b", 1<<18):          true,
		strings.Repeat("*a*b", 1<<18) + "a":    false,
		strings.Repeat("?", 1<<19):             true,
		strings.Repeat("?", 1<<19) + "?":       false,
		"*" + strings.Repeat("?", 1<<10) + "*": true,
	} {
		if got := MatchLike(pattern, value); got != want {
			t.Errorf("MatchLike(%.8s… of %d, …) = %v, want %v", pattern, len(pattern), got, want)
		}
	}
}

// Long values against long conditions of every kind end within the bound, and
// in a denial.
func TestHostileContextIsDenied(t *testing.T) {
	values := make([]string, 4000)
	for i := range values {
		values[i] = strings.Repeat("7", 200)
	}
	long := strings.Repeat("x", 1<<19)
	for _, condition := range []string{
		`"ForAllValues:StringNotEquals":{"k":"` + long + `${aws:username}"}`,
		`"ForAllValues:StringNotEqualsIgnoreCase":{"k":"` + long + `${aws:username}"}`,
		`"ForAllValues:NumericNotEquals":{"k":["1"` + strings.Repeat(`,"1"`, 1000) + `]}`,
		`"ForAllValues:NotIpAddress":{"k":["10.0.0.0/8"` + strings.Repeat(`,"10.0.0.0/8"`, 1000) + `]}`,
		`"ForAllValues:ArnNotEquals":{"k":["arn:aws:s3:::x"` + strings.Repeat(`,"arn:aws:s3:::*"`, 1000) + `]}`,
	} {
		r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, ciUser), Context: map[string][]string{"k": values}}
		d := checked(t, r, Policies{Identity: docs(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+condition+`}}`)})
		if d.Effect != ImplicitDeny || !strings.Contains(d.Missing.Why, "compare too much") {
			t.Errorf("%.60s…: %s, want a denial for too much work", condition, d.Effect)
		}
	}
}

// TestAWildcardStaysInItsPart: a * in an ARN's account never reaches into the resource.
func TestAWildcardStaysInItsPart(t *testing.T) {
	for _, c := range []struct {
		pattern, arn string
		want         bool
	}{
		{"arn:aws:ecr:eu-west-1:*:repository/team/app", "arn:aws:ecr:eu-west-1:222222222222:repository/team/app", true},
		{"arn:aws:ecr:eu-west-1:*:app", "arn:aws:ecr:eu-west-1:222222222222:repository/x:app", false},
		{"arn:aws:ecr:eu-west-1:2*:repository/app", "arn:aws:ecr:eu-west-1:222222222222:repository/x:repository/app", false},
		{"arn:aws:ecr:*:repository/app", "arn:aws:ecr:eu-west-1:222222222222:repository/app", false},
		{"arn:aws:ecr:*:222222222222:repository/app", "arn:aws:ecr:eu-west-1:222222222222:repository/app", true},
		{"arn:aws:*", "arn:aws:ecr:eu-west-1:222222222222:repository/app", false},
	} {
		if got := MatchResource(c.pattern, c.arn); got != c.want {
			t.Errorf("MatchResource(%q, %q) = %v, want %v", c.pattern, c.arn, got, c.want)
		}
	}
}
