package iam

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		enterpriseRepositoryPolicy, enterprisePermissions, enterpriseTrustTemplate, flexRunnerPolicy, releaseRepositoryPolicy, codefreshTrust,
		`{"Statement":[]}`, `{"Statement":{"Effect":"Deny","NotPrincipal":"*","NotAction":[],"NotResource":"${a, 'b}'}"}}`,
		"\uFEFF{}", `{"Id":"\ud83d\ude00\u0001","Statement":[{"Effect":"Allow","Action":"*","Condition":{"forallvalues:nullifexists":{}}}]}`,
		`[[[[[[`, `{"a":-0.1e+9}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			if len(err.Error()) > 600 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		first, err := p.MarshalJSON()
		if err != nil {
			return // two spellings of one operator, which only Parse accepts
		}
		again, err := Parse(first)
		if err != nil {
			t.Fatalf("canonical document refused: %v\n%s", err, first)
		}
		if second, err := again.MarshalJSON(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("canonical document changes: %v\n%s\n%s", err, first, second)
		}
	})
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""}, {"a*b?c", "axxbyc"}, {"*?*?*", "é"}, {"**a", "aaa"}, {"\xff", "\xff"}, {"ecr:*", "ecr:PutImage"},
		{"arn:aws:ecr:*:*:repository/*", ownRepository}, {"${*}${$}${x, 'y'}", "*$y"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, value string) {
		MatchAction(pattern, value)
		MatchResource(pattern, value)
		r := Request{Action: pullAction, Resource: "*", Principal: Principal{}, Context: map[string][]string{"k": {value}}}
		p := compilePattern(pattern, patternOptions{wildcards: true, variables: true})
		var ev evaluation
		ev.begin(&r)
		p.match(value, &ev, &ev.work)
		// Bytes that are not UTF-8 cannot come out of a document.
		if len(pattern) > 12 || len(value) > 12 || !utf8.ValidString(pattern) || !utf8.ValidString(value) {
			return
		}
		if got, want := MatchLike(pattern, value), slowMatch([]rune(pattern), []rune(value)); got != want {
			t.Errorf("MatchLike(%q, %q) = %v, want %v", pattern, value, got, want)
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	for _, seed := range []string{
		`{"request":{"action":"ecr:BatchGetImage","resource":"` + theirRepository + `","principal":"` + runnerSession + `"},"identityPolicies":[` + flexRunnerPolicy + `],"resourcePolicies":[` + flexRepositoryPolicy + `]}`,
		`{"request":{"action":"sts:AssumeRoleWithWebIdentity","resource":"arn:aws:iam::222222222222:role/x","principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/services.cell.gitpod.cloud/idp"},"context":{"services.cell.gitpod.cloud/idp:aud":"sts.amazonaws.com"}},"resourcePolicies":[` + enterpriseTrust(theirs) + `]}`,
		`{"request":{"action":"kms:Decrypt","resource":"arn:aws:kms:eu-west-1:111111111111:key/1","principal":"111111111111","resourceAccount":"111111111111","context":{"a":[1,true,"${b}"]}},"permissionsBoundaries":[{"Statement":[]}],"sessionPolicies":[],"serviceControlPolicies":[[` + flexRunnerPolicy + `],[]],"resourceControlPolicies":[[]]}`,
		`{"request":{"action":"ecr:GetAuthorizationToken","resource":"*","principal":"*"}}`,
		`{"request":{"action":"ecr:BatchGetImage","resource":"` + theirRepository + `","principal":{"AWS":"` + ciUser + `","session":"job"}},"identityPolicies":[` + flexRunnerPolicy + `],"sessionPolicies":[` + flexRunnerPolicy + `]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, p, err := ParseInput(data)
		if err != nil {
			return
		}
		d := checked(t, r, p)
		if d.Effect == ImplicitDeny && d.Missing != nil {
			checkMissing(t, r, p, d)
		}
	})
}
