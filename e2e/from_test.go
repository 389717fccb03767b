package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
)

// TestStartsWhatARepositoryAsksFor starts environments from the files of a directory:
// a private image in .gitpod.yml stays for people to work in, services of a Compose
// file start in order and find each other by name.
func TestStartsWhatARepositoryAsksFor(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 3*time.Minute)
	image := fmt.Sprintf("%s/e2e/from-%d:1", registry.Host, time.Now().UnixNano())
	// An image of tools: its own command ends at once.
	pushImage(t, ctx, image, registry.Username, registry.Password, parts.BusyboxImage(t, "/bin/true"))
	s := startServer(t, ctx, plainHTTP(registry)...)
	r := startRunner(t, ctx, s, host, plainHTTP(registry)...)
	basicProject(t, ctx, s, "from", registry.Host, registry.Username, registry.Password)
	dir := t.TempDir()
	for name, text := range map[string]string{
		".gitpod.yml": "image: " + image + "\n",
		"compose.yaml": `services:
  web:
    image: ` + image + `
    depends_on: [db]
    working_dir: /tmp
    user: "1000"
    entrypoint: [/bin/sh, -c]
    command: ["pwd; id -u; until nslookup db > /tmp/found 2>&1; do sleep 0.2; done; echo found db; exec sleep 1000"]
  db:
    image: ` + image + `
    command: [sleep, "1000"]
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Two files say what to start: nobody chooses silently.
	code, out := cli(ctx, t, s, "env", "create", "which", "--project", "from", "--runner", string(r.ID), "--from", dir)
	if code != 1 || !strings.Contains(out, "say which: --file .gitpod.yml") {
		t.Errorf("with two files: exit %d\n%s", code, out)
	}
	// Before anything is started: is each image there, and who opens it?
	code, out = cli(ctx, t, s, "images", dir, "--project", "from")
	if code != 0 || strings.Count(out, "allowed by from-registry") != 3 {
		t.Errorf("images that are there: exit %d\n%s", code, out)
	}
	absent := t.TempDir()
	text := "image: " + strings.TrimSuffix(image, ":1") + ":2\n"
	if err := os.WriteFile(filepath.Join(absent, ".gitpod.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out = cli(ctx, t, s, "images", absent, "--project", "from")
	if code != 1 || !strings.Contains(out, ".gitpod.yml:1:8: refused: ") || !strings.Contains(out, "hint: ") {
		t.Errorf("an image that is not there: exit %d\n%s", code, out)
	}
	code, out = cli(ctx, t, s, "env", "create", "workspace", "--project", "from", "--runner", string(r.ID), "--from", dir, "--file", ".gitpod.yml")
	if code != 0 || !strings.Contains(out, "service workspace") {
		t.Fatalf("from .gitpod.yml: exit %d\n%s", code, out)
	}
	if code, out = cli(ctx, t, s, "env", "create", "shop", "--project", "from", "--runner", string(r.ID), "--from", dir, "--file", "compose.yaml"); code != 0 {
		t.Fatalf("from compose.yaml: exit %d\n%s", code, out)
	}
	for { // each asks a process, which takes its time
		_, out := cli(ctx, t, s, "env", "logs", "shop", "--project", "from", "--service", "web")
		if strings.Contains(out, "found db") {
			if !strings.Contains(out, "/tmp\n1000\n") {
				t.Errorf("the service has another user or directory:\n%s", out)
			}
			break
		}
		if ctx.Err() != nil {
			t.Fatal("web did not find db")
		}
	}
	for e, err := range s.Owner.AllEnvironments(ctx, pullpass.EnvironmentFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		remove(t, ctx, s, e)
	}
}
