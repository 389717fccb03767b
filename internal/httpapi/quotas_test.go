package httpapi_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// TestQuotas: an owner sets a limit, which is recorded, shown with what is used of
// it, and refuses with its name; nobody else sets one, and a member of one project
// sees the numbers of that project.
func TestQuotas(t *testing.T) {
	w := newWorld(t)
	acme := w.first()
	project, other := acme.project("payments"), acme.project("search")
	for _, name := range []string{"one", "two"} {
		acme.basic(project.ID, name)
	}
	must(t, acme.SetQuota(t.Context(), pullpass.QuotaRegistriesPerProject, 2))
	_, err := acme.CreateRegistry(t.Context(), pullpass.Registry{Project: project.ID, Name: "three", Host: "three.example.com", Auth: pullpass.AuthBasic, Username: "robot"}, pullpass.NewSecret(canary))
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind != pullpass.Conflict || e.Code != "quota_exceeded" ||
		!strings.Contains(e.Cause, string(pullpass.QuotaRegistriesPerProject)) || !strings.Contains(e.Hint, "pullpass quota") {
		t.Errorf("the third of two registries: %#v, want a refusal that names the quota and the command", err)
	}
	acme.basic(other.ID, "elsewhere")

	use := func(c *tenant, p pullpass.ProjectID) api.Quota {
		t.Helper()
		list, err := c.Quotas(t.Context(), p)
		must(t, err)
		if len(list) != len(pullpass.QuotaRules()) {
			t.Errorf("%d quotas listed, want %d", len(list), len(pullpass.QuotaRules()))
		}
		for _, q := range list {
			if q.Name == pullpass.QuotaRegistriesPerProject {
				return q
			}
		}
		t.Fatal("registries-per-project is not listed")
		return api.Quota{}
	}
	if q := use(acme, ""); q.Used != 2 || q.Limit != 2 || q.OwnLimit == nil || q.ServerLimit == 2 || q.Per != pullpass.PerProject {
		t.Errorf("quota of the fullest project: %+v, want 2 of 2, set by the owner", q)
	}
	if q := use(acme, other.ID); q.Used != 1 {
		t.Errorf("quota of the other project: %+v, want 1 used", q)
	}
	limited := &tenant{Client: w.as(w.mint(pullpass.Token{Organization: acme.org, Kind: pullpass.TokenAPI, Name: "dev", Role: pullpass.RoleDeveloper, Project: other.ID})), w: w}
	if q := use(limited, ""); q.Used != 1 {
		t.Errorf("quota as a member of the other project sees it: %+v, want its own 1", q)
	}
	if _, err := limited.Quotas(t.Context(), project.ID); !pullpass.IsKind(err, pullpass.NotFound) {
		t.Errorf("quotas of a project out of reach: %v, want not found", err)
	}
	admin := w.as(w.mint(pullpass.Token{Organization: acme.org, Kind: pullpass.TokenAPI, Name: "admin", Role: pullpass.RoleAdmin}))
	if err := admin.ResetQuota(t.Context(), pullpass.QuotaRegistriesPerProject); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("an admin resets a quota: %v, want denied", err)
	}
	if err := acme.SetQuota(t.Context(), pullpass.QuotaTrusts, pullpass.MaxQuota); !pullpass.IsKind(err, pullpass.Invalid) || !strings.Contains(pullpass.HintOf(err), "--quota") {
		t.Errorf("a quota above the server's: %v, hint %q", err, pullpass.HintOf(err))
	}
	if err := acme.SetQuota(t.Context(), "moons", 1); !pullpass.IsKind(err, pullpass.NotFound) {
		t.Errorf("an unknown quota: %v, want not found", err)
	}
	must(t, acme.ResetQuota(t.Context(), pullpass.QuotaRegistriesPerProject))
	acme.basic(project.ID, "three")
	events, err := w.db.Events(t.Context(), acme.org, pullpass.EventFilter{}, pullpass.Page{Limit: pullpass.MaxPage})
	must(t, err)
	var limits []string
	for _, e := range events.Items {
		if e.Action == "quota.update" && e.Target == string(pullpass.QuotaRegistriesPerProject) && e.Decision == pullpass.DecisionAllowed {
			limits = append(limits, e.Detail["limit"])
		}
	}
	if got := strings.Join(limits, ", "); got != "2, the server's" {
		t.Errorf("recorded limits: %s, want 2, the server's", got)
	}
}
