package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/webhook"
)

// pullpassAs runs the command line against a server of its own, as its owner.
func pullpassAs(t *testing.T, allow ...string) func(args ...string) (string, string, int) {
	t.Helper()
	c := &config.Server{Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), AllowEgress: allow}
	running, err := startServer(t.Context(), c, slog.New(slog.DiscardHandler))
	ok(t, err)
	t.Cleanup(running.stop)
	first, err := client.New(running.url)
	ok(t, err)
	_, owner, err := first.Setup(t.Context(), running.setup, "acme", "ada")
	ok(t, err)
	t.Setenv("PULLPASS_SERVER", running.url)
	t.Setenv("PULLPASS_TOKEN", owner.Reveal())
	return func(args ...string) (string, string, int) {
		var out, talk bytes.Buffer
		code := run(t.Context(), args, strings.NewReader(""), &out, &talk)
		return out.String(), talk.String(), code
	}
}

// The whole way of a record: a deed, the log, the receiver.
func TestAuditWebhook(t *testing.T) {
	type delivery struct {
		header http.Header
		body   []byte
	}
	came := make(chan delivery, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		came <- delivery{req.Header, body}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	pullpassCLI := pullpassAs(t, strings.TrimPrefix(receiver.URL, "http://"))
	if _, talk, code := pullpassCLI("audit", "webhook", "show"); code != exitFailed || !strings.Contains(talk, "audit webhook set") {
		t.Errorf("show before set: %d %q, want how to set one", code, talk)
	}
	out, talk, code := pullpassCLI("audit", "webhook", "set", receiver.URL+"/in")
	secret := pullpass.NewSecret(strings.TrimSpace(out))
	if code != exitDone || !strings.HasPrefix(secret.Reveal(), "ppwh_") {
		t.Fatalf("set: %d %q %q, want the secret", code, out, talk)
	}
	if out, talk, code := pullpassCLI("audit", "webhook", "test"); code != exitDone || out != "delivered\n" {
		t.Errorf("test: %d %q %q, want delivered", code, out, talk)
	}
	if out, talk, code := pullpassCLI("project", "create", "payments"); code != exitDone {
		t.Fatalf("project create: %d %q %q", code, out, talk)
	}
	var actions []string
	tests := 0
	for limit := time.After(30 * time.Second); len(actions) < 3; {
		select {
		case d := <-came:
			if err := webhook.Verify(secret, d.header, d.body, time.Now()); err != nil {
				t.Errorf("a delivery does not verify: %v", err)
			}
			var sent webhook.Delivery
			if err := json.Unmarshal(d.body, &sent); err != nil {
				t.Error(err)
			}
			if sent.Test {
				tests++
			}
			for _, e := range sent.Events {
				actions = append(actions, e.Action)
			}
		case <-limit:
			t.Fatalf("the receiver has %v only", actions)
		}
	}
	if got := strings.Join(actions, " "); got != "webhook.update webhook.test project.create" || tests != 1 {
		t.Errorf("the receiver has %q and %d tests", got, tests)
	}
	if out, _, _ := pullpassCLI("audit", "webhook", "show"); !strings.Contains(out, "active") || strings.Contains(out, secret.Reveal()) {
		t.Errorf("show: %q, want active, and no secret", out)
	}
	if _, talk, code := pullpassCLI("audit", "webhook", "delete"); code != exitDone {
		t.Errorf("delete: %d %q", code, talk)
	}
}

// A private address that the operator does not allow is not reached, and the test
// says why.
func TestAuditWebhookRefused(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the receiver on loopback was reached") }))
	t.Cleanup(receiver.Close)
	pullpassCLI := pullpassAs(t)
	if _, talk, code := pullpassCLI("audit", "webhook", "set", receiver.URL); code != exitDone {
		t.Fatalf("set: %d %q", code, talk)
	}
	if _, talk, code := pullpassCLI("audit", "webhook", "test"); code != exitFailed || !strings.Contains(talk, "cause:") {
		t.Errorf("test: %d %q, want a refusal with its cause", code, talk)
	}
	if _, talk, code := pullpassCLI("audit", "webhook", "set", "https://user:pass@example.com/"); code != exitFailed || strings.Contains(talk, "pass@") {
		t.Errorf("set with a password: %d %q, want a refusal that does not repeat it", code, talk)
	}
}

func TestAuditSearchAndExport(t *testing.T) {
	pullpassCLI := pullpassAs(t)
	for _, name := range []string{"one", "two"} {
		if _, talk, code := pullpassCLI("project", "create", name); code != exitDone {
			t.Fatalf("project create: %d %q", code, talk)
		}
	}
	if _, _, code := pullpassCLI("project", "create", "one"); code != exitFailed {
		t.Fatal("a second project of one name was made")
	}
	export := func(args ...string) (events []pullpass.Event) {
		t.Helper()
		out, talk, code := pullpassCLI(append([]string{"audit", "export"}, args...)...)
		if code != exitDone {
			t.Fatalf("audit export %v: %d %q", args, code, talk)
		}
		for line := range strings.Lines(out) {
			var e pullpass.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.Hash == "" {
				t.Errorf("audit export %v: the line %q is no record: %v", args, line, err)
			}
			events = append(events, e)
		}
		return events
	}
	all := export()
	caller := all[len(all)-1].Caller.ID
	for _, test := range []struct {
		args string
		want int
	}{
		{"", 5}, // setup, two, and one that was allowed and failed
		{"--action project.create", 4},
		{"--action project.create --decision failed", 1},
		{"--decision denied", 0},
		{"--caller " + caller + " --decision allowed", 3},
		{"--after 2", 3},
		{"--from 1h", 5},
		{"--to 1h", 0},
		{"--from 2026-01-01 --to 2026-01-02", 0},
		{"--environment " + string(pullpass.NewEnvironmentID()), 0},
		{"--registry " + string(pullpass.NewRegistryID()), 0},
	} {
		if got := export(strings.Fields(test.args)...); len(got) != test.want {
			t.Errorf("audit export %s: %d records, want %d", test.args, len(got), test.want)
		}
	}
	if out, _, code := pullpassCLI("audit", "list", "--decision", "failed"); code != exitDone || strings.Count(out, "\n") != 2 || !strings.Contains(out, "project.create") {
		t.Errorf("audit list --decision failed: %d %q, want a header and one record", code, out)
	}
	for args, want := range map[string]string{
		"--caller nobody-here": "there is no caller nobody-here", "--caller usr_nobody --follow": "there is no caller usr_nobody",
		"--action project.craete": "did you mean project.create?",
	} {
		if out, talk, code := pullpassCLI(append([]string{"audit", "export"}, strings.Fields(args)...)...); code != exitMisuse || out != "" || !strings.Contains(talk, want) {
			t.Errorf("audit export %s: %d %q %q, want misuse and %q", args, code, out, talk, want)
		}
	}
	if _, talk, code := pullpassCLI("audit", "list", "--from", "yesterday"); code != exitMisuse {
		t.Errorf("audit list --from yesterday: %d %q, want misuse", code, talk)
	}
}

func TestMembersOnTheCommandLine(t *testing.T) {
	pullpassCLI := pullpassAs(t)
	if _, talk, code := pullpassCLI("project", "create", "payments"); code != exitDone {
		t.Fatal(talk)
	}
	if out, talk, code := pullpassCLI("member", "add", "Grace@Example.com", "--role", "developer", "--project", "payments"); code != exitDone || !strings.HasPrefix(out, "mem_") {
		t.Fatalf("member add: %d %q %q", code, out, talk)
	}
	if out, _, _ := pullpassCLI("member", "list"); !strings.Contains(out, "grace@example.com") || !strings.Contains(out, "invited") {
		t.Errorf("member list: %q, want Grace, invited", out)
	}
	if _, _, code := pullpassCLI("member", "delete", "grace@example.com"); code != exitFailed {
		t.Error("the role in the organization was deleted, and there is none")
	}
	if _, talk, code := pullpassCLI("member", "delete", "grace@example.com", "--project", "payments"); code != exitDone {
		t.Errorf("member delete: %d %q", code, talk)
	}
	if _, talk, _ := pullpassCLI("member", "list"); !strings.Contains(talk, "member add") {
		t.Errorf("member list of none: %q, want how to add one", talk)
	}
}
