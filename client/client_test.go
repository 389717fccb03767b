package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

const token = "ppat_canary-5d1e"

// serve answers with handlers, one after the other; the last one stays.
func serve(t *testing.T, handlers ...http.HandlerFunc) (*client.Client, *atomic.Int32) {
	t.Helper()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(calls.Add(1))
		handlers[min(n, len(handlers))-1](w, r)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, client.WithToken(pullpass.NewSecret(token)), client.WithUserAgent("test/1"))
	if err != nil {
		t.Fatal(err)
	}
	return c, &calls
}

func problem(status int, p api.Problem, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", api.ProblemType)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(p)
	}
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }
}

func TestBaseURL(t *testing.T) {
	for _, base := range []string{
		"https://pullpass.example", "https://pullpass.example:8443/behind/", "http://127.0.0.1:8080", "http://[::1]:8080",
		"http://localhost:8080", "unix:///run/pullpass/agent.sock",
	} {
		if _, err := client.New(base); err != nil {
			t.Errorf("New(%q): %v", base, err)
		}
	}
	for _, base := range []string{
		"", "pullpass.example", "ftp://pullpass.example", "https://", "https://user:pass@pullpass.example", "https://pullpass.example?x=1",
		"https://pullpass.example#ppst_secret", "http://pullpass.example", "http://10.0.0.1", "http://127.0.0.1.evil.example",
		"http://localhost.evil.example", "unix://relative", "https://pullpass.example\n", "://",
	} {
		_, err := client.New(base)
		if !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("New(%q) = %v, want Invalid", base, err)
		}
		if err != nil && (strings.Contains(err.Error(), "pass@") || strings.Contains(err.Error(), "ppst_secret")) {
			t.Errorf("New(%q) repeats a secret: %v", base, err)
		}
	}
	if _, err := client.New("http://pullpass.example", client.WithPlainHTTP()); err != nil {
		t.Errorf("New with plain http allowed: %v", err)
	}
}

func TestErrorsComeBackWhole(t *testing.T) {
	c, _ := serve(t, problem(409, api.Problem{Status: 409, Kind: pullpass.Conflict, Code: "registry_tie", Detail: "cannot save", Cause: "a tie", Hint: "rename \x1b[31mit"}))
	_, err := c.CreateProject(t.Context(), pullpass.Project{Name: "x"})
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind != pullpass.Conflict || e.Code != "registry_tie" {
		t.Fatalf("CreateProject = %#v, want the Conflict registry_tie", err)
	}
	if got, want := pullpass.Explain(err), "error: cannot save\ncause: a tie\nhint:  rename [31mit"; got != want {
		t.Errorf("Explain = %q, want %q", got, want)
	}
	c, _ = serve(t, problem(422, api.Problem{Status: 422, Kind: pullpass.Invalid, Detail: "no", Errors: []api.ProblemDetail{{Location: "body.host", Message: "required"}, {Message: "bad"}}}))
	_, err = c.CreateProject(t.Context(), pullpass.Project{})
	if got, want := pullpass.Explain(err), "error: no\ncause: body.host: required; bad"; got != want {
		t.Errorf("Explain = %q, want %q", got, want)
	}
	c, _ = serve(t, problem(500, api.Problem{Status: 500, Kind: pullpass.Internal, Detail: "wrong", Instance: "req_1"}))
	if _, err = c.Self(t.Context()); !strings.Contains(pullpass.HintOf(err), "req_1") {
		t.Errorf("an internal error's hint %q does not name the request", pullpass.HintOf(err))
	}
}

func TestAnswersOfStrangers(t *testing.T) {
	page := func(status int, location string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, "<html>"+token)
		}
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    pullpass.Kind
	}{
		{"a proxy's page", page(502, ""), pullpass.Unavailable},
		{"a login page", page(200, ""), pullpass.Unavailable},
		{"a redirect", page(302, "https://evil.example/"), pullpass.Invalid},
		{"a redirect to itself", page(307, "/api/v1/self"), pullpass.Invalid},
		{"not found", page(404, ""), pullpass.NotFound},
		{"a refusal", page(403, ""), pullpass.Denied},
		{"an unknown kind", problem(418, api.Problem{Kind: "teapot", Detail: "x"}), pullpass.Invalid},
		{"half a problem", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", api.ProblemType)
			w.WriteHeader(500)
			_, _ = fmt.Fprint(w, `{"kind":`)
		}, pullpass.Internal},
	} {
		c, _ := serve(t, test.handler)
		_, err := c.CreateProject(t.Context(), pullpass.Project{Name: "x"}) // is not repeated
		if got := pullpass.KindOf(err); got != test.want {
			t.Errorf("%s: %v: kind %q, want %q", test.name, err, got, test.want)
		}
		if err != nil && strings.Contains(fmt.Sprintf("%v %+v %s", err, err, pullpass.Explain(err)), token) {
			t.Errorf("%s: the error holds the token: %v", test.name, err)
		}
	}
}

func TestRedirectsGetNoToken(t *testing.T) {
	var reached atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer evil.Close()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Self(t.Context()); err == nil {
		t.Error("Self through a redirect succeeded")
	}
	if reached.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestRetries(t *testing.T) {
	unavailable := problem(503, api.Problem{Status: 503, Kind: pullpass.Unavailable, Detail: "later"})
	limited := problem(429, api.Problem{Status: 429, Kind: pullpass.Limited, Detail: "slower"})
	denied := problem(403, api.Problem{Status: 403, Kind: pullpass.Denied, Detail: "no"})
	gone := problem(404, api.Problem{Status: 404, Kind: pullpass.NotFound, Detail: "gone"})
	patience := problem(503, api.Problem{Status: 503, Kind: pullpass.Unavailable, Detail: "later"}, "Retry-After", "3600")
	read := func(c *client.Client) error { _, err := c.Self(t.Context()); return err }
	create := func(c *client.Client) error {
		_, err := c.CreateProject(t.Context(), pullpass.Project{Name: "x"})
		return err
	}
	remove := func(c *client.Client) error { return c.DeleteProject(t.Context(), "prj_1") }
	for _, test := range []struct {
		name     string
		call     func(*client.Client) error
		handlers []http.HandlerFunc
		calls    int32
		want     pullpass.Kind
	}{
		{"a read is repeated", read, []http.HandlerFunc{unavailable, limited, answer(`{}`)}, 3, ""},
		{"a read is given up", read, []http.HandlerFunc{unavailable}, 4, pullpass.Unavailable},
		{"a creation is not repeated", create, []http.HandlerFunc{unavailable, answer(`{}`)}, 1, pullpass.Unavailable},
		{"a refusal is not repeated", read, []http.HandlerFunc{denied, answer(`{}`)}, 1, pullpass.Denied},
		{"an hour is too long", read, []http.HandlerFunc{patience, answer(`{}`)}, 1, pullpass.Unavailable},
		{"a deletion whose answer was lost", remove, []http.HandlerFunc{unavailable, gone}, 2, ""},
		{"a deletion of nothing", remove, []http.HandlerFunc{gone}, 1, pullpass.NotFound},
	} {
		c, calls := serve(t, test.handlers...)
		if got := pullpass.KindOf(test.call(c)); got != test.want {
			t.Errorf("%s: kind %q, want %q", test.name, got, test.want)
		}
		if calls.Load() != test.calls {
			t.Errorf("%s: %d calls, want %d", test.name, calls.Load(), test.calls)
		}
	}
}

func TestUnreachable(t *testing.T) {
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	_ = l.Close()
	c, err := client.New(base, client.WithToken(pullpass.NewSecret(token)), client.WithAttempts(2))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateProject(t.Context(), pullpass.Project{Name: "x"})
	if !pullpass.IsKind(err, pullpass.Unavailable) || !strings.Contains(err.Error(), base) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a server that is not there: %v, want Unavailable, naming address and cause", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Self(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an abandoned call: %v, want context.Canceled inside", err)
	}
}

func TestGivingUpEndsALongPoll(t *testing.T) {
	arrived := make(chan string, 1)
	c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- r.URL.String()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Wanted(ctx, "abc", time.Hour)
		done <- err
	}()
	if got := <-arrived; got != "/api/v1/runner/environments?seen=abc&wait=30s" {
		t.Errorf("Wanted asked %s, want a wait of 30s", got)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Wanted after giving up = %v, want context.Canceled", err)
	}
}

func TestPages(t *testing.T) {
	c, calls := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("after") {
		case "":
			answer(`{"items":[{"name":"a"},{"name":"b"}],"next":"b"}`)(w, r)
		case "b":
			answer(`{"items":[{"name":"c"}],"next":"c"}`)(w, r)
		default:
			problem(403, api.Problem{Kind: pullpass.Denied, Detail: "no more"})(w, r)
		}
	})
	var names string
	var last error
	for p, err := range c.AllProjects(t.Context()) {
		if last = err; err == nil {
			names += p.Name
		}
	}
	if names != "abc" || !pullpass.IsKind(last, pullpass.Denied) {
		t.Errorf("AllProjects = %q, %v, want abc, then the refusal", names, last)
	}
	before := calls.Load()
	for _, err := range c.AllProjects(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if calls.Load() != before+1 {
		t.Errorf("a walk that was left made %d calls, want 1", calls.Load()-before)
	}
	if _, err := c.ProjectByName(t.Context(), "x"); err != nil {
		t.Errorf("ProjectByName: %v", err)
	}
	c, _ = serve(t, answer(`{"items":[],"next":""}`))
	if _, err := c.ProjectByName(t.Context(), "x"); !pullpass.IsKind(err, pullpass.NotFound) {
		t.Errorf("ProjectByName of nothing = %v, want NotFound", err)
	}
}

func TestRequests(t *testing.T) {
	type seen struct{ path, auth, agent string }
	got := make(chan seen, 1)
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- seen{r.URL.EscapedPath(), r.Header.Get("Authorization"), r.Header.Get("User-Agent")}
		answer(`{}`)(w, r)
	})
	_, _ = c.Registry(t.Context(), "a/b?c")
	if s := <-got; s.path != "/api/v1/registries/a%2Fb%3Fc" || s.auth != "Bearer "+token || s.agent != "test/1" {
		t.Errorf("Registry asked %+v, want the id escaped, the token and the user agent", s)
	}
	_, _, _ = c.Join(t.Context(), pullpass.NewSecret("ppjt_x"), pullpass.RunnerDocker, pullpass.RunnerReport{})
	if s := <-got; s.auth != "" {
		t.Errorf("Join sent the token: %+v", s)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer(`{"kind":"environment"}`), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	c, err := client.New("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	self, err := c.Self(t.Context())
	if err != nil || self.Kind != pullpass.CallerEnvironment {
		t.Errorf("Self over a socket = %+v, %v", self, err)
	}
}
