package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// tap passes connections on and keeps every byte, each direction apart.
type tap struct {
	address string
	mu      sync.Mutex
	there   bytes.Buffer // what clients sent
	back    bytes.Buffer
}

// newTap listens in front of an address until the test ends.
func newTap(t *testing.T, ctx context.Context, target string) *tap {
	t.Helper()
	target = strings.TrimSuffix(strings.TrimPrefix(target, "http://"), "/")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{address: l.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.pass(ctx, in, target) })
		}
	})
	return p
}

func (p *tap) pass(ctx context.Context, in net.Conn, target string) {
	defer func() { _ = in.Close() }()
	out, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	var both sync.WaitGroup
	// Either end's end is both's: whoever is left would wait for nothing.
	copyTo := func(to, from net.Conn, kept *bytes.Buffer) {
		_, _ = io.Copy(to, io.TeeReader(from, keeper{p, kept}))
		_ = in.Close()
		_ = out.Close()
	}
	both.Go(func() { copyTo(out, in, &p.there) })
	both.Go(func() { copyTo(in, out, &p.back) })
	both.Wait()
}

type keeper struct {
	p    *tap
	kept *bytes.Buffer
}

func (k keeper) Write(b []byte) (int, error) {
	k.p.mu.Lock()
	defer k.p.mu.Unlock()
	return k.kept.Write(b)
}

func (p *tap) sent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.there.String()
}

func (p *tap) answered() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.back.String()
}

// What AWS and instance metadata answer that nobody else may have.
var (
	tokens  = regexp.MustCompile(`"authorizationToken":\s*"([^"]+)"`)
	secrets = regexp.MustCompile(`(?:<(?:SecretAccessKey|SessionToken)>|"(?:SecretAccessKey|Token)"\s*:\s*")([^"<]+)`)
)

// nativeStage is a runner on an instance, with a tap on each of its lines: to its
// server, to AWS and to instance metadata.
type nativeStage struct {
	*cloud
	toServer, toAWS, toMetadata *tap
}

func newNativeStage(t *testing.T, ctx context.Context, engine string) *nativeStage {
	t.Helper()
	box := startBox(t, ctx, rehearsal().OnFreePorts())
	c := &cloud{box: box, host: box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion), plain: true}
	for _, repository := range []string{repositoryA, repositoryB} {
		pushToOwner(t, ctx, box, repository, parts.BusyboxImage(t, stays...))
		setPolicy(t, ctx, box, repository, openToPlatform)
	}
	// The server has no AWS identity and no way to AWS but the host's name.
	c.server = startServer(t, ctx, c.mappings("http://127.0.0.1:1")...)
	n := &nativeStage{cloud: c, toServer: newTap(t, ctx, c.server.URL), toAWS: newTap(t, ctx, box.Endpoint()), toMetadata: newTap(t, ctx, box.MetadataEndpoints()[1])}
	onInstance(t, "http://"+n.toMetadata.address+"/")
	c.runner = startRunner(t, ctx, c.server, engine, append(c.mappings("http://"+n.toAWS.address), "--server=http://"+n.toServer.address)...)
	c.awaitIdentity(t, ctx)
	return n
}

// mappings tell where the sandbox's registries are, and where AWS is.
func (c *cloud) mappings(endpoint string) []string {
	args := []string{"--allow-egress=127.0.0.1", "--log-level=debug"}
	for _, r := range c.box.Registries() {
		args = append(args, fmt.Sprintf("--host=host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s", r.Address, r.Account, r.Region, endpoint, endpoint, r.Address))
	}
	return args
}

// minted is how many tokens ECR gave this runner.
func (n *nativeStage) minted() int { return len(tokens.FindAllString(n.toAWS.answered(), -1)) }

// TestRunnerNativeStaysOnTheRunner pulls a private image with the runner's own
// identity, through a server that cannot reach AWS, and inside the environment asks
// for a credential of its own. Nothing of what AWS gave is in any byte that the
// runner sent to the server, nor in what the server keeps.
func TestRunnerNativeStaysOnTheRunner(t *testing.T) {
	engine := parts.Docker(t)
	ctx := within(t, 3*time.Minute)
	n := newNativeStage(t, ctx, engine)
	owner := n.server.Owner
	project, err := owner.CreateProject(ctx, pullpass.Project{Name: "payments"})
	if err != nil {
		t.Fatal(err)
	}
	// Nothing is said of how the registry is opened, and the answer says what was chosen.
	if said := n.pullpass(t, ctx, "registry", "add", "native", "--project=payments", "--host="+n.host, "--runner=runner"); !strings.Contains(said, "opened by runner-native") {
		t.Errorf("registry add says %q, want what was chosen", said)
	}
	e := create(t, ctx, n.server, n.runner, project.ID, n.host+"/"+repositoryA+":1")
	if e, err = process.Await(ctx, owner, e, pullpass.PhaseRunning); err != nil {
		t.Fatal(err)
	}
	before := n.minted()
	if before != 1 || n.grants(t, ctx, e, false) == 0 {
		t.Errorf("the start took %d tokens of ECR for %d grants, want one token", before, n.grants(t, ctx, e, false))
	}

	inside := n.inside(t, ctx, e)
	if n.minted() != before+1 || n.grants(t, ctx, e, true) != 1 {
		t.Errorf("inside took %d tokens for %d grants, want one of each", n.minted()-before, n.grants(t, ctx, e, true))
	}
	given := tokens.FindAllStringSubmatch(n.toAWS.answered(), -1)
	if start := plainToken(t, given[0][1]); start == inside.Secret.Reveal() {
		t.Error("inside was given the credential of the start")
	}
	if text, err := n.skopeo(t, ctx, inside, repositoryA); err != nil {
		t.Errorf("skopeo and %s from inside: %v %s", repositoryA, err, text)
	}
	if text, err := n.skopeo(t, ctx, inside, repositoryB); err == nil || !strings.Contains(text, "no session policy allows") {
		t.Errorf("skopeo and %s from inside: %v %s, want it refused by the session policy", repositoryB, err, text)
	}

	// Started again: the server decides anew, and the runner uses what it has.
	granted := n.grants(t, ctx, e, false)
	if e, err = owner.RestartEnvironment(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	if e, err = process.Await(ctx, owner, e, pullpass.PhaseRunning); err != nil {
		t.Fatal(err)
	}
	if n.grants(t, ctx, e, false) <= granted || n.minted() != before+1 {
		t.Errorf("started again: %d more grants and %d more tokens, want a grant and no token", n.grants(t, ctx, e, false)-granted, n.minted()-before-1)
	}
	remove(t, ctx, n.server, e)
	n.nothingPassed(t)
}

// nothingPassed looks for what AWS gave in what the server was sent and keeps.
func (n *nativeStage) nothingPassed(t *testing.T) {
	t.Helper()
	c := &canary{server: n.server, runner: n.runner}
	for _, found := range tokens.FindAllStringSubmatch(n.toAWS.answered(), -1) {
		c.add("a token", found[1])
		c.add("a password", plainToken(t, found[1]))
	}
	// A proof of the instance's identity carries its session's token, which AWS needs
	// to check it, and never the key: it is sent to the server, and kept nowhere.
	kept := &canary{server: n.server, runner: n.runner}
	sessions := secrets.FindAllStringSubmatch(n.toAWS.answered()+n.toMetadata.answered(), -1)
	for _, found := range sessions {
		if strings.HasPrefix(found[0], `"Token"`) {
			kept.add("the instance's session token", found[1])
			continue
		}
		c.add("a session", found[1])
	}
	kept.files(t, filepath.Join(n.server.Dir, "data"))
	kept.file(t, n.server.LogPath())
	kept.file(t, n.runner.LogPath())
	if len(sessions) < 4 { // the instance's and one that was narrowed, a key and a token each
		t.Errorf("found %d secrets of sessions in what AWS answered, want at least 4", len(sessions))
	}
	sent, answered := n.toServer.sent(), n.toServer.answered()
	if !strings.Contains(sent, "POST "+api.PathCredentials) || !strings.Contains(answered, `"grant":"ey`) {
		t.Error("the line to the server shows no request for a credential and no grant: there is nothing to look at")
	}
	c.look(t, "what the runner sent to the server", []byte(sent))
	c.look(t, "what the server answered", []byte(answered))
	c.files(t, filepath.Join(n.server.Dir, "data"))
	c.file(t, n.server.LogPath())
	c.file(t, n.runner.LogPath())
}

func plainToken(t *testing.T, token string) string {
	t.Helper()
	plain, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	_, password, _ := strings.Cut(string(plain), ":")
	return password
}

// inside asks as the person inside an environment does: through its socket.
func (n *nativeStage) inside(t *testing.T, ctx context.Context, e pullpass.Environment) pullpass.Credential {
	t.Helper()
	sockets, err := filepath.Glob(filepath.Join(n.runner.State, "agents", "*", "agent.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("the agent sockets are %v, %v, want one", sockets, err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", sockets[0])
	}}
	defer transport.CloseIdleConnections()
	asked, err := json.Marshal(map[string]string{"host": n.host, "repository": repositoryA})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://pullpass"+api.PathAgentCredentials, bytes.NewReader(asked))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Host, Username, Secret string
		Unscoped               bool
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("inside %s: %d, %v", e.ID, resp.StatusCode, err)
	}
	if got.Host != n.host || got.Secret == "" || got.Unscoped {
		t.Errorf("inside: a credential for %s, unscoped %t, want a narrow one for %s", got.Host, got.Unscoped, n.host)
	}
	return pullpass.Credential{Host: got.Host, Username: got.Username, Secret: pullpass.NewSecret(got.Secret)}
}

// grants counts what is on record for an environment.
func (n *nativeStage) grants(t *testing.T, ctx context.Context, e pullpass.Environment, inside bool) int {
	t.Helper()
	count, ids := 0, map[string]bool{}
	for event, err := range n.server.Owner.AllEvents(ctx, pullpass.EventFilter{Environment: e.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Action == "credential.grant" && event.Decision == pullpass.DecisionAllowed && (event.Detail["inside"] == "true") == inside {
			count++
			ids[event.Detail["grant"]] = true
		}
	}
	if len(ids) != count || ids[""] {
		t.Errorf("%d grants on record have the ids %v, want one each", count, ids)
	}
	return count
}

// pullpass runs the command line as the owner, and returns all that it says.
func (n *nativeStage) pullpass(t *testing.T, ctx context.Context, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "PULLPASS_SERVER="+n.server.URL, "PULLPASS_TOKEN="+n.server.Token.Reveal())
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("pullpass %v: %v\n%s", args, err, said)
	}
	return string(said)
}

// TestRunnerNativeNeedsAnIdentity: a runner whose machine has no AWS identity, or
// whose operator does not lend it, is refused when a registry is saved, when it is
// selected and when an environment is created on it, each time with what to do.
func TestRunnerNativeNeedsAnIdentity(t *testing.T) {
	engine := parts.Docker(t)
	ctx := within(t, 3*time.Minute)
	n := newNativeStage(t, ctx, engine)
	owner := n.server.Owner
	project, err := owner.CreateProject(ctx, pullpass.Project{Name: "payments"})
	if err != nil {
		t.Fatal(err)
	}
	everywhere, err := owner.CreateRegistry(ctx, pullpass.Registry{Project: project.ID, Name: "everywhere", Host: n.host, Auth: pullpass.AuthRunnerNative}, pullpass.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	mappings := n.mappings(n.box.Endpoint())
	lends := named(t, ctx, n.server, "lends", engine, append(mappings, "--aws-identity=none")...)
	onInstance(t, "http://127.0.0.1:1/")
	for what, r := range map[string]*process.Runner{"lends none": lends, "has none": named(t, ctx, n.server, "bare", engine, mappings...)} {
		selected := []pullpass.RunnerID{r.ID}
		_, saved := owner.CreateRegistry(ctx, pullpass.Registry{Project: project.ID, Name: "here", Host: n.host, PathPrefix: "team", Auth: pullpass.AuthRunnerNative, Runners: selected}, pullpass.Secret{})
		_, chosen := owner.UpdateRegistry(ctx, everywhere.ID, pullpass.RegistryChange{Runners: &selected})
		_, created := owner.CreateEnvironment(ctx, pullpass.Environment{Project: project.ID, Runner: r.ID, Name: "dev", Services: []pullpass.Service{{Name: "main", Image: n.host + "/" + repositoryA + ":1"}}})
		for moment, err := range map[string]error{"saved": saved, "selected": chosen, "created": created} {
			var e *pullpass.Error
			if !errors.As(err, &e) || e.Code != "runner_no_identity" || !strings.Contains(e.Hint, "pullpass run") {
				t.Errorf("a runner that %s, when %s: %v, want runner_no_identity and what to do", what, moment, err)
			}
		}
	}
	all, err := owner.RegistryByName(ctx, project.ID, "everywhere")
	if err != nil || len(all.Runners) != 0 {
		t.Errorf("the registry is limited to %v, %v; want it as it was", slices.Clone(all.Runners), err)
	}
}

// named starts a runner beside others; it has reported when it returns.
func named(t *testing.T, ctx context.Context, s *process.Server, name, engine string, args ...string) *process.Runner {
	t.Helper()
	r, err := process.StartRunner(ctx, s, filepath.Join(shortDir(t), name), engine, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	for {
		now, err := s.Owner.Runner(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(now.Capabilities) > 0 {
			return r
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the runner %s does not report", name)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
