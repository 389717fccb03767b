package pullpass_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pullpass/pullpass"

// floors is the house: a package may import packages of lower floors only.
// docs/ARCHITECTURE.md draws the same table; change both, and say why in
// docs/decisions. A package below a listed one ("internal/iam/lint") is an inner
// room: it lives on its outer room's floor and may import its outer room.
var floors = []struct {
	floor int
	rooms string
}{
	{0, ". internal/awsname internal/issuer internal/printable internal/nearest internal/sarif internal/atomicfile"},
	{1, "api internal/access internal/seal internal/config internal/reference internal/iam internal/spec internal/egress internal/audit internal/logs internal/parts internal/reserve"},
	{2, "client internal/backup internal/broker internal/provision internal/identity internal/signin internal/webhook internal/runner internal/helper internal/retention internal/awscall"},
	{3, "internal/store internal/oci internal/aws internal/awslogin internal/joblogin internal/docker internal/agent internal/kubernetes internal/doctor internal/source internal/validate internal/delivery internal/catalog internal/gitops internal/sandbox internal/httpapi internal/web"},
	{4, "internal/store/sqlite internal/store/postgres internal/store/storetest internal/runner/drivertest e2e/process"},
	{5, "cmd/pullpass cmd/docker-credential-pullpass cmd/pullpass-aws e2e bench"},
}

// testOnly lists the rooms that only tests, e2e and bench may import: they start
// daemons and carry the testing package, which no shipped binary should.
var testOnly = []string{"internal/parts", "internal/store/storetest", "internal/signin/signintest", "internal/runner/drivertest", "e2e/process"}

// forbiddenNames say nothing about what is inside; such rooms only ever grow.
var forbiddenNames = []string{"util", "utils", "common", "helpers", "misc", "shared", "base"}

// helperMay lists everything outside the standard library that the credential
// helper may link: docker starts it for every pull, and each linked package costs
// start-up time even when nothing calls it.
var helperMay = []string{".", "api", "client", "internal/helper", "internal/printable", "internal/nearest", "internal/atomicfile", "internal/awsname", "github.com/docker/docker-credential-helpers"}

// helperMayNot lists packages of the standard library that would double the helper's
// start: what is compiled or registered before main runs.
var helperMayNot = []string{"regexp", "net/http", "crypto/tls", "text/template", "html/template"}

// room is what the check needs to know of a package; `go list -json` prints it.
type room struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Error      *struct{ Err string }
}

func TestFloors(t *testing.T) {
	rooms := goList(t, "./...")
	if len(rooms) < 2 {
		t.Fatalf("go list ./... named %d packages; the floors test would prove nothing", len(rooms))
	}
	for _, v := range violations(rooms) {
		t.Error(v)
	}
}

func TestHelperStaysSmall(t *testing.T) {
	const helper = "cmd/docker-credential-pullpass"
	deps := goList(t, "-deps", "./"+helper)
	for _, v := range strangers(helper, helperMay, deps) {
		t.Error(v)
	}
	for _, d := range deps {
		if slices.Contains(helperMayNot, d.ImportPath) {
			t.Errorf("%s links %s, whose start costs more than the helper's work: find out with `go mod why`", helper, d.ImportPath)
		}
	}
}

// violations returns one line for each way in which rooms break the house rules:
// which import, which floors, what to do.
func violations(rooms []room) []string {
	var found []string
	for _, r := range rooms {
		if r.Standard {
			continue
		}
		from := inside(r.ImportPath)
		if r.Error != nil {
			found = append(found, fmt.Sprintf("%s: go list: %s", from, r.Error.Err))
		}
		for name := range strings.SplitSeq(from, "/") {
			if slices.Contains(forbiddenNames, name) {
				found = append(found, fmt.Sprintf("%s: the name %q says nothing about what is inside: name the package after what it provides, or move each function to its caller", from, name))
			}
		}
		floor, ok := floorOf(from)
		if !ok {
			found = append(found, fmt.Sprintf("%s is on no floor: add it to the table in floors_test.go and to docs/ARCHITECTURE.md, or put the code into a room that exists", from))
			continue
		}
		for _, to := range r.Imports {
			if v := refuse(from, floor, to); v != "" {
				found = append(found, v)
			}
		}
	}
	return found
}

// refuse says why the package from, on the given floor, may not import to, or "".
func refuse(from string, floor int, importPath string) string {
	if !ours(importPath) {
		if floor == 0 && strings.Contains(strings.SplitN(importPath, "/", 2)[0], ".") {
			return fmt.Sprintf("%s (floor 0) imports %s: floor 0 uses the standard library only; move the code that needs it up", from, importPath)
		}
		return ""
	}
	to := inside(importPath)
	lower, ok := floorOf(to)
	if !ok {
		return "" // said once, at the package itself
	}
	if slices.Contains(testOnly, to) && floor < 5 && !slices.Contains(testOnly, from) {
		return fmt.Sprintf("%s imports %s, which is for tests only: import it from a _test.go file", from, to)
	}
	if slices.Contains(testOnly, to) && strings.HasPrefix(from, "cmd/") {
		return fmt.Sprintf("%s imports %s, which is for tests only and must not be linked into a shipped binary", from, to)
	}
	if lower < floor || (lower == floor && strings.HasPrefix(from, to+"/")) {
		return ""
	}
	return fmt.Sprintf("%s (floor %d) imports %s (floor %d): a package imports lower floors only; declare the interface it needs in %s and let cmd join the two, or move the shared part down", from, floor, to, lower, from)
}

// strangers returns one line for each dependency of root that is neither in the
// standard library nor in or below one of the allowed paths.
func strangers(root string, allowed []string, deps []room) []string {
	var found []string
	for _, d := range deps {
		path := inside(d.ImportPath)
		if d.Error != nil {
			found = append(found, fmt.Sprintf("%s: go list: %s", path, d.Error.Err))
			continue
		}
		known := d.Standard || path == root || slices.ContainsFunc(allowed, func(a string) bool {
			return path == a || (a != "." && strings.HasPrefix(path, a+"/"))
		})
		if !known {
			found = append(found, fmt.Sprintf("%s links %s: every package costs start-up time at each pull; find out with `go mod why %s`, and keep it out or argue for it in helperMay", root, path, d.ImportPath))
		}
	}
	return found
}

// floorOf returns the floor of a listed room, or of the outer room of an inner one.
func floorOf(path string) (floor int, ok bool) {
	longest := 0
	for _, f := range floors {
		for name := range strings.FieldsSeq(f.rooms) {
			inner := name != "." && strings.HasPrefix(path, name+"/")
			if (path == name || inner) && len(name) > longest {
				longest, floor, ok = len(name), f.floor, true
			}
		}
	}
	return floor, ok
}

func ours(importPath string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

// inside returns the path within the module ("." is its root); other paths stay as they are.
func inside(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func goList(t *testing.T, args ...string) []room {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-json=ImportPath,Imports,Standard,Error"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var rooms []room
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var r room
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			return rooms
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		rooms = append(rooms, r)
	}
}
