package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	platformHost = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	userKey      = "AKIAHELPER2222222222"
	userSecret   = "canary/helper/00000000000000000000000001"
	bareKey      = "AKIAHELPERBARE222222"
	pullRole     = "arn:aws:iam::111122223333:role/pull"
)

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:*","ecr-public:*","sts:*"],"Resource":"*"}]}`

// account is the AWS of these tests: a user who may do everything, one who may do
// nothing, and a role.
func account() sandbox.Config {
	key := func(id string) []sandbox.AccessKey {
		return []sandbox.AccessKey{{ID: id, Secret: sandbox.SecretKey{Secret: pullpass.NewSecret(userSecret)}}}
	}
	all := map[string]sandbox.Document{"all": everything}
	return sandbox.Config{
		Listen: "127.0.0.1:0", Layers: "127.0.0.1:0", Regions: []string{"eu-west-1"},
		Registries:       []sandbox.RegistryListener{{Account: "111122223333", Region: "eu-west-1", Listen: "127.0.0.1:0"}},
		InstanceMetadata: []sandbox.InstanceMetadata{{Listen: "127.0.0.1:0", Account: "111122223333", Region: "eu-west-1", InstanceProfile: "machine", HopLimit: 1}},
		Accounts: []sandbox.Account{{
			ID:               "111122223333",
			InstanceProfiles: []sandbox.InstanceProfile{{Name: "machine", Role: "machine"}},
			Users:            []sandbox.User{{Name: "user", AccessKeys: key(userKey), InlinePolicies: all}, {Name: "bare", AccessKeys: key(bareKey)}},
			Roles: []sandbox.Role{
				{Name: "pull", InlinePolicies: all, TrustPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/user"},"Action":"sts:AssumeRole"}]}`},
				{Name: "machine", InlinePolicies: all, TrustPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
			},
			Repositories: []sandbox.Repository{{Region: "eu-west-1", Name: "team/app"}},
		}},
	}
}

// stage is a sandbox and a person without any Pullpass server.
type stage struct {
	*person
	box    *sandbox.Sandbox
	calls  *httptest.Server
	tokens atomic.Int64 // how often ECR was asked
}

// programs builds the two programs of somebody who has no server, once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "helper-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", ".", "../pullpass-aws")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	return dir, nil
})

// newAWS has an ambient identity, and the directory of a person who installed the helper
// and pullpass-aws.
func newAWS(t *testing.T) *stage {
	t.Helper()
	box, err := sandbox.New(account(), sandbox.Options{})
	if err == nil {
		err = box.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{box: box, person: &person{t: t, dir: t.TempDir()}}
	s.count()
	if err := os.Symlink(dir, s.in("bin")); err != nil {
		t.Fatal(err)
	}
	s.env = []string{
		"PATH=" + s.in("bin") + ":" + os.Getenv("PATH"), "HOME=" + s.in("home"),
		"DOCKER_CONFIG=" + s.in("docker"), "REGISTRY_AUTH_FILE=" + s.in("auth.json"),
		"AWS_ACCESS_KEY_ID=" + userKey, "AWS_SECRET_ACCESS_KEY=" + userSecret, "AWS_ENDPOINT_URL=" + s.calls.URL,
		"AWS_EC2_METADATA_DISABLED=true", "DOCKER_HOST=" + os.Getenv("PULLPASS_TEST_DOCKER_HOST"),
	}
	return s
}

// count puts a proxy in front of AWS that counts.
func (s *stage) count() {
	s.t.Helper()
	target, err := url.Parse(s.box.Endpoint())
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	s.calls = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetAuthorizationToken") {
			s.tokens.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	s.t.Cleanup(s.calls.Close)
}

// set replaces a variable; an empty value removes it.
func (s *stage) set(name, value string) {
	var kept []string
	for _, v := range s.env {
		if !strings.HasPrefix(v, name+"=") {
			kept = append(kept, v)
		}
	}
	if value != "" {
		kept = append(kept, name+"="+value)
	}
	s.env = kept
}

// configure writes the helper's configuration.
func (s *stage) configure(text string) {
	s.t.Helper()
	s.write("home/.config/pullpass/credential-helper.json", text)
}

// said is what the helper answers.
type said struct {
	ServerURL, Username, Secret string
	out, explain                string
	code                        int
}

func (s *stage) helper(verb, in string) said {
	s.t.Helper()
	var out, explain bytes.Buffer
	cmd := exec.CommandContext(s.t.Context(), s.in("bin/docker-credential-pullpass"), verb)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.env, strings.NewReader(in), &out, &explain
	err := cmd.Run()
	a := said{out: out.String(), explain: explain.String(), code: cmd.ProcessState.ExitCode()}
	if err == nil && verb == "get" && json.Unmarshal(out.Bytes(), &a) != nil {
		s.t.Errorf("%s %s answered %q", verb, in, out.String())
	}
	return a
}

// killed starts the helper, and kills it after a while.
func (s *stage) killed(after time.Duration, verb, in string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), after)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.in("bin/docker-credential-pullpass"), verb)
	cmd.Env, cmd.Stdin = s.env, strings.NewReader(in)
	_ = cmd.Run() // it was killed, or had ended
}

// opens reports what the registry says to a credential.
func (s *stage) opens(a said) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.registry()+"/v2/", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.SetBasicAuth(a.Username, a.Secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (s *stage) registry() string { return s.box.Registry("111122223333", "eu-west-1") }

// entries are the files of the cache that hold a credential.
func (s *stage) entries() []string {
	s.t.Helper()
	found, err := filepath.Glob(s.in("home/.cache/pullpass/credentials/*.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// Somebody with an AWS identity and nothing else gets a credential, and gets it again
// without AWS.
func TestAmbientIdentityWithoutServer(t *testing.T) {
	s := newAWS(t)
	for range 3 {
		got := s.helper("get", platformHost)
		if got.code != 0 || got.Username != "AWS" || got.ServerURL != platformHost {
			t.Fatalf("get = %+v", got)
		}
		if code := s.opens(got); code != http.StatusOK {
			t.Errorf("the registry answers %d", code)
		}
	}
	if n := s.tokens.Load(); n != 1 {
		t.Errorf("ECR was asked %d times, want 1", n)
	}
	if n := len(s.entries()); n != 1 {
		t.Errorf("%d entries are kept, want 1", n)
	}
}

// A role of the configuration is assumed, and its token is another identity's.
func TestRoleOfTheConfiguration(t *testing.T) {
	s := newAWS(t)
	ambient := s.helper("get", platformHost)
	s.configure(`{"registries": [{"account": "1111*", "region": "eu-*", "roles": [{"arn": "` + pullRole + `"}]}]}`)
	assumed := s.helper("get", platformHost)
	if assumed.code != 0 || assumed.Secret == ambient.Secret {
		t.Fatalf("with a role get = %+v, without one %+v", assumed, ambient)
	}
	if again := s.helper("get", platformHost); again.Secret != assumed.Secret || s.tokens.Load() != 2 {
		t.Errorf("a role's token is asked for again: ECR was asked %d times, want 2", s.tokens.Load())
	}
	s.set("AWS_ACCESS_KEY_ID", bareKey)
	if got := s.helper("get", platformHost); got.code == 0 || !strings.Contains(got.explain, "at role "+pullRole) {
		t.Errorf("who may not assume the role gets %+v", got)
	}
}
