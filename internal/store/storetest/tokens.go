package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

func testTokens(t *testing.T, open Open) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	ctx := t.Context()
	_, hash, ok := pullpass.HashBearer(pullpass.NewBearer(pullpass.TokenAPI).Reveal())
	if !ok {
		t.Fatal("HashBearer does not know NewBearer's token")
	}
	made, err := w.CreateToken(ctx, pullpass.Token{
		Organization: w.org, Kind: pullpass.TokenAPI, Name: "ci", Hash: hash, Role: pullpass.RoleDeveloper,
		Project: w.project, CreatedBy: "usr_1", ExpiresAt: clock.Add(time.Hour),
	})
	must(t, "CreateToken", err)
	got, err := w.TokenByHash(ctx, hash)
	must(t, "TokenByHash", err)
	made.LastUsedAt = clock
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("TokenByHash differs from what was created:\n%s", diff)
	}
	clock = clock.Add(30 * time.Second)
	if got, err := w.TokenByHash(ctx, hash); err != nil || !got.LastUsedAt.Equal(made.LastUsedAt) {
		t.Errorf("half a minute later: last used %v, %v; want %v", got.LastUsedAt, err, made.LastUsedAt)
	}
	clock = clock.Add(time.Minute)
	_, err = w.TokenByHash(ctx, hash)
	must(t, "TokenByHash", err)
	list, err := w.Tokens(ctx, w.org, pullpass.Page{})
	if err != nil || len(list.Items) != 1 || !list.Items[0].LastUsedAt.Equal(clock) {
		t.Errorf("Tokens = %+v, %v, want one last used at %v", list.Items, err, clock)
	}
	clock = clock.Add(time.Hour)
	_, err = w.TokenByHash(ctx, hash)
	wantKind(t, "an expired token", err, pullpass.NotFound)
	_, err = w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Hash: hash})
	wantKind(t, "a second token of the same hash", err, pullpass.Conflict)
	must(t, "DeleteToken", w.DeleteToken(ctx, w.org, made.ID))
	_, err = w.TokenByHash(ctx, hash)
	wantKind(t, "a deleted token", err, pullpass.NotFound)

	_, err = w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenRunner, Hash: "r", Runner: w.runner})
	must(t, "CreateToken(runner)", err)
	must(t, "DeleteRunner", w.DeleteRunner(ctx, w.org, w.runner, false))
	_, err = w.TokenByHash(ctx, "r")
	wantKind(t, "the token of a deleted runner", err, pullpass.NotFound)
}

// testPages reads every list in pages and finds each item once.
func testPages(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	const more = 6
	for i := range more {
		name := "n" + strconv.Itoa(i) + "-x"
		w.newProject(name)
		w.newRunner(name)
		w.newRegistry(name, "")
		w.newEnvironment(name)
		_, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Hash: pullpass.TokenHash(name)})
		must(t, "CreateToken", err)
		_, err = w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: name, Mode: pullpass.ModeAmbient}, pullpass.Secret{})
		must(t, "CreateIntegration", err)
		_, err = w.AppendEvents(ctx, []pullpass.Event{{Organization: w.org, Action: name}})
		must(t, "AppendEvents", err)
		_, err = w.CreateOrganization(ctx, pullpass.Organization{Name: name})
		must(t, "CreateOrganization", err)
	}
	for name, next := range map[string]func(pullpass.Page) (ids []string, next string, err error){
		"Organizations": func(p pullpass.Page) ([]string, string, error) { return flat(w.Organizations(ctx, p)) },
		"Projects":      func(p pullpass.Page) ([]string, string, error) { return flat(w.Projects(ctx, w.org, p)) },
		"Runners":       func(p pullpass.Page) ([]string, string, error) { return flat(w.Runners(ctx, w.org, p)) },
		"Integrations":  func(p pullpass.Page) ([]string, string, error) { return flat(w.Integrations(ctx, w.org, p)) },
		"Tokens":        func(p pullpass.Page) ([]string, string, error) { return flat(w.Tokens(ctx, w.org, p)) },
		"WantedOf":      func(p pullpass.Page) ([]string, string, error) { return flat(w.WantedOf(ctx, w.org, w.runner, p)) },
		"Registries": func(p pullpass.Page) ([]string, string, error) {
			return flat(w.Registries(ctx, w.org, pullpass.RegistryFilter{}, p))
		},
		"Environments": func(p pullpass.Page) ([]string, string, error) {
			return flat(w.Environments(ctx, w.org, pullpass.EnvironmentFilter{}, p))
		},
		"Events": func(p pullpass.Page) ([]string, string, error) {
			return flat(w.Events(ctx, w.org, pullpass.EventFilter{}, p))
		},
	} {
		least := more
		if name == "Organizations" || name == "Projects" || name == "Runners" {
			least++ // the world's own
		}
		seen := map[string]bool{}
		pages := 0
		for p := (pullpass.Page{Limit: 2}); ; pages++ {
			ids, after, err := next(p)
			must(t, name, err)
			if len(ids) > 2 {
				t.Errorf("%s: a page of 2 has %d items", name, len(ids))
			}
			for _, id := range ids {
				if seen[id] {
					t.Errorf("%s: %s is on two pages", name, id)
				}
				seen[id] = true
			}
			if p.After = after; after == "" {
				break
			}
		}
		if len(seen) != least || pages+1 != (least+1)/2 {
			t.Errorf("%s: %d items on %d pages, want %d on %d", name, len(seen), pages+1, least, (least+1)/2)
		}
	}
}

// flat names the items of a list: two are one if they print alike.
func flat[T any](l pullpass.List[T], err error) (ids []string, next string, _ error) {
	for _, item := range l.Items {
		ids = append(ids, sprint(item))
	}
	return ids, l.Next, err
}
