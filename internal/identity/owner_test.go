package identity_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

func TestCheckOwner(t *testing.T) {
	const github, gitlab, own = "https://token.actions.githubusercontent.com", "https://gitlab.com", "https://gitlab.acme.example"
	for _, c := range []struct {
		issuer, condition string
		want              pullpass.Kind
	}{
		{github, "repository=acme/app", ""},
		{github, "repository_owner_id=123", ""},
		{github, "repository~acme/*", ""},
		{github, "sub~repo:acme/app:*", ""},
		{github, "sub~repo:*", pullpass.Invalid},
		{github, "sub~repo:?*/*", pullpass.Invalid},
		{github, "repository~[a-z]*/*", pullpass.Invalid},
		{github, "repository~octo*/app*", pullpass.Invalid},
		{github, "repository~acme*/app", pullpass.Invalid},
		{github, "repository~acme/app|evil*/app", pullpass.Invalid},
		{github, "repository_owner~a*", pullpass.Invalid},
		{github, "sub~repo:octo*", pullpass.Invalid},
		{github, "sub~repo:a*/*:*", pullpass.Invalid},
		{github, "sub~r*:*/*", pullpass.Invalid},
		{github, "sub~repo:o?g/app:*", pullpass.Invalid},
		{github, "actor=octocat", pullpass.Invalid},
		{github, "sub~repo:acme@1/app@2:*", ""},
		{github, "sub=environment:production", pullpass.Invalid},
		{gitlab, "namespace_path~mygroup*", pullpass.Invalid},
		{gitlab, "project_path~a*/*", pullpass.Invalid},
		{gitlab, "project_path~mygroup/*", ""},
		{"https://accounts.google.com", "email~a*@gmail.com", pullpass.Invalid},
		{"https://GITLAB.com/", "namespace_path~mygroup*", pullpass.Invalid},
		{"https://api.pulumi.com/oidc", "sub~pulumi:deploy:org:*", pullpass.Invalid},
		{"https://oidc.vercel.com", "environment=production", pullpass.Invalid},
		{github, "ref=refs/heads/main", pullpass.Invalid},
		{github + "/", "ref=refs/heads/main", pullpass.Invalid},
		{gitlab, "project_path=acme/app", ""},
		{gitlab, "ref_protected=true", pullpass.Invalid},
		{own, "ref_protected=true", ""},
	} {
		condition, err := identity.ParseCondition(c.condition)
		if err != nil {
			t.Fatal(err)
		}
		err = identity.CheckOwner(identity.Trust{Issuer: c.issuer, Conditions: []identity.Condition{condition}})
		if pullpass.KindOf(err) != c.want {
			t.Errorf("CheckOwner(%s, %s) = %v, want kind %q", c.issuer, c.condition, err, c.want)
		}
	}
}

// TestPatternsCrossSlashes: the patterns that the hints show match what they look
// like they match, and never another owner's token.
func TestPatternsCrossSlashes(t *testing.T) {
	for _, c := range []struct {
		condition, got string
		want           bool
	}{
		{"sub~repo:acme/app:*", "repo:acme/app:ref:refs/heads/main", true},
		{"sub~repo:acme/app:*", "repo:acme/app:ref:refs/heads/feature/x", true},
		{"sub~repo:acme/app:*", "repo:acme/app:pull_request", true},
		{"sub~repo:acme/app:*", "repo:acme/apple:ref:refs/heads/main", false},
		{"sub~repo:acme/app:*", "repo:evil/app:ref:refs/heads/repo:acme/app:x", false},
		{"sub~repo:acme/app:ref:refs/heads/*", "repo:acme/app:ref:refs/heads/feature/x", true},
		{"sub~repo:acme/app:ref:refs/heads/*", "repo:acme/app:ref:refs/tags/v1", false},
		{"sub~repo:acme/app:ref:refs/tags/v?", "repo:acme/app:ref:refs/tags/v1", true},
		{"sub~repo:acme/app:ref:refs/tags/v?", "repo:acme/app:ref:refs/tags/v10", false},
		{"repository~acme/*", "acme-evil/app", false},
		{"project_path~mygroup/*", "mygroup/team/app", true},
		{"project_path~mygroup/*", "mygroup-evil/app", false},
		{"actor~dependabot[bot]", "dependabot[bot]", true},
		{"actor~dependabot[bot]", "dependabotb", false},
		{"ref~*a*b*a*b*", strings.Repeat("a", 5000), false},
	} {
		condition, err := identity.ParseCondition(c.condition)
		if err != nil {
			t.Fatal(err)
		}
		if got := identity.Matches(condition, c.got); got != c.want {
			t.Errorf("%s matches %.80q: %v, want %v", c.condition, c.got, got, c.want)
		}
	}
}

// TestATrustOfAnOlderVersionLetsNoStrangersIn: what was saved before the rule was
// strict does not match any more.
func TestATrustOfAnOlderVersionLetsNoStrangersIn(t *testing.T) {
	for condition, want := range map[string]bool{"sub~repo:acme/*": true, "sub~repo:ac*": false, "repository_owner~acme*": false} {
		c, err := identity.ParseCondition(condition)
		if err != nil {
			t.Fatal(err)
		}
		saved := identity.Trust{Issuer: "https://token.actions.githubusercontent.com", Audience: "pullpass", Conditions: []identity.Condition{c}}
		token := map[string]any{"aud": "pullpass", "sub": "repo:acme/app:pull_request", "repository_owner": "acme"}
		if got := identity.MatchOf(saved, token).OK; got != want {
			t.Errorf("%s lets a token of acme in: %v, want %v", condition, got, want)
		}
	}
}

// A flood of tokens does not become a flood towards an issuer that does not answer.
func TestAFailingIssuerIsLeftAlone(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	issuer, k := newCI(t), newClock()
	v := identity.NewVerifier(server.Client(), k.now)
	claims := issuer.claims(k)
	claims["iss"] = server.URL
	trusts := []identity.Trust{{Issuer: server.URL, Audience: "pullpass"}}
	for range 100 {
		if _, _, err := v.Verify(context.Background(), issuer.rs256(goodHeader, jsonOf(claims)), trusts); !pullpass.IsKind(err, pullpass.Unavailable) {
			t.Fatalf("Verify = %v, want unavailable", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("100 tokens made %d requests, want 1", n)
	}
	k.advance(time.Minute)
	_, _, _ = v.Verify(context.Background(), issuer.rs256(goodHeader, jsonOf(claims)), trusts)
	if n := asked.Load(); n != 2 {
		t.Errorf("a minute later: %d requests in all, want another one", n)
	}
}
