package broker_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/store/storetest"
)

// house is a broker on the real store and behind the real audit door.
type house struct {
	db       *store.DB
	broker   *broker.Broker
	upstream *upstream
	caller   pullpass.Caller
	org      pullpass.Organization
	env      pullpass.Environment
	basic    pullpass.Registry
}

func newHouse(t testing.TB) *house {
	t.Helper()
	ctx := t.Context()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "pullpass.db"), storetest.Keyring(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	door := audit.NewDoor(db, audit.Options{})
	t.Cleanup(func() {
		if err := door.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{db: db, upstream: &upstream{life: 12 * time.Hour}}
	if h.broker, err = broker.New(broker.Options{Store: db, Auditor: door, AWS: h.upstream}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.broker.Close)

	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(pullpass.Explain(err))
		}
	}
	h.org = pullpass.Organization{ID: pullpass.NewOrganizationID(), Name: "acme"}
	check(second(db.CreateOrganization(ctx, h.org)))
	project, err := db.CreateProject(ctx, pullpass.Project{Organization: h.org.ID, Name: "shop"})
	check(err)
	runner, err := db.CreateRunner(ctx, pullpass.Runner{Organization: h.org.ID, Name: "runner", Kind: pullpass.RunnerDocker})
	check(err)
	integration, err := db.CreateIntegration(ctx, pullpass.Integration{Organization: h.org.ID, Name: "platform", Mode: pullpass.ModeAccessKey,
		Account: "111111111111", Region: "eu-west-1", AccessKeyID: "AKIAEXAMPLE"}, pullpass.NewSecret(canary))
	check(err)
	_, err = db.CreateRegistry(ctx, pullpass.Registry{Organization: h.org.ID, Name: "owner", Host: ecrHost, Auth: pullpass.AuthIntegration,
		Integration: integration.ID, Inside: pullpass.InsideNever}, pullpass.Secret{})
	check(err)
	h.basic, err = db.CreateRegistry(ctx, pullpass.Registry{Organization: h.org.ID, Project: project.ID, Name: "ghcr", Host: "ghcr.io", Auth: pullpass.AuthBasic,
		Username: "puller", Inside: pullpass.InsideLogin}, pullpass.NewSecret(canary))
	check(err)
	h.env, err = db.CreateEnvironment(ctx, pullpass.Environment{Organization: h.org.ID, Project: project.ID, Runner: runner.ID, Name: "dev", Wanted: pullpass.WantedRunning,
		Services: []pullpass.Service{{Name: "app", Image: ecrHost + "/team/app:1"}, {Name: "web", Image: "ghcr.io/acme/web:1"}}})
	check(err)
	h.caller = pullpass.Caller{Kind: pullpass.CallerRunner, Organization: h.org.ID, ID: string(runner.ID), Runner: runner.ID}
	return h
}

func second[T any](_ T, err error) error { return err }

// TestOnTheRealStore goes the whole way, and finds both records on disk, in one
// chain, without the secret.
func TestOnTheRealStore(t *testing.T) {
	h := newHouse(t)
	for _, test := range []struct{ host, repository, user string }{{ecrHost, "team/app", "AWS"}, {"ghcr.io", "acme/web", "puller"}} {
		got, err := h.broker.Issue(t.Context(), h.caller, broker.Ask{Environment: h.env.ID, Host: test.host, Repository: test.repository})
		if err != nil || got.Credential.Username != test.user || !strings.Contains(got.Credential.Secret.Reveal(), canary) {
			t.Errorf("Issue for %s = %+v, %v", test.host, got, err)
		}
	}
	// The environment keeps the password it was started with until it restarts.
	changed := pullpass.NewSecret("changed")
	if _, err := h.db.UpdateRegistry(t.Context(), h.org.ID, h.basic.ID, pullpass.RegistryChange{Secret: &changed}); err != nil {
		t.Fatal(err)
	}
	ask := broker.Ask{Environment: h.env.ID, Host: "ghcr.io", Repository: "acme/web"}
	if got, err := h.broker.Issue(t.Context(), h.caller, ask); err != nil || got.Generation != 1 || !got.Credential.Secret.Equal(pullpass.NewSecret(canary)) {
		t.Errorf("before the restart = %+v, %v, want generation 1", got, err)
	}
	if _, err := h.db.Restart(t.Context(), h.org.ID, h.env.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := h.broker.Issue(t.Context(), h.caller, ask); err != nil || got.Generation != 2 || !got.Credential.Secret.Equal(changed) {
		t.Errorf("after the restart = %+v, %v, want generation 2", got, err)
	}
	events, err := h.db.Events(t.Context(), h.org.ID, pullpass.EventFilter{}, pullpass.Page{})
	if err != nil || len(events.Items) != 4 {
		t.Fatalf("%d events, %v, want 4", len(events.Items), err)
	}
	for _, e := range events.Items {
		if e.Hash == "" || e.Action != "credential.issue" || strings.Contains(e.Reason+e.Target, canary) {
			t.Errorf("event = %+v", e)
		}
	}
}

// BenchmarkIssueDurable is the hit path with everything but HTTP: environment,
// pinned registries and integration read, the record on disk.
func BenchmarkIssueDurable(b *testing.B) {
	h := newHouse(b)
	ask := broker.Ask{Environment: h.env.ID, Host: ecrHost, Repository: "team/app"}
	if _, err := h.broker.Issue(b.Context(), h.caller, ask); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := h.broker.Issue(b.Context(), h.caller, ask); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "issues/s")
}
