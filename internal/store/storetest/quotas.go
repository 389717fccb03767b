package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/store"
)

// makers create one of what a quota counts, for this project and this member.
var makers = map[string]func(ctx context.Context, w *world, name string, project pullpass.ProjectID, member string) error{
	"projects": func(ctx context.Context, w *world, name string, _ pullpass.ProjectID, _ string) error {
		_, err := w.CreateProject(ctx, pullpass.Project{Organization: w.org, Name: name})
		return err
	},
	"runners": func(ctx context.Context, w *world, name string, _ pullpass.ProjectID, _ string) error {
		_, err := w.CreateRunner(ctx, pullpass.Runner{Organization: w.org, Name: name, Kind: pullpass.RunnerDocker})
		return err
	},
	"integrations": func(ctx context.Context, w *world, name string, _ pullpass.ProjectID, _ string) error {
		_, err := w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: name, Mode: pullpass.ModeAmbient}, pullpass.Secret{})
		return err
	},
	"registries": func(ctx context.Context, w *world, name string, project pullpass.ProjectID, _ string) error {
		_, err := w.CreateRegistry(ctx, basic(w.org, name, project), pullpass.NewSecret("secret"))
		return err
	},
	"repositories": func(ctx context.Context, w *world, name string, project pullpass.ProjectID, _ string) error {
		i, err := w.IntegrationByName(ctx, w.org, "ecr")
		if err != nil {
			i, err = w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: "ecr", Mode: pullpass.ModeAmbient}, pullpass.Secret{})
		}
		if err != nil {
			return err
		}
		r, entry := w.repository(name, i.ID)
		r.Project, entry.Name = project, name
		_, err = w.CreateRepository(ctx, r, entry)
		return err
	},
	"environments": func(ctx context.Context, w *world, name string, project pullpass.ProjectID, member string) error {
		e := w.environment(name)
		e.Project, e.Creator = project, member
		_, err := w.CreateEnvironment(ctx, e)
		return err
	},
	"tokens": func(ctx context.Context, w *world, name string, _ pullpass.ProjectID, member string) error {
		_, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Name: name, Hash: pullpass.TokenHash(string(w.org) + name), CreatedBy: member})
		return err
	},
	"tokens of CI jobs": func(ctx context.Context, w *world, name string, project pullpass.ProjectID, _ string) error {
		_, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenCI, Name: name, Hash: pullpass.TokenHash(string(w.org) + name), Project: project,
			ExpiresAt: time.Now().Add(time.Hour)})
		return err
	},
	"members": func(ctx context.Context, w *world, name string, _ pullpass.ProjectID, _ string) error {
		_, err := w.CreateMember(ctx, pullpass.Member{Organization: w.org, Email: name + "@example.com", Role: pullpass.RoleAuditor})
		return err
	},
	"trusted issuers": func(ctx context.Context, w *world, name string, project pullpass.ProjectID, _ string) error {
		_, err := w.CreateTrust(ctx, identity.Trust{Organization: w.org, Name: name, Project: project})
		return err
	},
}

// testQuotas: at each quota the next one is refused, by this quota and with what to
// do, for whom it holds and for nobody else.
func testQuotas(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "globex")
	for _, r := range pullpass.QuotaRules() {
		name := string(r.Quota)
		one, two := w.newProject(name+"-one"), w.newProject(name+"-two")
		made := 0
		create := func(w *world, project pullpass.ProjectID, member string) error {
			made++
			return makers[r.Things](t.Context(), w, fmt.Sprintf("%s-%d", name, made), project, member)
		}
		before := w.quota(r.Quota, one, name+"-ada")
		if before.Limit != r.Default || before.Server != r.Default || before.Own != nil {
			t.Errorf("%s = %+v, want its default of %d", name, before, r.Default)
		}
		limit := before.Used + 2
		must(t, "SetQuota", w.SetQuota(t.Context(), w.org, r.Quota, &limit))
		for range 2 {
			must(t, "creating up to "+name, create(w, one, name+"-ada"))
		}
		if at := w.quota(r.Quota, one, name+"-ada"); at.Used != limit || at.Limit != limit || at.Own == nil {
			t.Errorf("%s at its limit = %+v, want %d of %d used", name, at, limit, limit)
		}
		err := create(w, one, name+"-ada")
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Kind != pullpass.Conflict || e.Code != "quota_exceeded" ||
			e.What == "" || !strings.Contains(e.Cause, " "+name+" ") || !strings.Contains(e.Hint, "pullpass quota") {
			t.Errorf("one more than %s: %#v, want a refusal that names the quota and its command", name, err)
		}
		must(t, name+" of another organization", create(other, other.project, name+"-ada"))
		switch r.Per {
		case pullpass.PerProject:
			must(t, name+" of another project", create(w, two, name+"-ada"))
		case pullpass.PerMember:
			must(t, name+" of another member", create(w, one, name+"-bob"))
		case pullpass.PerOrganization:
			if err := create(w, two, name+"-bob"); pullpass.CodeOf(err) != "quota_exceeded" {
				t.Errorf("one more than %s by another member in another project: %v, want it refused", name, err)
			}
		}
		lower := int64(0)
		must(t, "SetQuota below what is there", w.SetQuota(t.Context(), w.org, r.Quota, &lower))
		must(t, "SetQuota(nil)", w.SetQuota(t.Context(), w.org, r.Quota, nil))
		must(t, "creating after the reset of "+name, create(w, one, name+"-ada"))
		above := r.Default + 1
		wantKind(t, "SetQuota above the server's", w.SetQuota(t.Context(), w.org, r.Quota, &above), pullpass.Invalid)
	}
	wantKind(t, "SetQuota of an unknown one", w.SetQuota(t.Context(), w.org, "moons", nil), pullpass.NotFound)
}

func (w *world) quota(q pullpass.Quota, project pullpass.ProjectID, member string) pullpass.QuotaUse {
	w.t.Helper()
	list, err := w.Quotas(w.t.Context(), w.org, project, member)
	must(w.t, "Quotas", err)
	for _, u := range list {
		if u.Quota == q {
			return u
		}
	}
	w.t.Fatalf("Quotas has no %s", q)
	return pullpass.QuotaUse{}
}

// testQuotaOfServer: the operator's limit holds without anybody's doing, and what a
// token makes counts for the person behind it. What is deleted makes room, and so
// do CI tokens that have expired.
func testQuotaOfServer(t *testing.T, open Open) {
	clock := time.Now()
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { return clock }, Quotas: map[pullpass.Quota]int64{
		pullpass.QuotaEnvironmentsPerMember: 2, pullpass.QuotaCITokens: 1}})
	must(t, "opening the store", err)
	t.Cleanup(func() { must(t, "Close", db.Close()) })
	w := populate(t, db, "acme")
	ctx := t.Context()
	token, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Name: "bot", Hash: "bot", CreatedBy: "ada"})
	must(t, "CreateToken", err)
	first := w.environment("first")
	first.Creator = "ada"
	first, err = w.CreateEnvironment(ctx, first)
	must(t, "CreateEnvironment", err)
	second := w.environment("second")
	second.Creator = string(token.ID)
	_, err = w.CreateEnvironment(ctx, second)
	must(t, "CreateEnvironment with a token", err)
	third := w.environment("third")
	for _, creator := range []string{"ada", string(token.ID)} {
		third.Creator = creator
		if _, err := w.CreateEnvironment(ctx, third); pullpass.CodeOf(err) != "quota_exceeded" {
			t.Errorf("the third environment of ada, by %s: %v, want it refused", creator, err)
		}
	}
	w.delete(first)
	_, err = w.CreateEnvironment(ctx, third)
	must(t, "CreateEnvironment after a deletion", err)

	ci := pullpass.Token{Organization: w.org, Kind: pullpass.TokenCI, Hash: "ci-1", Project: w.project, ExpiresAt: clock.Add(time.Minute)}
	_, err = w.CreateToken(ctx, ci)
	must(t, "CreateToken(ci)", err)
	ci.Hash = "ci-2"
	if _, err := w.CreateToken(ctx, ci); pullpass.CodeOf(err) != "quota_exceeded" {
		t.Errorf("a CI token too many: %v, want it refused", err)
	}
	clock = clock.Add(time.Hour)
	ci.ExpiresAt = clock.Add(time.Minute)
	_, err = w.CreateToken(ctx, ci)
	must(t, "CreateToken(ci) after the other has expired", err)
}

// testQuotaRace: of fifty who create at once over two servers, as many succeed as
// there is room for.
func testQuotaRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := *w
	second.DB = openStore(t, open, keyring)
	const room = 7
	for _, q := range []pullpass.Quota{pullpass.QuotaEnvironmentsPerMember, pullpass.QuotaRegistriesPerProject, pullpass.QuotaTokens, pullpass.QuotaProjects} {
		r, _ := pullpass.RuleOf(q)
		limit := w.quota(q, w.project, "ada").Used + room
		must(t, "SetQuota", w.SetQuota(t.Context(), w.org, q, &limit))
		var made, refused atomic.Int64
		var done sync.WaitGroup
		for n := range 50 {
			done.Go(func() {
				server := []*world{w, &second}[n%2]
				create := func() error {
					return makers[r.Things](context.WithoutCancel(t.Context()), server, fmt.Sprintf("race-%s-%d", q, n), w.project, "ada")
				}
				err := create()
				for tries := 0; pullpass.IsKind(err, pullpass.Unavailable) && tries < 20; tries++ { // fifty wait for one lock
					err = create()
				}
				switch {
				case err == nil:
					made.Add(1)
				case pullpass.CodeOf(err) == "quota_exceeded":
					refused.Add(1)
				default:
					t.Errorf("%s: %v", q, err)
				}
			})
		}
		done.Wait()
		if made.Load() != room || refused.Load() != 50-room {
			t.Errorf("%s: %d made and %d refused, want %d and %d", q, made.Load(), refused.Load(), room, 50-room)
		}
		if used := w.quota(q, w.project, "ada").Used; used != limit {
			t.Errorf("%s: %d used, want %d", q, used, limit)
		}
	}
}
