package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

// operation is a route as the OpenAPI document tells of it: the tests below walk
// the document, so a route that is added is tested or the tests fail.
type operation struct {
	ID         string `json:"operationId"`
	Permission string `json:"x-permission"`
	Parameters []struct {
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	RequestBody *struct{}             `json:"requestBody"`
	Security    []map[string][]string `json:"security"`
	method      string
	path        string
}

func operations(t *testing.T, document []byte) []operation {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	must(t, json.Unmarshal(document, &doc))
	var all []operation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			op := operation{method: strings.ToUpper(method), path: path}
			must(t, json.Unmarshal(doc.Paths[path][method], &op))
			all = append(all, op)
		}
	}
	if len(all) < 30 {
		t.Fatalf("the document has %d operations; the tests would prove little", len(all))
	}
	return all
}

// objects are what a request can name.
type objects struct {
	project     pullpass.ProjectID
	registry    pullpass.RegistryID
	integration pullpass.IntegrationID
	runner      pullpass.RunnerID
	environment pullpass.EnvironmentID
	token       pullpass.TokenID
	trust       pullpass.TrustID
	member      pullpass.MemberID
	repository  pullpass.RepositoryID
	trial       pullpass.TrialID
	name        string
	challenge   string
}

func (o objects) fill(path string) string {
	for placeholder, id := range map[string]string{
		"{project}": string(o.project), "{registry}": string(o.registry), "{integration}": string(o.integration),
		"{runner}": string(o.runner), "{environment}": string(o.environment), "{token}": string(o.token), "{trust}": string(o.trust),
		"{member}": string(o.member), "{repository}": string(o.repository), "{trial}": string(o.trial), "{quota}": string(pullpass.QuotaTrusts),
	} {
		path = strings.ReplaceAll(path, placeholder, id)
	}
	return path
}

// missing has the form of ids, and none of them is there.
func missing() objects {
	return objects{
		pullpass.NewProjectID(), pullpass.NewRegistryID(), pullpass.NewIntegrationID(),
		pullpass.NewRunnerID(), pullpass.NewEnvironmentID(), pullpass.NewTokenID(), pullpass.NewTrustID(), pullpass.NewMemberID(), pullpass.NewRepositoryID(), pullpass.NewTrialID(), "", "",
	}
}

// bodies has a body that can be obeyed for every operation that takes one.
var bodies = map[string]func(caller pullpass.Caller, o objects) string{
	"create-project": func(_ pullpass.Caller, o objects) string { return fmt.Sprintf(`{"name":%q}`, o.name) },
	"create-registry": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"project":%q,"name":%q,"host":%q,"path_prefix":%q,"auth":"integration","integration":%q,"runners":[%q]}`, o.project, o.name, ecrHost, o.name, o.integration, o.runner)
	},
	"test-registry-settings": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"settings":{"project":%q,"name":%q,"host":%q,"auth":"integration","integration":%q,"runners":[%q]},"repository":"team/app","runner":%q}`, o.project, o.name, ecrHost, o.integration, o.runner, o.runner)
	},
	"test-registry": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"repository":"team/app","runner":%q}`, o.runner)
	},
	"test-integration": func(_ pullpass.Caller, o objects) string { return fmt.Sprintf(`{"runner":%q}`, o.runner) },
	"check-images":     func(pullpass.Caller, objects) string { return `{"images":[{"image":"alpine"}]}` },
	"test-environment": func(pullpass.Caller, objects) string { return `{"image":"` + ecrHost + `/team/app:1"}` },
	"report-trial":     func(pullpass.Caller, objects) string { return `{"failure":{"kind":"unavailable","cause":"none"}}` },
	"update-registry":  func(_ pullpass.Caller, o objects) string { return fmt.Sprintf(`{"runners":[%q]}`, o.runner) },
	"create-integration": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"name":%q,"mode":"ambient","region":"eu-west-1","runners":[%q]}`, o.name, o.runner)
	},
	"create-repository": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"project":%q,"integration":%q,"name":%q,"on_first_push":true}`, o.project, o.integration, o.name)
	},
	"update-repository":       func(pullpass.Caller, objects) string { return `{"settings":{"keep_images":3}}` },
	"set-repository-defaults": func(pullpass.Caller, objects) string { return `{"scan_on_push":true}` },
	"update-runner":           func(_ pullpass.Caller, _ objects) string { return `{"projects":[]}` },
	"update-integration":      func(_ pullpass.Caller, o objects) string { return fmt.Sprintf(`{"runners":[%q]}`, o.runner) },
	"create-runner":           func(_ pullpass.Caller, o objects) string { return fmt.Sprintf(`{"name":%q,"kind":"docker"}`, o.name) },
	"create-environment": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"project":%q,"runner":%q,"name":%q,"services":[{"name":"web","image":"alpine"}]}`, o.project, o.runner, o.name)
	},
	"issue-credential": func(c pullpass.Caller, o objects) string {
		if c.Kind == pullpass.CallerRunner {
			return fmt.Sprintf(`{"environment":%q,"host":%q}`, o.environment, ecrHost)
		}
		return fmt.Sprintf(`{"project":%q,"host":%q}`, o.project, ecrHost)
	},
	"create-token": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"name":%q,"role":"developer","project":%q}`, o.name, o.project)
	},
	"update-identity":      func(pullpass.Caller, objects) string { return `{"subject":"repository"}` },
	"set-git-login":        func(pullpass.Caller, objects) string { return `{"username":"ada","token":"git-token"}` },
	"issue-identity-token": func(pullpass.Caller, objects) string { return `{"audience":["sts.amazonaws.com"]}` },
	"create-trust": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"name":%q,"issuer":"https://ci.example","audience":"pullpass","conditions":["ref=main"],"project":%q}`, o.name, o.project)
	},
	"test-trust": func(pullpass.Caller, objects) string { return `{"token":"x"}` },
	"add-member": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"email":"%s@example.com","role":"developer","project":%q}`, o.name, o.project)
	},
	"set-webhook":   func(pullpass.Caller, objects) string { return `{"url":"https://siem.example.com/in"}` },
	"heartbeat":     func(pullpass.Caller, objects) string { return `{"phase":"active"}` },
	"prune-audit":   func(pullpass.Caller, objects) string { return `{"before":"2020-01-01T00:00:00Z"}` },
	"set-quota":     func(pullpass.Caller, objects) string { return `{"limit":4000}` },
	"report-status": func(pullpass.Caller, objects) string { return `{"start":1,"phase":"running"}` },
	"append-output": func(pullpass.Caller, objects) string { return `{"service":"web","start":1,"offset":0,"data":"aGk="}` },
	"setup":         func(pullpass.Caller, objects) string { return `{"token":"x","organization":"a1","name":"a1"}` },

	"challenge-runner": func(pullpass.Caller, objects) string { return `{"token":"x"}` },
	"prove-identity": func(_ pullpass.Caller, o objects) string {
		return fmt.Sprintf(`{"challenge":%q,"host":"sts.eu-west-1.amazonaws.com","credential":"x","date":"x","signature":"x"}`, o.challenge)
	},
	"approve-identity": func(pullpass.Caller, objects) string { return `{"identity":"` + role + `"}` },
	"join-runner":      func(pullpass.Caller, objects) string { return `{"token":"x","kind":"docker"}` },
}

// actor is a caller and its token.
type actor struct {
	name   string
	caller pullpass.Caller
	token  string
}

// stage is two organizations with everything, and everybody who may ask.
type stage struct {
	*world
	ours, theirs *tenant
	payments     pullpass.Project // ours, and what limited callers are limited to
	search       pullpass.Project // ours, too, beyond them
	runner       pullpass.Runner  // ours, an actor
	other        pullpass.Runner  // ours, another
	trier        pullpass.Runner  // ours, tries what it is to try
	actors       []actor
	foreign      objects // of theirs
	sibling      objects // ours, of search and the other runner
	made         int
}

func newStage(t *testing.T) *stage {
	w := newWorld(t)
	s := &stage{world: w, ours: w.first(), theirs: w.second()}
	var err error
	s.payments, err = s.ours.CreateProject(t.Context(), pullpass.Project{Name: "payments", Repository: "https://git.example/acme/payments"})
	must(t, err)
	s.search = s.ours.project("search")
	var token pullpass.Secret
	s.runner, token = s.ours.joined("one")
	s.other, _ = s.ours.joined("two")
	s.trier = s.ours.trying("three")
	s.actors = append(s.actors, actor{"a runner", pullpass.Caller{Kind: pullpass.CallerRunner, Organization: s.ours.org, Runner: s.runner.ID}, token.Reveal()})
	job := s.mint(pullpass.Token{Organization: s.ours.org, Kind: pullpass.TokenCI, Name: "job", Project: s.payments.ID, Action: pullpass.ActionPull})
	s.actors = append(s.actors, actor{"a CI job", pullpass.Caller{Kind: pullpass.CallerCI, Organization: s.ours.org, Project: s.payments.ID, Action: pullpass.ActionPull}, job.Reveal()})
	for _, role := range []pullpass.Role{pullpass.RoleOwner, pullpass.RoleAdmin, pullpass.RoleDeveloper, pullpass.RoleAuditor} {
		for _, project := range []pullpass.ProjectID{"", s.payments.ID} {
			name := string(role)
			if project != "" {
				name += " of a project"
			}
			s.actors = append(s.actors, actor{name,
				pullpass.Caller{Kind: pullpass.CallerToken, Organization: s.ours.org, Role: role, Project: project},
				s.ours.withRole(role, project).Reveal()})
		}
	}
	s.actors = append(s.actors, s.people()...)
	theirRunner, _ := s.theirs.joined("one")
	s.foreign = s.all(s.theirs, s.theirs.project("payments").ID, theirRunner.ID)
	s.sibling = s.all(s.ours, s.search.ID, s.other.ID)
	return s
}

// all makes one of everything.
func (s *stage) all(o *tenant, p pullpass.ProjectID, r pullpass.RunnerID) objects {
	s.t.Helper()
	name := s.name()
	token, _, err := o.CreateToken(s.t.Context(), pullpass.Token{Name: name, Role: pullpass.RoleAuditor, Project: p})
	must(s.t, err)
	return objects{p, o.basic(p, name).ID, o.accessKeyFor(name, p).ID, r, o.environment(p, r, name).ID, token.ID, o.trust(p, name).ID, o.member(p, name).ID, o.repository(p, name).ID, o.trial(r).ID, name, ""}
}

func (s *stage) name() string {
	s.made++
	return fmt.Sprintf("thing-%04d", s.made)
}

// own makes what the operation needs, within the reach of every actor.
func (s *stage) own(op operation) objects {
	s.t.Helper()
	o := s.sibling // names whatever the operation does not need
	o.project, o.runner, o.name = s.payments.ID, s.runner.ID, s.name()
	if slices.Contains([]string{"create-registry", "test-registry-settings", "create-repository"}, op.ID) {
		o.integration = s.ours.accessKeyFor(s.name(), o.project).ID
	}
	alive := ready // however long the matrix takes on this machine
	alive.At = s.clock.now()
	_, err := s.db.RecordHeartbeat(s.t.Context(), s.ours.org, s.trier.ID, alive)
	must(s.t, err)
	switch {
	case strings.HasPrefix(op.ID, "test-registry"):
		o.runner, o.registry = s.trier.ID, s.ours.basic(o.project, o.name).ID
	case op.ID == "test-integration":
		o.runner, o.integration = s.trier.ID, s.ours.native(o.name, s.trier.ID).ID
	case op.ID == "test-environment":
		o.environment = s.ours.environment(o.project, s.trier.ID, o.name).ID
	case strings.Contains(op.path, "{trial}"):
		o.trial = s.ours.trial(o.runner).ID
		if op.ID == "report-trial" {
			_, _, err := s.db.TakeTrial(s.t.Context(), s.ours.org, o.runner, o.trial)
			must(s.t, err)
		}
	case op.ID == "delete-project":
		o.project = s.ours.project(o.name).ID
	case op.ID == "delete-runner":
		r, _, err := s.ours.CreateRunner(s.t.Context(), pullpass.Runner{Name: o.name, Kind: pullpass.RunnerDocker})
		must(s.t, err)
		o.runner = r.ID
	case op.ID == "approve-identity":
		_, err := s.db.RecordIdentity(s.t.Context(), s.ours.org, o.runner, role, false)
		must(s.t, err)
	case op.ID == "prove-identity":
		c, err := s.as(pullpass.NewSecret(s.actors[0].token)).OwnChallenge(s.t.Context())
		must(s.t, err)
		o.challenge = c.Challenge
	case strings.Contains(op.path, "{registry}"):
		o.registry = s.ours.basic(o.project, o.name).ID
	case strings.Contains(op.path, "{repository}"):
		o.repository = s.ours.repository(o.project, o.name).ID
	case strings.Contains(op.path, "{integration}"):
		o.integration = s.ours.accessKeyFor(o.name, o.project).ID
	case strings.Contains(op.path, "{environment}"), op.ID == "issue-credential":
		o.environment = s.ours.environment(o.project, o.runner, o.name).ID
	case strings.Contains(op.path, "{member}"):
		o.member = s.ours.member(o.project, o.name).ID
	case strings.HasPrefix(op.path, api.PathAuditWebhook):
		s.ours.hook()
	case strings.Contains(op.path, "{trust}"):
		o.trust = s.ours.trust(o.project, o.name).ID
	case strings.Contains(op.path, "{token}"):
		token, _, err := s.ours.CreateToken(s.t.Context(), pullpass.Token{Name: o.name, Role: pullpass.RoleAuditor})
		must(s.t, err)
		o.token = token.ID
	}
	return o
}

func (s *stage) ask(op operation, a actor, o objects) reply {
	s.t.Helper()
	body := ""
	if op.RequestBody != nil {
		write, ok := bodies[op.ID]
		if !ok {
			s.t.Fatalf("%s %s takes a body, and the table of bodies has none for %q", op.method, op.path, op.ID)
		}
		body = write(a.caller, o)
	}
	token := a.token
	if op.ID == "end-session" && a.caller.Kind == pullpass.CallerUser {
		token = s.user(a.caller.Role, a.caller.Project).token // it ends with the request
	}
	path := o.fill(op.path)
	if op.ID == "list-credential-hosts" {
		path += "?project=" + string(o.project)
	}
	return s.raw(op.method, path, token, body)
}

// fields are the single references that a request can make.
var fields = map[string]func(into *objects, from objects){
	"project":     func(into *objects, from objects) { into.project = from.project },
	"registry":    func(into *objects, from objects) { into.registry = from.registry },
	"integration": func(into *objects, from objects) { into.integration = from.integration },
	"runner":      func(into *objects, from objects) { into.runner = from.runner },
	"environment": func(into *objects, from objects) { into.environment = from.environment },
	"token":       func(into *objects, from objects) { into.token = from.token },
	"trust":       func(into *objects, from objects) { into.trust = from.trust },
	"member":      func(into *objects, from objects) { into.member = from.member },
	"repository":  func(into *objects, from objects) { into.repository = from.repository },
	"trial":       func(into *objects, from objects) { into.trial = from.trial },
}

// names reports whether the operation's path or body has the field that put sets.
func (op operation) names(c pullpass.Caller, put func(*objects, objects)) bool {
	a := missing()
	b := a
	put(&b, missing())
	if a.fill(op.path) != b.fill(op.path) || op.ID == "list-credential-hosts" && a.project != b.project && c.Kind != pullpass.CallerRunner {
		return true
	}
	write := bodies[op.ID]
	return op.RequestBody != nil && write != nil && write(c, a) != write(c, b)
}

func TestAccessMatrix(t *testing.T) {
	s := newStage(t)
	before := s.inventory(s.theirs)
	cells, crossings := 0, 0
	for _, op := range operations(t, s.OpenAPI()) {
		if op.Permission == "public" {
			continue
		}
		nobody := actor{name: "nobody", caller: pullpass.Caller{}}
		wantProblem(t, op.ID+" without a token", s.ask(op, nobody, s.own(op)), http.StatusUnauthorized, pullpass.Unauthenticated)
		for _, a := range s.actors {
			cells++
			what := op.ID + " as " + a.name
			own := s.ask(op, a, s.own(op))
			if access.Check(a.caller, access.Permission(op.Permission), access.Any) != nil {
				wantProblem(t, what, own, http.StatusForbidden, pullpass.Denied)
				for _, o := range []objects{s.foreign, missing()} {
					if got := s.ask(op, a, o); got.status != own.status || got.body != own.body {
						t.Errorf("%s: denied differently for other objects: %s", what, got.body)
					}
				}
				continue
			}
			if own.status < 200 || own.status > 299 {
				t.Errorf("%s: answered %d %s for its own, want success: the rest would prove nothing", what, own.status, own.body)
			}
			crossings += s.crossings(what, a, own)
			for field, put := range fields {
				if !op.names(a.caller, put) {
					continue
				}
				with := func(o objects) reply { // the operation's own, but for one field
					mixed := s.own(op)
					put(&mixed, o)
					return s.ask(op, a, mixed)
				}
				nothing := with(missing())
				wantProblem(t, what+", no such "+field, nothing, http.StatusNotFound, pullpass.NotFound)
				beyond := map[string]objects{"another organization": s.foreign}
				if outOfReach(a, field) {
					beyond["another project or runner"] = s.sibling
				}
				for whose, o := range beyond {
					cells++
					if got := with(o); got.status != nothing.status || got.body != nothing.body {
						crossings++
						t.Errorf("%s, the %s of %s: answered %d %s\nwant the same as for what is not there: %d %s", what, field, whose, got.status, got.body, nothing.status, nothing.body)
					}
				}
			}
		}
	}
	if crossings > 0 {
		t.Errorf("%d crossings", crossings)
	}
	if diff := cmp.Diff(before, s.inventory(s.theirs)); diff != "" {
		t.Errorf("the other organization is not as it was: %s", diff)
	}
	t.Logf("%d cells, %d crossings", cells, crossings)
}

// outOfReach: whether the sibling's object of that field is beyond the actor.
func outOfReach(a actor, field string) bool {
	switch {
	case a.caller.Kind == pullpass.CallerRunner:
		return field == "environment" || field == "trial"
	case a.caller.Project != "":
		return field == "project" || field == "registry" || field == "environment" || field == "repository"
	}
	return false
}

// crossings counts what an answer tells of objects beyond the actor's reach.
func (s *stage) crossings(what string, a actor, r reply) int {
	hidden := []string{string(s.theirs.org), string(s.foreign.project), string(s.foreign.registry), string(s.foreign.integration),
		string(s.foreign.runner), string(s.foreign.environment), string(s.foreign.token), string(s.foreign.trust), string(s.foreign.trial), string(s.foreign.repository)}
	if a.caller.Project != "" {
		hidden = append(hidden, string(s.search.ID), string(s.sibling.registry), string(s.sibling.environment), string(s.sibling.repository))
	}
	if a.caller.Kind == pullpass.CallerRunner {
		hidden = append(hidden, string(s.sibling.environment), string(s.sibling.trial))
	}
	n := 0
	for _, id := range hidden {
		if strings.Contains(r.body, id) {
			n++
			s.t.Errorf("%s: the answer tells of %s: %s", what, id, r.body)
		}
	}
	return n
}

// Filters that name what is beyond reach answer as for what is not there.
func TestFiltersDoNotReveal(t *testing.T) {
	s := newStage(t)
	ids := func(o objects) map[string]string {
		return map[string]string{"project": string(o.project), "runner": string(o.runner), "environment": string(o.environment), "registry": string(o.registry)}
	}
	filters := 0
	for _, op := range operations(t, s.OpenAPI()) {
		for _, p := range op.Parameters {
			if _, names := ids(s.foreign)[p.Name]; !names || p.In != "query" {
				continue
			}
			for _, a := range s.actors {
				if access.Check(a.caller, access.Permission(op.Permission), access.Any) != nil {
					continue
				}
				filters++
				at := func(o objects) reply { return s.raw(op.method, op.path+"?"+p.Name+"="+ids(o)[p.Name], a.token, "") }
				nothing, foreign := at(missing()), at(s.foreign)
				if nothing.status != foreign.status || nothing.body != foreign.body {
					t.Errorf("%s?%s= as %s: another organization's: %d %s, not there: %d %s", op.ID, p.Name, a.name, foreign.status, foreign.body, nothing.status, nothing.body)
				}
				if a.caller.Project != "" && p.Name == "project" {
					if sibling := at(s.sibling); sibling.status != nothing.status || sibling.body != nothing.body {
						t.Errorf("%s?project= as %s: another project's: %d %s, not there: %d %s", op.ID, a.name, sibling.status, sibling.body, nothing.status, nothing.body)
					}
				}
			}
		}
	}
	if filters < 20 {
		t.Errorf("%d filters were tried; the test proves little", filters)
	}
}

// inventory is all that an organization has, as its owner sees it.
func (s *stage) inventory(o *tenant) string {
	s.t.Helper()
	var b strings.Builder
	for _, path := range []string{api.PathProjects, api.PathRegistries, api.PathIntegrations, api.PathRunners, api.PathEnvironments, api.PathTrusts, api.PathIdentity, api.PathMembers, api.PathRepositories, api.PathRepositoryDefaults} {
		b.WriteString(s.raw(http.MethodGet, path, o.token.Reveal(), "").body)
	}
	for token, err := range o.AllTokens(s.t.Context()) {
		must(s.t, err)
		b.WriteString(string(token.ID) + "\n")
	}
	// A runner that says nothing for half a minute is shown as inactive: that is
	// nobody's doing, and a slow machine takes longer than that for the matrix.
	quiet := silence.ReplaceAllString(b.String(), `"conditions":[]`)
	return strings.ReplaceAll(quiet, `"phase":"active"`, `"phase":"inactive"`)
}

// Every operation names its permission, and asks for a token unless it is public;
// those that are public are these.
func TestEveryRouteNamesItsPermission(t *testing.T) {
	w := newWorld(t)
	var public []string
	for _, op := range operations(t, w.OpenAPI()) {
		switch {
		case op.Permission == "public":
			public = append(public, op.ID)
		case !access.Known(access.Permission(op.Permission)):
			t.Errorf("%s %s names the permission %q, which the access table does not have", op.method, op.path, op.Permission)
		case len(op.Security) == 0:
			t.Errorf("%s %s asks for no token in the document", op.method, op.path)
		}
	}
	if want := []string{"begin-device", "challenge-runner", "create-session", "exchange-token", "join-runner", "setup"}; !slices.Equal(slices.Sorted(slices.Values(public)), want) {
		t.Errorf("public operations: %v, want %v", public, want)
	}
}

// silence is what an environment says that waits for a runner which is not heard of.
var silence = regexp.MustCompile(`"conditions":\[\{"code":"runner_offline"[^]]*\]`)
