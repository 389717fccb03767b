package generate_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/iam/generate"
)

var keptIn = generate.ECR{Account: "222222222222", Region: "eu-west-1"}

func TestKeepNamesOneRepository(t *testing.T) {
	for what, policy := range map[string]func(generate.ECR, string) (generate.Policy, error){"Keep": generate.Keep, "Remove": generate.Remove} {
		got, err := policy(keptIn, "team/app")
		if err != nil {
			t.Fatal(err)
		}
		text := string(got.Compact())
		if !strings.Contains(text, `"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"`) || strings.Contains(text, "*") || len(text) > 2048 {
			t.Errorf("%s = %s", what, text)
		}
		for _, bad := range []string{"", "*", "team/*", "Team", "../x"} {
			if _, err := policy(keptIn, bad); err == nil {
				t.Errorf("%s(%q) is not refused", what, bad)
			}
		}
	}
}

func TestShared(t *testing.T) {
	role, ci := "arn:aws:iam::111111111111:role/pull", "arn:aws:iam::333333333333:role/ci"
	got, err := generate.Shared(keptIn, "team/app", []string{role, ci}, []string{role})
	if err != nil || len(got.Statements) != 2 {
		t.Fatalf("Shared = %+v, %v, want two statements", got, err)
	}
	if pull := got.Statements[0]; pull.Principals[0].IDs[0] != ci || len(pull.Principals[0].IDs) != 1 || len(pull.Actions) != 2 {
		t.Errorf("who pulls: %+v, want %s alone", pull, ci)
	}
	if push := got.Statements[1]; push.Principals[0].IDs[0] != role || len(push.Actions) != 7 {
		t.Errorf("who pushes: %+v, want %s", push, role)
	}
	for _, bad := range [][]string{nil, {"*"}, {"arn:aws:iam::*:role/x"}, {"arn:aws:sts::111111111111:assumed-role/pull/session"}} {
		if p, err := generate.Shared(keptIn, "team/app", bad, nil); err == nil {
			t.Errorf("Shared(%q) = %s, want a refusal", bad, p.Compact())
		}
	}
}
