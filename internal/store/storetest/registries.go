package storetest

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

func testRegistries(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	want := basic(w.org, "hub", w.project)
	want.PathPrefix, want.Runners = "team", []pullpass.RunnerID{w.newRunner("two"), w.runner, w.runner}
	made, err := w.CreateRegistry(ctx, want, pullpass.NewSecret("p4ss"))
	must(t, "CreateRegistry", err)
	if made.Generation != 1 || made.Inside != pullpass.InsideLogin || len(made.Runners) != 2 {
		t.Errorf("CreateRegistry = %+v, want generation 1, inside login, two runners", made)
	}
	got, err := w.Registry(ctx, w.org, made.ID)
	must(t, "Registry", err)
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("Registry differs from what was created:\n%s", diff)
	}
	byName, err := w.RegistryByName(ctx, w.org, w.project, "hub")
	must(t, "RegistryByName", err)
	if byName.ID != made.ID {
		t.Errorf("RegistryByName = %s, want %s", byName.ID, made.ID)
	}
	_, err = w.RegistryByName(ctx, w.org, "", "hub")
	wantKind(t, "a project's registry asked for in the organization", err, pullpass.NotFound)
	wantSecret(t, w, made, "p4ss")
	if whole := w.newRegistry("whole", ""); whole.Inside != pullpass.InsideNever {
		t.Errorf("an organization registry has inside %q, want never", whole.Inside)
	}
	testRefusedRegistries(t, w)

	in := func(project pullpass.ProjectID, names ...string) {
		t.Helper()
		list, err := w.RegistriesInForce(ctx, w.org, project)
		must(t, "RegistriesInForce", err)
		var have []string
		for _, r := range list {
			have = append(have, r.Name)
		}
		if diff := cmp.Diff(names, have); diff != "" {
			t.Errorf("in force in project %q (-want +got):\n%s", project, diff)
		}
	}
	in(w.project, "hub", "whole")
	in(w.newProject("docs"), "whole")
	in("", "whole")
	must(t, "DeleteProject", w.DeleteProject(ctx, w.org, w.project))
	_, err = w.Registry(ctx, w.org, made.ID)
	wantKind(t, "a registry of a deleted project", err, pullpass.NotFound)
	if n := count(t, w.DB, "registry_generations"); n != 1 {
		t.Errorf("%d generations are left after the project is deleted, want the other registry's 1", n)
	}
}

func testRefusedRegistries(t *testing.T, w *world) {
	ctx, secret := t.Context(), pullpass.NewSecret("x")
	for name, r := range map[string]pullpass.Registry{
		"a bad name":                 basic(w.org, "a b", ""),
		"no auth":                    {Organization: w.org, Name: "none", Host: "h"},
		"an integration unnamed":     {Organization: w.org, Name: "aws", Host: "h", Auth: pullpass.AuthIntegration},
		"a password it has no place": {Organization: w.org, Name: "native", Host: "h", Auth: pullpass.AuthRunnerNative},
	} {
		_, err := w.CreateRegistry(ctx, r, secret)
		wantKind(t, name, err, pullpass.Invalid)
	}
	_, err := w.CreateRegistry(ctx, basic(w.org, "nopass", ""), pullpass.Secret{})
	wantKind(t, "a basic registry without a password", err, pullpass.Invalid)
	integration := pullpass.Registry{Organization: w.org, Name: "aws", Host: "h", Auth: pullpass.AuthIntegration, Integration: pullpass.NewIntegrationID()}
	_, err = w.CreateRegistry(ctx, integration, pullpass.Secret{})
	wantKind(t, "an integration that is not there", err, pullpass.NotFound)
}

func wantSecret(t *testing.T, w *world, r pullpass.Registry, want string) {
	t.Helper()
	got, err := w.RegistrySecret(t.Context(), w.org, r)
	must(t, "RegistrySecret", err)
	if got.Reveal() != want {
		t.Errorf("RegistrySecret(%s generation %d) is not the password that was stored", r.Name, r.Generation)
	}
}

func testRegistryTies(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx, secret := t.Context(), pullpass.NewSecret("x")
	first := w.newRegistry("hub", "")
	same := basic(w.org, "other-name", "")
	same.Host = first.Host
	_, err := w.CreateRegistry(ctx, same, secret)
	wantKind(t, "the same host and prefix in the same scope", err, pullpass.Conflict)
	wantCode(t, err, "registry_tie")
	named := basic(w.org, "hub", "")
	named.Host = "elsewhere.example"
	_, err = w.CreateRegistry(ctx, named, secret)
	wantCode(t, err, "registry_name")

	same.PathPrefix = "team"
	_, err = w.CreateRegistry(ctx, same, secret)
	must(t, "another prefix", err)
	scoped := basic(w.org, "hub", w.project)
	_, err = w.CreateRegistry(ctx, scoped, secret)
	must(t, "the same in another scope", err)
	taken := "other-name"
	_, err = w.UpdateRegistry(ctx, w.org, first.ID, pullpass.RegistryChange{Name: &taken})
	wantCode(t, err, "registry_name")

	must(t, "DeleteRegistry", w.DeleteRegistry(ctx, w.org, first.ID))
	_, err = w.CreateRegistry(ctx, basic(w.org, "hub", ""), secret)
	must(t, "the place of a deleted one", err)

	// Of many at once, one is made.
	var made, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := w.CreateRegistry(ctx, basic(w.org, "raced", ""), secret)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case pullpass.IsKind(err, pullpass.Conflict):
				refused++
			default:
				t.Errorf("a raced CreateRegistry: %v", err)
			}
		})
	}
	all.Wait()
	if made != 1 || refused != 7 {
		t.Errorf("of 8 equal registries %d were made and %d refused, want 1 and 7", made, refused)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := pullpass.CodeOf(err); got != code {
		t.Errorf("error %v has code %q, want %q", err, got, code)
	}
}

func testGenerations(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	first := w.newRegistry("hub", "")
	before := w.newEnvironment("before")

	user, secret, never := "robot2", pullpass.NewSecret("second"), pullpass.InsideLogin
	second, err := w.UpdateRegistry(ctx, w.org, first.ID, pullpass.RegistryChange{Username: &user, Secret: &secret, Inside: &never, Runners: &[]pullpass.RunnerID{w.runner}})
	must(t, "UpdateRegistry", err)
	if second.Generation != 2 || second.Username != "robot2" {
		t.Errorf("UpdateRegistry = %+v, want generation 2 of robot2", second)
	}
	got, err := w.Registry(ctx, w.org, first.ID)
	must(t, "Registry", err)
	if diff := cmp.Diff(second, got); diff != "" {
		t.Errorf("Registry differs from what UpdateRegistry returned:\n%s", diff)
	}
	after := w.newEnvironment("after")
	wantPinned(t, w, before, first, "secret of hub")
	wantPinned(t, w, after, second, "second")

	// A change without a password keeps it, sealed for its new place.
	user = "robot3"
	third, err := w.UpdateRegistry(ctx, w.org, first.ID, pullpass.RegistryChange{Username: &user})
	must(t, "UpdateRegistry without a password", err)
	wantSecret(t, w, third, "second")
	if n := count(t, w.DB, "registry_generations"); n != 3 {
		t.Errorf("%d generations are kept, want 3: two pinned, one in force", n)
	}
	restarted, err := w.Restart(ctx, w.org, before.ID)
	must(t, "Restart", err)
	wantPinned(t, w, restarted, third, "second")
	_, err = w.RegistrySecret(ctx, w.org, first)
	wantKind(t, "a generation that nobody has", err, pullpass.NotFound)
	if n := count(t, w.DB, "registry_generations"); n != 2 {
		t.Errorf("%d generations are kept after the restart, want 2", n)
	}
	w.delete(after)
	if n := count(t, w.DB, "registry_generations"); n != 1 {
		t.Errorf("%d generations are kept after the deletion, want 1", n)
	}
}

// wantPinned checks that e has exactly this generation, and its password.
func wantPinned(t *testing.T, w *world, e pullpass.Environment, r pullpass.Registry, secret string) {
	t.Helper()
	got, err := w.Environment(t.Context(), w.org, e.ID)
	must(t, "Environment", err)
	if diff := cmp.Diff([]pullpass.RegistryGeneration{generation(r)}, got.Registries); diff != "" {
		t.Errorf("registries of %s (-want +got):\n%s", e.Name, diff)
	}
	pinned, err := w.PinnedRegistries(t.Context(), w.org, e.ID)
	must(t, "PinnedRegistries", err)
	if diff := cmp.Diff([]pullpass.Registry{r}, pinned); diff != "" {
		t.Errorf("PinnedRegistries of %s (-want +got):\n%s", e.Name, diff)
	}
	wantSecret(t, w, r, secret)
}

func testGenerationsOfDeleted(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	reg := w.newRegistry("hub", w.project)
	one, two := w.newEnvironment("one"), w.newEnvironment("two")
	must(t, "DeleteRegistry", w.DeleteRegistry(ctx, w.org, reg.ID))
	wantKind(t, "deleting it again", w.DeleteRegistry(ctx, w.org, reg.ID), pullpass.NotFound)
	_, err := w.UpdateRegistry(ctx, w.org, reg.ID, pullpass.RegistryChange{})
	wantKind(t, "updating a deleted registry", err, pullpass.NotFound)
	list, err := w.RegistriesInForce(ctx, w.org, w.project)
	if err != nil || len(list) != 0 {
		t.Errorf("RegistriesInForce = %v, %v, want none", list, err)
	}
	wantPinned(t, w, one, reg, "secret of hub")
	if late := w.newEnvironment("late"); len(late.Registries) != 0 {
		t.Errorf("an environment started later has %v, want none", late.Registries)
	}
	w.delete(one)
	wantPinned(t, w, two, reg, "secret of hub")
	_, err = w.Restart(ctx, w.org, two.ID)
	must(t, "Restart", err)
	wantPinned(t, w, two, reg, "secret of hub") // until the environment is deleted, too
	again := w.newRegistry("hub", w.project)
	wantPinned(t, w, two, reg, "secret of hub")
	_, err = w.Restart(ctx, w.org, two.ID)
	must(t, "Restart", err)
	wantPinned(t, w, two, again, "secret of hub") // it has taken the place of the deleted one
	must(t, "DeleteRegistry", w.DeleteRegistry(ctx, w.org, again.ID))
	w.delete(two)
	if n := count(t, w.DB, "registries") + count(t, w.DB, "registry_generations"); n != 0 {
		t.Errorf("%d rows are left of a deleted registry that nobody has", n)
	}
}

// testUpdateRegistryRace updates a registry from two servers while environments
// start: each start has one generation whole, and none that is needed goes.
func testUpdateRegistryRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := openStore(t, open, keyring)
	reg := w.newRegistry("hub", "")
	var all sync.WaitGroup
	const each = 10
	for i, db := range []interface {
		updater
	}{w.DB, second} {
		all.Go(func() {
			for j := range each {
				secret := pullpass.NewSecret(string(rune('a'+i)) + string(rune('a'+j)))
				user := secret.Reveal()
				_, err := db.UpdateRegistry(t.Context(), w.org, reg.ID, pullpass.RegistryChange{Username: &user, Secret: &secret})
				if err != nil {
					t.Errorf("UpdateRegistry: %v", err)
				}
			}
		})
	}
	environments := make([]pullpass.Environment, each)
	all.Go(func() {
		for i := range environments {
			var err error
			if environments[i], err = second.CreateEnvironment(t.Context(), w.environment("dev"+string(rune('a'+i)))); err != nil {
				t.Errorf("CreateEnvironment: %v", err)
			}
		}
	})
	all.Wait()
	now, err := w.Registry(t.Context(), w.org, reg.ID)
	must(t, "Registry", err)
	if now.Generation != 1+2*each {
		t.Errorf("after %d updates the generation is %d, want %d", 2*each, now.Generation, 1+2*each)
	}
	for _, e := range environments {
		pinned, err := w.PinnedRegistries(t.Context(), w.org, e.ID)
		if err != nil || len(pinned) != 1 {
			t.Errorf("PinnedRegistries(%s) = %v, %v, want one", e.Name, pinned, err)
			continue
		}
		if pinned[0].Generation > 1 {
			wantSecret(t, w, pinned[0], pinned[0].Username)
		}
	}
}
