package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestPackagesDoNotStartServices(t *testing.T) {
	const theirs = "#!/bin/sh\nexit 0\n"
	broken := errors.New("no such package")
	for _, test := range []struct {
		name                  string
		before, during, after string // what the policy file holds; "" for no file
		err                   error
	}{
		{"no policy", "", policyText, "", nil},
		{"a policy of the machine", theirs, theirs, theirs, nil},
		{"a policy that a killed run left", policyText, policyText, "", nil},
		{"an installation that fails", "", policyText, "", broken},
	} {
		file := filepath.Join(t.TempDir(), "policy-rc.d")
		if test.before != "" {
			if err := os.WriteFile(file, []byte(test.before), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		err := withoutServices(file, func() error {
			if got := content(t, file); got != test.during {
				t.Errorf("%s: the policy while installing = %q, want %q", test.name, got, test.during)
			}
			if info, err := os.Stat(file); err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s: the policy cannot be executed: %v", test.name, err)
			}
			return test.err
		})
		if !errors.Is(err, test.err) {
			t.Errorf("%s: withoutServices() = %v, want %v", test.name, err, test.err)
		}
		if got := content(t, file); got != test.after {
			t.Errorf("%s: the policy afterwards = %q, want %q", test.name, got, test.after)
		}
	}
}

func content(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{
		{"-only", "docker,podman", "--", "true"},
		{"-engine", "yesterday's", "--", "true"},
		{"-only", "docker"},
		{"-no-such-flag"},
	} {
		if got, err := parse(args, io.Discard); err == nil {
			t.Errorf("parse(%q) = %+v, want an error", args, got)
		}
	}
	got, err := parse([]string{"-only", "docker", "-engine", "any", "--", "go", "test", "-v"}, io.Discard)
	if err != nil || len(got.only) != 1 || got.engine != anyEngine || len(got.command) != 3 {
		t.Errorf("parse() = %+v, %v, want docker, any and the command with its own flags", got, err)
	}
}
