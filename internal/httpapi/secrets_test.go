package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/webhook"
)

// TestWebhookAddressIsForOwners: its path and query may be a secret, and who may not
// set it sees the host alone. In the database none of it is in clear text.
func TestWebhookAddressIsForOwners(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	const address = "https://siem.example.com/in?token=" + canary
	_, err := w.db.SetWebhook(t.Context(), webhook.Hook{Organization: o.org, URL: address, Secret: pullpass.NewSecret("signing")})
	must(t, err)
	for role, want := range map[pullpass.Role]string{pullpass.RoleOwner: address, pullpass.RoleAdmin: "https://siem.example.com"} {
		h, err := w.as(o.withRole(role, "")).Webhook(t.Context())
		if err != nil || h.URL != want {
			t.Errorf("%s sees %q, %v, want %q", role, h.URL, err, want)
		}
	}
	w.holdsNot(canary)
}

// TestVariablesAreForThoseWhoCreate: values are shown to those who may create
// environments there, in the answer for one; lists and other callers have the names.
// The database has neither values nor output in clear text.
func TestVariablesAreForThoseWhoCreate(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("shop")
	r, token := o.joined("build")
	e, err := o.CreateEnvironment(t.Context(), pullpass.Environment{Project: p.ID, Runner: r.ID, Name: "dev", Services: []pullpass.Service{
		{Name: "web", Image: "docker.io/library/alpine:3", Env: map[string]string{"DBPASS": canary}, EnvNames: []string{"INVENTED"}}}})
	must(t, err)
	must(t, w.db.AppendOutput(t.Context(), o.org, e.ID, "web", 1, 0, []byte("the password is "+canary)))
	w.holdsNot(canary)
	for role, want := range map[pullpass.Role]bool{
		pullpass.RoleOwner: true, pullpass.RoleAdmin: true, pullpass.RoleDeveloper: true, pullpass.RoleAuditor: false,
	} {
		c := w.as(o.withRole(role, ""))
		one, err := c.Environment(t.Context(), e.ID)
		must(t, err)
		s := one.Services[0]
		if (s.Env["DBPASS"] == canary) != want || !slices.Equal(s.EnvNames, []string{"DBPASS"}) {
			t.Errorf("%s sees %v with the names %v, want values: %v", role, s.Env, s.EnvNames, want)
		}
		list := w.raw(http.MethodGet, api.PathEnvironments, o.withRole(role, "").Reveal(), "")
		if list.status != 200 || strings.Contains(list.body, canary) || !strings.Contains(list.body, "DBPASS") {
			t.Errorf("%s lists %d %s, want names alone", role, list.status, list.body)
		}
	}
	path := strings.Replace(api.PathEnvironment, "{environment}", string(e.ID), 1)
	if got := w.raw(http.MethodGet, path, token.Reveal(), ""); strings.Contains(got.body, canary) {
		t.Errorf("the runner sees values where it does not start anything: %s", got.body)
	}
	wanted := w.raw(http.MethodGet, api.PathRunnerEnvironments, token.Reveal(), "")
	if wanted.status != 200 || !strings.Contains(wanted.body, canary) {
		t.Errorf("the runner gets %d %s, want the values to start it with", wanted.status, wanted.body)
	}
	if record := w.raw(http.MethodGet, api.PathAuditEvents+"?limit=500", o.token.Reveal(), ""); strings.Contains(record.body, canary) {
		t.Error("the audit record holds the value")
	}
}
