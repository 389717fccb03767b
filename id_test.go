package pullpass_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

func TestIDsAreUniqueValidAndSortByAge(t *testing.T) {
	seen := map[pullpass.EnvironmentID]bool{}
	for range 10_000 {
		id := pullpass.NewEnvironmentID()
		if seen[id] || !pullpass.ValidID("env", string(id)) {
			t.Fatalf("id %q: seen before %v, want a valid new one", id, seen[id])
		}
		seen[id] = true
	}
	first, later := string(pullpass.NewEnvironmentID()), "env_7zzzzzzzzzzzzzzzzzzzzzzzzw"
	if !slices.IsSorted([]string{first, later}) {
		t.Errorf("%q sorts after %q", first, later)
	}
	for _, bad := range []string{"", "env_", "env_short", first + "0", strings.ToUpper(first), "run_" + first[4:], first[:len(first)-1] + "u"} {
		if pullpass.ValidID("env", bad) {
			t.Errorf("ValidID(env, %q) = true", bad)
		}
	}
}

func TestBearerTokens(t *testing.T) {
	for _, kind := range []pullpass.TokenKind{pullpass.TokenAPI, pullpass.TokenRunner, pullpass.TokenJoin, pullpass.TokenSetup} {
		text := pullpass.NewBearer(kind).Reveal()
		got, hash, ok := pullpass.HashBearer(text)
		if !ok || got != kind || len(hash) != 64 {
			t.Errorf("HashBearer of a new %s token = %q, %q, %v", kind, got, hash, ok)
		}
		changed := []byte(text)
		changed[10] ^= 1
		for _, bad := range []string{"", text[1:], text + "x", string(changed), "ppxx_" + text[5:]} {
			if _, _, ok := pullpass.HashBearer(bad); ok {
				t.Errorf("HashBearer accepts a damaged %s token", kind)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"a", "team-a", "a.b_c", strings.Repeat("a", 127)} {
		if !pullpass.ValidName(good) {
			t.Errorf("ValidName(%q) = false", good)
		}
	}
	for _, bad := range []string{"", "-a", "a/b", "a b", "a\n", "ä", strings.Repeat("a", 128)} {
		if pullpass.ValidName(bad) {
			t.Errorf("ValidName(%q) = true", bad)
		}
	}
	for name, want := range map[string]bool{"abc": true, "ab": false, "a.b": false, "A_b-9": true, strings.Repeat("a", 128): false} {
		if got := pullpass.ValidRegistryName(name); got != want {
			t.Errorf("ValidRegistryName(%q) = %v, want %v", name, got, want)
		}
	}
}
