package parts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that notes how it ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

type ended struct{}

func (r *recorder) Helper()        {}
func (r *recorder) Name() string   { return "TestPull" }
func (r *recorder) Skip(a ...any)  { r.skipped = fmt.Sprint(a...); panic(ended{}) }
func (r *recorder) Fatal(a ...any) { r.failed = fmt.Sprint(a...); panic(ended{}) }

func (r *recorder) run(test func()) {
	defer func() {
		if p := recover(); p != nil && p != (ended{}) {
			panic(p)
		}
	}()
	test()
}

func TestMissingPart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "skips")
	t.Setenv(EnvSkips, file)
	t.Setenv(EnvDockerHost, "")

	t.Setenv("CI", "")
	elsewhere := &recorder{TB: t}
	elsewhere.run(func() { Docker(elsewhere) })
	if elsewhere.failed != "" || !strings.Contains(elsewhere.skipped, "make test") {
		t.Errorf("Docker() without an engine skipped with %q and failed with %q, want a skip that names the command", elsewhere.skipped, elsewhere.failed)
	}
	list, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(list), "TestPull: docker: ") {
		t.Errorf("the list of skips = %q, %v, want TestPull and docker", list, err)
	}

	t.Setenv("CI", "true")
	strict := &recorder{TB: t}
	strict.run(func() { Docker(strict) })
	if strict.skipped != "" || !strings.Contains(strict.failed, EnvDockerHost) {
		t.Errorf("Docker() with CI=true skipped with %q and failed with %q, want a failure that names %s", strict.skipped, strict.failed, EnvDockerHost)
	}
}

func TestFindPrefersTheSystem(t *testing.T) {
	shims := t.TempDir()
	shim := filepath.Join(shims, "sh")
	if err := os.WriteFile(shim, []byte("#!/bin/false\n"), 0o700); err != nil { // a program must be executable
		t.Fatal(err)
	}
	t.Setenv("PATH", shims)
	if got, err := find("sh"); err != nil || got == shim {
		t.Errorf("find(sh) = %q, %v, want the system's", got, err)
	}
	if got, err := find("sh", shims); err != nil || got != shim {
		t.Errorf("find(sh, %s) = %q, %v, want %q", shims, got, err, shim)
	}
	if got, err := find("no-such-program"); err == nil {
		t.Errorf("find(no-such-program) = %q, want an error", got)
	}
}

func TestRegistryTravelsInAVariable(t *testing.T) {
	want := BasicRegistry{Host: "127.0.0.1:5000", Username: "parts", Password: "p@ss:w/rd%"}
	if got, err := parseRegistry(want.URL()); err != nil || got != want {
		t.Errorf("parseRegistry(%q) = %+v, %v, want %+v", want.URL(), got, err, want)
	}
	for _, text := range []string{"", "127.0.0.1:5000", "http://127.0.0.1:5000", "ftp://a:b@127.0.0.1:5000", "http://%zz"} {
		if got, err := parseRegistry(text); err == nil {
			t.Errorf("parseRegistry(%q) = %+v, want an error", text, got)
		}
	}
}
