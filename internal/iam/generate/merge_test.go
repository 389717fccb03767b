package generate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass/internal/iam"
)

// TestMerged: what was there stays, whoever may already is not added again.
func TestMerged(t *testing.T) {
	const pull, other = "arn:aws:iam::111111111111:role/pull", "arn:aws:iam::333333333333:role/other"
	fresh := func() Stack {
		stack, err := Repository(RepositoryOptions{Registry: ireland, Repository: "team/app", Principals: []string{pull}, Access: []Access{Pull}})
		if err != nil {
			t.Fatal(err)
		}
		return stack
	}
	const actions = `"Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage"]`
	ours := `{"Sid":"AllowPull","Effect":"Allow","Principal":{"AWS":"` + pull + `"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`
	theirs := `{"Sid":"Mine","Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"ecr:*","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":3600}}}`
	for _, c := range []struct{ name, current, want, note string }{
		{"no policy", ``, `{"Version":"2012-10-17","Statement":[` + ours + `]}`, "no policy before"},
		{"another's statement stays", `{"Version":"2012-10-17","Id":"x","Statement":[` + theirs + `]}`,
			`{"Version":"2012-10-17","Id":"x","Statement":[` + strings.Replace(theirs, "3600", `"3600"`, 1) + `,` + ours + `]}`, "1 of 2"},
		{"one statement without a list, in the older language", `{"Version":"2008-10-17","Statement":` + strings.Replace(theirs, "3600", `"3600"`, 1) + `}`,
			`{"Version":"2008-10-17","Statement":[` + strings.Replace(theirs, "3600", `"3600"`, 1) + `,` + ours + `]}`, "1 of 2"},
		{"there already", `{"Version":"2012-10-17","Statement":[` + ours + `]}`, `{"Version":"2012-10-17","Statement":[` + ours + `]}`, "Nothing was added"},
		{"the same actions for another", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + other + `"]},` + actions + `}]}`,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + other + `","` + pull + `"]},` + actions + `}]}`, "0 of 1"},
		{"the Sid is taken", `{"Version":"2012-10-17","Statement":[` + strings.Replace(theirs, "Mine", "AllowPull", 1) + `]}`,
			`{"Version":"2012-10-17","Statement":[` + strings.Replace(strings.Replace(theirs, "Mine", "AllowPull", 1), "3600", `"3600"`, 1) + `,` + strings.Replace(ours, "AllowPull", "AllowPull2", 1) + `]}`, "1 of 2"},
		{"a deny of the same actions is another statement", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"` + other + `"},` + actions + `}]}`,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"` + other + `"},` + actions + `},` + ours + `]}`, "1 of 2"},
		{"everyone of an organization", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",` + actions + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}`,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",` + actions + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}},` + ours + `]}`, "1 of 2"},
	} {
		merged, err := fresh().Merged([]byte(c.current))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := merged.Documents()[0].Policy
		if diff := cmp.Diff(decoded(t, []byte(c.want)), decoded(t, got.JSON())); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if _, err := iam.Parse(got.Compact()); err != nil {
			t.Errorf("%s: what is merged cannot be read: %v", c.name, err)
		}
		notes := strings.Join(merged.Notes, "\n")
		if !strings.Contains(notes, c.note) || strings.Contains(notes, "replaces it") {
			t.Errorf("%s: notes %q, want %q and nothing of replacing", c.name, notes, c.note)
		}
		for _, format := range []Format{Terraform, CloudFormation, CloudFormationYAML, Command} {
			text, err := merged.Render(format)
			if err != nil || !strings.Contains(string(text), pull) {
				t.Errorf("%s as %s: %v\n%s", c.name, format, err, text)
			}
		}
	}
	if notes := strings.Join(fresh().Notes, "\n"); !strings.Contains(notes, "replaces it") {
		t.Errorf("a policy that is not merged does not say that it replaces: %q", notes)
	}
	for _, bad := range []string{`{`, `[]`, `{"Version":"2012-10-17"}`, `{"Version":"2012-10-17","Statement":[7]}`, `{"Version":"2012-10-17","Statement":[{"Effect":"allow"}]}`} {
		if _, err := fresh().Merged([]byte(bad)); err == nil {
			t.Errorf("Merged(%s) takes what is no policy", bad)
		}
	}
}

// TestMergedLeavesTheOriginal: merging twice starts from the same stack.
func TestMergedLeavesTheOriginal(t *testing.T) {
	stack, err := Repository(RepositoryOptions{Registry: ireland, Repository: "team/app", Principals: []string{"111111111111"}, Access: []Access{Pull}})
	if err != nil {
		t.Fatal(err)
	}
	before := string(stack.Documents()[0].Policy.JSON())
	if _, err := stack.Merged([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"AllowPull","Effect":"Deny","Principal":"*","Action":"*"}]}`)); err != nil {
		t.Fatal(err)
	}
	if after := string(stack.Documents()[0].Policy.JSON()); after != before {
		t.Errorf("the stack changed: %s", after)
	}
}
