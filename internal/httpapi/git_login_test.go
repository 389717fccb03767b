package httpapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// guardPrivate makes what is below /private readable with one token of two, and
// writable with the other.
func guardPrivate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, token, _ := req.BasicAuth()
		switch {
		case !strings.HasPrefix(req.URL.Path, "/private/"), token == "write-"+canary:
			next.ServeHTTP(w, req)
		case token != "read-"+canary:
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(req.URL.RawQuery, "git-receive-pack"):
			w.WriteHeader(http.StatusForbidden)
		default:
			next.ServeHTTP(w, req)
		}
	})
}

// A private repository is proved by a token of its host that may push, and by
// nothing less; with that token the server resolves its commits.
func TestPrivateRepository(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, theirs := r.tenants()
	address := r.repository("private/app", nil)
	login := func(token string) pullpass.GitLogin {
		return pullpass.GitLogin{Username: "x-access-token", Password: pullpass.NewSecret(token + "-" + canary)}
	}
	project := func(o *tenant, name string) pullpass.Project {
		t.Helper()
		p, err := o.CreateProject(t.Context(), pullpass.Project{Name: name, Repository: address})
		must(t, err)
		return p
	}
	mine, stolen := project(ours, "app"), project(theirs, "stolen")
	_, err := ours.Prove(t.Context(), mine.ID)
	wantKind(t, "proving without a login", err, pullpass.Invalid)
	for _, c := range []struct {
		token string
		kind  pullpass.Kind
	}{{"wrong", pullpass.Invalid}, {"read", pullpass.Conflict}} {
		must(t, theirs.SetGitLogin(t.Context(), stolen.ID, login(c.token)))
		_, err := theirs.Prove(t.Context(), stolen.ID)
		wantKind(t, "proving with a token that may "+c.token, err, c.kind)
	}
	// A login of one project is not another's.
	must(t, ours.SetGitLogin(t.Context(), mine.ID, login("write")))
	_, err = theirs.Prove(t.Context(), stolen.ID)
	wantKind(t, "proving with somebody else's token", err, pullpass.Conflict)
	wantKind(t, "a login for another organization's project", theirs.SetGitLogin(t.Context(), mine.ID, login("read")), pullpass.NotFound)

	proof, err := ours.Prove(t.Context(), mine.ID)
	if err != nil || !proof.Proved {
		t.Fatalf("Prove = %+v, %v, want proved", proof, err)
	}
	token, err := r.inside(ours, mine.ID, "dev", "main").AgentToken(t.Context(), forAWS)
	must(t, err)
	claims := decodeClaims(t, token.Token.Secret().Reveal())
	if want := r.sh(r.repos+"/private/app", "git", "rev-parse", "main"); !strings.HasSuffix(token.Subject, "/private/app/tree/main") || claims["commit"] != want {
		t.Errorf("subject %q, commit %v, want main at %s", token.Subject, claims["commit"], want)
	}

	must(t, ours.SetGitLogin(t.Context(), mine.ID, pullpass.GitLogin{}))
	r.clock.forward(25 * time.Hour)
	must(t, r.RenewProofs(t.Context()))
	if now, err := ours.Project(t.Context(), mine.ID); err != nil || now.OwnershipProved {
		t.Errorf("the proof stands without the login that it was made with, %v", err)
	}

	files, err := filepath.Glob(filepath.Join(r.dir, "*"))
	must(t, err)
	for _, f := range files {
		if data, err := os.ReadFile(f); err != nil || strings.Contains(string(data), canary) {
			t.Errorf("%s holds the login in clear, %v", f, err)
		}
	}
}
