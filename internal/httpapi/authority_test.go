package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

// TestIntegrationsAreAttachedByTheirProjectsOnly: an administrator of one project
// opens nothing through an integration that is not for it, by any of the ways.
func TestIntegrationsAreAttachedByTheirProjectsOnly(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	evil, mine := o.project("evil"), o.project("mine")
	i := o.accessKey("platform")
	admin := o.withRole(pullpass.RoleAdmin, evil.ID).Reveal()
	settings := fmt.Sprintf(`{"project":%q,"name":"steal","host":%q,"auth":"integration","integration":%q}`, evil.ID, ecrHost, i.ID)
	ways := map[string]struct{ path, body string }{
		"create a registry":            {api.PathRegistries, settings},
		"with the auth left out":       {api.PathRegistries, strings.Replace(settings, `"auth":"integration",`, "", 1)},
		"test one":                     {api.PathRegistriesTest, `{"settings":` + settings + `}`},
		"create a repository":          {api.PathRepositories, fmt.Sprintf(`{"project":%q,"integration":%q,"name":"x/y","on_first_push":true}`, evil.ID, i.ID)},
		"with an integration that may": {api.PathRepositories, fmt.Sprintf(`{"project":%q,"integration":%q,"pull_integration":%q,"name":"x/y","on_first_push":true}`, evil.ID, attachable(t, o, evil.ID).ID, i.ID)},
	}
	for name, way := range ways {
		got := w.raw(http.MethodPost, way.path, admin, way.body)
		if p := wantProblem(t, name, got, 403, pullpass.Denied); p.Code != "integration_not_for_project" {
			t.Errorf("%s: code %q, want integration_not_for_project", name, p.Code)
		}
	}
	for _, projects := range [][]pullpass.ProjectID{{mine.ID}, {}} { // for another project, and back to none
		_, err := o.UpdateIntegration(t.Context(), i.ID, pullpass.IntegrationChange{Projects: &projects})
		must(t, err)
		if got := w.raw(http.MethodPost, api.PathRegistries, admin, settings); got.status != 403 {
			t.Errorf("for %v: status %d, want 403", projects, got.status)
		}
	}
	// Only who is limited to a project is kept from it.
	if _, err := w.as(o.withRole(pullpass.RoleAdmin, "")).CreateRegistry(t.Context(), pullpass.Registry{
		Project: mine.ID, Name: "mine", Host: ecrHost, Auth: pullpass.AuthIntegration, Integration: i.ID}, pullpass.Secret{}); err != nil {
		t.Errorf("an administrator of the organization: %v", err)
	}
	for _, change := range []string{`{"projects":["` + string(evil.ID) + `"]}`, `{"projects":[]}`} {
		if got := w.raw(http.MethodPatch, strings.Replace(api.PathIntegration, "{integration}", string(i.ID), 1), admin, change); got.status != 403 {
			t.Errorf("the limited administrator changes the list itself: status %d, want 403", got.status)
		}
	}
	projects := []pullpass.ProjectID{evil.ID}
	_, err := o.UpdateIntegration(t.Context(), i.ID, pullpass.IntegrationChange{Projects: &projects})
	must(t, err)
	if got := w.raw(http.MethodPost, api.PathRegistries, admin, settings); got.status != 201 {
		t.Errorf("for its project: status %d %s, want 201", got.status, got.body)
	}
}

func attachable(t *testing.T, o *tenant, p pullpass.ProjectID) pullpass.Integration {
	t.Helper()
	i, err := o.CreateIntegration(t.Context(), pullpass.Integration{Name: "for-" + string(p)[:8], Mode: pullpass.ModeAmbient, Account: "111111111111",
		Region: "eu-west-1", Projects: []pullpass.ProjectID{p}}, pullpass.Secret{})
	must(t, err)
	return i
}

// TestTrialsStayOffAnotherProjectsRepository, saved or not.
func TestTrialsStayOffAnotherProjectsRepository(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	evil, victim := o.project("evil"), o.project("victim")
	i := attachable(t, o, evil.ID)
	_, err := w.db.CreateRepository(t.Context(), pullpass.Repository{Organization: o.org, Project: victim.ID, Integration: i.ID, Puller: i.ID, Host: ecrHost,
		Account: "222222222222", Region: "eu-west-1", Name: "victim/payments", State: pullpass.RepositoryReady},
		pullpass.Registry{Name: "ecr-victim", Host: ecrHost, PathPrefix: "victim/payments", Auth: pullpass.AuthIntegration, Integration: i.ID})
	must(t, err)
	admin := o.withRole(pullpass.RoleAdmin, evil.ID)
	steal := pullpass.Registry{Project: evil.ID, Name: "steal", Host: ecrHost, Auth: pullpass.AuthIntegration, Integration: i.ID}
	saved, err := w.as(admin).CreateRegistry(t.Context(), steal, pullpass.Secret{})
	must(t, err)
	body := fmt.Sprintf(`{"settings":{"project":%q,"name":"steal2","host":%q,"integration":%q,"path_prefix":"victim"},"repository":"victim/payments"}`, evil.ID, ecrHost, i.ID)
	for name, way := range map[string]struct{ path, body string }{
		"settings": {api.PathRegistriesTest, body},
		"saved":    {strings.Replace(api.PathRegistryTest, "{registry}", string(saved.ID), 1), `{"repository":"victim/payments"}`},
	} {
		got := w.raw(http.MethodPost, way.path, admin.Reveal(), way.body)
		wantProblem(t, name, got, 403, pullpass.Denied)
		if got := w.raw(http.MethodPost, way.path, admin.Reveal(), strings.ReplaceAll(way.body, "victim/payments", "victim/other")); got.status == 403 {
			t.Errorf("%s, of a repository that nobody keeps: status 403 %s", name, got.body)
		}
	}
}

// TestLimitedAdministratorsReachNothingOfTheOrganization: trusts, webhooks, runners
// and integrations are the whole organization's matter.
func TestLimitedAdministratorsReachNothingOfTheOrganization(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	i := attachable(t, o, p.ID)
	r, _ := o.joined("build")
	for _, role := range []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin} {
		token := o.withRole(role, p.ID).Reveal()
		for _, test := range []struct{ method, path, body string }{
			{"POST", api.PathTrusts, `{"name":"t","issuer":"https://token.actions.githubusercontent.com","audience":"x","conditions":["sub=a"],"project":"` + string(p.ID) + `"}`},
			{"PUT", api.PathAuditWebhook, `{"url":"https://evil.example"}`},
			{"POST", api.PathAuditWebhookTest, ""},
			{"POST", strings.Replace(api.PathIntegrationTest, "{integration}", string(i.ID), 1), ""},
			{"POST", strings.Replace(api.PathIntegrationTest, "{integration}", string(i.ID), 1), `{"runner":"` + string(r.ID) + `"}`},
			{"POST", api.PathIntegrations, `{"name":"x","mode":"ambient","region":"eu-west-1"}`},
			{"PATCH", strings.Replace(api.PathRunner, "{runner}", string(r.ID), 1), `{"projects":[]}`},
			{"POST", api.PathRunners, `{"name":"x","kind":"docker"}`},
			{"POST", api.PathMembers, `{"email":"a@example.com","role":"auditor"}`},
		} {
			if got := w.raw(test.method, test.path, token, test.body); got.status != 403 {
				t.Errorf("%s of one project: %s %s: status %d, want 403", role, test.method, test.path, got.status)
			}
		}
	}
}

// TestRunnersTakeTheirProjects at create, restart and start, in the choice of a
// default, and for trials.
func TestRunnersTakeTheirProjects(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	one, two := o.project("one"), o.project("two")
	r, _ := o.joined("build")
	limit := func(projects ...pullpass.ProjectID) {
		t.Helper()
		projects = append([]pullpass.ProjectID{}, projects...)
		_, err := o.UpdateRunner(t.Context(), r.ID, pullpass.RunnerChange{Projects: &projects})
		must(t, err)
	}
	create := func(c *client.Client, name string, p pullpass.ProjectID, runner pullpass.RunnerID) error {
		_, err := c.CreateEnvironment(t.Context(), pullpass.Environment{Project: p, Runner: runner, Name: name,
			Services: []pullpass.Service{{Name: "web", Image: "docker.io/library/alpine:3"}}})
		return err
	}
	early := o.environment(two.ID, r.ID, "early")
	stopped := o.environment(two.ID, r.ID, "stopped")
	_, err := o.StopEnvironment(t.Context(), stopped.ID)
	must(t, err)
	limit(one.ID)

	developer := w.as(o.withRole(pullpass.RoleDeveloper, two.ID))
	wantKind(t, "by name", create(developer, "a", two.ID, r.ID), pullpass.Denied)
	wantKind(t, "by name, as the owner", create(o.Client, "b", two.ID, r.ID), pullpass.Denied)
	wantKind(t, "by default", create(developer, "c", two.ID, ""), pullpass.Invalid)
	wantKind(t, "of its project", create(o.Client, "d", one.ID, ""), "")
	_, err = developer.RestartEnvironment(t.Context(), early.ID)
	wantKind(t, "restart", err, pullpass.Denied)
	_, err = developer.StartEnvironment(t.Context(), stopped.ID)
	wantKind(t, "start", err, pullpass.Denied)
	_, err = developer.StopEnvironment(t.Context(), early.ID)
	wantKind(t, "stop", err, "")
	admin := o.withRole(pullpass.RoleAdmin, two.ID).Reveal()
	trial := fmt.Sprintf(`{"settings":{"project":%q,"name":"hub","host":%q,"username":"u","password":"p"},"runner":%q}`, two.ID, otherHost, r.ID)
	wantProblem(t, "a trial", w.raw(http.MethodPost, api.PathRegistriesTest, admin, trial), 403, pullpass.Denied)

	second, _ := o.joined("second") // takes all: the default for two, and no longer the only one for one
	wantKind(t, "by default, on the other runner", create(developer, "e", two.ID, ""), "")
	wantKind(t, "ambiguous", create(o.Client, "f", one.ID, ""), pullpass.Invalid)
	if got, err := developer.EnvironmentByName(t.Context(), two.ID, "e"); err != nil || got.Runner != second.ID {
		t.Errorf("the default runner: %v %v, want %s", got.Runner, err, second.ID)
	}
	if got, err := developer.Runner(t.Context(), r.ID); err != nil || len(got.Projects) != 0 {
		t.Errorf("who is limited to a project sees the others' of a runner: %v %v", got.Projects, err)
	}
	// Without its last project the runner would take all.
	wantKind(t, "deleting its only project", func() error {
		e, err := o.EnvironmentByName(t.Context(), one.ID, "d")
		must(t, err)
		must(t, o.DeleteEnvironment(t.Context(), e.ID))
		_, err = w.db.UpdateStatus(t.Context(), o.org, e.ID, pullpass.StatusUpdate{Runner: e.Runner, Start: e.Start, Phase: pullpass.PhaseDeleted})
		must(t, err)
		return o.DeleteProject(t.Context(), one.ID)
	}(), pullpass.Conflict)
	limit()
	wantKind(t, "any project again", create(developer, "g", two.ID, r.ID), "")
}

// TestExternalIDsAreMadeAndKept to those who may change them.
func TestExternalIDsAreMadeAndKept(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	const role = "arn:aws:iam::222222222222:role/pull"
	i, err := o.CreateIntegration(t.Context(), pullpass.Integration{Name: "chain", Mode: pullpass.ModeAccessKey, Account: "111111111111", Region: "eu-west-1",
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Chain: []pullpass.RoleHop{{RoleARN: role}}}, pullpass.NewSecret("key-"+canary))
	must(t, err)
	made := i.Chain[0].ExternalID
	if len(made) < 26 || !strings.HasPrefix(made, "pullpass-") {
		t.Errorf("external id %q, want one that was made", made)
	}
	chain := []pullpass.RoleHop{{RoleARN: role}, {RoleARN: "arn:aws:iam::333333333333:role/next", ExternalID: "mine"}}
	i, err = o.UpdateIntegration(t.Context(), i.ID, pullpass.IntegrationChange{Chain: &chain})
	must(t, err)
	if i.Chain[0].ExternalID != made || i.Chain[1].ExternalID != "mine" {
		t.Errorf("after the update %+v, want the ids that were there and were given", i.Chain)
	}
	for _, who := range []struct {
		role    pullpass.Role
		project pullpass.ProjectID
		sees    bool
	}{
		{pullpass.RoleOwner, "", true}, {pullpass.RoleAdmin, "", true}, {pullpass.RoleDeveloper, "", false}, {pullpass.RoleAuditor, "", false},
		{pullpass.RoleOwner, p.ID, false}, {pullpass.RoleAdmin, p.ID, false},
	} {
		token := o.withRole(who.role, who.project).Reveal()
		one := w.raw(http.MethodGet, strings.Replace(api.PathIntegration, "{integration}", string(i.ID), 1), token, "")
		for what, body := range map[string]string{"get": one.body, "list": w.raw(http.MethodGet, api.PathIntegrations, token, "").body,
			"by name": w.raw(http.MethodGet, api.PathIntegrations+"?name=chain", token, "").body} {
			sees := strings.Contains(body, made) && strings.Contains(body, `"mine"`) && strings.Contains(body, "AKIAIOSFODNN7EXAMPLE")
			hidden := !strings.Contains(body, made) && !strings.Contains(body, `"mine"`) && !strings.Contains(body, "AKIA")
			if !strings.Contains(body, role) || (who.sees && !sees) || (!who.sees && !hidden) {
				t.Errorf("%s as %s %s: %s, want the ids: %v", what, who.role, who.project, body, who.sees)
			}
		}
	}
	web, err := o.CreateIntegration(t.Context(), pullpass.Integration{Name: "web", Mode: pullpass.ModeWebIdentity, Region: "eu-west-1",
		Chain: []pullpass.RoleHop{{RoleARN: role}, {RoleARN: "arn:aws:iam::333333333333:role/next"}}}, pullpass.Secret{})
	must(t, err)
	if web.Chain[0].ExternalID != "" || web.Chain[1].ExternalID == "" {
		t.Errorf("a web identity's chain %+v, want an id for the second role only", web.Chain)
	}
}

// TestRevocationReachesTokensOfTokens: who is offboarded keeps nothing.
func TestRevocationReachesTokensOfTokens(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	create := func(c *client.Client, name string) (pullpass.Token, pullpass.Secret) {
		t.Helper()
		made, text, err := c.CreateToken(t.Context(), pullpass.Token{Name: name, Role: pullpass.RoleOwner})
		must(t, err)
		return made, text
	}
	first, one := create(o.Client, "one")
	second, two := create(w.as(one), "two")
	_, three := create(w.as(two), "three")
	if second.Parent != first.ID || second.Root != "setup" {
		t.Errorf("the second token: parent %s, root %s, want %s and setup", second.Parent, second.Root, first.ID)
	}
	_, join, err := w.as(two).CreateRunner(t.Context(), pullpass.Runner{Name: "late", Kind: pullpass.RunnerDocker})
	must(t, err)
	must(t, o.DeleteToken(t.Context(), first.ID))
	for name, token := range map[string]pullpass.Secret{"one": one, "two": two, "three": three} {
		if got := w.raw(http.MethodGet, api.PathSelf, token.Reveal(), ""); got.status != 401 {
			t.Errorf("%s after the first was deleted: status %d, want 401", name, got.status)
		}
	}
	_, _, err = w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "1"})
	wantKind(t, "a join token of a token that is gone", err, pullpass.Unauthenticated)
}

// TestExpiringTokensHandOutNothingForEver: no role, and what stays says so.
func TestExpiringTokensHandOutNothingForEver(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	ends := w.clock.now().Add(time.Hour)
	brief, text, err := o.CreateToken(t.Context(), pullpass.Token{Name: "brief", Role: pullpass.RoleOwner, ExpiresAt: ends})
	must(t, err)
	got := w.raw(http.MethodPost, api.PathMembers, text.Reveal(), `{"email":"me@example.com","role":"owner"}`)
	if p := wantProblem(t, "a member", got, 403, pullpass.Denied); p.Code != "grant_exceeds" {
		t.Errorf("code %q, want grant_exceeds", p.Code)
	}
	_, join, err := w.as(text).CreateRunner(t.Context(), pullpass.Runner{Name: "late", Kind: pullpass.RunnerDocker})
	must(t, err)
	events, err := w.db.Events(t.Context(), o.org, pullpass.EventFilter{}, pullpass.Page{Limit: 100})
	must(t, err)
	shown := false
	for _, e := range events.Items {
		shown = shown || (e.Action == "runner.create" && e.Detail["maker_expires"] != "")
	}
	if !shown {
		t.Error("the record of the runner does not say that its maker's token ends")
	}
	project, err := o.CreateProject(t.Context(), pullpass.Project{Name: "shop"})
	must(t, err)
	made, err := w.as(text).CreateTrust(t.Context(), api.NewTrust{Name: "gitlab", Issuer: "https://gitlab.example.com", Audience: "a", Conditions: []string{"sub=x"}, Project: project.ID})
	must(t, err)
	if made.Maker.State != pullpass.MakerExpiring || made.Maker.Expires.Sub(ends).Abs() > time.Second {
		t.Errorf("the new trust says %+v of its maker, want that it expires %v", made.Maker, ends)
	}
	makers := func(when string, want pullpass.MakerState) {
		t.Helper()
		runners, err := o.Runners(t.Context(), pullpass.Page{})
		must(t, err)
		trusts, err := o.Trusts(t.Context(), pullpass.Page{})
		must(t, err)
		if got := runners.Items[0].Maker.State; got != want {
			t.Errorf("%s: the runner's maker is %s, want %s", when, got, want)
		}
		if got := trusts.Items[0].Maker.State; got != want {
			t.Errorf("%s: the trust's maker is %s, want %s", when, got, want)
		}
	}
	makers("at first", pullpass.MakerExpiring)
	w.clock.forward(2 * time.Hour)
	_, _, err = w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "1"})
	wantKind(t, "a join token that would outlive its maker's", err, pullpass.Unauthenticated)
	makers("two hours later", pullpass.MakerExpired)
	must(t, o.DeleteToken(t.Context(), brief.ID))
	makers("after its deletion", pullpass.MakerGone)

	// Members are made by lasting tokens only, and those can be deleted.
	lasting, text, err := o.CreateToken(t.Context(), pullpass.Token{Name: "lasting", Role: pullpass.RoleOwner})
	must(t, err)
	member, err := w.as(text).AddMember(t.Context(), pullpass.Member{Email: "ada@example.com", Role: pullpass.RoleAuditor})
	must(t, err)
	if member.Maker.State != pullpass.MakerActive || member.Maker.ID != string(lasting.ID) {
		t.Errorf("the new member says %+v of its maker, want %s", member.Maker, lasting.ID)
	}
	must(t, o.DeleteToken(t.Context(), lasting.ID))
	members, err := o.Members(t.Context(), pullpass.Page{})
	must(t, err)
	if got := members.Items[0].Maker.State; got != pullpass.MakerGone {
		t.Errorf("the member's maker is %s after its deletion, want gone", got)
	}
}
