package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

// What a token has made and outlives it is shown as that in lists, and in JSON.
func TestMakersAreShown(t *testing.T) {
	c := newClinic(t)
	ctx := t.Context()
	_, err := c.client.CreateProject(ctx, pullpass.Project{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	c.pullpass(0, "", "runner", "add", "kept")
	list, _ := c.pullpass(0, "", "runner", "list")
	if strings.Contains(list, "MADE BY") {
		t.Errorf("a list without anything to see has a column for it:\n%s", list)
	}
	end := time.Now().Add(48 * time.Hour)
	brief, briefText, err := c.client.CreateToken(ctx, pullpass.Token{Name: "brief", Role: pullpass.RoleOwner, ExpiresAt: end})
	if err != nil {
		t.Fatal(err)
	}
	doomed, doomedText, err := c.client.CreateToken(ctx, pullpass.Token{Name: "doomed", Role: pullpass.RoleOwner})
	if err != nil {
		t.Fatal(err)
	}
	owner := c.owner
	c.owner = briefText
	c.connect()
	c.pullpass(0, "", "runner", "add", "late")
	c.pullpass(0, "", "trust", "add", "ci", "--preset", "gitlab", "--claim", "project_path=acme/app", "--project", "shop")
	c.owner = doomedText
	c.connect()
	c.pullpass(0, "", "runner", "add", "lost")
	c.pullpass(0, "", "member", "add", "ada@example.com", "--role", "auditor")
	c.owner = owner
	c.connect()
	if err := c.client.DeleteToken(ctx, doomed.ID); err != nil {
		t.Fatal(err)
	}
	list, _ = c.pullpass(0, "", "runner", "list")
	wantAll(t, "runner list", list, "MADE BY", "token until "+end.UTC().Format(time.DateOnly), "gone")
	shown, _ := c.pullpass(0, "", "runner", "show", "lost")
	wantAll(t, "runner show", shown, "made by", string(doomed.ID)+", which is gone")
	shown, _ = c.pullpass(0, "", "runner", "show", "late")
	wantAll(t, "runner show", shown, string(brief.ID)+", which expires")
	list, _ = c.pullpass(0, "", "trust", "list")
	wantAll(t, "trust list", list, "MADE BY", "token until")
	list, _ = c.pullpass(0, "", "member", "list")
	wantAll(t, "member list", list, "MADE BY", "gone")
	for what, command := range map[string][]string{"runner": {"runner", "show", "lost"}, "member": {"member", "list"}} {
		text, _ := c.pullpass(0, "", append([]string{"--json"}, command...)...)
		wantAll(t, "the JSON of a "+what, text, `"maker"`, `"state": "gone"`, string(doomed.ID))
	}
}
