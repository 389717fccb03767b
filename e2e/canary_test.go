package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// TestCanaryAppearsNowhere puts secrets through everything that the shipped
// programs do, refusals included, at debug level, and then looks for them: in the
// database and its log, the processes' logs and arguments, the audit record, the
// metrics, and every answer that is not meant to hold one.
func TestCanaryAppearsNowhere(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 4*time.Minute)
	box, args := startSandbox(t, ctx)
	image, _ := pushToOwner(t, ctx, box, "team/app", parts.BusyboxImage(t, stays...))
	setPolicy(t, ctx, box, "team/app", fmt.Sprintf(repositoryPolicy, pullRole))
	args = append(args, "--log-level=debug", "--host=host="+registry.Host+",registry=http://"+registry.Host)
	s := startServer(t, ctx, args...)
	r := startRunner(t, ctx, s, host, args...)
	c := &canary{server: s, runner: r}
	c.add("a registry's password", registry.Password)
	c.add("a wrong password", "canary-wrong-password-5d1f")
	c.add("an AWS secret key", sandbox.PlatformKey().Reveal())
	c.add("the owner's token", s.Token.Reveal())
	c.exercise(t, ctx, registry, box, image)

	c.files(t, filepath.Join(s.Dir, "data"))
	c.file(t, s.LogPath())
	c.file(t, r.LogPath())
	c.arguments(t, s.PID(), r.PID())
	c.answers(t, ctx)
}

type secret struct{ what, text string }

type canary struct {
	server  *process.Server
	runner  *process.Runner
	secrets []secret
}

// add looks for a secret as it is and in the forms in which it travels.
func (c *canary) add(what, text string) {
	quoted, _ := json.Marshal(text)
	forms := []string{text, url.QueryEscape(text), strings.Trim(string(quoted), `"`), fmt.Sprintf("%x", text)}
	// base64 of the secret inside something longer, at each of three offsets.
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + text))
		forms = append(forms, encoded[4:len(encoded)-4])
	}
	slices.Sort(forms)
	for _, form := range slices.Compact(forms) {
		c.secrets = append(c.secrets, secret{what, form})
	}
}

func (c *canary) look(t *testing.T, where string, content []byte) {
	t.Helper()
	for _, s := range c.secrets {
		if bytes.Contains(content, []byte(s.text)) {
			t.Errorf("%s appears in %s", s.what, where)
		}
	}
}

// exercise does what people do, well and badly.
func (c *canary) exercise(t *testing.T, ctx context.Context, registry parts.BasicRegistry, box *sandbox.Sandbox, image string) {
	t.Helper()
	owner := c.server.Owner
	i, key := platform()
	project := tenant(t, ctx, c.server, box, "canary", i, key)
	reg, err := owner.CreateRegistry(ctx, pullpass.Registry{
		Project: project, Name: "basic", Host: registry.Host, Auth: pullpass.AuthBasic, Username: registry.Username,
	}, pullpass.NewSecret(registry.Password))
	if err != nil {
		t.Fatal(err)
	}
	private := fmt.Sprintf("%s/canary/app-%d:1", registry.Host, time.Now().UnixNano())
	pushImage(t, ctx, private, registry.Username, registry.Password, parts.BusyboxImage(t, stays...))
	for _, reference := range []string{image, private} {
		e := create(t, ctx, c.server, c.runner, project, reference)
		if e, err = process.Await(ctx, owner, e, pullpass.PhaseRunning); err != nil {
			t.Fatal(err)
		}
		issued, err := owner.Credential(ctx, credentialFor(e, reference))
		if err == nil {
			c.add("an issued credential", issued.Secret.Reveal())
		}
		remove(t, ctx, c.server, e)
	}
	wrong := pullpass.NewSecret("canary-wrong-password-5d1f")
	if _, err := owner.UpdateRegistry(ctx, reg.ID, pullpass.RegistryChange{Secret: &wrong}); err != nil {
		t.Fatal(err)
	}
	e := awaitError(t, ctx, c.server, create(t, ctx, c.server, c.runner, project, private))
	c.look(t, "a condition", fmt.Appendf(nil, "%+v", e))
	remove(t, ctx, c.server, e)

	// Refused by the server: each answer and error is looked at.
	for _, bad := range []pullpass.Registry{
		{Project: project, Name: "basic", Host: registry.Host, Auth: pullpass.AuthBasic, Username: "u"},
		{Project: project, Name: "x", Host: registry.Host, Auth: pullpass.AuthBasic, Username: "u"},
		{Project: project, Name: "evil", Host: "user:pass@" + registry.Host, Auth: pullpass.AuthBasic, Username: "u"},
	} {
		_, err := owner.CreateRegistry(ctx, bad, wrong)
		if err == nil {
			t.Errorf("registry %+v was accepted", bad)
		}
		c.look(t, "an error", fmt.Appendf(nil, "%+v %#v %s", err, err, pullpass.Explain(err)))
	}
	c.post(t, ctx, "/api/v1/registries", `{"name":"x","password":"canary-wrong-password-5d1f","nonsense":"canary-wrong-password-5d1f"}`)
	c.post(t, ctx, "/api/v1/registries", `{"password":"canary-wrong-password-5d1f`)
	c.post(t, ctx, "/api/v1/integrations", `{"name":7,"secret_access_key":["canary-wrong-password-5d1f"]}`)
	c.post(t, ctx, "/api/v1/setup", `{"token":"`+c.server.Token.Reveal()+`","organization":"x","name":"y"}`)
}

func (c *canary) post(t *testing.T, ctx context.Context, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	status, answer := c.do(t, req)
	if status < 400 || status >= 500 {
		t.Errorf("POST %s answers %d, want a refusal: %s", path, status, answer)
	}
	c.look(t, "the answer of POST "+path, answer)
}

func (c *canary) do(t *testing.T, req *http.Request) (int, []byte) {
	t.Helper()
	req.Header.Set("Authorization", "Bearer "+c.server.Token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// answers looks at everything that can be read back.
func (c *canary) answers(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, path := range []string{
		"/api/v1/registries", "/api/v1/integrations", "/api/v1/environments", "/api/v1/projects", "/api/v1/runners",
		"/api/v1/tokens", "/api/v1/audit/events?limit=500", "/api/v1/self", "/metrics", "/openapi.json", "/docs",
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, answer := c.do(t, req)
		if status != http.StatusOK || len(answer) == 0 {
			t.Errorf("GET %s answers %d, %d bytes", path, status, len(answer))
		}
		c.look(t, "the answer of GET "+path, answer)
	}
}

// files looks at every file below dir: the database, its write-ahead log, what
// lies beside them.
func (c *canary) files(t *testing.T, dir string) {
	t.Helper()
	seen := []string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "downloads" {
				return fs.SkipDir // programs; they know the rehearsal's keys, which open nothing else
			}
			return nil
		}
		seen = append(seen, filepath.Base(path))
		c.file(t, path)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if !slices.Contains(seen, "pullpass.db") || !slices.Contains(seen, "pullpass.db-wal") {
		t.Errorf("looked at %v, want the database and its write-ahead log among them", seen)
	}
}

func (c *canary) file(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	if len(content) == 0 && strings.HasSuffix(path, ".log") {
		t.Errorf("%s is empty: there is nothing to look at", path)
	}
	c.look(t, path, content)
}

// arguments looks at what every user of the machine can see of a process.
func (c *canary) arguments(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		for _, name := range []string{"cmdline", "environ"} {
			c.file(t, fmt.Sprintf("/proc/%d/%s", pid, name))
		}
	}
}
