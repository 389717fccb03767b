package generate

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/iam"
)

// TestGitHubIDs: with its ids a repository is trusted in both forms of GitHub's
// subjects, and what takes its name later is not.
func TestGitHubIDs(t *testing.T) {
	const host = "token.actions.githubusercontent.com"
	names, ids := "repo:octo-org/octo-repo:ref:refs/heads/main", "repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main"
	for _, c := range []struct {
		name              string
		subject           Subject
		subj, id          string
		want, misses, bad bool
	}{
		{name: "names only, old repository", subject: Subject{Repository: "octo-org/octo-repo"}, subj: names, id: "456789", want: true, misses: true},
		{name: "names only, new repository", subject: Subject{Repository: "octo-org/octo-repo"}, subj: ids, id: "456789", misses: true},
		{name: "ids, old repository", subject: Subject{Repository: "octo-org/octo-repo", OwnerID: "123456", RepositoryID: "456789", Branches: []string{"main"}}, subj: names, id: "456789", want: true},
		{name: "ids, new repository", subject: Subject{Repository: "octo-org/octo-repo", OwnerID: "123456", RepositoryID: "456789", Branches: []string{"main"}}, subj: ids, id: "456789", want: true},
		{name: "ids in the source", subject: Subject{Repository: "octo-org@123456/octo-repo@456789"}, subj: ids, id: "456789", want: true},
		{name: "a namesake registered later", subject: Subject{Repository: "octo-org@123456/octo-repo@456789"}, subj: names, id: "999999"},
		{name: "another branch", subject: Subject{Repository: "octo-org@123456/octo-repo@456789", Branches: []string{"release"}}, subj: ids, id: "456789"},
		{name: "one id only", subject: Subject{Repository: "octo-org/octo-repo", RepositoryID: "456789"}, bad: true},
		{name: "an invalid id", subject: Subject{Repository: "octo-org/octo-repo", OwnerID: "x", RepositoryID: "456789"}, bad: true},
		{name: "ids that contradict", subject: Subject{Repository: "octo-org@1/octo-repo@2", OwnerID: "3", RepositoryID: "2"}, bad: true},
		{name: "half of the ids in the source", subject: Subject{Repository: "octo-org@123456/octo-repo"}, bad: true},
	} {
		c.subject.Form = FormGitHub
		stack, err := Trust(TrustOptions{Account: "222222222222", OIDC: &OIDC{Issuer: "https://" + host, Subjects: []Subject{c.subject}}})
		if (err != nil) != c.bad {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if misses := strings.Contains(strings.Join(stack.Notes, " "), "--owner-id"); misses != c.misses {
			t.Errorf("%s: notes %q, want a word on ids: %v", c.name, stack.Notes, c.misses)
		}
		decision := iam.Evaluate(iam.Request{
			Action: "sts:AssumeRoleWithWebIdentity", Resource: trustedRole, ResourceAccount: "222222222222",
			Principal: who(t, "arn:aws:iam::222222222222:oidc-provider/"+host),
			Context:   map[string][]string{host + ":aud": {"sts.amazonaws.com"}, host + ":sub": {c.subj}, host + ":repository_id": {c.id}},
		}, iam.Policies{Resource: []*iam.Policy{parsed(t, document(t, stack, "trustPolicy"))}})
		if (decision.Effect == iam.Allowed) != c.want {
			t.Errorf("%s: %s, want allowed %v\n%s", c.name, decision.Effect, c.want, stack.json())
		}
	}
	if _, err := Trust(TrustOptions{Account: "222222222222", OIDC: &OIDC{Issuer: "https://gitlab.com", Subjects: []Subject{
		{Form: FormGitLab, Repository: "a/b", OwnerID: "1", RepositoryID: "2"}}}}); err == nil {
		t.Error("ids are taken for another form")
	}
	stack, err := Trust(TrustOptions{Account: "222222222222", OIDC: &OIDC{Issuer: "https://github.acme.example/_services/token", Subjects: []Subject{
		{Form: FormGitHub, Repository: "a/b", OwnerID: "1", RepositoryID: "2"}}}})
	if err != nil || strings.Contains(string(stack.json()), "repository_id") {
		t.Errorf("an issuer whose repository_id AWS does not map: %v\n%s", err, stack.json())
	}
}
