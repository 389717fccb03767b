package identity_test

import (
	"context"
	"net/http"
	"net/http/httptest"
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
