package main

import (
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
