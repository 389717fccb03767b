package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/api"
)

// TestAuditListTakesNames asks by name, by id, by names that do not exist, and for
// what nothing meets: three different answers.
func TestAuditListTakesNames(t *testing.T) {
	cli := pullpassAs(t)
	for _, args := range [][]string{
		{"project", "create", "payments"}, {"project", "create", "shop"},
		{"registry", "add", "hub", "--project", "payments", "--host", "hub.example.com", "--username", "u", "--password-file", secretFile(t)},
		{"registry", "add", "both", "--project", "payments", "--host", "a.example.com", "--username", "u", "--password-file", secretFile(t)},
		{"registry", "add", "both", "--project", "shop", "--host", "a.example.com", "--username", "u", "--password-file", secretFile(t)},
	} {
		if out, talk, code := cli(args...); code != exitDone {
			t.Fatalf("%v: %d %q %q", args, code, out, talk)
		}
	}
	for _, c := range []struct {
		args       string
		code       int
		out, talks string
	}{
		{"--registry hub", exitDone, "registry.create", ""},
		{"--registry hub --decision denied", exitDone, "", "No record matches"},
		{"--registry hbu", exitMisuse, "", "did you mean hub?"},
		{"--registry both", exitMisuse, "", "--project"},
		{"--registry both --project shop", exitDone, "registry.create", ""},
		{"--environment nope", exitMisuse, "", "there is no environment nope"},
		{"--action registry.create", exitDone, "hub.example.com hub", ""},
		{"--action registry.craete", exitMisuse, "", "did you mean registry.create?"},
		{"--action trust.delete", exitDone, "", "No record matches"},
		{"--caller ada", exitDone, "token ada", ""},
		{"--caller ada --decision denied", exitDone, "", "No record matches"},
		{"--caller nobody-here", exitMisuse, "", "there is no caller nobody-here"},
		{"-n 0", exitMisuse, "", "-n"},
		{"--from 30d", exitDone, "registry.create", ""},
	} {
		out, talk, code := cli(append([]string{"audit", "list"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(talk, c.talks) {
			t.Errorf("audit list %s: %d\n%s%s\nwant %d, %q, %q", c.args, code, out, talk, c.code, c.out, c.talks)
		}
	}
	if out, _, code := cli("audit", "list", "-n", "2", "--json"); code != exitDone || !newestFirst(t, out, 2) {
		t.Errorf("audit list -n 2: %d %s, want the newest two", code, out)
	}
	if out, _, code := cli("audit", "list", "--all", "--json"); code != exitDone || !strings.HasPrefix(sequences(t, out), "1 2 3 ") {
		t.Errorf("audit list --all: %d %s, want all, oldest first", code, sequences(t, out))
	}
}

func sequences(t *testing.T, text string) string {
	t.Helper()
	var events []api.Event
	ok(t, json.Unmarshal([]byte(text), &events))
	var list []string
	for _, e := range events {
		list = append(list, itoa(int32(e.Sequence)))
	}
	return strings.Join(list, " ")
}

func newestFirst(t *testing.T, text string, n int) bool {
	t.Helper()
	var events []api.Event
	ok(t, json.Unmarshal([]byte(text), &events))
	return len(events) == n && events[0].Sequence == events[1].Sequence+1
}

func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	ok(t, os.WriteFile(path, []byte("canary-password\n"), 0o600))
	return path
}

// TestAuditAnchors keeps head, checkpoint, key and export as docs/audit.md says,
// and checks them; then somebody rewrites the export.
func TestAuditAnchors(t *testing.T) {
	cli := pullpassAs(t)
	dir := t.TempDir()
	keep := func(name string, args ...string) string {
		t.Helper()
		out, talk, code := cli(args...)
		if code != exitDone {
			t.Fatalf("%v: %d %q %q", args, code, out, talk)
		}
		path := filepath.Join(dir, name)
		ok(t, os.WriteFile(path, []byte(out), 0o600))
		return path
	}
	keep("a", "project", "create", "payments")
	first := keep("verify", "audit", "verify")
	text, err := os.ReadFile(first)
	ok(t, err)
	head := strings.TrimSpace(string(text)[strings.LastIndex(string(text), " "):])
	keep("b", "project", "create", "shop")
	if out, talk, code := cli("audit", "verify", "--since", head); code != exitDone || !strings.HasPrefix(out, "whole: 1 records after") {
		t.Errorf("verify --since %s: %d %q %q", head, code, out, talk)
	}
	if out, _, code := cli("audit", "verify", "--since", strings.Replace(head, ":v1:", ":v1:0", 1)); code != exitFailed || !strings.Contains(out, "not the one that was kept") {
		t.Errorf("verify --since another hash: %d %q", code, out)
	}
	if _, talk, code := cli("audit", "verify", "--since", "nonsense"); code != exitMisuse || !strings.Contains(talk, "SEQUENCE:HASH") {
		t.Errorf("verify --since nonsense: %d %q", code, talk)
	}
	key := strings.TrimSpace(readText(t, keep("key", "audit", "checkpoint", "--key")))
	checkpoint := keep("checkpoint", "audit", "checkpoint")
	export := keep("export", "audit", "export")
	t.Setenv("PULLPASS_SERVER", "https://nobody.invalid") // without the server
	if out, talk, code := cli("audit", "verify", "--file", export, "--checkpoint", checkpoint, "--key", key); code != exitDone || !strings.HasPrefix(out, "whole: ") || talk != "" {
		t.Errorf("verify --file: %d %q %q", code, out, talk)
	}
	if _, talk, code := cli("audit", "verify", "--file", export); code != exitDone || !strings.Contains(talk, "Without --checkpoint") {
		t.Errorf("verify --file alone: %d %q, want what it does not show", code, talk)
	}
	ok(t, os.WriteFile(export, []byte(strings.Replace(readText(t, export), `"payments"`, `"other"`, 1)), 0o600))
	if out, _, code := cli("audit", "verify", "--file", export); code != exitFailed || !strings.Contains(out, "broken at record") {
		t.Errorf("verify --file of a changed export: %d %q", code, out)
	}
	ok(t, os.WriteFile(checkpoint, []byte(strings.Replace(readText(t, checkpoint), "\n", "x\n", 1)), 0o600))
	if _, talk, code := cli("audit", "verify", "--file", export, "--checkpoint", checkpoint, "--key", key); code != exitFailed || !strings.Contains(talk, "cannot use the checkpoint") {
		t.Errorf("verify with a changed checkpoint: %d %q", code, talk)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	ok(t, err)
	return string(text)
}

func TestAuditPruneCommand(t *testing.T) {
	cli := pullpassAs(t)
	cli("project", "create", "payments")
	if out, talk, code := cli("audit", "prune", "--before", "400d"); code != exitDone || !strings.Contains(out, "removed nothing") {
		t.Errorf("prune --before 400d: %d %q %q", code, out, talk)
	}
	if _, talk, code := cli("audit", "prune", "--before", "2999-01-01"); code != exitFailed || !strings.Contains(talk, "future") {
		t.Errorf("prune of the future: %d %q", code, talk)
	}
	if out, talk, code := cli("audit", "prune", "--before", "0s"); code != exitDone || !strings.Contains(out, "removed") {
		t.Errorf("prune of everything: %d %q %q", code, out, talk)
	}
	if out, _, code := cli("audit", "verify"); code != exitDone || !strings.Contains(out, "were pruned; the cut is signed") {
		t.Errorf("verify after a prune: %d %q", code, out)
	}
}
