package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
)

// byHand is what is decided, written by hand: O an owner, A an admin, D a developer,
// U an auditor; then who has it without a role, and what is left of it for whoever is
// limited to a project: "-" nothing, "its project" no more than that.
const byHand = `
self.read             | OADU | runner, environment, CI job, service-account | itself
project.read          | OADU |  | its project
project.create        | OA-- |  | -
project.prove         | OA-- |  | its project
project.delete        | OA-- |  | -
registry.read         | OADU |  | its project
registry.create       | OA-- |  | its project
registry.update       | OA-- |  | its project
registry.delete       | OA-- |  | its project
integration.read      | OADU |  | organization
integration.create    | OA-- |  | -
integration.update    | OA-- |  | -
integration.delete    | OA-- |  | -
repository.read       | OADU |  | its project
repository.create     | OA-- |  | its project
repository.update     | OA-- |  | its project
repository.delete     | OA-- |  | its project
repository.set        | OA-- |  | -
runner.read           | OADU |  | organization
runner.create         | OA-- |  | -
runner.update         | OA-- |  | -
runner.delete         | OA-- |  | -
runner.work           | ---- | runner | -
runner.try            | OA-- |  | organization
environment.read      | OADU | runner, environment | its project
environment.create    | OAD- |  | its project
environment.control   | OAD- |  | its project
environment.delete    | OAD- |  | its project
environment.try       | OAD- |  | its project
credential.issue      | OAD- | runner, environment, CI job, service-account | its project
identity.read         | OADU |  | organization
identity.update       | OA-- |  | -
identity.issue        | ---- | runner | -
trust.read            | OA-U |  | -
trust.create          | OA-- |  | -
trust.delete          | OA-- |  | -
token.read            | OA-U |  | -
token.create          | O--- |  | -
token.delete          | O--- |  | -
member.read           | OA-U |  | -
member.add            | O--- |  | -
member.delete         | O--- |  | -
quota.read            | OADU |  | organization
quota.update          | O--- |  | -
session.end           | ---- | user | itself
webhook.read          | OA-- |  | -
webhook.update        | O--- |  | -
audit.read            | OA-U |  | -
audit.verify          | OA-U |  | -
audit.prune           | O--- |  | -
`

// TestTableByHand compares the table with the one above, so that changing a
// permission takes two decisions, and both are seen in a review.
func TestTableByHand(t *testing.T) {
	letters := map[pullpass.Role]string{pullpass.RoleOwner: "O", pullpass.RoleAdmin: "A", pullpass.RoleDeveloper: "D", pullpass.RoleAuditor: "U"}
	kinds := map[pullpass.CallerKind]string{pullpass.CallerRunner: "runner", pullpass.CallerEnvironment: "environment",
		pullpass.CallerCI: "CI job", pullpass.CallerService: "service-account", pullpass.CallerUser: "user", pullpass.CallerServer: "server"}
	var listed []access.Permission
	for line := range strings.Lines(strings.TrimSpace(byHand)) {
		column := strings.Split(line, "|")
		for i := range column {
			column[i] = strings.TrimSpace(column[i])
		}
		p := access.Permission(column[0])
		listed = append(listed, p)
		for role, letter := range letters {
			want := strings.Contains(column[1], letter)
			if got := access.Check(token(role), p, access.Any) == nil; got != want {
				t.Errorf("%s as %s: %v, want %v", p, role, got, want)
			}
			left := access.Check(limited(role), p, access.Any) == nil
			other := access.Check(limited(role), p, of(search)) == nil
			if left != (want && column[3] != "-") || other != (left && column[3] != "its project") {
				t.Errorf("%s as %s of one project: %v, for another project %v; the table says %q", p, role, left, other, column[3])
			}
		}
		for kind, name := range kinds {
			want := slices.Contains(strings.Split(column[2], ", "), name)
			c := pullpass.Caller{Kind: kind, Organization: ours, ID: "x"}
			if got := access.Check(c, p, access.Any) == nil; got != want {
				t.Errorf("%s as a %s without a role: %v, want %v", p, kind, got, want)
			}
		}
	}
	for _, p := range access.Permissions(token(pullpass.RoleOwner)) {
		if !slices.Contains(listed, p) {
			t.Errorf("%s is not written down here", p)
		}
	}
}

// TestNobodyWithoutARoleGrants: not even a role without permissions of its own.
func TestNobodyWithoutARoleGrants(t *testing.T) {
	for _, kind := range []pullpass.CallerKind{pullpass.CallerRunner, pullpass.CallerEnvironment, pullpass.CallerCI, pullpass.CallerService, pullpass.CallerServer, ""} {
		for _, role := range []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin, pullpass.RoleDeveloper, pullpass.RoleAuditor} {
			c := pullpass.Caller{Kind: kind, Organization: ours, Role: pullpass.RoleOwner}
			if err := access.MayGrant(c, role, ""); !pullpass.IsKind(err, pullpass.Denied) {
				t.Errorf("MayGrant(%q, %s) = %v, want Denied", kind, role, err)
			}
		}
	}
}
