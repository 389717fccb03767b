package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/agent"
	"github.com/pullpass/pullpass/internal/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "canary-secret"

// server issues one credential, or refuses.
type server struct {
	mu    sync.Mutex
	asked []runner.CredentialRequest
	err   error
}

func (s *server) Credential(_ context.Context, r runner.CredentialRequest) (pullpass.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	return pullpass.Credential{Host: r.Host, Username: "AWS", Secret: pullpass.NewSecret(canary)}, s.err
}

// shortDir is a directory whose path leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ppa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func sockets(t *testing.T, dir string, s agent.Server) *agent.Sockets {
	t.Helper()
	a, err := agent.New(agent.Options{Dir: filepath.Join(dir, "a"), RunnerName: "build-1", Server: s})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { shutdown(t, a) })
	return a
}

func shutdown(t *testing.T, a *agent.Sockets) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func environment() pullpass.Environment {
	return pullpass.Environment{
		ID: pullpass.NewEnvironmentID(), Name: "ada", Project: pullpass.NewProjectID(),
		Organization: pullpass.NewOrganizationID(), Runner: pullpass.NewRunnerID(),
		Services: []pullpass.Service{{Name: "app", Image: "registry.example/app", Env: map[string]string{"PASSWORD": canary}}},
	}
}

// open returns the path of the environment's socket.
func open(t *testing.T, a *agent.Sockets, e pullpass.Environment) string {
	t.Helper()
	mounts, err := a.Open(t.Context(), e)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	if len(mounts) != 1 || mounts[0].Target != "/run/pullpass" || !mounts[0].ReadOnly {
		t.Fatalf("Open = %+v", mounts)
	}
	return filepath.Join(mounts[0].Source, "agent.sock")
}

func dialer(path string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
}

func call(t *testing.T, path, method, route, body string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://pullpass"+route, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := dialer(path).Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, route, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, route, err)
	}
	return resp.StatusCode, string(b)
}

func TestSelf(t *testing.T) {
	e := environment()
	path := open(t, sockets(t, shortDir(t), &server{}), e)
	status, text := call(t, path, http.MethodGet, "/v1/self", "")
	var got api.AgentSelf
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
		t.Fatalf("self = %d %s: %v", status, text, err)
	}
	if got.Environment.ID != string(e.ID) || got.Environment.Name != "ada" || got.Project != e.Project ||
		got.Organization != e.Organization || got.Runner.ID != string(e.Runner) || got.Runner.Name != "build-1" ||
		len(got.Services) != 1 || got.Services[0].Name != "app" {
		t.Errorf("self = %+v", got)
	}
	if strings.Contains(text, canary) {
		t.Error("self shows the variables of a service")
	}
}

func TestCredentialIsForThisEnvironmentInside(t *testing.T) {
	s, e := &server{}, environment()
	a := sockets(t, shortDir(t), s)
	path := open(t, a, e)
	for _, route := range []string{"/v1/credentials", "/api/v1/credentials"} {
		s.asked = nil
		status, text := call(t, path, http.MethodPost, route,
			`{"environment":"env_of_somebody_else","project":"prj_x","host":"registry.example","repository":"team/app","inside":false}`)
		if status != http.StatusOK || !strings.Contains(text, canary) {
			t.Errorf("%s = %d %s", route, status, text)
		}
		want := runner.CredentialRequest{
			Environment: e.ID, Host: "registry.example", Repository: "team/app", Action: pullpass.ActionPull, Inside: true,
		}
		if len(s.asked) != 1 || s.asked[0] != want {
			t.Errorf("%s asked for %+v, want %+v", route, s.asked, want)
		}
	}
}

func TestBadRequests(t *testing.T) {
	s := &server{}
	path := open(t, sockets(t, shortDir(t), s), environment())
	for _, test := range []struct {
		method, route, body string
		want                int
	}{
		{"POST", "/v1/credentials", ``, 422},
		{"POST", "/v1/credentials", canary, 422},
		{"POST", "/v1/credentials", `[]`, 422},
		{"POST", "/v1/credentials", `{}`, 422},
		{"POST", "/v1/credentials", `{"host":"h","unknown":"` + canary + `"}`, 422},
		{"POST", "/v1/credentials", `{"host":"h"} {}`, 422},
		{"POST", "/v1/credentials", `{"host":"h","action":"delete"}`, 422},
		{"POST", "/v1/credentials", `{"host":"` + strings.Repeat("h", 600) + `"}`, 422},
		{"POST", "/v1/credentials", `{"host":"` + strings.Repeat("h", 1<<20) + `"}`, 422},
		{"GET", "/v1/credentials", ``, 404},
		{"POST", "/v1/self", ``, 404},
		{"GET", "/", ``, 404},
		{"GET", "/../../etc/passwd", ``, 404},
	} {
		status, text := call(t, path, test.method, test.route, test.body)
		if status != test.want {
			// The mux cleans paths by a redirect; that leads nowhere else.
			t.Errorf("%s %s %.40q = %d %s, want %d", test.method, test.route, test.body, status, text, test.want)
		}
		if strings.Contains(text, canary) {
			t.Errorf("%s %s repeats what it was given", test.method, test.route)
		}
	}
	if len(s.asked) != 0 {
		t.Errorf("the server was asked %+v", s.asked)
	}
}

func TestRefusalsKeepTheirParts(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		kind   pullpass.Kind
	}{
		{&pullpass.Error{Kind: pullpass.Denied, Code: "inside_never", What: "w", Cause: "c", Hint: "h"}, 403, pullpass.Denied},
		{&pullpass.Error{Kind: pullpass.NotFound, Code: "no_registry", What: "w", Cause: "c", Hint: "h"}, 404, pullpass.NotFound},
		{&pullpass.Error{Kind: pullpass.Unauthenticated, Code: "x", What: "w", Cause: "c", Hint: "h"}, 503, pullpass.Unavailable},
		{errors.New(canary), 500, pullpass.Internal},
	} {
		s := &server{err: test.err}
		path := open(t, sockets(t, shortDir(t), s), environment())
		status, text := call(t, path, http.MethodPost, "/v1/credentials", `{"host":"h"}`)
		var p api.Problem
		if err := json.Unmarshal([]byte(text), &p); err != nil || status != test.status || p.Kind != test.kind || p.Status != status {
			t.Errorf("%v: %d %s (%v), want %d %s", test.err, status, text, err, test.status, test.kind)
		}
		var e *pullpass.Error
		if errors.As(test.err, &e) && (p.Code != e.Code || p.Detail != "w" || p.Cause != "c" || p.Hint != "h") {
			t.Errorf("%v became %+v", test.err, p)
		}
		if strings.Contains(text, canary) {
			t.Errorf("%v: the answer shows the cause of a defect: %s", test.err, text)
		}
	}
}

func TestOneEnvironmentCannotAskForEver(t *testing.T) {
	a := sockets(t, shortDir(t), &server{})
	greedy, other := open(t, a, environment()), open(t, a, environment())
	limited := false
	for range 200 {
		status, text := call(t, greedy, http.MethodPost, "/v1/credentials", `{"host":"h"}`)
		if limited = limited || status == http.StatusTooManyRequests; limited {
			if !strings.Contains(text, string(pullpass.Limited)) {
				t.Errorf("limited: %s", text)
			}
			break
		}
	}
	if !limited {
		t.Error("200 requests at once were all answered")
	}
	if status, text := call(t, other, http.MethodPost, "/v1/credentials", `{"host":"h"}`); status != http.StatusOK {
		t.Errorf("another environment: %d %s", status, text)
	}
}

// Sixteen idle connections hold up the seventeenth, and no other environment.
func TestConnectionsAreLimited(t *testing.T) {
	a := sockets(t, shortDir(t), &server{})
	busy, other := open(t, a, environment()), open(t, a, environment())
	var held []net.Conn
	for range 16 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", busy)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		held = append(held, c)
	}
	answered := make(chan int, 1)
	go func() {
		resp, err := dialer(busy).Get("http://pullpass/v1/self") //nolint:noctx // it ends with the client's timeout
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	if status, _ := call(t, other, http.MethodGet, "/v1/self", ""); status != http.StatusOK {
		t.Errorf("another environment: %d", status)
	}
	select {
	case status := <-answered:
		t.Errorf("the seventeenth was answered (%d) before one of the sixteen had gone", status)
	default:
	}
	_ = held[0].Close()
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the seventeenth got %d", status)
	}
}

func TestModes(t *testing.T) {
	dir := shortDir(t)
	path := open(t, sockets(t, dir, &server{}), environment())
	for file, want := range map[string]os.FileMode{
		filepath.Join(dir, "a"): 0o700 | os.ModeDir, // other users of the host stop here
		filepath.Dir(path):      0o755 | os.ModeDir,
		path:                    0o666 | os.ModeSocket, // whoever the container runs as
	} {
		if info, err := os.Lstat(file); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", file, info.Mode(), err, want)
		}
	}
}

func TestRunnerRestartListensInTheSameDirectory(t *testing.T) {
	dir, e := shortDir(t), environment()
	first := sockets(t, dir, &server{})
	path := open(t, first, e)
	mounted, err := os.Stat(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}

	second := sockets(t, dir, &server{})
	_, err = second.Open(t.Context(), e)
	if !pullpass.IsKind(err, pullpass.Conflict) {
		t.Errorf("Open beside a living runner = %v, want a conflict", err)
	}
	if status, _ := call(t, path, http.MethodGet, "/v1/self", ""); status != http.StatusOK {
		t.Errorf("the first runner's socket answers %d after that", status)
	}

	shutdown(t, first)
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the first runner removed its socket: %v", err)
	}
	if again := open(t, second, e); again != path {
		t.Errorf("the successor listens at %s, not at %s", again, path)
	}
	if now, err := os.Stat(filepath.Dir(path)); err != nil || !os.SameFile(mounted, now) {
		t.Errorf("the directory that containers have mounted is another one now (%v)", err)
	}
	if status, _ := call(t, path, http.MethodGet, "/v1/self", ""); status != http.StatusOK {
		t.Errorf("the successor answers %d", status)
	}
}

func TestOpenRepairs(t *testing.T) {
	a, e := sockets(t, shortDir(t), &server{}), environment()
	path := open(t, a, e)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	e.Name = "grace"
	open(t, a, e)
	if _, text := call(t, path, http.MethodGet, "/v1/self", ""); !strings.Contains(text, "grace") {
		t.Errorf("after Open the socket tells %s", text)
	}
}

func TestClose(t *testing.T) {
	a, e := sockets(t, shortDir(t), &server{}), environment()
	path := open(t, a, e)
	for range 2 {
		if err := a.Close(t.Context(), e.ID); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := os.Lstat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
	for _, id := range []pullpass.EnvironmentID{"", "..", "env_../../../etc"} {
		if err := a.Close(t.Context(), id); err != nil {
			t.Errorf("Close(%q): %v", id, err)
		}
		if _, err := a.Open(t.Context(), pullpass.Environment{ID: id}); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("Open(%q) = %v, want it refused", id, err)
		}
	}
}

func TestLongPaths(t *testing.T) {
	_, err := agent.New(agent.Options{Dir: "/tmp/" + strings.Repeat("x", 80), Server: &server{}})
	if !pullpass.IsKind(err, pullpass.Invalid) || !strings.Contains(pullpass.Explain(err), "--state") {
		t.Errorf("New = %v, want a fix", err)
	}
	// The longest that is accepted works.
	dir := shortDir(t)
	name := strings.Repeat("x", 107-len(dir)-len("/")-len("/env_")-26-len("/agent.sock"))
	a, err := agent.New(agent.Options{Dir: filepath.Join(dir, name), Server: &server{}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer shutdown(t, a)
	path := open(t, a, environment())
	if len(path) != 107 {
		t.Errorf("the path has %d bytes, want 107", len(path))
	}
	if status, _ := call(t, path, http.MethodGet, "/v1/self", ""); status != http.StatusOK {
		t.Errorf("self = %d", status)
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	a, err := agent.New(agent.Options{Dir: filepath.Join(shortDir(t), "a"), Server: &server{}, Log: logger(&log)})
	if err != nil {
		t.Fatal(err)
	}
	path := open(t, a, environment())
	call(t, path, http.MethodPost, "/v1/credentials", `{"host":"h"}`)
	call(t, path, http.MethodPost, "/v1/credentials", canary)
	shutdown(t, a)
	if strings.Contains(log.String(), canary) {
		t.Errorf("the log shows a secret: %s", log.String())
	}
}
