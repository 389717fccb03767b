package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

func TestRoleChain(t *testing.T) {
	const arn = "arn:aws:iam::222222222222:role/pull"
	for _, c := range []struct {
		roles    []string
		external string
		want     []pullpass.RoleHop
		refused  bool
	}{
		{},
		{roles: []string{arn}, external: "acme", want: []pullpass.RoleHop{{RoleARN: arn, ExternalID: "acme"}}},
		{roles: []string{arn + ",external-id=a=b,source-identity=me,tag:team=x,tag:env=y", arn}, external: "z", want: []pullpass.RoleHop{
			{RoleARN: arn, ExternalID: "a=b", SourceIdentity: "me", SessionTags: map[string]string{"team": "x", "env": "y"}}, {RoleARN: arn, ExternalID: "z"}}},
		{external: "acme", refused: true},
		{roles: []string{arn + ",external"}, refused: true},
		{roles: []string{arn + ",duration=1h"}, refused: true},
	} {
		got, err := roleChain(c.roles, c.external)
		if (err != nil) != c.refused || (err == nil && !cmp.Equal(got, c.want)) {
			t.Errorf("roleChain(%q, %q) = %+v, %v, want %+v", c.roles, c.external, got, err, c.want)
		}
	}
}

// TestSecretKeyOfNoAccessKey: a secret alone is refused with what is missing, and not
// with "nothing to change".
func TestSecretKeyOfNoAccessKey(t *testing.T) {
	term := newTerminal(strings.NewReader("typed\n"), io.Discard, io.Discard, false)
	_, err := (&integrationUpdate{SecretKey: "-"}).change(t.Context(), nil, term)
	if err == nil || !strings.Contains(pullpass.HintOf(err), "--access-key-id") || strings.Contains(err.Error(), "nothing to change") {
		t.Errorf("a secret without its access key: %v", err)
	}
	id := "AKIAIOSFODNN7EXAMPLE"
	change, err := (&integrationUpdate{AccessKeyID: &id}).change(t.Context(), nil, term)
	if err != nil || change.Secret == nil || change.Secret.Reveal() != "typed" {
		t.Errorf("the secret of an access key is not read from standard input: %+v, %v", change, err)
	}
}
