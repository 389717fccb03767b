package agent_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/agent"
)

// tokenServer issues identity tokens, too.
type tokenServer struct {
	server
	mu    sync.Mutex
	asked []pullpass.EnvironmentID
}

func (s *tokenServer) IdentityToken(_ context.Context, id pullpass.EnvironmentID, r api.IdentityTokenRequest) (api.IdentityToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, id)
	if r.Audience[0] == "refused" {
		return api.IdentityToken{}, &pullpass.Error{Kind: pullpass.Unauthenticated, What: "the runner is not known"}
	}
	return api.IdentityToken{Token: api.NewSecret(pullpass.NewSecret(canary)), Subject: "s"}, nil
}

// A token is for the environment whose socket was asked, whatever the request says.
func TestTokens(t *testing.T) {
	s := &tokenServer{}
	dir := shortDir(t)
	a := sockets(t, dir, s)
	e := environment()
	path := open(t, a, e)
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"one audience", `{"audience":["sts.amazonaws.com"]}`, http.StatusOK},
		{"another environment", `{"audience":["x"],"environment":"env_0000000000000000000000000g"}`, http.StatusUnprocessableEntity},
		{"a subject", `{"audience":["x"],"subject":"https://github.com/acme/app/tree/main"}`, http.StatusUnprocessableEntity},
		{"no audience", `{}`, http.StatusUnprocessableEntity},
		{"not JSON", `x`, http.StatusUnprocessableEntity},
		{"twice", `{"audience":["x"]}{"audience":["x"]}`, http.StatusUnprocessableEntity},
		{"too long", `{"audience":["` + strings.Repeat("x", 16<<10) + `"]}`, http.StatusUnprocessableEntity},
		{"a runner that the server does not know", `{"audience":["refused"]}`, http.StatusServiceUnavailable},
	} {
		status, body := call(t, path, http.MethodPost, api.PathAgentTokens, c.body)
		if status != c.status || (status == http.StatusOK) != strings.Contains(body, canary) {
			t.Errorf("%s: %d %s, want %d", c.name, status, body, c.status)
		}
	}
	if len(s.asked) != 2 || s.asked[0] != e.ID || s.asked[1] != e.ID {
		t.Errorf("asked for %v, want this environment alone", s.asked)
	}
}

func TestTokensAreLimited(t *testing.T) {
	s := &tokenServer{}
	path := open(t, sockets(t, shortDir(t), s), environment())
	limited := false
	for range 200 {
		status, body := call(t, path, http.MethodPost, api.PathAgentTokens, `{"audience":["x"]}`)
		if status == http.StatusTooManyRequests {
			limited = strings.Contains(body, "agent_limit")
			break
		}
	}
	if !limited {
		t.Error("an environment gets 200 identity tokens at once")
	}
}

// What is mounted into containers cannot be changed from inside, the runner's programs
// least of all: every environment has them.
func TestMountsAreReadOnly(t *testing.T) {
	dir := shortDir(t)
	a, err := agent.New(agent.Options{Dir: filepath.Join(dir, "a"), Bin: dir, RunnerName: "build-1", Server: &server{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, a) })
	mounts, err := a.Open(t.Context(), environment())
	if err != nil || len(mounts) != 2 {
		t.Fatalf("Open = %+v, %v, want the socket's directory and the programs", mounts, err)
	}
	for _, m := range mounts {
		if !m.ReadOnly {
			t.Errorf("%s is mounted writable at %s", m.Source, m.Target)
		}
	}
}
