package storetest

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// sealedThings puts n secrets of each kind into w; its result checks that they
// still open.
func sealedThings(w *world, n int) (check func(*world)) {
	t := w.t
	t.Helper()
	var registries []pullpass.Registry
	var integrations []pullpass.Integration
	for i := range n {
		name := "s" + strconv.Itoa(i) + "-x"
		registries = append(registries, w.newRegistry(name, ""))
		integration, err := w.CreateIntegration(t.Context(), pullpass.Integration{Organization: w.org, Name: name, Mode: pullpass.ModeAccessKey}, pullpass.NewSecret("key of "+name))
		must(t, "CreateIntegration", err)
		integrations = append(integrations, integration)
	}
	return func(now *world) {
		t.Helper()
		for i := range n {
			wantSecret(t, now, registries[i], "secret of "+registries[i].Name)
			wantIntegrationSecret(t, now, integrations[i], "key of "+integrations[i].Name)
		}
	}
}

// testRotate exchanges the key of the key file and retires the old one.
func testRotate(t *testing.T, open Open) {
	path := filepath.Join(t.TempDir(), "key")
	w := populate(t, openStore(t, open, openKeyring(t, path)), "acme")
	const n = 60 // more than one batch with a smaller one behind it
	check := sealedThings(w, n)
	must(t, "SetGitLogin", w.SetGitLogin(t.Context(), w.org, w.ownProject(), pullpass.GitLogin{Username: "ada", Password: pullpass.NewSecret("git token")}))
	idle, err := w.Rotate(t.Context())
	if err != nil || idle.Resealed != 0 || idle.Retired != 0 || idle.DataKey != 1 {
		t.Errorf("Rotate without a new key = %+v, %v, want nothing to do", idle, err)
	}
	old := seal.NewKeyring(openKeyFile(t, path)).PrimaryID()
	fresh, err := seal.RotateKeyFile(path)
	must(t, "RotateKeyFile", err)
	second := &world{DB: openStore(t, open, openKeyring(t, path)), t: t, org: w.org}
	got, err := second.Rotate(t.Context())
	must(t, "Rotate", err)
	if got.Resealed != 2*n+1 || got.Retired != 1 || got.DataKey != 2 || len(got.InUse) != 1 || got.InUse[0] != fresh {
		t.Errorf("Rotate = %+v, want %d sealed anew, 1 retired, only %s in use", got, 2*n+1, fresh)
	}
	check(second)
	removed, err := seal.RetireKeys(path, got.InUse)
	must(t, "RetireKeys", err)
	if len(removed) != 1 || removed[0] != old {
		t.Errorf("RetireKeys removed %v, want %s", removed, old)
	}
	third := &world{DB: openStore(t, open, openKeyring(t, path)), t: t, org: w.org}
	check(third)
	if login, err := third.GitLogin(t.Context(), w.org, w.ownProject()); err != nil || login.Password.Reveal() != "git token" {
		t.Errorf("GitLogin with the new key alone: %v", err)
	}
	third.project = ""
	wantSecret(t, third, third.newRegistry("later", ""), "secret of later")

	// A server that has only the old key says what is missing.
	number, err := third.NewDataKey(t.Context())
	must(t, "NewDataKey", err)
	if number != 3 {
		t.Errorf("NewDataKey = %d, want 3", number)
	}
	lost := openStore(t, open, Keyring(t))
	_, err = lost.CreateRegistry(t.Context(), basic(w.org, "lost", ""), pullpass.NewSecret("x"))
	wantKind(t, "sealing with another key file", err, pullpass.Unavailable)
	wantCode(t, err, "seal_key_missing")
}

// testRotateBroken: a value that does not open stops nobody else's, is named, and
// its data key stays for whoever restores it.
func testRotateBroken(t *testing.T, open Open) {
	path := filepath.Join(t.TempDir(), "key")
	w := populate(t, openStore(t, open, openKeyring(t, path)), "acme")
	w.project = ""
	broken, whole := w.newRegistry("broken", ""), w.newRegistry("whole", "")
	_, err := w.Schema().Write.ExecContext(t.Context(), `UPDATE registry_generations SET sealed = (SELECT sealed FROM registry_generations WHERE registry = $1) WHERE registry = $2`, whole.ID, broken.ID)
	must(t, "swap", err)
	_, err = seal.RotateKeyFile(path)
	must(t, "RotateKeyFile", err)
	second := &world{DB: openStore(t, open, openKeyring(t, path)), t: t, org: w.org}
	for range 2 { // every time, and to the end
		got, err := second.Rotate(t.Context())
		must(t, "Rotate", err)
		if len(got.Skipped) != 1 || !strings.Contains(got.Skipped[0], string(broken.ID)) || got.Retired != 0 || len(got.InUse) != 2 {
			t.Errorf("Rotate = %+v, want the broken one skipped and both keys in use", got)
		}
	}
	wantSecret(t, second, whole, "secret of whole")
	var key int64
	must(t, "data_key", second.Schema().Read.QueryRowContext(t.Context(), `SELECT data_key FROM registry_generations WHERE registry = $1`, whole.ID).Scan(&key))
	if key != 2 {
		t.Errorf("behind the broken one data key %d, want 2", key)
	}
}

func openKeyFile(t *testing.T, path string) *seal.KeyFile {
	t.Helper()
	file, err := seal.OpenKeyFile(path)
	must(t, "OpenKeyFile", err)
	return file
}

// testRotateInterrupted stops a rotation after each of its steps and goes on.
func testRotateInterrupted(t *testing.T, open Open) {
	path := filepath.Join(t.TempDir(), "key")
	w := populate(t, openStore(t, open, openKeyring(t, path)), "acme")
	const n = 120 // two batches of each kind
	check := sealedThings(w, n)
	_, err := seal.RotateKeyFile(path)
	must(t, "RotateKeyFile", err)
	second := &world{DB: openStore(t, open, openKeyring(t, path)), t: t, org: w.org}
	var resealed, interruptions int
	for after := 1; ; after++ {
		// The context ends after so many looks at it, at a later point each time.
		r, err := second.Rotate(endingAfter(t.Context(), after*60))
		resealed += r.Resealed
		check(second)
		if err == nil {
			break
		}
		wantKind(t, "an interrupted Rotate", err, pullpass.Unavailable)
		interruptions++
		if interruptions > 100 {
			t.Fatal("the rotation does not get further")
		}
	}
	// A commit that was interrupted may have been made: it is not counted.
	if resealed > 2*n || interruptions < 3 {
		t.Errorf("%d sealed anew over %d interruptions, want at most %d over 3 or more", resealed, interruptions, 2*n)
	}
	inUse, err := second.KeysInUse(t.Context())
	if err != nil || len(inUse) != 1 {
		t.Errorf("KeysInUse = %v, %v, want the new one alone", inUse, err)
	}
}

// testSealedInPlace swaps sealed values between rows, versions and organizations:
// none opens where it does not belong.
func testSealedInPlace(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "other")
	ctx := t.Context()
	mine := w.newRegistry("hub", "")
	neighbour := w.newRegistry("mine", "")
	theirs := other.newRegistry("hub", "")
	e := w.environment("dev")
	e.Services = append(e.Services, pullpass.Service{Name: "db", Image: neighbour.Host + "/db:1"})
	e, err := w.CreateEnvironment(ctx, e)
	must(t, "CreateEnvironment", err)
	secret := pullpass.NewSecret("second")
	next, err := w.UpdateRegistry(ctx, w.org, mine.ID, pullpass.RegistryChange{Secret: &secret})
	must(t, "UpdateRegistry", err)
	wantPinned2 := func() {
		t.Helper()
		wantSecret(t, w, mine, "secret of hub")
		wantSecret(t, w, next, "second")
		wantSecret(t, w, neighbour, "secret of mine")
		wantSecret(t, other, theirs, "secret of hub")
	}
	wantPinned2()
	if len(e.Registries) != 2 {
		t.Fatalf("the environment has %d registries, want 2", len(e.Registries))
	}
	db := w.Schema().Write
	sealedOf := func(org pullpass.OrganizationID, g pullpass.RegistryGeneration) (b []byte) {
		t.Helper()
		must(t, "reading a sealed value", w.Schema().Read.QueryRowContext(ctx,
			`SELECT sealed FROM registry_generations WHERE organization = $1 AND registry = $2 AND generation = $3`, org, g.Registry, g.Generation).Scan(&b))
		return b
	}
	put := func(b []byte) {
		t.Helper()
		_, err := db.ExecContext(ctx, `UPDATE registry_generations SET sealed = $1 WHERE organization = $2 AND registry = $3 AND generation = $4`,
			b, w.org, mine.ID, mine.Generation)
		must(t, "writing a sealed value", err)
	}
	own := sealedOf(w.org, generation(mine))
	for name, b := range map[string][]byte{
		"of another row":                    sealedOf(w.org, generation(neighbour)),
		"of another version":                sealedOf(w.org, generation(next)),
		"of another organization":           sealedOf(other.org, generation(theirs)),
		"with a bit turned":                 append(append([]byte(nil), own[:len(own)-1]...), own[len(own)-1]^1),
		"cut short":                         own[:len(own)-1],
		"that nobody sealed":                []byte("plain text"),
		"with a key number that is not one": append([]byte{own[0], 0xff}, own[2:]...),
	} {
		put(b)
		got, err := w.RegistrySecret(ctx, w.org, mine)
		if err == nil || !got.Empty() {
			t.Errorf("a sealed value %s opened", name)
		}
	}
	put(own)
	wantPinned2()
}
