// Package storetest is what every store passes.
//
// The one idea: the stores differ in how they are opened and in nothing else, so
// one suite runs on each of them, on the real database.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Open {
//			path := filepath.Join(t.TempDir(), "pullpass.db")
//			return func(k *seal.Keyring, o store.Options) (*store.DB, error) { return sqlite.Open(t.Context(), path, k, o) }
//		})
//	}
package storetest

import (
	"path/filepath"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

// Open opens one database: each call is another server on the same one.
type Open func(*seal.Keyring, store.Options) (*store.DB, error)

// Run runs the suite; database makes an empty database for each test.
func Run(t *testing.T, database func(t *testing.T) Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Organizations", testOrganizations},
		{"Projects", testProjects},
		{"Runners", testRunners},
		{"RunnerIdentity", testRunnerIdentity},
		{"RunnerProcesses", testRunnerProcesses},
		{"Isolation", testIsolation},
		{"References", testReferences},
		{"Registries", testRegistries},
		{"RegistryTies", testRegistryTies},
		{"Generations", testGenerations},
		{"GenerationsOfDeleted", testGenerationsOfDeleted},
		{"Pins", testPins},
		{"Purge", testPurge},
		{"Chores", testChores},
		{"UpdateRegistryRace", testUpdateRegistryRace},
		{"Integrations", testIntegrations},
		{"IntegrationInUse", testIntegrationInUse},
		{"Repositories", testRepositories},
		{"RepositoriesOfOthers", testRepositoriesOfOthers},
		{"AllowedProjects", testAllowedProjects},
		{"RepositoryRace", testRepositoryRace},
		{"Environments", testEnvironments},
		{"KnownEnvironment", testKnownEnvironment},
		{"Wanted", testWanted},
		{"Status", testStatus},
		{"StatusRace", testStatusRace},
		{"Deletion", testDeletion},
		{"Output", testOutput},
		{"Variables", testVariables},
		{"VariablesStay", testVariablesStay},
		{"SealClear", testSealClear},
		{"Tokens", testTokens},
		{"TokenTrees", testTokenTrees},
		{"Makers", testMakers},
		{"MakersOfBefore", testMakersOfBefore},
		{"SetUp", testSetUp},
		{"SetUpRace", testSetUpRace},
		{"Exchanged", testExchanged},
		{"ExchangeRace", testExchangeRace},
		{"Pages", testPages},
		{"Watch", testWatch},
		{"WatchOtherServer", testWatchOtherServer},
		{"Events", testEvents},
		{"EventsTwoServers", testEventsTwoServers},
		{"EventsAppendOnly", testEventsAppendOnly},
		{"EventsTampered", testEventsTampered},
		{"OldChainPutBack", testOldChainPutBack},
		{"VerifySince", testVerifySince},
		{"Checkpoint", testCheckpoint},
		{"Prune", testPrune},
		{"Retention", testRetention},
		{"Door", testDoor},
		{"Rotate", testRotate},
		{"RotateBroken", testRotateBroken},
		{"RotateInterrupted", testRotateInterrupted},
		{"SealedInPlace", testSealedInPlace},
		{"SecretsStayWhereTheyBelong", testSecretsStayWhereTheyBelong},
		{"SealOld", testSealOld},
		{"SigningKeys", testSigningKeys},
		{"SigningKeyRace", testSigningKeyRace},
		{"SigningKeysRotate", testSigningKeysRotate},
		{"Proofs", testProofs},
		{"Trusts", testTrusts},
		{"Quotas", testQuotas},
		{"QuotaOfServer", testQuotaOfServer},
		{"QuotaRace", testQuotaRace},
		{"Room", testRoom},
		{"Members", testMembers},
		{"SignIn", testSignIn},
		{"Sessions", testSessions},
		{"Attempts", testAttempts},
		{"Webhooks", testWebhooks},
		{"WebhookRace", testWebhookRace},
		{"WebhookRotate", testWebhookRotate},
		{"Trials", testTrials},
		{"TrialLimits", testTrialLimits},
		{"TrialRace", testTrialRace},
		{"TrialRotate", testTrialRotate},
		{"Handovers", testHandovers},
		{"LeaseEnds", testLeaseEnds},
		{"ClaimRace", testClaimRace},
		{"HandoverSealed", testHandoverSealed},
		{"HandoversEnd", testHandoversEnd},
		{"Buckets", testBuckets},
		{"Cancelled", testCancelled},
		{"Closed", testClosed},
		{"HostileText", testHostileText},
		{"OpenTogether", testOpenTogether},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, database(t)) })
	}
	for name := range forgeries {
		t.Run("Forged/"+name, func(t *testing.T) { testForgedChain(t, database(t), name) })
	}
}

// Keyring returns a keyring on a key file of its own.
func Keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	return openKeyring(t, filepath.Join(t.TempDir(), "key"))
}

func openKeyring(t testing.TB, path string) *seal.Keyring {
	t.Helper()
	file, err := seal.OpenKeyFile(path)
	if err != nil {
		t.Fatalf("OpenKeyFile: %v", err)
	}
	return seal.NewKeyring(file)
}

// world is a store with one organization that has one of everything.
type world struct {
	*store.DB
	t       *testing.T
	org     pullpass.OrganizationID
	project pullpass.ProjectID
	runner  pullpass.RunnerID
}

func newWorld(t *testing.T, open Open) *world {
	t.Helper()
	return populate(t, openStore(t, open, Keyring(t)), "acme")
}

func openStore(t *testing.T, open Open, keyring *seal.Keyring) *store.DB {
	t.Helper()
	db, err := open(keyring, store.Options{})
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

// populate adds an organization to db.
func populate(t *testing.T, db *store.DB, name string) *world {
	t.Helper()
	w := &world{DB: db, t: t}
	org, err := db.CreateOrganization(t.Context(), pullpass.Organization{Name: name})
	must(t, "CreateOrganization", err)
	w.org = org.ID
	w.project = w.newProject("shop")
	w.runner = w.newRunner("one")
	return w
}

func (w *world) newProject(name string) pullpass.ProjectID {
	w.t.Helper()
	p, err := w.CreateProject(w.t.Context(), pullpass.Project{Organization: w.org, Name: name, Repository: "https://git.example/" + name})
	must(w.t, "CreateProject", err)
	return p.ID
}

func (w *world) ownProject() pullpass.Project {
	w.t.Helper()
	p, err := w.Project(w.t.Context(), w.org, w.project)
	must(w.t, "Project", err)
	return p
}

func (w *world) newRunner(name string) pullpass.RunnerID {
	w.t.Helper()
	r, err := w.CreateRunner(w.t.Context(), pullpass.Runner{Organization: w.org, Name: name, Kind: pullpass.RunnerDocker})
	must(w.t, "CreateRunner", err)
	return r.ID
}

// newRegistry adds a basic registry; its password is "secret of <name>".
func (w *world) newRegistry(name string, project pullpass.ProjectID) pullpass.Registry {
	w.t.Helper()
	r, err := w.CreateRegistry(w.t.Context(), basic(w.org, name, project), pullpass.NewSecret("secret of "+name))
	must(w.t, "CreateRegistry", err)
	return r
}

func basic(org pullpass.OrganizationID, name string, project pullpass.ProjectID) pullpass.Registry {
	return pullpass.Registry{
		Organization: org, Project: project, Name: name, Host: name + ".example",
		Auth: pullpass.AuthBasic, Username: "robot",
	}
}

func (w *world) newEnvironment(name string) pullpass.Environment {
	w.t.Helper()
	e, err := w.CreateEnvironment(w.t.Context(), w.environment(name))
	must(w.t, "CreateEnvironment", err)
	return e
}

func (w *world) environment(name string) pullpass.Environment {
	return pullpass.Environment{
		Organization: w.org, Project: w.project, Runner: w.runner, Name: name,
		Services: []pullpass.Service{{Name: "web", Image: "hub.example/team/app:1"}},
	}
}

// report is what the world's runner says of e.
func (w *world) report(e pullpass.Environment, phase pullpass.Phase) (pullpass.Environment, error) {
	return w.UpdateStatus(w.t.Context(), w.org, e.ID, pullpass.StatusUpdate{Runner: e.Runner, Start: e.Start, Phase: phase})
}

func (w *world) delete(e pullpass.Environment) {
	w.t.Helper()
	e, err := w.SetWanted(w.t.Context(), w.org, e.ID, pullpass.WantedDeleted)
	must(w.t, "SetWanted(deleted)", err)
	_, err = w.report(e, pullpass.PhaseDeleted)
	must(w.t, "UpdateStatus(deleted)", err)
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func wantKind(t testing.TB, what string, err error, kind pullpass.Kind) {
	t.Helper()
	if !pullpass.IsKind(err, kind) {
		t.Errorf("%s: error %v (kind %q), want kind %q", what, err, pullpass.KindOf(err), kind)
	}
}

func count(t testing.TB, db *store.DB, table string) (n int) {
	t.Helper()
	must(t, "counting "+table, db.Schema().Read.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}
