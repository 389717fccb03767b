package provision_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/provision"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
)

const role = "arn:aws:iam::222222222222:role/team/pull"

// cloud plays AWS: it is the edge, and has to fail on demand.
type cloud struct {
	mu      sync.Mutex
	err     error
	kept    []provision.Wanted
	removed int
	journal *journal
	t       *testing.T
}

func (c *cloud) Principal(context.Context, provision.Identity) (string, string, error) {
	return "222222222222", "arn:aws:iam::222222222222:user/pull", nil
}

func (c *cloud) KeepRepository(_ context.Context, w provision.Wanted) (provision.Kept, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.journal.count("repository.apply"); n == 0 {
		c.t.Error("AWS is asked before it is on record")
	}
	if c.err != nil {
		return provision.Kept{}, c.err
	}
	c.kept = append(c.kept, w)
	return provision.Kept{Changed: []string{"created"}}, nil
}

func (c *cloud) RemoveRepository(context.Context, provision.Wanted) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removed++
	return c.err
}

func (c *cloud) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *cloud) asked() []provision.Wanted {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.kept)
}

type journal struct {
	mu     sync.Mutex
	events []pullpass.Event
	err    error
}

func (j *journal) Record(_ context.Context, e pullpass.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.events = append(j.events, e)
	}
	return j.err
}

func (j *journal) count(action string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.Action == action && e.Decision == pullpass.DecisionAllowed {
			n++
		}
	}
	return n
}

// scene is two servers on one database.
type scene struct {
	t           *testing.T
	db          *store.DB
	cloud       *cloud
	journal     *journal
	now         time.Time
	keepers     [2]*provision.Keeper
	caller      pullpass.Caller
	project     pullpass.ProjectID
	integration pullpass.Integration
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, journal: &journal{}, now: time.Now()}
	s.cloud = &cloud{journal: s.journal, t: t}
	keyFile, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	s.must(err)
	clock := func() time.Time { return s.now }
	s.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"), seal.NewKeyring(keyFile), store.Options{Now: clock})
	s.must(err)
	t.Cleanup(func() { s.must(s.db.Close()) })
	for i := range s.keepers {
		s.keepers[i], err = provision.New(provision.Options{Store: s.db, AWS: s.cloud, Auditor: s.journal, Now: clock})
		s.must(err)
	}
	org, err := s.db.CreateOrganization(t.Context(), pullpass.Organization{Name: "acme"})
	s.must(err)
	s.caller = pullpass.Caller{Kind: pullpass.CallerUser, Organization: org.ID, ID: "usr_1", Role: pullpass.RoleOwner}
	p, err := s.db.CreateProject(t.Context(), pullpass.Project{Organization: org.ID, Name: "Payments"})
	s.must(err)
	s.project = p.ID
	s.integration = s.add(pullpass.Integration{Name: "customer", Mode: pullpass.ModeAmbient, Region: "eu-west-1", Chain: []pullpass.RoleHop{{RoleARN: role}}})
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(pullpass.Explain(err))
	}
}

func (s *scene) add(i pullpass.Integration) pullpass.Integration {
	s.t.Helper()
	i.Organization = s.caller.Organization
	made, err := s.db.CreateIntegration(s.t.Context(), i, pullpass.Secret{})
	s.must(err)
	return made
}

func (s *scene) create(w provision.Wish) (pullpass.Repository, error) {
	if w.Project == "" {
		w.Project = s.project
	}
	if w.Integration == "" {
		w.Integration = s.integration.ID
	}
	return s.keepers[0].Create(s.t.Context(), s.caller, w)
}

func (s *scene) entry(r pullpass.Repository) pullpass.Registry {
	s.t.Helper()
	entry, err := s.db.Registry(s.t.Context(), r.Organization, r.Registry)
	s.must(err)
	return entry
}

func TestCreate(t *testing.T) {
	s := newScene(t)
	off := false
	s.must(s.db.SetRepositoryDefaults(t.Context(), s.caller.Organization, pullpass.RepositorySettings{ScanOnPush: &off}))
	ci := []string{"arn:aws:iam::333333333333:role/ci"}
	r, err := s.create(provision.Wish{Settings: pullpass.RepositorySettings{AllowPull: &ci}})
	s.must(err)
	if r.Name != "payments" || r.Host != "222222222222.dkr.ecr.eu-west-1.amazonaws.com" || r.State != pullpass.RepositoryReady || !slices.Equal(r.Principals, []string{role}) {
		t.Errorf("Create = %+v", r)
	}
	w := s.cloud.asked()[0]
	if w.Rules.ScanOnPush || w.Rules.ImageTags != pullpass.TagsImmutable || !slices.Equal(w.Pull, []string{role, ci[0]}) || !slices.Equal(w.Push, []string{role}) ||
		w.Ours["pullpass:project"] != string(s.project) || w.Ours["pullpass:organization"] != string(s.caller.Organization) {
		t.Errorf("AWS was asked for %+v", w)
	}
	if e := s.entry(r); e.Name != "ecr-payments" || e.PathPrefix != "payments" || e.Integration != s.integration.ID {
		t.Errorf("the registry entry is %+v", e)
	}
	again, err := s.create(provision.Wish{})
	if err != nil || again.ID != r.ID || len(*again.Settings.AllowPull) != 1 {
		t.Errorf("Create again = %+v, %v, want the same one as it was set", again, err)
	}
	other, err := s.db.CreateProject(t.Context(), pullpass.Project{Organization: s.caller.Organization, Name: "payments"})
	s.must(err)
	if _, err := s.create(provision.Wish{Project: other.ID}); pullpass.CodeOf(err) != "repository_taken" {
		t.Errorf("another project's: %v, want repository_taken", err)
	}
	s.must(s.keepers[0].Delete(t.Context(), r, false))
	if s.cloud.removed != 0 {
		t.Error("Delete asked AWS to delete images that nobody wanted deleted")
	}
}

func TestCreateRefuses(t *testing.T) {
	s := newScene(t)
	native := s.add(pullpass.Integration{Name: "native", Mode: pullpass.ModeRunnerNative, Region: "eu-west-1"})
	everybody, negative := []string{"*"}, -1
	for want, w := range map[string]provision.Wish{
		"repository_runner_native": {Integration: native.ID},
		"repository_account":       {Host: "111111111111.dkr.ecr.eu-west-1.amazonaws.com"},
		"host_not_ecr":             {Host: "ghcr.io"},
		"repository_name":          {Name: "Team/App"},
		"repository_settings":      {Settings: pullpass.RepositorySettings{AllowPull: &everybody}},
		"repository_settings ":     {Settings: pullpass.RepositorySettings{ExpireUntagged: &negative}},
		"repository_settings  ":    {Settings: pullpass.RepositorySettings{Tags: &map[string]string{"pullpass:project": "x"}}},
		"repository_adopt":         {Adopt: true, OnFirstPush: true},
		"repository_no_principal":  {Puller: native.ID},
	} {
		if _, err := s.create(w); pullpass.CodeOf(err) != strings.TrimSpace(want) || pullpass.HintOf(err) == "" {
			t.Errorf("Create(%+v) = %v, want %s", w, err, want)
		}
	}
	if n := len(s.cloud.asked()); n != 0 {
		t.Errorf("AWS was asked %d times", n)
	}
	// A runner's word about itself is in no policy, whatever it says: another account,
	// an account number, everybody. Neither is what AWS confirmed and nobody approved.
	const attacker = "arn:aws:iam::666666666666:role/evil"
	runner, err := s.db.CreateRunner(t.Context(), pullpass.Runner{Organization: s.caller.Organization, Name: "one", Kind: pullpass.RunnerDocker})
	s.must(err)
	for k, said := range []string{attacker, "666666666666", "*", "arn:aws:sts::333333333333:assumed-role/runner/i-1"} {
		_, err := s.db.RecordHeartbeat(t.Context(), s.caller.Organization, runner.ID, pullpass.RunnerReport{AWSClaim: said, At: s.now.Add(time.Duration(k) * time.Second)})
		s.must(err)
		if r, err := s.create(provision.Wish{Puller: native.ID}); pullpass.CodeOf(err) != "repository_no_principal" {
			t.Errorf("a runner that says it is %s: %+v, %v, want it named nowhere", said, r.Principals, err)
		}
	}
	_, err = s.db.RecordIdentity(t.Context(), s.caller.Organization, runner.ID, attacker, false)
	s.must(err)
	if r, err := s.create(provision.Wish{Puller: native.ID}); pullpass.CodeOf(err) != "repository_no_principal" {
		t.Errorf("an identity that nobody approved: %+v, %v, want it named nowhere", r.Principals, err)
	}
	for _, account := range []string{"333333333333", "*", "arn:aws:iam::333333333333:root", "arn:aws:iam::333333333333:role/a*"} {
		_, err = s.db.ApproveIdentity(t.Context(), s.caller.Organization, runner.ID, account)
		s.must(err)
		if r, err := s.create(provision.Wish{Puller: native.ID}); pullpass.CodeOf(err) != "repository_no_principal" {
			t.Errorf("the approved %s is more than one role: %+v, %v, want it named nowhere", account, r.Principals, err)
		}
	}
	_, err = s.db.ApproveIdentity(t.Context(), s.caller.Organization, runner.ID, "arn:aws:iam::333333333333:role/runner")
	s.must(err)
	r, err := s.create(provision.Wish{Puller: native.ID})
	if err != nil || !slices.Equal(r.Principals, []string{"arn:aws:iam::333333333333:role/runner"}) {
		t.Errorf("pulled by runners: %+v, %v", r, err)
	}
}

// A policy names the runners that its integration lists, and no other.
func TestPolicyNamesTheIntegrationsRunners(t *testing.T) {
	s := newScene(t)
	var ids []pullpass.RunnerID
	for _, name := range []string{"listed", "other"} {
		runner, err := s.db.CreateRunner(t.Context(), pullpass.Runner{Organization: s.caller.Organization, Name: name, Kind: pullpass.RunnerDocker})
		s.must(err)
		_, err = s.db.ApproveIdentity(t.Context(), s.caller.Organization, runner.ID, "arn:aws:iam::333333333333:role/"+name)
		s.must(err)
		ids = append(ids, runner.ID)
	}
	const listed = "arn:aws:iam::333333333333:role/listed"
	native := s.add(pullpass.Integration{Name: "native", Mode: pullpass.ModeRunnerNative, Region: "eu-west-1", Runners: ids[:1]})
	r, err := s.create(provision.Wish{Puller: native.ID})
	if err != nil || !slices.Equal(r.Principals, []string{listed}) {
		t.Errorf("Create = %v, %v, want %s alone", r.Principals, err, listed)
	}
}

// Principals that people allow are accounts, roles and users, one each.
func TestAllowedPrincipals(t *testing.T) {
	check := func(p string) error {
		return provision.CheckSettings("set it", pullpass.RepositorySettings{AllowPush: &[]string{p}})
	}
	for _, p := range []string{"333333333333", "arn:aws:iam::333333333333:role/team/ci", "arn:aws-cn:iam::333333333333:user/ada"} {
		if err := check(p); err != nil {
			t.Errorf("%q is refused: %v", p, err)
		}
	}
	for _, p := range []string{
		"", "*", "33333333333*", "arn:aws:iam::*:role/ci", "arn:aws:iam::333333333333:role/*", "arn:aws:iam::333333333333:role/ci*",
		"arn:aws:iam::333333333333:role/c?", "arn:aws:iam::333333333333:user/${aws:username}", "arn:aws:iam::333333333333:root",
		"arn:aws:sts::333333333333:assumed-role/ci/x", "arn:*:iam::333333333333:role/ci",
	} {
		if err := check(p); pullpass.CodeOf(err) != "repository_settings" {
			t.Errorf("%q is taken: %v", p, err)
		}
	}
}

// The first push makes it once, of many on two servers; a failure answers for a
// while, is kept, and is tried again.
func TestProvisionOnPush(t *testing.T) {
	s := newScene(t)
	r, err := s.create(provision.Wish{OnFirstPush: true})
	s.must(err)
	if r.State != pullpass.RepositoryPending || len(s.cloud.asked()) != 0 {
		t.Fatalf("Create = %+v, want it pending and AWS not asked", r)
	}
	entry := s.entry(r)
	provisioned := func(k int, repository string, action pullpass.Action) error {
		return s.keepers[k].Provision(t.Context(), s.caller, entry, repository, action)
	}
	if err := provisioned(0, r.Name, pullpass.ActionPull); pullpass.CodeOf(err) != "repository_pending" {
		t.Errorf("a pull before = %v, want repository_pending", err)
	}
	s.must(provisioned(0, r.Name+"/deeper", pullpass.ActionPush))
	s.cloud.fail(&pullpass.Error{Kind: pullpass.Denied, Code: "repository_denied", What: "cannot keep it", Cause: "AWS said no", Hint: "say yes"})
	if err := provisioned(0, r.Name, pullpass.ActionPush); pullpass.CodeOf(err) != "repository_denied" {
		t.Errorf("the first push = %v, want AWS's refusal", err)
	}
	s.cloud.fail(nil)
	if err := provisioned(1, r.Name, pullpass.ActionPush); pullpass.CodeOf(err) != "repository_failed" || !strings.Contains(err.Error(), "AWS said no") {
		t.Errorf("a push right after = %v, want what AWS said", err)
	}
	s.now = s.now.Add(time.Minute)
	var done sync.WaitGroup
	for n := range 16 {
		done.Go(func() {
			if err := provisioned(n%2, r.Name, pullpass.ActionPush); err != nil {
				t.Errorf("a push: %v", err)
			}
		})
	}
	done.Wait()
	if n := len(s.cloud.asked()); n < 1 || n > len(s.keepers) {
		t.Errorf("AWS was asked %d times, want once by each server at most", n)
	}
	s.must(provisioned(0, r.Name, pullpass.ActionPull))
	s.must(provisioned(0, "", pullpass.ActionPull))
}

func TestNothingWithoutItsRecord(t *testing.T) {
	s := newScene(t)
	r, err := s.create(provision.Wish{OnFirstPush: true})
	s.must(err)
	s.journal.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot record it"}
	if err := s.keepers[0].Provision(t.Context(), s.caller, s.entry(r), r.Name, pullpass.ActionPush); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("Provision without a record = %v, want unavailable", err)
	}
	if n := len(s.cloud.asked()); n != 0 {
		t.Errorf("AWS was asked %d times without a record", n)
	}
}

// An entry that no repository was made with, or that is not a project's own, is
// nobody's business here.
func TestProvisionLetsOthersPass(t *testing.T) {
	s := newScene(t)
	for what, entry := range map[string]pullpass.Registry{
		"with a password":    {Auth: pullpass.AuthBasic, Project: s.project, PathPrefix: "team/app"},
		"the organization's": {Auth: pullpass.AuthIntegration, PathPrefix: "team/app"},
		"a whole host":       {Auth: pullpass.AuthIntegration, Project: s.project},
		"made by hand":       {Organization: s.caller.Organization, ID: pullpass.NewRegistryID(), Auth: pullpass.AuthIntegration, Project: s.project, PathPrefix: "team/app"},
	} {
		if err := s.keepers[0].Provision(t.Context(), s.caller, entry, "team/app", pullpass.ActionPush); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := provision.New(provision.Options{Hosts: (*reference.Hosts)(nil)}); err == nil {
		t.Error("New without a store is not refused")
	}
}
