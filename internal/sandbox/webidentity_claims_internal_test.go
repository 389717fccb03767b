package sandbox

import (
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4/jwt"
)

// TestWebIdentityContext: the sandbox makes the condition keys that AWS makes of a
// provider's claims, and no others.
func TestWebIdentityContext(t *testing.T) {
	id := &webIdentity{
		provider: &oidcProvider{url: "token.actions.githubusercontent.com", arn: "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"},
		claims: claims{Audience: jwt.Audience{"sts.amazonaws.com"}, all: map[string]any{
			"sub": "repo:acme@1/app@2:ref:refs/heads/main", "repository_id": "2", "ref": "refs/heads/main", "event_name": "push", "iss": "x", "actor_id": float64(7),
		}},
	}
	got := id.context("job")
	for key, want := range map[string]string{
		"aud": "sts.amazonaws.com", "sub": "repo:acme@1/app@2:ref:refs/heads/main", "repository_id": "2", "ref": "refs/heads/main", "actor_id": "7",
		"event_name": "", "iss": "",
	} {
		var values []string
		if want != "" {
			values = []string{want}
		}
		if !slices.Equal(got["token.actions.githubusercontent.com:"+key], values) {
			t.Errorf("%s = %q, want %q", key, got["token.actions.githubusercontent.com:"+key], values)
		}
	}
	if !slices.Equal(got["sts:RoleSessionName"], []string{"job"}) {
		t.Errorf("session name = %q", got["sts:RoleSessionName"])
	}
}
