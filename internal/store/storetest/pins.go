package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

// testPins starts environments beside registries of every kind: each has those of
// its images' hosts and of the hosts that are open to more than starts, and of a
// host all or none.
func testPins(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	other, err := w.CreateRunner(ctx, pullpass.Runner{Organization: w.org, Name: "other", Kind: pullpass.RunnerDocker})
	must(t, "CreateRunner", err)
	elsewhere, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: "elsewhere"})
	must(t, "CreateProject", err)
	names := map[pullpass.RegistryID]string{}
	add := func(name, host, prefix string, project pullpass.ProjectID, inside pullpass.Inside, runners ...pullpass.RunnerID) pullpass.Registry {
		t.Helper()
		r := basic(w.org, name, project)
		r.Host, r.PathPrefix, r.Inside, r.Runners = host, prefix, inside, runners
		r, err := w.CreateRegistry(ctx, r, pullpass.NewSecret("secret of "+name))
		must(t, "CreateRegistry", err)
		names[r.ID] = name
		return r
	}
	add("image", "hub.example", "", "", pullpass.InsideNever)
	add("image-other-path", "hub.example", "else", "", pullpass.InsideNever)
	add("image-other-runner", "hub.example", "team/app", w.project, pullpass.InsideNever, other.ID)
	closed := add("closed", "closed.example", "", "", pullpass.InsideNever)
	add("login", "login.example", "", "", pullpass.InsideLogin)
	add("login-shadow", "login.example", "", w.project, pullpass.InsideNever)
	add("whole", "whole.example", "", w.project, pullpass.InsideWhole)
	add("mine", "mine.example", "", w.project, pullpass.InsideLogin, other.ID, w.runner)
	add("theirs", "theirs.example", "", "", pullpass.InsideLogin, other.ID)
	add("foreign", "hub.example", "", elsewhere.ID, pullpass.InsideLogin)

	check := func(what string, e pullpass.Environment, want ...string) {
		t.Helper()
		var got []string
		for _, g := range e.Registries {
			got = append(got, names[g.Registry])
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("registries of %s (-want +got):\n%s", what, diff)
		}
		stored, err := w.PinnedRegistries(ctx, w.org, e.ID)
		if err != nil || len(stored) != len(want) {
			t.Errorf("PinnedRegistries of %s = %d, %v, want %d", what, len(stored), err, len(want))
		}
	}
	open4 := []string{"login", "login-shadow", "whole", "mine"}
	one := w.newEnvironment("one")
	check("an environment", one, append(open4, "image", "image-other-path", "image-other-runner")...)

	none := w.environment("none")
	none.Services = []pullpass.Service{{Name: "web", Image: "public.example/app:1"}, {Name: "db", Image: "public.example/db:1"}}
	none, err = w.CreateEnvironment(ctx, none)
	must(t, "CreateEnvironment", err)
	check("one of public images", none, open4...)

	theirs := w.environment("theirs")
	theirs.Runner = other.ID
	theirs, err = w.CreateEnvironment(ctx, theirs)
	must(t, "CreateEnvironment", err)
	check("one on the other runner", theirs, append(open4, "theirs", "image", "image-other-path", "image-other-runner")...)

	inside := pullpass.InsideLogin
	_, err = w.UpdateRegistry(ctx, w.org, closed.ID, pullpass.RegistryChange{Inside: &inside})
	must(t, "UpdateRegistry", err)
	check("one of before the registry was opened", none, open4...)
	none, err = w.Restart(ctx, w.org, none.ID)
	must(t, "Restart", err)
	check("one that was started since", none, append(open4, "closed")...)
}
