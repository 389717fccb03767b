package sandbox

import (
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

func TestLayersAreOnAnotherHost(t *testing.T) {
	tests := []struct{ registry, layers, want string }{
		{"127.0.0.1:4512", "127.0.0.1:4519", "localhost:4519"},
		{"localhost:4512", "127.0.0.1:4519", "127.0.0.1:4519"},
		{"LOCALHOST:4512", "[::]:4519", "127.0.0.1:4519"},
		{"172.17.0.1:4512", "0.0.0.0:4519", "[::ffff:172.17.0.1]:4519"},
		{"127.0.0.1:4512", "[::]:4519", "localhost:4519"},
		{"sandbox.example:4512", "[::]:4519", "sandbox.example.:4519"},
		{"registry.example", "10.0.0.1:4519", "10.0.0.1:4519"},
	}
	for _, test := range tests {
		if got := besideHost(test.registry, test.layers); got != test.want {
			t.Errorf("besideHost(%q, %q) = %q, want %q", test.registry, test.layers, got, test.want)
		}
	}
}

func TestWildcards(t *testing.T) {
	tests := []struct {
		filter, text string
		want         bool
	}{
		{"*", "", true}, {"*", "x", true}, {"a*", "abc", true}, {"*c", "abc", true}, {"a*c", "ac", true},
		{"a*b*c", "a-b-c", true}, {"a*b*c", "a-c", false}, {"ab*ba", "aba", false}, {"a", "a", true}, {"a", "ab", false}, {"a*", "ba", false},
	}
	for _, test := range tests {
		if got := wildcardMatch(test.filter, test.text); got != test.want {
			t.Errorf("wildcardMatch(%q, %q) = %v, want %v", test.filter, test.text, got, test.want)
		}
	}
}

func TestDenialsAreARing(t *testing.T) {
	var l denialLog
	for i := range keptDenials + 3 {
		l.add(Denial{Action: string(rune('a' + i))})
	}
	list := l.newest()
	if len(list) != keptDenials || list[0].Action != string(rune('a'+keptDenials+2)) || list[keptDenials-1].Action != "d" {
		t.Errorf("newest: %d denials from %q to %q", len(list), list[0].Action, list[len(list)-1].Action)
	}
}

func FuzzV2Paths(f *testing.F) {
	for _, path := range []string{"/v2/", "/v2/_catalog", "/v2/a/b/manifests/1", "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/x", "/v2/../blobs/sha256:0", "/v2//tags/list"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		v, ok := parseV2(path)
		if !ok {
			return
		}
		switch v.kind {
		case "base", "catalog":
			if v.name != "" || v.reference != "" {
				t.Errorf("parseV2(%q) = %+v: no repository belongs there", path, v)
			}
		case "manifests", "blobs", "uploads", "tags", "referrers":
		default:
			t.Errorf("parseV2(%q) = %+v: unknown kind", path, v)
		}
	})
}

func TestChunks(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2*chunkSize + 17} {
		want := randomBytes(size)
		for _, part := range []int{1 << 10, chunkSize - 1, chunkSize, 3 * chunkSize} {
			var list chunks
			for rest := range slices.Chunk(want, part) {
				if n, err := list.Write(rest); n != len(rest) || err != nil {
					t.Errorf("Write(%d bytes) = %d, %v", len(rest), n, err)
				}
			}
			if err := iotest.TestReader(io.NewSectionReader(list, 0, int64(size)), want); err != nil {
				t.Errorf("%d bytes in parts of %d: %v", size, part, err)
			}
		}
	}
}

// A boundary whose policy is gone allows nothing. IAM deletes no policy that is a
// boundary, so only the inside can show it.
func TestBoundaryWithoutItsPolicyAllowsNothing(t *testing.T) {
	b, err := New(Default(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := b.state.accounts[OwnerAccount]
	admin := &a.users["admin"].entity
	q := question{principal: &principal{account: a, entity: admin}, action: "ecr:CreateRepository", resource: "*", account: a}
	if err := b.decide(q); err != nil {
		t.Fatalf("without a boundary: %v", err)
	}
	admin.boundary = a.iamARN("policy", "/", "gone")
	if err := b.decide(q); err == nil {
		t.Error("a boundary whose policy is gone limits nothing")
	}
}
