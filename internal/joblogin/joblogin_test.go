package joblogin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/helper"
	"github.com/pullpass/pullpass/internal/joblogin"
)

// server takes each job's token once, as ours does.
type server struct {
	mu    sync.Mutex
	taken map[string]bool
	life  int64
}

func (s *server) Exchange(_ context.Context, organization string, token pullpass.Secret, _, _ string) (api.Exchanged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if organization != "acme" || s.taken[token.Reveal()] {
		return api.Exchanged{}, &pullpass.Error{Kind: pullpass.Denied, Code: "token_exchanged", What: "no"}
	}
	s.taken[token.Reveal()] = true
	return api.Exchanged{AccessToken: api.NewSecret(pullpass.NewSecret("ours for " + token.Reveal())), ExpiresIn: s.life}, nil
}

func cache(t *testing.T) *helper.Cache {
	return &helper.Cache{Dir: filepath.Join(t.TempDir(), "credentials")}
}

func gitlab(token string) helper.Login {
	return helper.Login{Server: "https://pullpass.example", Job: &helper.Job{Organization: "acme", IDToken: pullpass.NewSecret(token)}}
}

// The token that GitLab hands over is exchanged once, however many ask at once.
func TestJobTokenIsExchangedOnce(t *testing.T) {
	s, c := &server{taken: map[string]bool{}, life: 3600}, cache(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := joblogin.Token(t.Context(), gitlab("one"), c, s); err != nil || got.Reveal() != "ours for one" {
				t.Errorf("Token = %v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got, err := joblogin.Token(t.Context(), gitlab("two"), c, s); err != nil || got.Reveal() != "ours for two" {
		t.Errorf("another job's Token = %v, %v", got, err)
	}
	c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	if _, err := joblogin.Token(t.Context(), gitlab("one"), c, s); err == nil {
		t.Error("a token that has ended was given out")
	}
	nobody := gitlab("three")
	nobody.Job.Organization = ""
	if _, err := joblogin.Token(t.Context(), nobody, c, s); pullpass.CodeOf(err) != "organization_missing" {
		t.Errorf("without an organization Token = %v", err)
	}
}

// GitHub Actions is asked for a token for this server, at its own address alone.
func TestGitHubActionsIsAsked(t *testing.T) {
	var asked atomic.Int64
	actions := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/elsewhere":
			http.Redirect(w, r, "/token?"+r.URL.RawQuery, http.StatusFound)
		case r.Header.Get("Authorization") != "Bearer request" || r.URL.Query().Get("audience") != "https://pullpass.example" || r.URL.Query().Get("api") != "1":
			http.Error(w, "", http.StatusUnauthorized)
		default:
			_, _ = fmt.Fprintf(w, `{"value":"job-%d"}`, asked.Add(1))
		}
	}))
	defer actions.Close()
	login := func(url string) helper.Login {
		return helper.Login{Server: "https://pullpass.example", Job: &helper.Job{Organization: "acme", RequestURL: url, RequestToken: pullpass.NewSecret("request")}}
	}
	s, c := &server{taken: map[string]bool{}, life: 3600}, cache(t)
	for range 3 {
		if got, err := joblogin.Token(t.Context(), login(actions.URL+"/token?api=1"), c, s); err != nil || got.Reveal() != "ours for job-1" {
			t.Errorf("Token = %v, %v", got, err)
		}
	}
	for url, why := range map[string]string{
		actions.URL + "/elsewhere?api=1": "does not answer", actions.URL + "/token": "401",
		"http://token.example/?api=1": "not an https address", "https://user@token.example/": "not an https address",
	} {
		_, err := joblogin.Token(t.Context(), login(url), c, s)
		if pullpass.CodeOf(err) != "id_token_missing" || !strings.Contains(pullpass.Explain(err), why) {
			t.Errorf("at %s Token = %v, want a refusal: %s", url, err, why)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("GitHub gave %d tokens, want 1", n)
	}
}
