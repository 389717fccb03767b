package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

const ecrPlace = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"

func (w *world) newIntegration(name string) pullpass.IntegrationID {
	w.t.Helper()
	i, err := w.CreateIntegration(w.t.Context(), pullpass.Integration{Organization: w.org, Name: name, Mode: pullpass.ModeAmbient}, pullpass.Secret{})
	must(w.t, "CreateIntegration", err)
	return i.ID
}

func (w *world) repository(name string, i pullpass.IntegrationID) (pullpass.Repository, pullpass.Registry) {
	immutable := pullpass.TagsImmutable
	return pullpass.Repository{
			Organization: w.org, Project: w.project, Integration: i, Puller: i, Host: ecrPlace,
			Account: "222222222222", Region: "eu-west-1", Name: name, State: pullpass.RepositoryPending,
			Settings: pullpass.RepositorySettings{ImageTags: &immutable, Tags: &map[string]string{"team": "a"}},
		}, pullpass.Registry{
			Name: "ecr-" + name, Host: ecrPlace, PathPrefix: name, Auth: pullpass.AuthIntegration, Integration: i,
		}
}

func testRepositories(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	ctx := t.Context()
	i := w.newIntegration("aws")
	r, entry := w.repository("app", i)
	made, err := w.CreateRepository(ctx, r, entry)
	must(t, "CreateRepository", err)
	for what, get := range map[string]func(pullpass.OrganizationID) (pullpass.Repository, error){
		"Repository": func(o pullpass.OrganizationID) (pullpass.Repository, error) { return w.Repository(ctx, o, made.ID) },
		"RepositoryAt": func(o pullpass.OrganizationID) (pullpass.Repository, error) {
			return w.RepositoryAt(ctx, o, "222222222222", "eu-west-1", "app")
		},
		"RepositoryOf": func(o pullpass.OrganizationID) (pullpass.Repository, error) {
			return w.RepositoryOf(ctx, o, made.Registry)
		},
	} {
		got, err := get(w.org)
		must(t, what, err)
		if diff := cmp.Diff(made, got); diff != "" {
			t.Errorf("%s differs from what was created:\n%s", what, diff)
		}
		_, err = get(other.org)
		wantKind(t, what+" of another organization", err, pullpass.NotFound)
	}
	reg, err := w.Registry(ctx, w.org, made.Registry)
	must(t, "Registry", err)
	if reg.PathPrefix != "app" || reg.Project != w.project || reg.Integration != i || reg.Inside != pullpass.InsideLogin {
		t.Errorf("the registry entry is %+v", reg)
	}
	if err := w.DeleteIntegration(ctx, w.org, i); pullpass.CodeOf(err) != "integration_in_use" {
		t.Errorf("DeleteIntegration = %v, want integration_in_use", err)
	}
	testRepositoryRefusals(w, made, i)
	testRepositoryChanges(w, other, made)

	must(t, "DeleteRepository", w.DeleteRepository(ctx, w.org, made.ID))
	wantKind(t, "deleting it again", w.DeleteRepository(ctx, w.org, made.ID), pullpass.NotFound)
	_, err = w.Registry(ctx, w.org, made.Registry)
	wantKind(t, "the registry entry of a deleted repository", err, pullpass.NotFound)

	again, err := w.CreateRepository(ctx, r, entry)
	must(t, "CreateRepository after DeleteRepository", err)
	must(t, "DeleteRegistry", w.DeleteRegistry(ctx, w.org, again.Registry))
	must(t, "DeleteRepository whose entry is gone", w.DeleteRepository(ctx, w.org, again.ID))
	_, err = w.CreateRepository(ctx, r, entry)
	must(t, "CreateRepository", err)
	must(t, "DeleteProject", w.DeleteProject(ctx, w.org, w.project))
	if n := count(t, w.DB, "repositories"); n != 0 {
		t.Errorf("%d repositories are left of a deleted project", n)
	}
	_, err = w.CreateRepository(ctx, r, entry)
	wantKind(t, "a repository of a deleted project", err, pullpass.NotFound)
}

func testRepositoryRefusals(w *world, made pullpass.Repository, i pullpass.IntegrationID) {
	t, ctx := w.t, w.t.Context()
	r, entry := w.repository("app", i)
	r.Project = w.newProject("second")
	if _, err := w.CreateRepository(ctx, r, entry); pullpass.CodeOf(err) != "repository_taken" {
		t.Errorf("another project's repository of the same place: %v, want repository_taken", err)
	}
	// Both or neither: the entry's place is taken, so nothing is stored.
	tie, err := w.CreateRegistry(ctx, pullpass.Registry{Organization: w.org, Project: w.project, Name: "by-hand", Host: ecrPlace, PathPrefix: "tied", Auth: pullpass.AuthIntegration, Integration: i}, pullpass.Secret{})
	must(t, "CreateRegistry", err)
	r, entry = w.repository("tied", i)
	if _, err := w.CreateRepository(ctx, r, entry); pullpass.CodeOf(err) != "registry_tie" {
		t.Errorf("a repository whose entry would be a tie: %v, want registry_tie", err)
	}
	must(t, "DeleteRegistry", w.DeleteRegistry(ctx, w.org, tie.ID))
	if l, err := w.Repositories(ctx, w.org, pullpass.RepositoryFilter{}, pullpass.Page{}); err != nil || len(l.Items) != 1 || l.Items[0].ID != made.ID {
		t.Errorf("Repositories = %+v, %v, want the one", l, err)
	}
	if l, err := w.Repositories(ctx, w.org, pullpass.RepositoryFilter{Project: pullpass.NewProjectID()}, pullpass.Page{}); err != nil || len(l.Items) != 0 {
		t.Errorf("Repositories of no project = %+v, %v, want none", l, err)
	}
}

func testRepositoryChanges(w, other *world, made pullpass.Repository) {
	t, ctx := w.t, w.t.Context()
	five := 5
	s := pullpass.RepositorySettings{KeepImages: &five}
	_, err := w.SetRepositorySettings(ctx, other.org, made.ID, s)
	wantKind(t, "another organization sets it", err, pullpass.NotFound)
	wantKind(t, "another organization deletes it", w.DeleteRepository(ctx, other.org, made.ID), pullpass.NotFound)
	_, err = w.ReportRepository(ctx, other.org, made.ID, nil, "x")
	wantKind(t, "another organization reports it", err, pullpass.NotFound)
	failed, err := w.ReportRepository(ctx, w.org, made.ID, nil, "AWS said no")
	if err != nil || failed.State != pullpass.RepositoryFailed || failed.Reason != "AWS said no" || !failed.AppliedAt.IsZero() {
		t.Errorf("ReportRepository(failed) = %+v, %v", failed, err)
	}
	principals := []string{"arn:aws:iam::111111111111:role/pull"}
	ready, err := w.ReportRepository(ctx, w.org, made.ID, principals, "")
	if err != nil || ready.State != pullpass.RepositoryReady || ready.Reason != "" || ready.AppliedAt.IsZero() || !cmp.Equal(ready.Principals, principals) {
		t.Errorf("ReportRepository(ready) = %+v, %v", ready, err)
	}
	set, err := w.SetRepositorySettings(ctx, w.org, made.ID, s)
	must(t, "SetRepositorySettings", err)
	if got, err := w.Repository(ctx, w.org, made.ID); err != nil || !cmp.Equal(got, set) || got.Settings.KeepImages == nil || *got.Settings.KeepImages != 5 || got.State != pullpass.RepositoryReady {
		t.Errorf("after SetRepositorySettings: %+v, %v", got, err)
	}
	must(t, "SetRepositoryDefaults", w.SetRepositoryDefaults(ctx, w.org, pullpass.RepositorySettings{}))
	must(t, "SetRepositoryDefaults again", w.SetRepositoryDefaults(ctx, w.org, s))
	if got, err := w.RepositoryDefaults(ctx, w.org); err != nil || !cmp.Equal(got, s) {
		t.Errorf("RepositoryDefaults = %+v, %v", got, err)
	}
	if got, err := w.RepositoryDefaults(ctx, other.org); err != nil || !cmp.Equal(got, pullpass.RepositorySettings{}) {
		t.Errorf("another organization's RepositoryDefaults = %+v, %v, want none", got, err)
	}
}

// Of many who create a repository of one place, on two servers, one does.
func testRepositoryRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	servers := []*store.DB{w.DB, openStore(t, open, keyring)}
	i := w.newIntegration("aws")
	var won, taken atomic.Int64
	var done sync.WaitGroup
	for n := range 16 {
		done.Go(func() {
			r, entry := w.repository("app", i)
			entry.Name = fmt.Sprintf("entry-%d", n)
			_, err := servers[n%2].CreateRepository(context.WithoutCancel(t.Context()), r, entry)
			switch {
			case err == nil:
				won.Add(1)
			case pullpass.CodeOf(err) == "repository_taken":
				taken.Add(1)
			default:
				t.Errorf("CreateRepository: %v", err)
			}
		})
	}
	done.Wait()
	if won.Load() != 1 || taken.Load() != 15 || count(t, w.DB, "repositories") != 1 || count(t, w.DB, "registries") != 1 {
		t.Errorf("%d made it and %d were told that it is taken, want 1 and 15", won.Load(), taken.Load())
	}
}

// testRepositoriesOfOthers: what is kept for one project is found by every
// pattern that opens it, in its own place only.
func testRepositoriesOfOthers(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	ctx := t.Context()
	i := w.newIntegration("aws")
	app, appEntry := w.repository("app", i)
	_, err := w.CreateRepository(ctx, app, appEntry)
	must(t, "CreateRepository", err)
	second, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: "second-one"})
	must(t, "CreateProject", err)
	below, belowEntry := w.repository("team_x/app", i)
	belowEntry.Name = "ecr-below"
	_, err = w.CreateRepository(ctx, below, belowEntry)
	must(t, "CreateRepository", err)
	for _, q := range []struct {
		org                      pullpass.OrganizationID
		project                  pullpass.ProjectID
		account, region, pattern string
		want                     string
	}{
		{w.org, second.ID, "222222222222", "eu-west-1", "app", "app"},
		{w.org, second.ID, "222222222222", "eu-west-1", "team_x/*", "team_x/app"},
		{w.org, second.ID, "222222222222", "eu-west-1", "team_x", ""},
		{w.org, second.ID, "222222222222", "eu-west-1", "teamAx/*", ""},
		{w.org, second.ID, "222222222222", "eu-west-1", "ap", ""},
		{w.org, second.ID, "222222222222", "us-east-1", "app", ""},
		{w.org, second.ID, "333333333333", "eu-west-1", "*", ""},
		{w.org, w.project, "222222222222", "eu-west-1", "*", ""},
		{w.org, "", "222222222222", "eu-west-1", "app", "app"},
		{other.org, second.ID, "222222222222", "eu-west-1", "*", ""},
	} {
		got, err := w.RepositoryOfOthers(ctx, q.org, q.project, q.account, q.region, q.pattern)
		if err != nil || got != q.want {
			t.Errorf("RepositoryOfOthers(%v) = %q, %v, want %q", q, got, err, q.want)
		}
	}
	whole, err := w.RepositoryOfOthers(ctx, w.org, second.ID, "222222222222", "eu-west-1", "*")
	if err != nil || whole == "" {
		t.Errorf("RepositoryOfOthers of the whole account = %q, %v, want one", whole, err)
	}
}
