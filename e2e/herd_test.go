package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver with which the database is looked at

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// fleet is three servers on one PostgreSQL, whose AWS is the sandbox, and a runner
// that asks them for credentials.
type fleet struct {
	database string
	upstream *upstream
	box      *sandbox.Sandbox
	servers  []*process.Server
	project  pullpass.ProjectID
	runner   pullpass.Runner
	token    pullpass.Secret
	http     *http.Client
}

func startFleet(t *testing.T, ctx context.Context) *fleet {
	t.Helper()
	f := &fleet{database: parts.Postgres(t), http: &http.Client{Transport: process.KeptAlive(16)}}
	f.box, _ = startSandbox(t, ctx)
	var args []string
	f.upstream, args = watchUpstream(t, f.box)
	args = append(args, "--database="+f.database, "--key-file="+filepath.Join(t.TempDir(), "key"), "--log-level=error")
	f.servers = []*process.Server{startServer(t, ctx, args...)}
	for range 2 {
		s, err := process.StartReplica(ctx, f.servers[0], t.TempDir(), args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		f.servers = append(f.servers, s)
	}
	i, key := platform()
	f.project = tenant(t, ctx, f.servers[0], f.box, "fleet", i, key)
	var err error
	if f.runner, f.token, err = f.servers[0].Join(ctx, "fleet"); err != nil {
		t.Fatal(err)
	}
	return f
}

// environments makes n of them, whose images are of so many repositories in turn,
// and returns what to post for a credential of each.
func (f *fleet) environments(t *testing.T, ctx context.Context, n, repositories int) [][]byte {
	t.Helper()
	host := f.box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion)
	bodies := make([][]byte, n)
	each(8, n, func(i int) {
		image := fmt.Sprintf("%s/team/app-%d:1", host, i%repositories)
		e, err := f.servers[i%len(f.servers)].Owner.CreateEnvironment(ctx, pullpass.Environment{
			Project: f.project, Runner: f.runner.ID, Name: fmt.Sprintf("e-%d", i), Services: []pullpass.Service{{Name: "main", Image: image}},
		})
		if err != nil {
			t.Errorf("environment %d: %v", i, err)
			return
		}
		bodies[i], err = json.Marshal(credentialFor(e, image))
		if err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return bodies
}

// each calls do with the numbers below n, some at a time.
func each(workers, n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				do(i)
			}
		})
	}
	wg.Wait()
}

// post asks a server for a credential and returns the answer.
func (f *fleet) post(ctx context.Context, server int, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.servers[server].URL+api.PathCredentials, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", api.ContentType)
	req.Header.Set("Authorization", "Bearer "+f.token.Reveal())
	resp, err := f.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// TestHerdOnThreeServers: 10,000 requests for 1,000 environments, spread over three
// servers. AWS is asked once for each key, never faster than one account may be
// asked, and what the servers gave each other cannot be read in the database.
func TestHerdOnThreeServers(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	f := startFleet(t, ctx)
	const requests, environments, keys = 10_000, 1_000, 24
	bodies := f.environments(t, ctx, environments, keys)
	f.upstream.forget() // saving an integration tries its role
	var mu sync.Mutex
	secrets := map[string]bool{}
	each(48, requests, func(i int) {
		status, answer, err := f.post(ctx, (i+i/environments)%len(f.servers), bodies[i%environments])
		var issued struct{ Secret string }
		if err == nil {
			err = json.Unmarshal(answer, &issued)
		}
		if err != nil || status != http.StatusOK || issued.Secret == "" {
			t.Errorf("request %d: %d, %v", i, status, err)
		}
		mu.Lock()
		defer mu.Unlock()
		secrets[issued.Secret] = true
	})
	if len(secrets) != keys {
		t.Errorf("%d different credentials were given, want %d", len(secrets), keys)
	}
	for _, operation := range []string{"AssumeRole", "GetAuthorizationToken"} {
		if n := len(f.upstream.of(operation)); n != keys {
			t.Errorf("%d calls of %s, want %d: one a key", n, operation, keys)
		}
	}
	// A burst of four, then four a second: 5 s. Three buckets of their own would have
	// needed one.
	if calls := f.upstream.of("AssumeRole"); calls[len(calls)-1].Sub(calls[0]) < 3*time.Second {
		t.Errorf("%d calls of AssumeRole within %v: the servers do not share a bucket", len(calls), calls[len(calls)-1].Sub(calls[0]))
	}
	f.lookAtRows(t, ctx, keys, secrets)
}

// lookAtRows reads what lies between the servers, as a thief of the database would.
func (f *fleet) lookAtRows(t *testing.T, ctx context.Context, want int, secrets map[string]bool) {
	t.Helper()
	db, err := sql.Open("pgx", f.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var rows int
	var text, persistence string
	err = db.QueryRowContext(ctx, `SELECT count(sealed), string_agg(handovers::text || encode(sealed, 'escape'), ' '),
		(SELECT relpersistence FROM pg_class WHERE relname = 'handovers') FROM handovers`).Scan(&rows, &text, &persistence)
	if err != nil {
		t.Fatal(err)
	}
	if rows != want || persistence != "u" {
		t.Errorf("%d rows in a table of persistence %q, want %d in an unlogged one", rows, persistence, want)
	}
	c := &canary{}
	c.add("an AWS secret key", sandbox.PlatformKey().Reveal())
	for s := range secrets {
		c.add("an issued credential", s)
	}
	c.look(t, "what servers hand over", []byte(text))
}

// TestServerKilledWhileItMints: SIGKILL for the one that asks AWS while the others
// wait for it. Its lease ends, one of the others asks, and everybody is served.
func TestServerKilledWhileItMints(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	f := startFleet(t, ctx)
	body := f.environments(t, ctx, 1, 1)[0]
	asked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.upstream.mu.Lock()
	f.upstream.hold = func(operation string) {
		if operation != "GetAuthorizationToken" {
			return
		}
		first := false
		once.Do(func() { first = true })
		if first {
			close(asked)
			<-release
		}
	}
	f.upstream.mu.Unlock()
	defer close(release)
	go func() { _, _, _ = f.post(ctx, 0, body) }() // it gets no answer
	<-asked
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if status, _, err := f.post(ctx, 1+i%2, body); err != nil || status != http.StatusOK {
				t.Errorf("a request at another server: %d, %v", status, err)
			}
		})
	}
	f.servers[0].Kill()
	wg.Wait()
	if n := len(f.upstream.of("GetAuthorizationToken")); n != 2 {
		t.Errorf("%d calls of GetAuthorizationToken, want the killed server's and one more", n)
	}

	// And a server that starts later takes what stands.
	if err := f.servers[0].Restart(ctx); err != nil {
		t.Fatal(err)
	}
	own, err := client.New(f.servers[0].URL, client.WithToken(f.token))
	if err != nil {
		t.Fatal(err)
	}
	var request api.CredentialRequest
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	if _, err := own.Credential(ctx, request); err != nil {
		t.Errorf("the server that was started again: %v", err)
	}
	if n := len(f.upstream.of("GetAuthorizationToken")); n != 2 {
		t.Errorf("%d calls of GetAuthorizationToken after the restart, want still 2", n)
	}
}
