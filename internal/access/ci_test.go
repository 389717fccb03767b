package access_test

import (
	"slices"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
)

// A CI job gets credentials for its project, sees who it is, and nothing else.
func TestCIJob(t *testing.T) {
	job := pullpass.Caller{Kind: pullpass.CallerCI, Organization: ours, ID: "tok_1", Project: payments, Role: pullpass.RoleOwner} // a role counts for nothing
	if got, want := access.Permissions(job), []access.Permission{access.SelfRead, access.CredentialIssue}; !slices.Equal(got, want) {
		t.Errorf("Permissions(CI job) = %v, want %v", got, want)
	}
	for project, want := range map[pullpass.ProjectID]string{payments: "", search: "foreign", "": "foreign"} {
		if got := verdict(access.Check(job, access.CredentialIssue, of(project))); got != want {
			t.Errorf("Check(CI job of payments, credential.issue, %q) = %q, want %q", project, got, want)
		}
	}
}
