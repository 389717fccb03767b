package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

// hinted are the commands of a refusal's hint, with what the reader fills in.
func hinted(t *testing.T, err error, fill ...string) [][]string {
	t.Helper()
	if err == nil {
		t.Fatal("nothing is refused: there is nothing to cure")
	}
	var all [][]string
	for _, c := range printedCommands(pullpass.HintOf(err)) {
		c = strings.NewReplacer(fill...).Replace(c)
		if left := regexp.MustCompile(`\b[A-Z]{3,}\b`).FindString(c); left != "" {
			t.Errorf("%q: the test does not fill in %s", c, left)
		}
		all = append(all, strings.Fields(c)[1:])
	}
	if len(all) == 0 {
		t.Fatalf("the hint %q has no command", pullpass.HintOf(err))
	}
	return all
}

// TestHintsCure: what a refusal tells its reader to run is run, and what was refused
// works from then on.
func TestHintsCure(t *testing.T) {
	c := newClinic(t)
	c.pullpass(0, keyText("well"), "integration", "add", "good", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole, "--external-id", "org-1")
	c.pullpass(0, "", "project", "create", "payments")
	project, err := c.client.ProjectByName(t.Context(), "payments")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("no registry", func(t *testing.T) {
		ask := api.CredentialRequest{Project: project.ID, Host: c.host, Repository: "team/app"}
		_, err := c.client.Credential(t.Context(), ask)
		if pullpass.CodeOf(err) != "no_registry" {
			t.Fatalf("refused with %v, want no_registry", err)
		}
		for _, args := range hinted(t, err, "NAME", "ecr", "INTEGRATION", "good --project payments") {
			c.pullpass(0, "", args...)
		}
		if _, err := c.client.Credential(t.Context(), ask); err != nil {
			t.Errorf("after what the hint says it is refused with %v", err)
		}
	})
	t.Run("a token that is not known", func(t *testing.T) {
		use := func(token string) error {
			as, err := client.New(c.running.url, client.WithToken(pullpass.NewSecret(token)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = as.Self(t.Context())
			return err
		}
		var made string
		for _, args := range hinted(t, use("ppat_"+strings.Repeat("a", 43)), "NAME", "laptop") {
			made, _ = c.pullpass(0, "", args...)
		}
		if err := use(strings.TrimSpace(made)); err != nil {
			t.Errorf("the token that the hint makes is refused with %v", err)
		}
	})
}
