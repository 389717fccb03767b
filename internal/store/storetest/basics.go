package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

func testOrganizations(t *testing.T, open Open) {
	db := openStore(t, open, Keyring(t))
	made, err := db.CreateOrganization(t.Context(), pullpass.Organization{Name: "acme"})
	must(t, "CreateOrganization", err)
	if !pullpass.ValidID("org", string(made.ID)) || made.CreatedAt.IsZero() {
		t.Errorf("CreateOrganization gave id %q, created %v", made.ID, made.CreatedAt)
	}
	got, err := db.Organization(t.Context(), made.ID)
	must(t, "Organization", err)
	if got != made {
		t.Errorf("Organization = %+v, want %+v", got, made)
	}
	_, err = db.CreateOrganization(t.Context(), pullpass.Organization{Name: "acme"})
	wantKind(t, "a second organization of the same name", err, pullpass.Conflict)
	_, err = db.CreateOrganization(t.Context(), pullpass.Organization{Name: "-bad name-"})
	wantKind(t, "a bad name", err, pullpass.Invalid)
	_, err = db.Organization(t.Context(), pullpass.NewOrganizationID())
	wantKind(t, "an organization that is not there", err, pullpass.NotFound)
}

func testProjects(t *testing.T, open Open) {
	w := newWorld(t, open)
	want := pullpass.Project{Organization: w.org, Name: "docs", Repository: "https://git.example/docs", OwnershipProved: true}
	made, err := w.CreateProject(t.Context(), want)
	must(t, "CreateProject", err)
	got, err := w.Project(t.Context(), w.org, made.ID)
	must(t, "Project", err)
	if diff := cmp.Diff(made, got); diff != "" || !got.OwnershipProved {
		t.Errorf("Project differs from what was created:\n%s", diff)
	}
	byName, err := w.ProjectByName(t.Context(), w.org, "docs")
	must(t, "ProjectByName", err)
	if byName.ID != made.ID {
		t.Errorf("ProjectByName = %s, want %s", byName.ID, made.ID)
	}
	_, err = w.CreateProject(t.Context(), pullpass.Project{Organization: w.org, Name: "docs"})
	wantKind(t, "a second project of the same name", err, pullpass.Conflict)
	_, err = w.CreateProject(t.Context(), pullpass.Project{Organization: pullpass.NewOrganizationID(), Name: "x"})
	wantKind(t, "a project of no organization", err, pullpass.NotFound)

	must(t, "DeleteProject", w.DeleteProject(t.Context(), w.org, made.ID))
	_, err = w.Project(t.Context(), w.org, made.ID)
	wantKind(t, "a deleted project", err, pullpass.NotFound)
	wantKind(t, "deleting it again", w.DeleteProject(t.Context(), w.org, made.ID), pullpass.NotFound)
	_, err = w.CreateProject(t.Context(), pullpass.Project{Organization: w.org, Name: "docs"})
	must(t, "CreateProject with the name of a deleted one", err)
}

func testRunners(t *testing.T, open Open) {
	w := newWorld(t, open)
	made, err := w.CreateRunner(t.Context(), pullpass.Runner{Organization: w.org, Name: "two", Kind: pullpass.RunnerKubernetes, Hosted: true})
	must(t, "CreateRunner", err)
	if made.Phase != pullpass.RunnerCreated {
		t.Errorf("a new runner is in phase %q, want %q", made.Phase, pullpass.RunnerCreated)
	}
	report := pullpass.RunnerReport{
		Version: "1.2.3", Capabilities: []string{"aws-identity", "build"}, AWSClaim: "arn:aws:sts::111111111111:assumed-role/run/i-1", AWSMessage: "not asked",
		Phase: pullpass.RunnerDegraded, Message: "the engine does not answer", At: time.Now().UTC().Truncate(time.Microsecond),
	}
	_, err = w.RecordHeartbeat(t.Context(), w.org, made.ID, report)
	must(t, "RecordHeartbeat", err)
	old := pullpass.RunnerReport{Phase: pullpass.RunnerActive, At: report.At.Add(-time.Minute)}
	_, err = w.RecordHeartbeat(t.Context(), w.org, made.ID, old)
	must(t, "RecordHeartbeat with an older report", err)
	got, err := w.RunnerByName(t.Context(), w.org, "two")
	must(t, "RunnerByName", err)
	want := made
	want.Version, want.Capabilities, want.AWSClaim = report.Version, report.Capabilities, report.AWSClaim
	want.AWSMessage = report.AWSMessage
	want.Phase, want.Message, want.LastSeenAt = report.Phase, report.Message, report.At
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after a heartbeat, and an older one that came late (-want +got):\n%s", diff)
	}
	_, err = w.RecordHeartbeat(t.Context(), w.org, pullpass.NewRunnerID(), report)
	wantKind(t, "a heartbeat of no runner", err, pullpass.NotFound)
	testDeleteRunner(w, made.ID)
}

func testDeleteRunner(w *world, id pullpass.RunnerID) {
	t := w.t
	w.runner = id
	left := w.newEnvironment("left")
	err := w.DeleteRunner(t.Context(), w.org, id, false)
	wantKind(t, "deleting a runner with an environment", err, pullpass.Conflict)
	if pullpass.HintOf(err) == "" {
		t.Errorf("the refusal has no hint: %v", err)
	}
	_, err = w.SetWanted(t.Context(), w.org, left.ID, pullpass.WantedDeleted)
	must(t, "SetWanted(deleted)", err)
	must(t, "DeleteRunner when nobody wants its environment", w.DeleteRunner(t.Context(), w.org, id, false))
	got, err := w.Environment(t.Context(), w.org, left.ID)
	must(t, "Environment", err)
	if got.Phase != pullpass.PhaseDeleted {
		t.Errorf("the environment of a deleted runner is in phase %q, want %q", got.Phase, pullpass.PhaseDeleted)
	}
	_, err = w.Runner(t.Context(), w.org, id)
	wantKind(t, "a deleted runner", err, pullpass.NotFound)
	_, err = w.CreateEnvironment(t.Context(), w.environment("late"))
	wantKind(t, "an environment on a deleted runner", err, pullpass.NotFound)
}
