package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/store"
)

// testTokenTrees makes random trees of tokens, for people and for setup, ends some
// of them in every way there is, and wants exactly those alive whose whole line of
// makers is: whoever is taken away takes everything along.
func testTokenTrees(t *testing.T, open Open) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			growTree(t, open, seed)
		})
		if seed == 0 && testing.Short() {
			return
		}
	}
}

// branch is a token of the test's own account of the tree.
type branch struct {
	token  pullpass.Token
	parent *branch // nil: made by a person or by setup
	person int     // -1: setup
	ended  bool
}

func (b *branch) alive(now time.Time, gone map[int]bool) bool {
	for at := b; at != nil; at = at.parent {
		if at.ended || gone[at.person] || (!at.token.ExpiresAt.IsZero() && !now.Before(at.token.ExpiresAt)) {
			return false
		}
	}
	return true
}

func growTree(t *testing.T, open Open, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	db, err := open(Keyring(t), store.Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	must(t, "open", err)
	defer func() { must(t, "Close", db.Close()) }()
	ctx := t.Context()
	org, err := db.CreateOrganization(ctx, pullpass.Organization{Name: fmt.Sprint("acme-", seed)})
	must(t, "CreateOrganization", err)

	const people = 3
	var members []pullpass.Member
	for n := range people {
		email := fmt.Sprintf("p%d-%d@example.com", seed, n)
		_, err := db.CreateMember(ctx, pullpass.Member{Organization: org.ID, Email: email, Role: pullpass.RoleOwner})
		must(t, "CreateMember", err)
		_, mine, err := db.SignIn(ctx, pullpass.User{Issuer: "https://idp.example", Subject: email, Email: email})
		must(t, "SignIn", err)
		members = append(members, mine[0])
	}
	gone := map[int]bool{}
	var tree []*branch
	grow := func() {
		b := &branch{person: random.IntN(people+1) - 1}
		b.token = pullpass.Token{Organization: org.ID, Kind: pullpass.TokenAPI, Name: "t", Role: pullpass.RoleOwner, CreatedBy: "setup",
			Hash: pullpass.TokenHash(fmt.Sprintf("%d-%d", seed, len(tree)))}
		if random.IntN(4) == 0 {
			b.token.ExpiresAt = now.Add(time.Duration(1+random.IntN(100)) * time.Hour)
		}
		if b.person >= 0 {
			b.token.CreatedBy = string(members[b.person].User)
		}
		if len(tree) > 0 && random.IntN(4) > 0 {
			b.parent = tree[random.IntN(len(tree))]
			b.person = b.parent.person
			b.token.Parent, b.token.CreatedBy = b.parent.token.ID, string(b.parent.token.ID)
			end := b.parent.token.ExpiresAt
			outlives := !end.IsZero() && (b.token.ExpiresAt.IsZero() || b.token.ExpiresAt.After(end))
			_, err := db.CreateToken(ctx, b.token)
			switch {
			case !b.parent.alive(now, gone):
				wantKind(t, "a token made by one that has ended", err, pullpass.NotFound)
				return
			case outlives:
				wantKind(t, "a token that outlives its maker", err, pullpass.Denied)
				b.token.ExpiresAt = end
			default:
				must(t, "CreateToken", err)
				must(t, "DeleteToken", deleteByHash(t, db, b.token.Hash))
			}
		} else if gone[b.person] {
			return
		}
		b.token, err = db.CreateToken(ctx, b.token)
		must(t, "CreateToken", err)
		want := "setup"
		if b.person >= 0 {
			want = string(members[b.person].User)
		}
		if b.token.Root != want {
			t.Errorf("root %q, want %q", b.token.Root, want)
		}
		tree = append(tree, b)
	}
	check := func(after string) {
		t.Helper()
		for n, b := range tree {
			_, err := db.TokenByHash(ctx, b.token.Hash)
			if alive := b.alive(now, gone); alive != (err == nil) || (err != nil && !pullpass.IsKind(err, pullpass.NotFound)) {
				t.Fatalf("after %s, token %d: %v, want alive %v", after, n, err, alive)
			}
		}
	}
	for range 60 {
		switch kind := random.IntN(12); {
		case kind < 8:
			grow()
		case kind < 10 && len(tree) > 0:
			b := tree[random.IntN(len(tree))]
			err := db.DeleteToken(ctx, org.ID, b.token.ID)
			if b.alive(now, gone) {
				must(t, "DeleteToken", err)
			}
			b.ended = true
			check("a deletion")
		case kind == 10:
			mu.Lock()
			now = now.Add(time.Duration(random.IntN(20)) * time.Hour)
			mu.Unlock()
			check("some hours")
		case kind == 11 && len(gone) < people-1 && random.IntN(3) == 0:
			n := random.IntN(people)
			if !gone[n] {
				must(t, "DeleteMember", db.DeleteMember(ctx, org.ID, members[n].ID))
				gone[n] = true
				check("a member left")
			}
		}
	}
	check("everything")
}

func deleteByHash(t *testing.T, db *store.DB, hash pullpass.TokenHash) error {
	t.Helper()
	got, err := db.TokenByHash(t.Context(), hash)
	if err != nil {
		return err
	}
	return db.DeleteToken(t.Context(), got.Organization, got.ID)
}
