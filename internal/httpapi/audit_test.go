package httpapi_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

// Every operation that changes something leaves a record, and none changes
// anything while records cannot be written. What a runner reports of its work,
// what the broker records itself, and a test that issues
// nothing, are the exceptions.
func TestNothingChangesWithoutARecord(t *testing.T) {
	s := newStage(t)
	notOurs := map[string]bool{"end-session": true /* it ends what asks: TestSignOut */, "heartbeat": true, "report-status": true, "append-output": true, "issue-credential": true, "test-trust": true,
		"runner-challenge": true, "prove-identity": true /* TestARunnerProvesWhoItIs */, "take-trial": true, "report-trial": true /* TestTrialsAreRecordedBeforeTheyAreOpened */}
	owner := s.user(pullpass.RoleOwner, "")
	changing := 0
	for _, op := range operations(t, s.OpenAPI()) {
		if op.method == http.MethodGet || op.Permission == "public" || notOurs[op.ID] {
			continue
		}
		changing++
		who := owner
		if op.Permission == string(access.IdentityIssue) {
			who = s.actors[0] // a runner
		}
		o := s.own(op)
		before := s.inventory(s.ours)
		s.door.fail(&pullpass.Error{Kind: pullpass.Unavailable, Code: "audit_unavailable", What: "refused", Cause: "the disk is full"})
		got := s.ask(op, who, o)
		s.door.fail(nil)
		wantProblem(t, op.ID+" without a record", got, http.StatusServiceUnavailable, pullpass.Unavailable)
		if got.header.Get("Retry-After") == "" {
			t.Errorf("%s: 503 without Retry-After", op.ID)
		}
		if after := s.inventory(s.ours); after != before {
			t.Errorf("%s changed something without a record", op.ID)
		}
		head := s.events(s.ours)
		if got := s.ask(op, who, o); got.status > 299 {
			t.Errorf("%s: answered %d %s, want success", op.ID, got.status, got.body)
		}
		fresh := slices.DeleteFunc(s.events(s.ours)[len(head):], func(e pullpass.Event) bool { return e.Caller.ID == string(s.trier.ID) }) // what a runner does for a test has its own
		if len(fresh) != 1 || fresh[0].Decision != pullpass.DecisionAllowed || fresh[0].Caller.ID == "" || fresh[0].Caller.Address == "" {
			t.Errorf("%s left the records %+v, want one that says who was allowed, from where", op.ID, fresh)
		}
	}
	if changing < 10 {
		t.Errorf("%d changing operations; the test proves little", changing)
	}
	report, err := s.ours.VerifyAudit(t.Context(), "")
	must(t, err)
	if !report.Whole || report.Events == 0 || report.Head == "" {
		t.Errorf("VerifyAudit() = %+v, want a whole chain", report)
	}
}

func (s *stage) events(o *tenant) []pullpass.Event {
	s.t.Helper()
	var all []pullpass.Event
	for e, err := range o.AllEvents(s.t.Context(), pullpass.EventFilter{}) {
		must(s.t, err)
		all = append(all, e)
	}
	return all
}

func TestRefusalsAreRecorded(t *testing.T) {
	s := newStage(t)
	_, err := s.as(s.ours.withRole(pullpass.RoleDeveloper, "")).CreateProject(t.Context(), pullpass.Project{Name: "mine"})
	wantKind(t, "a developer creates a project", err, pullpass.Denied)
	_, err = s.ours.CreateProject(t.Context(), pullpass.Project{Name: "payments"})
	wantKind(t, "a name that is taken", err, pullpass.Conflict)
	_, err = s.as(s.runnerToken()).Credential(t.Context(), api.CredentialRequest{Environment: s.foreign.environment, Host: ecrHost})
	wantKind(t, "a credential for another organization", err, pullpass.NotFound)
	all := s.events(s.ours)
	last := all[len(all)-4:]
	if e := last[3]; e.Action != "credential.issue" || e.Decision != pullpass.DecisionDenied || e.Runner != s.runner.ID || e.Target != string(s.foreign.environment) {
		t.Errorf("the attempt to cross was recorded as %+v", e)
	}
	if e := last[0]; e.Action != string(access.ProjectCreate) || e.Decision != pullpass.DecisionDenied {
		t.Errorf("the refusal of a permission was recorded as %+v", e)
	}
	if e := last[2]; e.Action != "project.create" || e.Decision != pullpass.DecisionFailed || e.Reason == "" {
		t.Errorf("the failure was recorded as %+v", e)
	}
}

func (s *stage) runnerToken() pullpass.Secret { return pullpass.NewSecret(s.actors[0].token) }

// A canary in every secret that the API takes: no answer, log line, metric, audit
// record or file has it, but for the issued credential's own answer.
func TestCanaryAppearsNowhere(t *testing.T) {
	s := newStage(t)
	secret := pullpass.NewSecret("again-" + canary)
	_, err := s.ours.UpdateRegistry(t.Context(), s.sibling.registry, pullpass.RegistryChange{Secret: &secret})
	must(t, err)
	s.ours.hook()
	id := "AKIAIOSFODNN7EXAMPL2"
	_, err = s.ours.UpdateIntegration(t.Context(), s.sibling.integration, pullpass.IntegrationChange{AccessKeyID: &id, Secret: &secret})
	must(t, err)
	issued, err := s.ours.Credential(t.Context(), api.CredentialRequest{Project: s.search.ID, Host: ecrHost, Repository: "team/app"})
	must(t, err)
	if !strings.Contains(issued.Secret.Reveal(), canary) {
		t.Fatal("the canary is not in the issued credential: the test would prove nothing")
	}
	tokens := []string{s.ours.token.Reveal(), s.theirs.token.Reveal(), s.setup.Reveal()}
	for _, a := range s.actors {
		tokens = append(tokens, a.token)
	}
	hidden := append([]string{canary}, tokens...)
	search := func(where, text string) {
		for _, h := range hidden {
			if strings.Contains(text, h) {
				t.Errorf("%s holds a secret", where)
			}
		}
	}
	owner := actor{"owner", pullpass.Caller{Kind: pullpass.CallerToken, Role: pullpass.RoleOwner, Organization: s.ours.org}, s.ours.token.Reveal()}
	for _, op := range operations(t, s.OpenAPI()) {
		if op.method == http.MethodGet {
			search("the answer of "+op.ID, s.ask(op, owner, s.sibling).body)
		}
	}
	for _, path := range []string{api.PathMetrics, api.PathOpenAPIJSON, api.PathReady} {
		search(path, s.raw(http.MethodGet, path, "", "").body)
	}
	search("the log", s.log.String())
	search("%+v of a credential request", fmt.Sprintf("%+v %#v", issued, api.NewRegistry{Password: api.NewSecret(secret)}))
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	must(t, err)
	if len(files) == 0 {
		t.Error("the database has no file: the test would prove nothing")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(t, err)
		search(file, string(b))
	}
}
