package pullpass_test

import (
	"strings"
	"testing"
)

// A test that cannot fail proves nothing: these are houses that must be refused.
func TestViolations(t *testing.T) {
	imports := func(from string, to ...string) room {
		r := room{ImportPath: module + "/" + from}
		if from == "." {
			r.ImportPath = module
		}
		for _, path := range to {
			switch {
			case path == ".":
				path = module
			case strings.HasPrefix(path, "internal/"), strings.HasPrefix(path, "cmd/"), path == "api", path == "client":
				path = module + "/" + path
			}
			r.Imports = append(r.Imports, path)
		}
		return r
	}
	for _, test := range []struct {
		name string
		room room
		want string // part of the message; "" means allowed
	}{
		{"a lower floor", imports("internal/broker", ".", "api", "internal/audit"), ""},
		{"two floors down", imports("cmd/pullpass", "internal/reference"), ""},
		{"libraries and the standard library", imports("internal/oci", "context", "golang.org/x/sync/singleflight"), ""},
		{"the outer room from the inner", imports("internal/iam/lint", "internal/iam"), ""},
		{"a listed inner room", imports("internal/store/sqlite", "internal/store"), ""},
		{"a test-only room from e2e", imports("e2e/parts", "internal/parts"), ""},
		{"a test-only room from another", imports("internal/store/storetest", "internal/parts"), ""},

		{"a higher floor", imports("internal/broker", "internal/oci"), "internal/broker (floor 2) imports internal/oci (floor 3)"},
		{"a sibling", imports("internal/docker", "internal/agent"), "internal/docker (floor 3) imports internal/agent (floor 3)"},
		{"the inner room from the outer", imports("internal/iam", "internal/iam/lint"), "internal/iam (floor 1) imports internal/iam/lint (floor 1)"},
		{"inner rooms of one another", imports("internal/iam/lint", "internal/iam/explain"), "(floor 1) imports internal/iam/explain (floor 1)"},
		{"a listed inner room from its outer", imports("internal/store", "internal/store/sqlite"), "(floor 3) imports internal/store/sqlite (floor 4)"},
		{"anything from the root", imports(".", "api"), ". (floor 0) imports api (floor 1)"},
		{"a library from the root", imports(".", "github.com/google/go-cmp/cmp"), "the standard library only"},
		{"a package on no floor", imports("internal/attic"), "internal/attic is on no floor"},
		{"a room that resembles one", imports("internal/iamx"), "internal/iamx is on no floor"},
		{"a name that says nothing", imports("internal/oci/util", "."), `the name "util" says nothing`},
		{"a test-only room in production", imports("internal/broker", "internal/parts"), "for tests only"},
		{"a test-only room in a binary", imports("cmd/pullpass", "internal/store/storetest"), "shipped binary"},
	} {
		got := violations([]room{test.room})
		if test.want == "" && len(got) > 0 {
			t.Errorf("%s: violations(%v) = %q, want none", test.name, test.room, got)
		}
		if test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
			t.Errorf("%s: violations(%v) = %q, want one with %q", test.name, test.room, got, test.want)
		}
	}
}

func TestStrangers(t *testing.T) {
	const helper = "cmd/docker-credential-pullpass"
	deps := []room{
		{ImportPath: "net/http", Standard: true},
		{ImportPath: module},
		{ImportPath: module + "/internal/helper"},
		{ImportPath: module + "/internal/helper/cache"},
		{ImportPath: module + "/internal/broker"},
		{ImportPath: "github.com/aws/aws-sdk-go-v2/config"},
		{ImportPath: module + "/" + helper},
	}
	got := strangers(helper, helperMay, deps)
	if len(got) != 2 || !strings.Contains(got[0], "links internal/broker") || !strings.Contains(got[1], "links github.com/aws/") {
		t.Errorf("strangers(%s) = %q, want internal/broker and the AWS SDK", helper, got)
	}
}
