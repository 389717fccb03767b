package access_test

import (
	"errors"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
)

// A refusal's cause is the caller's own: the role that lacks the permission, the
// kind of caller that has no role, the limit, or that nobody has it.
func TestDeniedSaysWhy(t *testing.T) {
	for _, test := range []struct {
		caller     pullpass.Caller
		permission access.Permission
		want       string
	}{
		{token(pullpass.RoleDeveloper), access.RegistryCreate, "the role developer does not have registry.create"},
		{token(""), access.RegistryCreate, "a token does not have registry.create"},
		{token(""), access.SelfRead, "a token does not have self.read"}, // which as many kinds as roles have
		{user("", ""), access.RegistryCreate, "a user does not have registry.create"},
		{runner(), access.RegistryCreate, "a runner does not have registry.create"},
		{token(pullpass.RoleOwner), access.RunnerWork, "runner.work is for a runner, and this is a token"},
		{limited(pullpass.RoleOwner), access.TokenCreate, "the token is limited to one project, and token.create concerns the whole organization"},
		{token(pullpass.RoleOwner), "registry.reveal", "nobody may do this"},
	} {
		var e *pullpass.Error
		if err := access.Check(test.caller, test.permission, access.Any); !errors.As(err, &e) || e.Cause != test.want {
			t.Errorf("Check(%s %s, %s) = %v, want the cause %q", test.caller.Kind, test.caller.Role, test.permission, err, test.want)
		}
	}
}
