package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
)

func signingKey(org pullpass.OrganizationID, sequence int64, private string) identity.StoredKey {
	at := time.Date(2026, 11, 20, 12, 0, int(sequence), 0, time.UTC)
	return identity.StoredKey{Organization: org, Algorithm: identity.RS256, Sequence: sequence, ID: "kid-" + private,
		Private: pullpass.NewSecret(private), ActiveFrom: at, CreatedAt: at}
}

// testSigningKeys keeps keys apart by organization, and their numbers unique.
func testSigningKeys(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "other")
	ctx := t.Context()
	one, two := signingKey(w.org, 1, "canary-one"), signingKey(w.org, 2, "canary-two")
	must(t, "AddSigningKey", w.AddSigningKey(ctx, one))
	must(t, "AddSigningKey", w.AddSigningKey(ctx, two))
	must(t, "AddSigningKey of another organization", w.AddSigningKey(ctx, signingKey(other.org, 1, "theirs")))
	wantKind(t, "a taken number", w.AddSigningKey(ctx, signingKey(w.org, 2, "late")), pullpass.Conflict)
	wantKind(t, "a key of no organization", w.AddSigningKey(ctx, signingKey("org_none", 1, "x")), pullpass.NotFound)
	wantKind(t, "a key without a private half", w.AddSigningKey(ctx, signingKey(w.org, 3, "")), pullpass.Invalid)
	got, err := w.SigningKeys(ctx, w.org)
	must(t, "SigningKeys", err)
	reveal := cmp.Comparer(func(a, b pullpass.Secret) bool { return a.Reveal() == b.Reveal() })
	if diff := cmp.Diff([]identity.StoredKey{one, two}, got, reveal); diff != "" {
		t.Errorf("SigningKeys differ from what was added:\n%s", diff)
	}
	must(t, "DeleteSigningKeys", w.DeleteSigningKeys(ctx, w.org, identity.RS256, 2))
	must(t, "DeleteSigningKeys of another chain", w.DeleteSigningKeys(ctx, w.org, identity.ES256, 100))
	got, err = w.SigningKeys(ctx, w.org)
	if err != nil || len(got) != 1 || got[0].Sequence != 2 {
		t.Errorf("after DeleteSigningKeys: %d keys, %v, want the second alone", len(got), err)
	}
	if got, err := w.SigningKeys(ctx, other.org); err != nil || len(got) != 1 || got[0].Private.Reveal() != "theirs" {
		t.Errorf("the other organization's keys: %d, %v", len(got), err)
	}
	testSigningKeyInPlace(t, w, other)
}

// testSigningKeyInPlace puts one organization's sealed key into another's row.
func testSigningKeyInPlace(t *testing.T, w, other *world) {
	ctx := t.Context()
	db := w.Schema().Write
	var theirs, mine []byte
	read := func(org pullpass.OrganizationID, into *[]byte) {
		must(t, "reading a sealed key", db.QueryRowContext(ctx, `SELECT sealed FROM signing_keys WHERE organization = $1`, org).Scan(into))
	}
	read(other.org, &theirs)
	read(w.org, &mine)
	_, err := db.ExecContext(ctx, `UPDATE signing_keys SET sealed = $1 WHERE organization = $2`, theirs, w.org)
	must(t, "swapping", err)
	if _, err := w.SigningKeys(ctx, w.org); err == nil {
		t.Error("another organization's signing key opened in this one's row")
	}
	_, err = db.ExecContext(ctx, `UPDATE signing_keys SET sealed = $1 WHERE organization = $2`, mine, w.org)
	must(t, "swapping back", err)
}

// testSigningKeyRace lets two servers add the same number at once: one wins.
func testSigningKeyRace(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	second := openStore(t, open, keyring)
	for sequence := int64(1); sequence <= 10; sequence++ {
		var won atomic.Int32
		var all sync.WaitGroup
		for _, db := range []*store.DB{w.DB, second, w.DB, second} {
			all.Go(func() {
				switch err := db.AddSigningKey(t.Context(), signingKey(w.org, sequence, "k")); {
				case err == nil:
					won.Add(1)
				case !pullpass.IsKind(err, pullpass.Conflict):
					t.Errorf("AddSigningKey: %v", err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("key %d: %d of 4 added it, want 1", sequence, won.Load())
		}
	}
}

// testSigningKeysRotate seals signing keys anew with the others.
func testSigningKeysRotate(t *testing.T, open Open) {
	path := t.TempDir() + "/key"
	w := populate(t, openStore(t, open, openKeyring(t, path)), "acme")
	must(t, "AddSigningKey", w.AddSigningKey(t.Context(), signingKey(w.org, 1, "canary")))
	_, err := seal.RotateKeyFile(path)
	must(t, "RotateKeyFile", err)
	second := openStore(t, open, openKeyring(t, path))
	r, err := second.Rotate(t.Context())
	if err != nil || r.Resealed != 1 || r.Retired != 1 {
		t.Errorf("Rotate = %+v, %v, want 1 sealed anew and 1 retired", r, err)
	}
	_, err = seal.RetireKeys(path, r.InUse)
	must(t, "RetireKeys", err)
	got, err := openStore(t, open, openKeyring(t, path)).SigningKeys(t.Context(), w.org)
	if err != nil || len(got) != 1 || got[0].Private.Reveal() != "canary" {
		t.Errorf("SigningKeys with the new key alone: %d, %v", len(got), err)
	}
}

// testProofs follows a project from its challenge to its proof and back.
func testProofs(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "other")
	ctx := t.Context()
	none, err := w.ProjectProof(ctx, w.org, w.project, "")
	if err != nil || none != (identity.Proof{}) {
		t.Errorf("ProjectProof of a new project = %+v, %v, want nothing", none, err)
	}
	first, err := w.ProjectProof(ctx, w.org, w.project, "first")
	must(t, "ProjectProof", err)
	second, err := w.ProjectProof(ctx, w.org, w.project, "second")
	if err != nil || first.Challenge != "first" || second != first {
		t.Errorf("ProjectProof = %+v, then %+v, %v: the first challenge stays", first, second, err)
	}
	for _, org := range []pullpass.OrganizationID{other.org, ""} {
		_, err := w.ProjectProof(ctx, org, w.project, "x")
		wantKind(t, "the challenge of another organization's project", err, pullpass.NotFound)
		wantKind(t, "proving another organization's project", w.SetProved(ctx, org, w.project, time.Now()), pullpass.NotFound)
	}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, when := range []time.Time{at, {}} {
		must(t, "SetProved", w.SetProved(ctx, w.org, w.project, when))
		p, err := w.Project(ctx, w.org, w.project)
		proof, proofErr := w.ProjectProof(ctx, w.org, w.project, "")
		if err := errors.Join(err, proofErr); err != nil || p.OwnershipProved == when.IsZero() || !proof.ProvedAt.Equal(when) {
			t.Errorf("after SetProved(%v): proved %v at %v, %v", when, p.OwnershipProved, proof.ProvedAt, err)
		}
	}
	testGitLogin(t, w, other.org)
	must(t, "SetSubjectTemplate", w.SetSubjectTemplate(ctx, w.org, "ids"))
	wantKind(t, "SetSubjectTemplate of none", w.SetSubjectTemplate(ctx, "", "ids"), pullpass.NotFound)
	for org, want := range map[pullpass.OrganizationID]string{w.org: "ids", other.org: ""} {
		if got, err := w.SubjectTemplate(ctx, org); err != nil || got != want {
			t.Errorf("SubjectTemplate(%s) = %q, %v, want %q", org, got, err, want)
		}
	}
	e, err := w.CreateEnvironment(ctx, pullpass.Environment{Organization: w.org, Project: w.project, Runner: w.runner, Name: "dev", Ref: "main", Commit: "abc"})
	must(t, "CreateEnvironment", err)
	if got, err := w.Environment(ctx, w.org, e.ID); err != nil || got.Ref != "main" || got.Commit != "abc" {
		t.Errorf("Environment = ref %q commit %q, %v", got.Ref, got.Commit, err)
	}
}

// testTrusts adds, finds and deletes trusts, and the tokens they gave out.
func testTrusts(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "other")
	ctx := t.Context()
	made, err := w.CreateTrust(ctx, identity.Trust{
		Organization: w.org, Name: "gitlab", Issuer: "https://gitlab.example", Audience: "pullpass", Project: w.project,
		Conditions: []identity.Condition{{Claim: "ref", Glob: true, Values: []string{"ma*"}}}, Action: pullpass.ActionPush, Life: time.Hour,
	})
	must(t, "CreateTrust", err)
	for _, find := range []func() (identity.Trust, error){
		func() (identity.Trust, error) { return w.Trust(ctx, w.org, made.ID) },
		func() (identity.Trust, error) { return w.TrustByName(ctx, w.org, "gitlab") },
	} {
		got, err := find()
		if diff := cmp.Diff(made, got); err != nil || diff != "" {
			t.Errorf("the trust found differs from the one made: %v\n%s", err, diff)
		}
	}
	_, err = w.CreateTrust(ctx, identity.Trust{Organization: w.org, Name: "gitlab", Project: w.project})
	wantKind(t, "a second trust of the name", err, pullpass.Conflict)
	_, err = w.CreateTrust(ctx, identity.Trust{Organization: w.org, Name: "theirs", Project: other.project})
	wantKind(t, "a trust for another organization's project", err, pullpass.NotFound)
	_, err = w.Trust(ctx, other.org, made.ID)
	wantKind(t, "another organization's trust", err, pullpass.NotFound)
	wantKind(t, "deleting another organization's trust", w.DeleteTrust(ctx, other.org, made.ID), pullpass.NotFound)
	if l, err := w.Trusts(ctx, other.org, pullpass.Page{}); err != nil || len(l.Items) != 0 {
		t.Errorf("Trusts of the other organization = %v, %v, want none", l.Items, err)
	}
	_, err = w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenCI, Hash: "ci", Project: w.project, Action: pullpass.ActionPush, CreatedBy: string(made.ID)})
	must(t, "CreateToken(ci)", err)
	if got, err := w.TokenByHash(ctx, "ci"); err != nil || got.Action != pullpass.ActionPush {
		t.Errorf("TokenByHash = %+v, %v, want action push", got, err)
	}
	_, err = w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenCI, Hash: "over", Project: w.project, ExpiresAt: time.Now().Add(-time.Minute)})
	must(t, "CreateToken(expired)", err)
	must(t, "DeleteExpiredTokens", w.DeleteExpiredTokens(ctx))
	if l, err := w.Tokens(ctx, w.org, pullpass.Page{}); err != nil || len(l.Items) != 1 {
		t.Errorf("after DeleteExpiredTokens: %d tokens, %v, want 1", len(l.Items), err)
	}
	must(t, "DeleteTrust", w.DeleteTrust(ctx, w.org, made.ID))
	_, err = w.TokenByHash(ctx, "ci")
	wantKind(t, "a token of a deleted trust", err, pullpass.NotFound)
	_, err = w.CreateTrust(ctx, identity.Trust{Organization: w.org, Name: "again", Project: w.project})
	must(t, "CreateTrust", err)
	must(t, "DeleteProject", w.DeleteProject(ctx, w.org, w.project))
	_, err = w.TrustByName(ctx, w.org, "again")
	wantKind(t, "a trust of a deleted project", err, pullpass.NotFound)
}

// testGitLogin keeps, replaces and forgets the login of a project's repository.
func testGitLogin(t *testing.T, w *world, other pullpass.OrganizationID) {
	t.Helper()
	ctx := t.Context()
	p := w.ownProject()
	for _, token := range []string{"first", "second", ""} {
		want := pullpass.GitLogin{Username: "ada", Password: pullpass.NewSecret(token)}
		if token == "" {
			want = pullpass.GitLogin{}
		}
		must(t, "SetGitLogin", w.SetGitLogin(ctx, w.org, p, want))
		got, err := w.GitLogin(ctx, w.org, p)
		if err != nil || got.Username != want.Username || !got.Password.Equal(want.Password) {
			t.Errorf("GitLogin after %q = %q, %v", token, got.Username, err)
		}
		if none, err := w.GitLogin(ctx, other, p); err != nil || none.Username != "" || !none.Password.Empty() {
			t.Errorf("GitLogin of another organization's project = %q, %v, want nothing", none.Username, err)
		}
		wantKind(t, "a login for another organization's project", w.SetGitLogin(ctx, other, p, want), pullpass.NotFound)
	}
}
