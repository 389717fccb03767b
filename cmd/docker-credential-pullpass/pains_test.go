package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// These are what people suffer from with the usual helper for ECR, each by name.

const notFoundText = "credentials not found in native keychain"

// The cause is shown, and a refusal is no "not found".
func TestPainCauseHiddenBehindNotFound(t *testing.T) {
	s := newAWS(t)
	s.set("AWS_ACCESS_KEY_ID", bareKey)
	got := s.helper("get", platformHost)
	if got.code != 1 || strings.Contains(got.out, notFoundText) || !strings.Contains(got.explain, "ecr:GetAuthorizationToken") || !strings.Contains(got.explain, "hint:") {
		t.Errorf("get of who may not = %+v", got)
	}
	s.set("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSTHIS2")
	if got := s.helper("get", platformHost); got.code != 1 || !strings.Contains(got.explain, "does not know this access key") {
		t.Errorf("get with an unknown key = %+v", got)
	}
	s.set("AWS_ACCESS_KEY_ID", bareKey)
	s.set("PULLPASS_HELPER_SOFT", "true")
	if got := s.helper("get", platformHost); got.out != notFoundText+"\n" || !strings.Contains(got.explain, "ecr:GetAuthorizationToken") {
		t.Errorf("get of who may not, soft = %+v", got)
	}
	s.set("PULLPASS_HELPER_SOFT", "")
	if got := s.helper("get", "public.ecr.aws"); got.out != notFoundText+"\n" || got.explain == "" {
		t.Errorf("get of ECR Public = %+v, want the client to go on, and the cause", got)
	}
}

// Each registry has its own profile, role, key or web identity.
func TestPainNoRoleOrProfilePerRegistry(t *testing.T) {
	s := newAWS(t)
	s.set("AWS_ACCESS_KEY_ID", "")
	s.set("AWS_SECRET_ACCESS_KEY", "")
	s.write("home/.aws/credentials", "[mine]\naws_access_key_id = "+userKey+"\naws_secret_access_key = "+userSecret+"\n"+
		"[bare]\naws_access_key_id = "+bareKey+"\naws_secret_access_key = "+userSecret+"\n")
	s.write("home/.aws/config", "[profile climbing]\nsource_profile = mine\nrole_arn = "+pullRole+"\n")
	s.write("secret", userSecret+"\n")
	s.configure(`{"registries": [
		{"account": "111122223333", "region": "eu-west-1", "profile": "mine"},
		{"account": "111122223333", "region": "eu-west-2", "profile": "climbing"},
		{"account": "111122223333", "region": "eu-west-3", "profile": "mine", "roles": [{"arn": "` + pullRole + `"}]},
		{"account": "111122223333", "region": "us-*", "accessKey": {"id": "` + userKey + `", "secretFile": "` + s.in("secret") + `"}},
		{"host": "111122223333.dkr.ecr.*.amazonaws.com", "profile": "bare"},
		{"host": "127.0.0.1:5001", "profile": "mine", "ecr": {"region": "eu-west-1"}}
	]}`)
	for host, want := range map[string]int{
		"111122223333.dkr.ecr.eu-west-1.amazonaws.com":     0,
		"111122223333.dkr.ecr.eu-west-2.amazonaws.com":     0,
		"111122223333.dkr.ecr.eu-west-3.amazonaws.com":     0,
		"111122223333.dkr.ecr.us-east-1.amazonaws.com":     0,
		"111122223333.dkr.ecr.eu-central-1.amazonaws.com":  1,
		"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn": 1, // no rule, and no ambient identity
		"127.0.0.1:5001": 0,
	} {
		if got := s.helper("get", host); got.code != want {
			t.Errorf("get %s = %+v, want exit code %d", host, got, want)
		}
	}
}

// What a role got is found again, though its session's key is another each time.
func TestPainCacheUselessWithRoles(t *testing.T) {
	s := newAWS(t)
	s.set("AWS_ACCESS_KEY_ID", "")
	s.set("AWS_SECRET_ACCESS_KEY", "")
	s.write("home/.aws/credentials", "[mine]\naws_access_key_id = "+userKey+"\naws_secret_access_key = "+userSecret+"\n")
	s.write("home/.aws/config", "[default]\nsource_profile = mine\nrole_arn = "+pullRole+"\n")
	var first string
	for range 5 {
		got := s.helper("get", platformHost)
		if first == "" {
			first = got.Secret
		}
		if got.code != 0 || got.Secret != first {
			t.Fatalf("get = %+v, want the first one again", got)
		}
	}
	if n := s.tokens.Load(); n != 1 || len(s.entries()) != 1 {
		t.Errorf("ECR was asked %d times and %d entries are kept, want 1 and 1", n, len(s.entries()))
	}
	// A profile that is changed is somebody else.
	s.write("home/.aws/config", "[default]\nsource_profile = mine\n")
	if got := s.helper("get", platformHost); got.Secret == first {
		t.Error("the token of a role was given to who no longer assumes it")
	}
}

// Each identity has its own entries.
func TestCacheNeverAcrossIdentities(t *testing.T) {
	s := newAWS(t)
	mine := s.helper("get", platformHost)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": bareKey, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"} {
		before := append([]string{}, s.env...)
		s.set(name, value)
		if got := s.helper("get", platformHost); got.Secret == mine.Secret || got.code == 0 {
			t.Errorf("with another %s get = %+v", name, got)
		}
		s.env = before
	}
	if again := s.helper("get", platformHost); again.Secret != mine.Secret {
		t.Errorf("get = %+v, want what was kept", again)
	}
}

// silent accepts connections, and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

// Without credentials the probe of instance metadata ends by itself, long before the
// deadline, which would have another text.
func TestPainHangsWithoutCredentials(t *testing.T) {
	for name, endpoint := range map[string]string{"refused": "http://127.0.0.1:1", "silent": silent(t)} {
		s := newAWS(t)
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"} {
			s.set(name, "")
		}
		s.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
		got := s.helper("get", platformHost)
		if got.code != 1 || !strings.Contains(got.explain, "AWS identity") || strings.Contains(got.explain, "in time") {
			t.Errorf("metadata %s: get = %+v", name, got)
		}
	}
}

// An instance's role is found where there is one.
func TestInstanceRole(t *testing.T) {
	s := newAWS(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"} {
		s.set(name, "")
	}
	s.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.box.MetadataEndpoints()[0])
	first, second := s.helper("get", platformHost), s.helper("get", platformHost)
	if first.code != 0 || first.Secret != second.Secret || s.tokens.Load() != 1 {
		t.Errorf("get = %+v, then %+v; ECR was asked %d times", first, second, s.tokens.Load())
	}
}

// A network that swallows everything ends with a cause, for as many as wait for one
// another, too.
func TestPainSilentNetwork(t *testing.T) {
	s := newAWS(t)
	s.set("AWS_ENDPOINT_URL", silent(t))
	s.set("PULLPASS_HELPER_TIMEOUT", "1s")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got := s.helper("get", platformHost)
			if got.code != 1 || strings.Contains(got.out, notFoundText) || !strings.Contains(got.explain, "PULLPASS_HELPER_TIMEOUT") {
				t.Errorf("get = %+v", got)
			}
		})
	}
	wg.Wait()
}

// A program that a profile names and that does not end is not waited for, though it
// holds on to what it was given.
func TestPainHangingCredentialProcess(t *testing.T) {
	s := newAWS(t)
	s.set("AWS_ACCESS_KEY_ID", "")
	s.set("AWS_SECRET_ACCESS_KEY", "")
	s.write("home/.aws/config", "[default]\ncredential_process = sleep 30\n")
	s.set("PULLPASS_HELPER_TIMEOUT", "500ms")
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second) // half of what the program takes
	defer cancel()
	cmd := exec.CommandContext(ctx, s.in("bin/docker-credential-pullpass"), "get")
	cmd.Env, cmd.Stdin = s.env, strings.NewReader(platformHost)
	out, err := cmd.Output()
	if ctx.Err() != nil || err == nil || strings.Contains(string(out), notFoundText) {
		t.Errorf("get = %q, %v, %v", out, err, ctx.Err())
	}
}

// `list` needs neither a region nor AWS nor anybody else.
func TestPainListAsksUpstream(t *testing.T) {
	s := newAWS(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"} {
		s.set(name, "")
	}
	s.set("AWS_ENDPOINT_URL", silent(t))
	s.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent(t))
	s.configure(`{"hosts": ["` + platformHost + `"], "registries": [{"host": "222222222222.dkr.ecr.eu-west-1.amazonaws.com", "profile": "x"}, {"account": "33*"}]}`)
	s.helper("store", `{"ServerURL":"https://quay.example","Username":"ada","Secret":"s"}`)
	got := s.helper("list", "")
	var listed map[string]string
	if err := json.Unmarshal([]byte(got.out), &listed); err != nil || got.code != 0 {
		t.Fatalf("list = %+v", got)
	}
	want := map[string]string{platformHost: "pullpass", "222222222222.dkr.ecr.eu-west-1.amazonaws.com": "pullpass", "https://quay.example": "ada"}
	if fmt.Sprint(listed) != fmt.Sprint(want) {
		t.Errorf("list = %v, want %v", listed, want)
	}
}

// `docker login` elsewhere works.
func TestPainStoreNotImplemented(t *testing.T) {
	s := newAWS(t)
	if got := s.helper("store", `{"ServerURL":"quay.example","Username":"ada","Secret":"s"}`); got.code != 0 {
		t.Errorf("store = %+v", got)
	}
	if got := s.helper("get", "quay.example"); got.Username != "ada" || got.Secret != "s" {
		t.Errorf("get = %+v", got)
	}
	if got := s.helper("erase", "quay.example"); got.code != 0 {
		t.Errorf("erase = %+v", got)
	}
	if got := s.helper("get", "quay.example"); got.out != notFoundText+"\n" {
		t.Errorf("after erase get = %+v, want not found", got)
	}
}

// connects is a proxy that remembers where somebody wants to go, and refuses.
func connects(t *testing.T) (address string, asked func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var hosts []string
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				mu.Lock()
				hosts = append(hosts, strings.TrimSuffix(r.Host, ":443"))
				mu.Unlock()
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Compact(slices.Sorted(slices.Values(hosts)))
	}
}

// Each form of a registry's name is asked for at its own API, in every partition.
func TestPainWrongAPIForFIPSAndDualStack(t *testing.T) {
	for host, api := range map[string]string{
		"111122223333.dkr.ecr.eu-west-1.amazonaws.com":          "api.ecr.eu-west-1.amazonaws.com",
		"111122223333.dkr.ecr-fips.us-east-1.amazonaws.com":     "ecr-fips.us-east-1.amazonaws.com",
		"111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "ecr-fips.us-gov-west-1.amazonaws.com",
		"111122223333.dkr-ecr.eu-west-1.on.aws":                 "ecr.eu-west-1.api.aws",
		"111122223333.dkr-ecr-fips.us-east-1.on.aws":            "ecr-fips.us-east-1.api.aws",
		"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn":      "api.ecr.cn-north-1.amazonaws.com.cn",
		"111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov":         "api.ecr.us-iso-east-1.c2s.ic.gov",
		"111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu":      "api.ecr.eusc-de-east-1.amazonaws.eu",
		"public.ecr.aws": "api.ecr-public.us-east-1.amazonaws.com",
		"111122223333.dkr.ecr.us-east-1.amazonaws.com.evil.tests": "",
	} {
		s := newAWS(t)
		proxy, asked := connects(t)
		s.set("AWS_ENDPOINT_URL", "")
		s.set("HTTPS_PROXY", proxy)
		s.set("AWS_MAX_ATTEMPTS", "1")
		s.helper("get", host)
		want := []string{api}
		if api == "" {
			want = nil
		}
		if got := asked(); !slices.Equal(got, want) {
			t.Errorf("get %s asked %v, want %v", host, got, want)
		}
	}
}

// An entry whose time is over is not given out.
func TestPainExpiredTokensServed(t *testing.T) {
	s := newAWS(t)
	first := s.helper("get", platformHost)
	path := s.entries()[0]
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var entry map[string]any
	if err := json.Unmarshal(text, &entry); err != nil {
		t.Fatal(err)
	}
	entry["expires"] = time.Now().Add(-time.Second)
	if text, err = json.Marshal(entry); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := s.helper("get", platformHost); got.code != 0 || got.Secret == first.Secret {
		t.Errorf("get = %+v, want another than the expired one", got)
	}
	s.set("AWS_ACCESS_KEY_ID", "") // and not when AWS cannot be asked either
	s.set("AWS_SECRET_ACCESS_KEY", "")
	if got := s.helper("get", platformHost); got.code != 1 {
		t.Errorf("without an identity get = %+v", got)
	}
}

// Many registries at once do not lose each other's entries.
func TestPainLostUpdates(t *testing.T) {
	s := newAWS(t)
	const many = 50
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			if got := s.helper("get", fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i)); got.code != 0 {
				t.Errorf("get %d = %+v", i, got)
			}
		})
	}
	wg.Wait()
	if n := len(s.entries()); n != many {
		t.Errorf("%d entries of %d survive", n, many)
	}
}

// Many processes that ask for one registry ask AWS once, also for a refusal.
func TestPainParallelColdGets(t *testing.T) {
	s := newAWS(t)
	ask := func(want int) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if got := s.helper("get", platformHost); got.code != want {
					t.Errorf("get = %+v, want exit code %d", got, want)
				}
			})
		}
		wg.Wait()
	}
	s.set("PULLPASS_HELPER_TIMEOUT", "1m") // the machine may be busy
	ask(0)
	if n := s.tokens.Load(); n != 1 {
		t.Errorf("ECR was asked %d times, want 1", n)
	}
	s.tokens.Store(0)
	s.set("AWS_ACCESS_KEY_ID", bareKey)
	ask(1)
	if n := s.tokens.Load(); n < 1 || n > 3 { // a failure is remembered for 5 seconds
		t.Errorf("ECR was asked %d times for a refusal, want hardly more than once", n)
	}
}

// Whatever a helper was killed at, the next one works, and nothing half is left.
func TestKilledAnywhere(t *testing.T) {
	s := newAWS(t)
	for i := range 60 {
		s.killed(time.Duration(i)*250*time.Microsecond, "get", platformHost) // from before it starts to after it ended
		if i%10 == 9 {
			if got := s.helper("get", platformHost); got.code != 0 || s.opens(got) != http.StatusOK {
				t.Fatalf("after a kill get = %+v", got)
			}
			if err := os.Remove(s.entries()[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	left, err := filepath.Glob(s.in("home/.cache/pullpass/credentials/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		text, err := os.ReadFile(path)
		if err != nil || !json.Valid(text) {
			t.Errorf("%s is not whole: %v", path, err)
		}
	}
}
